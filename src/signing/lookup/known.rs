//! What is known of one identity, and what to ask next.
//!
//! There may be several [places](Place) that have its keys. The first is always asked; one whose host
//! does not exist is replaced by the next; and where the answer does not name a key that is looked
//! for, there may be another place that has keys of another kind. [`Known::next`] goes through them
//! in this order and stops as soon as nothing is left open, which it mostly is at once: what is
//! remembered will do.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use consign_identity::account::{self, AccountNumber, Standing};
use consign_identity::answer::{Answer, Cached, NoAnswer};
use consign_identity::openpgp::Worth;
use consign_identity::provider::{Location, Question, When};
use consign_policy::{KeyAnswer, Unanswered, Withdrawn};
use consign_statement::{PublicKey, SignedFields};

use super::address;

/// What is known of one identity.
#[derive(Debug)]
pub(super) struct Known {
    /// Whom to ask, in order, or why nobody can be.
    pub(super) places: Result<Vec<Place>, Unanswered>,
    /// The keys that signers files have of it.
    pub(super) keys: BTreeSet<PublicKey>,
    /// The recorded number of the account.
    pub(super) number: Option<AccountNumber>,
    /// Why a key that is not recorded does not count: the account may be another than it was.
    pub(super) doubt: Option<Standing>,
}

/// One place that may have an identity's keys.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) question: Question,
    /// The last answer that said something.
    pub(super) remembered: Option<Cached>,
    /// The one before this command.
    pub(super) recorded: Option<Cached>,
    /// Whether it waits for the account's number before it is remembered beyond this command.
    pub(super) is_held: bool,
    /// What came of asking in this command.
    pub(super) asked: Asked,
}

/// What came of asking in this command. Nobody is asked twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    NotYet,
    Answered,
    /// It was answered that there is no such account, of which something is remembered.
    NoSuchAccount,
    /// The host does not exist, and there is another place instead.
    NoSuchHost,
    Failed(NoAnswer),
}

/// Why what is remembered of an identity is not what its provider says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::signing) enum Unconfirmed {
    /// Nobody answered.
    NoAnswer(Unanswered),
    /// There is no such account any more.
    NoSuchAccount,
}

impl Known {
    /// An identity about which nobody can be asked.
    pub(super) fn nowhere(why: Unanswered) -> Known {
        Known {
            places: Err(why),
            keys: BTreeSet::new(),
            number: None,
            doubt: None,
        }
    }

    /// Whether `answer` has a key that is not recorded, of an account of which a key is, or its number.
    pub(super) fn is_new(&self, answer: &Answer) -> bool {
        let places = self.places.as_deref().unwrap_or_default();
        let recorded: Vec<Answer> = places
            .iter()
            .filter_map(|place| place.recorded.clone())
            .map(Cached::into_answer)
            .collect();
        let keys = |answer: &Answer| match answer {
            Answer::Keys(keys) => keys.clone(),
            _ => Vec::new(),
        };
        let is_recorded = |key: &PublicKey| {
            self.keys.contains(key) || recorded.iter().any(|known| known.find(key).is_some())
        };
        let is_known = self.number.is_some()
            || !self.keys.is_empty()
            || recorded.iter().any(|known| !keys(known).is_empty());
        is_known && keys(answer).iter().any(|shown| !is_recorded(&shown.key))
    }

    /// The number of another account than `found`, as which a key signed that is recorded. `signed` is what
    /// is known to be signed, with its keys.
    pub(super) fn signed_as_another(
        &self,
        signed: &[(PublicKey, AccountNumber)],
        found: AccountNumber,
    ) -> Option<AccountNumber> {
        let places = self.places.as_deref().unwrap_or_default();
        let recorded = places.iter().filter_map(|place| place.recorded.clone());
        let recorded: Vec<Answer> = recorded.map(Cached::into_answer).collect();
        let is_recorded = |key: &PublicKey| {
            self.keys.contains(key) || recorded.iter().any(|known| known.find(key).is_some())
        };
        let mut others = signed
            .iter()
            .filter(|(key, number)| *number != found && is_recorded(key));
        others.next().map(|(_, number)| *number)
    }

