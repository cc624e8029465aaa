//! What a signers file expects of a package and of a key.
//!
//! People are expected, not keys. So a package is judged in two steps that know nothing of each other:
//!
//! 1. [`Expected`]: who may sign it, and must this version be signed at all? By what its signers file
//!    says, never by what the index shows today: an index could show one version more, or less.
//! 2. [`KeyStanding::of`]: does the key that signed count as that person's? By what was recorded of the
//!    account, and by what its provider answers.

use consign_identity::Identity;
use consign_identity::account::{OtherAccount, Standing};
use consign_identity::openpgp::KeyFault;
use consign_signers::{Account, Line, Package, Signer, record};
use consign_statement::PublicKey;
use semver::Version;

use crate::{Level, Levels};

/// What is expected of the releases of one package.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// What the signers file says of it.
    pub package: Option<&'a Package>,
    /// What holds for its registry.
    pub levels: Levels,
}

/// What follows for a version without a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Without {
    /// The signers file accepts it.
    Exempt,
    /// Nothing says that there should be one.
    NeverSigned,
    /// There should be one: the line is signed since this version, or an older line is; or all are.
    Lost { since: Option<Version> },
}

/// What follows from the name of a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// May sign this version.
    Expected,
    /// Nobody was seen to sign the package yet.
    New,
    /// Others may sign this version.
    Wrong,
}

impl Expected<'_> {
    /// A version that is not below the first signed one of its own line has lost its signature, and so
    /// has one in a line that is newer than the first signed one: whoever has begun to sign goes on. In an
    /// older line nothing was ever promised. Where it is said who signs and not since when, all are signed.
    pub(crate) fn without_signature(&self, vers: &Version) -> Without {
        let Some(package) = self.package else {
            return Without::NeverSigned;
        };
        if package
            .unsigned
            .iter()
            .any(|req| record::matches(req, vers))
        {
            return Without::Exempt;
        }
        let line = Line::of(vers);
        let first = package.since.first_key_value();
        let since = match (package.since.get(&line), first) {
            (Some(since), _) if vers.cmp_precedence(since).is_ge() => Some(since),
            (None, Some((first, since))) if line > *first => Some(since),
            (None, None) if !package.signers.is_empty() => None,
            _ => return Without::NeverSigned,
        };
        Without::Lost {
            since: since.cloned(),
        }
    }

    pub(crate) fn who(&self, signer: &Identity, vers: &Version) -> Who {
        match self.package {
            Some(package) if !package.signers.is_empty() => {
                let mut signers = package.signers.iter();
                match signers.any(|may| may.identity == *signer && may.may_sign(vers)) {
                    true => Who::Expected,
                    false => Who::Wrong,
                }
            }
            _ => Who::New,
        }
    }

    /// Whether the signers file says that this key is good for this version, withdrawn or not.
    pub fn keeps(&self, vers: &Version, key: &PublicKey) -> bool {
        self.package
            .is_some_and(|package| package.keep.get(vers) == Some(key))
    }

    pub(crate) fn accepts_new_signers(&self) -> bool {
        self.levels.new_signer != Level::Deny
    }

    /// Whether the signers file says who signs the package.
    pub(crate) fn names_signers(&self) -> bool {
        self.package
            .is_some_and(|package| !package.signers.is_empty())
    }

    pub(crate) fn signers(&self) -> Vec<Signer> {
        let package = self.package.into_iter();
        package
            .flat_map(|package| &package.signers)
            .cloned()
            .collect()
    }

    pub(crate) fn since(&self) -> Vec<Version> {
        let package = self.package.into_iter();
        package
            .flat_map(|package| package.since.values())
            .cloned()
            .collect()
    }
}

/// What a provider says of the key that a locator names.
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
    /// The account is another than had the name before, or than signed.
    OtherAccount(OtherAccount),
    /// It does not, or not any more.
    Withdrawn(Withdrawn),
    /// Nobody could be asked.
    Unanswered(Unanswered),
    /// The account did not publish it when it was last asked, and could not be asked again.
    NotConfirmed(Unanswered),
}

