//! Account numbers: whether a name still belongs to whom it belonged.
//!
//! A name at a forge can be given up and taken by somebody else; the forge's number for the account
//! cannot. So a number that the provider gave is recorded with the identity, and asked for again in
//! one case: a known identity shows a key that is not recorded. Then [`judge`] says what follows.
//! The number in a locator is its signer's claim. It can refuse, and never accept.

use std::fmt;

use crate::answer::NoAnswer;

/// The first number that not every reader of JSON can hold.
const LIMIT: u64 = 1 << 53;

/// A provider's number for an account: above 0, and below 2⁵³, as in a key locator.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct AccountNumber(u64);

impl AccountNumber {
    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<AccountNumber> for u64 {
    fn from(number: AccountNumber) -> u64 {
        number.0
    }
}

impl TryFrom<u64> for AccountNumber {
    type Error = InvalidAccountNumber;

    fn try_from(number: u64) -> Result<AccountNumber, InvalidAccountNumber> {
        match number {
            1..LIMIT => Ok(AccountNumber(number)),
            _ => Err(InvalidAccountNumber(number)),
        }
    }
}

impl fmt::Display for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// No account has such a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the number of an account, which is above 0 and below 2^53")]
pub struct InvalidAccountNumber(u64);

/// What a provider answers to "which account has this name?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountAnswer {
    /// The one with this number.
    Number(AccountNumber),
    /// None has it.
    NoSuchAccount,
    /// Nothing was learnt.
    NoAnswer(NoAnswer),
}

/// What follows from an account's number for a key that is not recorded, of an identity that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is the recorded account: the key is a new key of a known signer.
    Same,
    /// It is another account: refused.
    Other(OtherAccount),
    /// The record has no number, and so cannot say whose the name was: the key counts as a new
    /// signer's. The number is the provider's, to be recorded with it, where it gave one.
    Unrecorded(Option<AccountNumber>),
    /// The name is no longer anybody's: nothing new by it is accepted.
    NoSuchAccount,
    /// Nobody could say.
    Unknown(NoAnswer),
}

/// A name belongs to another account than it did, or its signer says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OtherAccount {
    /// The provider gives another number than is recorded.
    #[error("the name belongs to account {found} now, where account {recorded} is recorded")]
    Found {
        /// What is recorded.
        recorded: AccountNumber,
        /// What the provider gives.
        found: AccountNumber,
    },
    /// The provider gives another number than the keys sign with that were seen under the name before.
    #[error(
        "the name belongs to account {found} now, where what its known keys signed is by account {signed}"
    )]
    Signed {
        /// What a key that is recorded signed with.
        signed: AccountNumber,
        /// What the provider gives.
        found: AccountNumber,
    },
    /// The signer claims another number than is recorded, or than the provider gives.
    #[error("it claims to be by account {claimed}, where the name belongs to account {known}")]
    Claimed {
        /// What is recorded or, where nothing is, what the provider gives.
        known: AccountNumber,
        /// What the locator says.
        claimed: u64,
    },
}

/// Whether the locator's claim already refuses, so that the provider need not be asked.
pub fn contradicts(recorded: Option<AccountNumber>, claimed: Option<u64>) -> Option<OtherAccount> {
    match (recorded, claimed) {
        (Some(known), Some(claimed)) if known.get() != claimed => {
            Some(OtherAccount::Claimed { known, claimed })
        }
        _ => None,
    }
}

