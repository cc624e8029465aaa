//! What a check says of a release.

use consign_identity::Identity;
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
    /// It does not, or not any more.
    Withdrawn(Withdrawn),
    /// Nobody could be asked; why, in a phrase.
    Unanswered(String),
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

/// A release whose signature fits and whose key its identity publishes. Only [`Finding::of`] makes
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
    /// The signature fits, and its key is one of the identity's.
    Verified(Published),
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
        why: String,
    },
    /// The signature does not fit, or what is said of it cannot be read; how, in a phrase.
    Tampered(String),
}

impl Finding {
    /// The signature, where there is one that fits the entry: the bytes must be those that it
    /// covers, whether or not its key is known to be anyone's.
    pub fn signature(&self) -> Option<&SignatureValid> {
        match self {
            Finding::Verified(published) => Some(published.signature()),
            Finding::Unchecked { signature, .. } => Some(signature),
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
            KeyAnswer::Withdrawn(how) => Finding::WithdrawnKey { signer, key, how },
            KeyAnswer::Unanswered(why) => Finding::Unchecked {
                signer,
                signature,
                why,
            },
        }
    }
}