    /// Which place to ask, so that all of `keys` are known for what they are; `is_old` says of a
    /// remembered answer that it will not do any more.
    pub(super) fn next(
        &self,
        keys: &[PublicKey],
        is_old: impl Fn(&Cached) -> bool,
    ) -> Option<usize> {
        let is_old = |answer: Option<&Cached>| answer.is_some_and(&is_old);
        let lacks_one = |answer: Option<&Answer>| {
            answer.is_none_or(|answer| keys.iter().any(|key| answer.find(key).is_none()))
        };
        let all = self.answer();
        if lacks_one(all.as_ref()) || is_old(self.first_answer()) {
            for (index, place) in self.places_for(false) {
                match place.asked {
                    Asked::NotYet => return Some(index),
                    Asked::NoSuchHost => {}
                    Asked::Answered | Asked::NoSuchAccount => break,
                    Asked::Failed(_) => return None,
                }
            }
        }
        let first = self.first_answer().cloned().map(Cached::into_answer);
        let says_which = matches!(first, Some(Answer::Keys(_) | Answer::NoKeys));
        if !says_which || !lacks_one(first.as_ref()) {
            return None;
        }
        let mut more = self.places_for(true);
        more.find(|(_, place)| {
            place.asked == Asked::NotYet
                && (lacks_one(all.as_ref()) || is_old(place.remembered.as_ref()))
        })
        .map(|(index, _)| index)
    }

    /// Whether the identity publishes the key that signed, and whether it counts.
    pub(super) fn key(&self, fields: &SignedFields) -> KeyAnswer {
        if let Err(why) = &self.places {
            return KeyAnswer::Unanswered(why.clone());
        }
        if let Some(other) = account::contradicts(self.number, fields.locator.account()) {
            return KeyAnswer::OtherAccount(other);
        }
        let answer = self.answer();
        let found = answer
            .as_ref()
            .and_then(|answer| answer.find(fields.locator.key()));
        if let Some(key) = found {
            return match key.check(fields.signature.time, self.last_asked()) {
                Ok(Worth::Full) => KeyAnswer::Published,
                Ok(Worth::BeforeEnd { end }) => KeyAnswer::Ended { end },
                Err(fault) => KeyAnswer::Withdrawn(Withdrawn::Fault(fault)),
            };
        }
        match &self.doubt {
            // What somebody else answers says nothing of a key that is recorded; what was answered before
            // does.
            Some(_) if self.keys.contains(fields.locator.key()) => {
                let why = "its account is not known to be still the same".to_owned();
                return without(answer.is_some(), Unanswered::Failed(why));
            }
            Some(Standing::Other(other)) => {
                return KeyAnswer::OtherAccount(*other);
            }
            Some(Standing::NoSuchAccount) => {
                return KeyAnswer::Withdrawn(Withdrawn::NoSuchAccount);
            }
            Some(Standing::Unknown(why)) => {
                let why = format!("whether the account is still the same is not known: {why}");
                return KeyAnswer::Unanswered(Unanswered::Failed(why));
            }
            Some(Standing::Same | Standing::Unrecorded(_)) | None => {}
        }
        // What is remembered is older than the key may be.
        if let Some(why) = self.failure() {
            return without(answer.is_some(), why);
        }
        match answer {
            Some(Answer::NoSuchAccount) => KeyAnswer::Withdrawn(Withdrawn::NoSuchAccount),
            Some(_) => KeyAnswer::Withdrawn(Withdrawn::NotPublished),
            None => KeyAnswer::Unanswered(Unanswered::Failed("it was not asked".to_owned())),
        }
    }

    /// Whether it can be asked without a network, and so is every time.
    pub(super) fn is_at_hand(&self) -> bool {
        let places = self.places.as_deref().unwrap_or_default();
        let mut locations = places.iter().map(|place| place.question.location());
        locations.any(|location| matches!(location, Location::File(_)))
    }

    /// What is not confirmed of it, of what was asked in this command.
    pub(super) fn unconfirmed(&self) -> Option<Unconfirmed> {
        match &self.places {
            Err(why) => Some(Unconfirmed::NoAnswer(why.clone())),
            Ok(places) => match self.failure() {
                Some(why) => Some(Unconfirmed::NoAnswer(why)),
                None => {
                    let is_gone = |place: &Place| place.asked == Asked::NoSuchAccount;
                    let is_gone =
                        places.iter().any(is_gone) || self.answer() == Some(Answer::NoSuchAccount);
                    is_gone.then_some(Unconfirmed::NoSuchAccount)
                }
            },
        }
    }

    /// Whether it was answered before, and `key` was not in the answer.
    pub(super) fn lacks(&self, key: &PublicKey) -> bool {
        let answer = self.answer();
        answer.is_some_and(|answer| answer.find(key).is_none())
    }

