//! What a check says of a release.

use consign_identity::Identity;
use consign_identity::account::OtherAccount;
use consign_identity::openpgp::KeyFault;
use consign_statement::{
    Claim, InvalidRelease, Malformed, PublicKey, RegistryId, SignatureValid, SignedFields,
    VerifyError,
};

/// What is known of the key that a locator names, after its provider was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAnswer {
    /// The account publishes the key.
    Published,
    /// The account publishes the key as one that has ended, by retirement or expiry, and after the date
    /// of the signature.
    Ended {
        /// When it ended; Unix seconds.
        end: u64,
    },
    /// It does not, or not any more.
    Withdrawn(Withdrawn),
    /// Nobody could be asked.
    Unanswered(Unanswered),
}

/// Why nobody could be asked about a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// The network may not be used.
    #[error("the network is off (`--offline`)")]
    Offline,
    /// Nobody knows of a provider of that name.
    #[error("no identity provider `{0}` is known")]
    NoProvider(String),
    /// The provider did not answer, or not with keys; where and how, in a phrase.
    #[error("{0}")]
    Failed(String),
}

/// Why a key does not count as its identity's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Withdrawn {
    /// The account publishes other keys, or none.
    NotPublished,
    /// There is no such account.
    NoSuchAccount,
    /// The account publishes it, and its owner's signatures say that it does not count.
    Fault(KeyFault),
    /// The account is another than had the name before, or than signed.
    OtherAccount(OtherAccount),
}

impl Withdrawn {
    /// Whether nothing counts that the key signed, at whatever time.
    pub fn whatever_it_signed(&self) -> bool {
        match self {
            Withdrawn::NotPublished | Withdrawn::NoSuchAccount => true,
            // What an entry claims holds for that entry.
            Withdrawn::OtherAccount(other) => matches!(other, OtherAccount::Found { .. }),
            Withdrawn::Fault(fault) => !matches!(
                fault,
                KeyFault::Early { .. } | KeyFault::Expired { .. } | KeyFault::Retired { .. }
            ),
        }
    }
}

/// Why a signature does not stand for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// It is good, and for another registry.
    OtherRegistry {
        /// The registry that was signed for.
        signed_for: RegistryId,
        /// The registry that the entry came from.
        in_use: RegistryId,
    },
    /// It does not fit; how, in a phrase.
    DoesNotFit(String),
}

impl From<VerifyError> for Mismatch {
    fn from(error: VerifyError) -> Mismatch {
        match error {
            VerifyError::OtherRegistry { signed_for, in_use } => {
                Mismatch::OtherRegistry { signed_for, in_use }
            }
            other => Mismatch::DoesNotFit(other.to_string()),
        }
    }
}

impl From<InvalidRelease> for Mismatch {
    fn from(error: InvalidRelease) -> Mismatch {
        Mismatch::DoesNotFit(error.to_string())
    }
}

/// A release whose signature fits and whose key its identity publishes, were it as one that has
/// [ended](crate::ended). Only [`Finding::of`] makes one.
#[derive(Debug, Clone)]
pub struct Published {
    signer: Identity,
    signature: SignatureValid,
}

impl Published {
    /// Who signed.
    pub fn signer(&self) -> &Identity {
        &self.signer
    }

    /// What was signed.
    pub fn signature(&self) -> &SignatureValid {
        &self.signature
    }
}

/// What a check says of a release.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Finding {
    /// The signature fits, and its key is one of the identity's.
    Verified(Published),
    /// The same, but the key has ended since the date of the signature: it counts for what is
    /// [known not to be new](crate::ended).
    EndedKey {
        /// Who signed what.
        published: Published,
        /// When the key ended; Unix seconds.
        end: u64,
    },
    /// There is no signature, or one in a version of the format that is not known, which it says.
    Unsigned {
        /// The version, where there is one.
        version: Option<u64>,
    },
    /// The signature is good, and for another registry.
    WrongSigner {
        /// The registry that was signed for.
        signed_for: RegistryId,
        /// The registry that the entry came from.
        in_use: RegistryId,
    },
    /// The signature fits, and its key does not count.
    WithdrawnKey {
        /// Who is said to have signed.
        signer: Identity,
        /// With which key.
        key: PublicKey,
        /// Why it does not count.
        how: Withdrawn,
    },
    /// The signature fits, and nobody could be asked whose key it is.
    Unchecked {
        /// Who is said to have signed.
        signer: Identity,
        /// What was signed, by whoever has the key.
        signature: SignatureValid,
        /// Why nobody could be asked.
        why: Unanswered,
    },
    /// The signature does not fit, or what is said of it cannot be read; how, in a phrase.
    Tampered(String),
}

