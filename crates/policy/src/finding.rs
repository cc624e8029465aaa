//! What a check says of a release.

use consign_identity::Identity;
use consign_identity::account::OtherAccount;
use consign_signers::Signer;
use consign_statement::{
    Claim, InvalidRelease, Malformed, PublicKey, RegistryId, SignatureValid, SignedFields,
    VerifyError,
};
use semver::Version;

use crate::rules::{Expected, KeyStanding, New, Unanswered, Who, Withdrawn, Without};

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

/// A release whose signature fits, by a key that counts as its signer's. Only [`Finding::of`] makes
/// one.
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
    /// The signature fits, by a known key of a signer that is expected.
    Verified(Published),
    /// The signature fits, and its key has ended since its date: it counts for what is
    /// [known not to be new](crate::ended).
    EndedKey {
        /// What would be found were the key in use: [`Verified`](Finding::Verified), or
        /// [`UnknownSigner`](Finding::UnknownSigner).
        otherwise: Box<Finding>,
        /// When the key ended; Unix seconds.
        end: u64,
    },
    /// There is no signature, and there never was one that this version would have to have too.
    Unsigned {
        /// The version of the format that there is a signature in, where it is one that is not known.
        version: Option<u64>,
        /// Whether the signers file accepts that.
        exempt: bool,
    },
    /// There is no signature, and there was one before.
    LostSignature(Lost),
    /// The signature fits, and its signer was not seen to sign this package before, or not with this
    /// key.
    UnknownSigner(Box<Newcomer>),
    /// The signature is good, and not by somebody who may sign this release.
    WrongSigner(Wrong),
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
        /// Whether the signers file says who signs this package.
        is_expected: bool,
    },
    /// The signature does not fit, or what is said of it cannot be read; how, in a phrase.
    Tampered(String),
}

/// A release without a signature, of a package that had one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The version of the format that there is a signature in, where it is one that is not known.
    pub version: Option<u64>,
    /// Since when this line, or the oldest that is signed, is; where that is known.
    pub since: Option<Version>,
    /// By whom.
    pub expected: Vec<Signer>,
}

/// A signer, or a key, that was not seen before.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Who is said to have signed.
    pub signer: Identity,
    /// With which key.
    pub key: PublicKey,
    /// What is new.
    pub new: New,
    /// That it counts as the signer's. `None` where it was not asked for, since nobody new is
    /// accepted.
    pub published: Option<Published>,
}

/// Why a signer is not one who may sign a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It was signed for another registry.
    Registry {
        /// The registry that was signed for.
        signed_for: RegistryId,
        /// The registry that the entry came from.
        in_use: RegistryId,
    },
    /// Others sign this package.
    Signer {
        /// Who is said to have signed.
        signer: Identity,
        /// Who may.
        expected: Vec<Signer>,
        /// Since which versions they do; the lowest in each line.
        since: Vec<Version>,
    },
    /// The name is that of another account than it was.
    Account {
        /// The name.
        signer: Identity,
        /// With which key.
        key: PublicKey,
        /// Which accounts.
        other: OtherAccount,
    },
}

impl Finding {
    /// The signature, where there is one that fits the entry: the bytes must be those that it
    /// covers, whether or not its key is known to be anyone's.
    pub fn signature(&self) -> Option<&SignatureValid> {
        match self {
            Finding::Unchecked { signature, .. } => Some(signature),
            _ => Some(self.published()?.signature()),
        }
    }

    /// Who published the release, where that is known.
    pub fn published(&self) -> Option<&Published> {
        match self {
            Finding::Verified(published) => Some(published),
            Finding::UnknownSigner(newcomer) => newcomer.published.as_ref(),
            Finding::EndedKey { otherwise, .. } => otherwise.published(),
            _ => None,
        }
    }