    /// Where it was asked in vain for one of `keys`, which some time ago it said something of: the
    /// place, why it did not answer, and when the last answer was given.
    pub(super) fn relied_upon(&self, keys: &[PublicKey]) -> Option<(&Question, String, u64)> {
        let places = self.places.as_deref().unwrap_or_default();
        let (failed, why) = places.iter().find_map(|place| match &place.asked {
            Asked::Failed(NoAnswer::Offline) => None,
            Asked::Failed(why) => Some((&place.question, place.failure(why))),
            _ => None,
        })?;
        let has_answered =
            |place: &&Place| matches!(place.asked, Asked::Answered | Asked::NoSuchAccount);
        let unconfirmed = places.iter().filter(|place| !has_answered(place));
        let last = unconfirmed
            .filter_map(|place| place.remembered.as_ref())
            .filter(|last| {
                let answer = (*last).clone().into_answer();
                keys.iter().any(|key| answer.find(key).is_some())
            })
            .map(Cached::asked)
            .max()?;
        Some((failed, why, last))
    }

    /// All that is remembered.
    fn answer(&self) -> Option<Answer> {
        let first = self.first_answer()?.clone().into_answer();
        let more = self.places_for(true);
        let more = more.filter_map(|(_, place)| place.remembered.clone());
        Some(more.fold(first, |first, more| first.and(more.into_answer())))
    }

    /// When the last of what is remembered was answered; Unix seconds.
    fn last_asked(&self) -> u64 {
        let places = self.places.as_deref().unwrap_or_default();
        let answers = places.iter().filter_map(|place| place.remembered.as_ref());
        answers.map(Cached::asked).max().unwrap_or_default()
    }

    /// What is remembered of the place that answers for the account: the last answer that said which
    /// keys it has, or else that there is none.
    fn first_answer(&self) -> Option<&Cached> {
        let answers = self.places_for(false);
        let answers = answers.filter_map(|(_, place)| place.remembered.as_ref());
        answers.min_by_key(|answer| {
            let no_account = matches!((*answer).clone().into_answer(), Answer::NoSuchAccount);
            (no_account, Reverse(answer.asked()))
        })
    }

    /// Why nothing is known of a key that is not remembered, if nothing is.
    fn failure(&self) -> Option<Unanswered> {
        let places = self.places.as_deref().unwrap_or_default();
        places.iter().find_map(|place| match &place.asked {
            Asked::Failed(NoAnswer::Offline) => Some(Unanswered::Offline),
            Asked::Failed(why) => Some(Unanswered::Failed(place.failure(why))),
            _ => None,
        })
    }

    /// The places that are asked for keys of another kind (`more`), or those that are asked first,
    /// each with its index.
    fn places_for(&self, more: bool) -> impl Iterator<Item = (usize, &Place)> {
        let places = self.places.as_deref().unwrap_or_default();
        let is_more = |place: &Place| place.question.when() == When::KeyMissing;
        places
            .iter()
            .enumerate()
            .filter(move |(_, place)| is_more(place) == more)
    }
}

impl Place {
    /// Takes back what was answered of keys that are not recorded, here or among `keys`. Where the account
    /// is another, what it says of the keys that are recorded is nothing either.
    pub(super) fn without_new_keys(&mut self, standing: &Standing, keys: &BTreeSet<PublicKey>) {
        let recorded = self.recorded.clone();
        self.remembered = match (standing, self.remembered.take()) {
            (Standing::Unknown(_), Some(answered)) => {
                let asked = answered.asked();
                let known = recorded.map(Cached::into_answer);
                let Answer::Keys(mut shown) = answered.into_answer() else {
                    return;
                };
                shown.retain(|shown| {
                    keys.contains(&shown.key)
                        || known.as_ref().is_some_and(|k| k.find(&shown.key).is_some())
                });
                Cached::new(asked, &Answer::Keys(shown))
            }
            _ => recorded,
        };
    }

    /// Why it did not answer, with its address.
    fn failure(&self, why: &NoAnswer) -> String {
        format!("`{}`: {why}", address(self.question.location()))
    }
}

/// What is said of a key that could not be asked about: it was in no earlier answer, if there was one.
fn without(was_answered: bool, why: Unanswered) -> KeyAnswer {
    match was_answered {
        true => KeyAnswer::NotConfirmed(why),
        false => KeyAnswer::Unanswered(why),
    }
}