impl Finding {
    /// The signature, where there is one that fits the entry: the bytes must be those that it
    /// covers, whether or not its key is known to be anyone's.
    pub fn signature(&self) -> Option<&SignatureValid> {
        match self {
            Finding::Verified(published) | Finding::EndedKey { published, .. } => {
                Some(published.signature())
            }
            Finding::Unchecked { signature, .. } => Some(signature),
            _ => None,
        }
    }

    /// Who published a release that was accepted, and what.
    pub fn published(&self) -> Option<&Published> {
        match self {
            Finding::Verified(published) | Finding::EndedKey { published, .. } => Some(published),
            _ => None,
        }
    }

    /// Decides what is found of a release.
    ///
    /// - `claim`: what its entry says of a signature;
    /// - `verify`: checks a signature against the entry;
    /// - `ask`: finds out whether the identity publishes the key that signed, and whether it counts.
    ///
    /// `ask` is not called for a signature that does not fit: whoever writes index entries should
    /// not choose who is asked about whom.
    pub fn of(
        claim: Result<&Claim, &Malformed>,
        verify: impl FnOnce(&SignedFields) -> Result<SignatureValid, Mismatch>,
        ask: impl FnOnce(&Identity, &SignedFields) -> KeyAnswer,
    ) -> Finding {
        let fields = match claim {
            Err(malformed) => return Finding::Tampered(malformed.to_string()),
            Ok(Claim::Unsigned) => return Finding::Unsigned { version: None },
            Ok(Claim::UnknownVersion(v)) => return Finding::Unsigned { version: Some(*v) },
            Ok(Claim::Signed(fields)) => fields,
        };
        let signature = match verify(fields) {
            Ok(signature) => signature,
            Err(Mismatch::OtherRegistry { signed_for, in_use }) => {
                return Finding::WrongSigner { signed_for, in_use };
            }
            Err(Mismatch::DoesNotFit(how)) => return Finding::Tampered(how),
        };
        let signer = match Identity::new(fields.locator.provider(), fields.locator.user()) {
            Ok(signer) => signer,
            Err(error) => return Finding::Tampered(error.to_string()),
        };
        let key = *fields.locator.key();
        match ask(&signer, fields) {
            KeyAnswer::Published => Finding::Verified(Published { signer, signature }),
            KeyAnswer::Ended { end } => {
                let published = Published { signer, signature };
                Finding::EndedKey { published, end }
            }
            KeyAnswer::Withdrawn(how) => Finding::WithdrawnKey { signer, key, how },
            KeyAnswer::Unanswered(why) => Finding::Unchecked {
                signer,
                signature,
                why,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use consign_statement::{Digest, Locator, Release, index, sign, verify};
    use ed25519_dalek::SigningKey;

    fn release() -> Release {
        let cksum = Digest::of(b"the archive");
        let line = format!(r#"{{"name":"foo","vers":"1.0.0","deps":[],"cksum":"{cksum}"}}"#);
        let entry: index::Entry<'_> = serde_json::from_str(&line).unwrap();
        Release::from_index(&entry).unwrap()
    }

    fn registry() -> RegistryId {
        RegistryId::from_index_url("https://example.com/index").unwrap()
    }

    fn signed() -> SignedFields {
        let key = SigningKey::from_bytes(&[7; 32]);
        let locator = Locator::new(
            "github",
            "octocat",
            None,
            consign_statement::Signer::public_key(&key),
        );
        let tree = Digest::of(b"the tree");
        sign(
            &release(),
            &registry(),
            &tree,
            locator.unwrap(),
            1_700_000_000,
            &key,
        )
        .unwrap()
    }

    fn valid(fields: &SignedFields) -> Result<SignatureValid, Mismatch> {
        verify(&release(), &registry(), fields).map_err(Mismatch::from)
    }

    /// The finding, where the provider gives `answer`.
    fn found(answer: KeyAnswer) -> Finding {
        Finding::of(Ok(&Claim::Signed(signed())), valid, |_, _| answer)
    }

    #[test]
    fn a_signature_that_fits_by_a_key_that_is_published_is_verified() {
        let Finding::Verified(published) = found(KeyAnswer::Published) else {
            panic!("not verified");
        };
        assert_eq!(published.signer().to_string(), "github:octocat");
        assert_eq!(
            published.signature().cksum(),
            Some(&Digest::of(b"the archive"))
        );
    }

    #[test]
    fn a_key_that_does_not_count_is_withdrawn() {
        for how in [
            Withdrawn::NotPublished,
            Withdrawn::NoSuchAccount,
            Withdrawn::Fault(KeyFault::Revoked),
            Withdrawn::OtherAccount(OtherAccount::Found {
                recorded: 7.try_into().unwrap(),
                found: 8.try_into().unwrap(),
            }),
        ] {
            let finding = found(KeyAnswer::Withdrawn(how));
            assert!(
                matches!(&finding, Finding::WithdrawnKey { how: found, .. } if *found == how),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn nobody_to_ask_is_unchecked_and_the_bytes_must_still_fit() {
        let finding = found(KeyAnswer::Unanswered(Unanswered::Offline));
        assert!(matches!(&finding, Finding::Unchecked { why, .. } if *why == Unanswered::Offline));
        assert!(finding.signature().is_some());
    }

    #[test]
    fn nobody_is_asked_about_a_signature_that_does_not_fit() {
        let mismatch = |_: &_| Err(Mismatch::DoesNotFit("no".into()));
        let ask = |_: &_, _: &_| -> KeyAnswer { panic!("asked") };
        let finding = Finding::of(Ok(&Claim::Signed(signed())), mismatch, ask);
        assert!(matches!(&finding, Finding::Tampered(how) if how == "no"));
        assert!(finding.signature().is_none());
    }

    #[test]
    fn no_signature_and_one_of_an_unknown_version_count_as_unsigned() {
        let check = |_: &_| -> Result<SignatureValid, Mismatch> { panic!("checked") };
        let ask = |_: &_, _: &_| -> KeyAnswer { panic!("asked") };
        for (claim, version) in [(Claim::Unsigned, None), (Claim::UnknownVersion(7), Some(7))] {
            let finding = Finding::of(Ok(&claim), check, ask);
            assert!(
                matches!(finding, Finding::Unsigned { version: v } if v == version),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_tampered() {
        let malformed = Claim::from_json(br#"{"signature":null}"#).unwrap_err();
        let ask = |_: &_, _: &_| -> KeyAnswer { panic!("asked") };
        let finding = Finding::of(Err(&malformed), valid, ask);
        assert!(matches!(finding, Finding::Tampered(_)), "{finding:?}");
    }

    #[test]
    fn a_signature_for_another_registry_is_a_wrong_signer() {
        let other = RegistryId::from_index_url("https://other.example/index").unwrap();
        let elsewhere =
            |fields: &SignedFields| verify(&release(), &other, fields).map_err(Mismatch::from);
        let ask = |_: &_, _: &_| -> KeyAnswer { panic!("asked") };
        let finding = Finding::of(Ok(&Claim::Signed(signed())), elsewhere, ask);
        assert!(
            matches!(&finding, Finding::WrongSigner { signed_for, in_use }
                if *signed_for == registry() && *in_use == other),
            "{finding:?}"
        );
    }

    /// The table in the header of `verdict`, row by row.
    #[test]
    fn what_follows_from_each_finding() {
        use crate::{Choice::*, Level::*, Verdict, Verdict::*};
        let elsewhere = Finding::WrongSigner {
            signed_for: registry(),
            in_use: RegistryId::crates_io(),
        };
        let unsigned = || Finding::Unsigned { version: None };
        for (finding, level, free, named) in [
            (found(KeyAnswer::Published), Allow, Accept, Accept),
            (found(KeyAnswer::Published), Deny, Accept, Accept),
            (found(KeyAnswer::Ended { end: 9 }), Allow, PassOver, Refuse),
            (found(KeyAnswer::Ended { end: 9 }), Deny, PassOver, Refuse),
            (unsigned(), Allow, Accept, Accept),
            (unsigned(), Warn, AcceptAndSay, AcceptAndSay),
            (unsigned(), Deny, PassOver, Refuse),
            (elsewhere.clone(), Allow, PassOver, Refuse),
            (elsewhere, Deny, PassOver, Refuse),
            (
                found(KeyAnswer::Withdrawn(Withdrawn::NotPublished)),
                Allow,
                PassOver,
                Refuse,
            ),
            (
                found(KeyAnswer::Unanswered(Unanswered::Offline)),
                Allow,
                AcceptAndSay,
                AcceptAndSay,
            ),
            (
                found(KeyAnswer::Unanswered(Unanswered::Offline)),
                Warn,
                AcceptAndSay,
                AcceptAndSay,
            ),
            (
                found(KeyAnswer::Unanswered(Unanswered::Offline)),
                Deny,
                Refuse,
                Refuse,
            ),
            (Finding::Tampered("".into()), Allow, Refuse, Refuse),
            (Finding::Tampered("".into()), Deny, Refuse, Refuse),
        ] {
            assert_eq!(
                Verdict::of(&finding, level, Free),
                free,
                "{finding:?}, {level}, free"
            );
            assert_eq!(
                Verdict::of(&finding, level, Named),
                named,
                "{finding:?}, {level}, named"
            );
            // That it is not new makes a difference for a key that has ended, and for nothing else.
            let not_new = match finding {
                Finding::EndedKey { .. } => Accept,
                _ => named,
            };
            assert_eq!(
                Verdict::of(&finding, level, NotNew),
                not_new,
                "{finding:?}, {level}, not new"
            );
        }
    }
}