/// Why nobody could be asked about a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// The network may not be used.
    #[error("the network is off (`--offline`, or `net.offline`)")]
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
}

impl Withdrawn {
    /// Whether nothing counts that the key signed, at whatever time.
    pub fn whatever_it_signed(&self) -> bool {
        match self {
            Withdrawn::NotPublished | Withdrawn::NoSuchAccount => true,
            Withdrawn::Fault(fault) => !matches!(
                fault,
                KeyFault::Early { .. } | KeyFault::Expired { .. } | KeyFault::Retired { .. }
            ),
        }
    }
}

/// What is new about a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum New {
    /// The signer.
    Signer,
    /// The key, of a name that nobody could say is still the same account's: it counts as a new signer.
    Account,
    /// The key, of an account that is known.
    Key,
}

/// What is known of a key, from what was recorded and what its provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStanding {
    /// It is recorded, or the signers file names it.
    Known,
    /// The account publishes it, and it is not recorded.
    New(New),
    /// It was its account's, and has ended since it signed.
    Ended {
        /// What is new about it, if anything.
        new: Option<New>,
        /// When it ended; Unix seconds.
        end: u64,
    },
    /// It is published under a name that was another account's.
    OtherAccount(OtherAccount),
    /// It does not count.
    Withdrawn(Withdrawn),
    /// Nobody could be asked.
    Unanswered(Unanswered),
}

impl KeyStanding {
    /// What follows for `key`.
    ///
    /// - `account`: what is recorded of its identity;
    /// - `answer`: what the provider says of the key, now or when it was last asked;
    /// - `is_fresh`: whether the release is newly chosen, and not one that `Cargo.lock` names;
    /// - `standing`: compares the account's number with what is recorded. It is called only where that
    ///   matters: a known identity shows a key that is not recorded.
    pub fn of(
        account: Option<&Account>,
        key: &PublicKey,
        answer: KeyAnswer,
        is_fresh: bool,
        standing: impl FnOnce(&Account) -> Standing,
    ) -> KeyStanding {
        let is_recorded = account.is_some_and(|account| account.keys.contains(key));
        match (answer, account) {
            // A key that was seen to be withdrawn is, whatever was recorded before.
            (KeyAnswer::Withdrawn(Withdrawn::NoSuchAccount), _) if is_recorded && !is_fresh => {
                KeyStanding::Known
            }
            (KeyAnswer::Withdrawn(how), _) => KeyStanding::Withdrawn(how),
            (KeyAnswer::OtherAccount(other), _) => KeyStanding::OtherAccount(other),
            (KeyAnswer::Ended { end }, _) => {
                let published = KeyAnswer::Published;
                match KeyStanding::of(account, key, published, is_fresh, standing) {
                    KeyStanding::Known => KeyStanding::Ended { new: None, end },
                    KeyStanding::New(new) => KeyStanding::Ended {
                        new: Some(new),
                        end,
                    },
                    otherwise => otherwise,
                }
            }
            (KeyAnswer::Published | KeyAnswer::Unanswered(_), _) if is_recorded => {
                KeyStanding::Known
            }
            (KeyAnswer::Unanswered(why) | KeyAnswer::NotConfirmed(why), _) => {
                KeyStanding::Unanswered(why)
            }
            (KeyAnswer::Published, None) => KeyStanding::New(New::Key),
            (KeyAnswer::Published, Some(account)) => match standing(account) {
                Standing::Same => KeyStanding::New(New::Key),
                Standing::Unrecorded(_) => KeyStanding::New(New::Account),
                Standing::Other(other) => KeyStanding::OtherAccount(other),
                Standing::NoSuchAccount => KeyStanding::Withdrawn(Withdrawn::NoSuchAccount),
                Standing::Unknown(why) => {
                    KeyStanding::Unanswered(Unanswered::Failed(why.to_string()))
                }
            },
        }
    }
}