    /// The name of the finding, as in the documentation.
    pub fn name(&self) -> &'static str {
        match self {
            Finding::Verified(_) => "verified",
            Finding::EndedKey { .. } => "ended key",
            Finding::Unsigned { .. } => "unsigned",
            Finding::LostSignature(_) => "lost signature",
            Finding::UnknownSigner(_) => "unknown signer",
            Finding::WrongSigner(_) => "wrong signer",
            Finding::WithdrawnKey { .. } => "withdrawn key",
            Finding::Unchecked { .. } => "unchecked",
            Finding::Tampered(_) => "tampered",
        }
    }

    /// Decides what is found of version `vers` of a package.
    ///
    /// - `expected`: what the signers file says of the package;
    /// - `claim`: what its entry says of a signature;
    /// - `verify`: checks a signature against the entry;
    /// - `ask`: finds out whether the key that signed counts as the identity's.
    ///
    /// `ask` is not called for a signature that does not fit, nor for an identity that could not be
    /// accepted: whoever writes index entries should not choose who is asked about whom.
    pub fn of(
        expected: &Expected<'_>,
        vers: &Version,
        claim: Result<&Claim, &Malformed>,
        verify: impl FnOnce(&SignedFields) -> Result<SignatureValid, Mismatch>,
        ask: impl FnOnce(&Identity, &SignedFields) -> KeyStanding,
    ) -> Finding {
        let fields = match claim {
            Err(malformed) => return Finding::Tampered(malformed.to_string()),
            Ok(Claim::Signed(fields)) => fields,
            Ok(Claim::Unsigned) => return Finding::without(expected, vers, None),
            Ok(Claim::UnknownVersion(v)) => return Finding::without(expected, vers, Some(*v)),
        };
        let signature = match verify(fields) {
            Ok(signature) => signature,
            Err(Mismatch::OtherRegistry { signed_for, in_use }) => {
                return Finding::WrongSigner(Wrong::Registry { signed_for, in_use });
            }
            Err(Mismatch::DoesNotFit(how)) => return Finding::Tampered(how),
        };
        let signer = match Identity::new(fields.locator.provider(), fields.locator.user()) {
            Ok(signer) => signer,
            Err(error) => return Finding::Tampered(error.to_string()),
        };
        let key = *fields.locator.key();
        let who = expected.who(&signer, vers);
        if let Some(finding) = Finding::by_name(expected, &who, &signer, key) {
            return finding;
        }
        let standing = match expected.keeps(vers, &key) {
            true => KeyStanding::Known,
            false => ask(&signer, fields),
        };
        let new = match standing {
            KeyStanding::Withdrawn(how) => return Finding::WithdrawnKey { signer, key, how },
            KeyStanding::OtherAccount(other) => {
                return Finding::WrongSigner(Wrong::Account { signer, key, other });
            }
            KeyStanding::Unanswered(why) => {
                return Finding::Unchecked {
                    signer,
                    signature,
                    why,
                    is_expected: expected.names_signers(),
                };
            }
            KeyStanding::Ended { new, end } => {
                let otherwise = Finding::by_key(who, new, signer, signature);
                return Finding::EndedKey {
                    otherwise: Box::new(otherwise),
                    end,
                };
            }
            KeyStanding::Known => None,
            KeyStanding::New(new) => Some(new),
        };
        Finding::by_key(who, new, signer, signature)
    }

    /// The finding of a release whose key counts as its signer's; `new` is what is new about the key.
    fn by_key(who: Who, new: Option<New>, signer: Identity, signature: SignatureValid) -> Finding {
        let key = *signature.locator().key();
        let published = Published {
            signer: signer.clone(),
            signature,
        };
        let new = match (who, new) {
            (Who::Expected, None) => return Finding::Verified(published),
            (Who::Expected, Some(new)) => new,
            _ => New::Signer,
        };
        Finding::UnknownSigner(Box::new(Newcomer {
            signer,
            key,
            new,
            published: Some(published),
        }))
    }

    /// What is left of the finding where its key was to be asked about again and nobody answered: what was
    /// answered before is good enough for a build, and not for who wants to know what holds now.
    pub fn unconfirmed(self, expected: &Expected<'_>, why: Unanswered) -> Finding {
        match self.published() {
            Some(published) => Finding::Unchecked {
                signer: published.signer().clone(),
                signature: published.signature().clone(),
                why,
                is_expected: expected.names_signers(),
            },
            None => self,
        }
    }

    /// The signer and the key of which nothing counts, whatever it signed, where this says so.
    pub fn disowned(&self) -> Option<(&Identity, &PublicKey)> {
        match self {
            Finding::WithdrawnKey { signer, key, how } if how.whatever_it_signed() => {
                Some((signer, key))
            }
            // What an entry claims holds for that entry.
            Finding::WrongSigner(Wrong::Account {
                signer,
                key,
                other: OtherAccount::Found { .. } | OtherAccount::Signed { .. },
            }) => Some((signer, key)),
            _ => None,
        }
    }

    /// What can be said of a release by its claim alone, before any signature is checked: that it
    /// cannot be accepted, since there is no signature, or one by somebody who is not accepted. `None`
    /// where the check is still to come, and where it will fail.
    pub fn at_a_glance(
        expected: &Expected<'_>,
        vers: &Version,
        claim: Result<&Claim, &Malformed>,
    ) -> Option<Finding> {
        match claim {
            Ok(Claim::Unsigned) => Some(Finding::without(expected, vers, None)),
            Ok(Claim::UnknownVersion(v)) => Some(Finding::without(expected, vers, Some(*v))),
            Ok(Claim::Signed(fields)) => {
                let locator = &fields.locator;
                let signer = Identity::new(locator.provider(), locator.user()).ok()?;
                let who = expected.who(&signer, vers);
                Finding::by_name(expected, &who, &signer, *locator.key())
            }
            // Malformed ones are checked with the rest: what is chosen stops the command, what is
            // merely listed does not.
            Err(_) => None,
        }
    }

    /// The finding of a release without a signature.
    fn without(expected: &Expected<'_>, vers: &Version, version: Option<u64>) -> Finding {
        match expected.without_signature(vers) {
            Without::Exempt => Finding::Unsigned {
                version,
                exempt: true,
            },
            Without::NeverSigned => Finding::Unsigned {
                version,
                exempt: false,
            },
            Without::Lost { since } => Finding::LostSignature(Lost {
                version,
                since,
                expected: expected.signers(),
            }),
        }
    }

    /// The finding of a release whose signer is not accepted, whatever the key.
    fn by_name(
        expected: &Expected<'_>,
        who: &Who,
        signer: &Identity,
        key: PublicKey,
    ) -> Option<Finding> {
        let signer = signer.clone();
        match who {
            Who::Expected => None,
            Who::Wrong => Some(Finding::WrongSigner(Wrong::Signer {
                signer,
                expected: expected.signers(),
                since: expected.since(),
            })),
            Who::New if expected.accepts_new_signers() => None,
            Who::New => Some(Finding::UnknownSigner(Box::new(Newcomer {
                signer,
                key,
                new: New::Signer,
                published: None,
            }))),
        }
    }
}