/// What follows for a key that is not recorded, from the number that is recorded with its identity,
/// the one that its locator claims, and what the provider answered. `None` for a provider that has
/// no numbers: a folder, a URL, a Web Key Directory.
pub fn judge(
    recorded: Option<AccountNumber>,
    claimed: Option<u64>,
    answer: Option<&AccountAnswer>,
) -> Standing {
    if let Some(other) = contradicts(recorded, claimed) {
        return Standing::Other(other);
    }
    match (recorded, answer) {
        (Some(recorded), Some(&AccountAnswer::Number(found))) if recorded != found => {
            Standing::Other(OtherAccount::Found { recorded, found })
        }
        (Some(_), Some(AccountAnswer::Number(_))) => Standing::Same,
        (None, Some(&AccountAnswer::Number(found))) => match contradicts(Some(found), claimed) {
            Some(other) => Standing::Other(other),
            None => Standing::Unrecorded(Some(found)),
        },
        (_, Some(AccountAnswer::NoSuchAccount)) => Standing::NoSuchAccount,
        (Some(_), Some(AccountAnswer::NoAnswer(why))) => Standing::Unknown(why.clone()),
        (None, Some(AccountAnswer::NoAnswer(_)) | None) => Standing::Unrecorded(None),
        // The provider had numbers when the record was made.
        (Some(_), None) => Standing::Unknown(NoAnswer::NoNumbers),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn number(number: u64) -> AccountNumber {
        number.try_into().unwrap()
    }

    #[test]
    fn the_provider_must_give_the_recorded_number() {
        let (ours, theirs) = (number(583231), number(99));
        let is = |recorded: Option<AccountNumber>, claimed, answer: AccountAnswer| {
            judge(recorded, claimed, Some(&answer))
        };
        let given = AccountAnswer::Number;
        let found = Standing::Other(OtherAccount::Found {
            recorded: ours,
            found: theirs,
        });
        // Whatever the locator says or leaves out.
        for claimed in [None, Some(583231)] {
            assert_eq!(is(Some(ours), claimed, given(ours)), Standing::Same);
            assert_eq!(is(Some(ours), claimed, given(theirs)), found);
        }
        let gone = AccountAnswer::NoSuchAccount;
        assert_eq!(is(Some(ours), None, gone.clone()), Standing::NoSuchAccount);
        assert_eq!(is(None, None, gone), Standing::NoSuchAccount);
        let silent = AccountAnswer::NoAnswer(NoAnswer::Offline);
        let unknown = Standing::Unknown(NoAnswer::Offline);
        assert_eq!(is(Some(ours), Some(583231), silent), unknown);
        let unknown = Standing::Unknown(NoAnswer::NoNumbers);
        assert_eq!(judge(Some(ours), None, None), unknown);
        let message = OtherAccount::Found {
            recorded: ours,
            found: theirs,
        };
        assert_eq!(
            message.to_string(),
            "the name belongs to account 99 now, where account 583231 is recorded"
        );
    }

    #[test]
    fn a_claim_can_only_refuse() {
        let ours = number(583231);
        let given = AccountAnswer::Number(ours);
        let refused = Standing::Other(OtherAccount::Claimed {
            known: ours,
            claimed: 99,
        });
        assert_eq!(judge(Some(ours), Some(99), Some(&given)), refused);
        assert_eq!(judge(Some(ours), Some(99), None), refused);
        assert_eq!(judge(None, Some(99), Some(&given)), refused);
        assert_eq!(contradicts(None, Some(99)), None);
        assert_eq!(contradicts(Some(ours), None), None);
        // The right claim does not stand in for a record.
        let unrecorded = Standing::Unrecorded(Some(ours));
        assert_eq!(judge(None, Some(583231), Some(&given)), unrecorded);
        assert_eq!(judge(None, None, Some(&given)), unrecorded);
        let silent = AccountAnswer::NoAnswer(NoAnswer::Offline);
        for answer in [Some(&silent), None] {
            let nothing = Standing::Unrecorded(None);
            assert_eq!(judge(None, Some(583231), answer), nothing);
        }
    }

    #[test]
    fn numbers_are_those_that_a_locator_can_hold() {
        assert_eq!(number(LIMIT - 1).get(), LIMIT - 1);
        for wrong in [0, LIMIT, u64::MAX] {
            assert_eq!(
                AccountNumber::try_from(wrong),
                Err(InvalidAccountNumber(wrong))
            );
        }
        let json = serde_json::to_string(&number(7)).unwrap();
        assert_eq!(json, "7");
        assert_eq!(
            serde_json::from_str::<AccountNumber>("7").unwrap(),
            number(7)
        );
        for wrong in ["0", "-1", "7.5", "\"7\"", "9007199254740992"] {
            assert!(
                serde_json::from_str::<AccountNumber>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
