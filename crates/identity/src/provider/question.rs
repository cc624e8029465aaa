//! What to ask for an account's keys, and how to read what comes back.

use url::Url;

use super::{Location, wkd};
use crate::answer::{self, Answer, NoAnswer};
use crate::ssh::{self, SigningKeys};
use crate::transport::Headers;

/// One place that may have an account's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    location: Location,
    when: When,
    form: Form,
}

/// When a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// In any case.
    Always,
    /// Where the host of the question before does not exist: its name could not be resolved. What
    /// comes back is the answer. Any other failure is no answer, and the end.
    NoSuchHost,
    /// Where the answers before do not name the key that is looked for, and one of them is
    /// [`Answer::Keys`] or [`Answer::NoKeys`]. What comes back is [added](Answer::and) to them.
    KeyMissing,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    OpenPgp { empty_is_no_keys: bool },
    Directory { address: String },
    Ssh(SigningKeys),
}

impl Question {
    pub(super) fn openpgp(location: Location, empty_is_no_keys: bool) -> Question {
        Question {
            location,
            when: When::Always,
            form: Form::OpenPgp { empty_is_no_keys },
        }
    }

    pub(super) fn directory(location: Location, when: When, address: &str) -> Question {
        let address = address.to_owned();
        Question {
            location,
            when,
            form: Form::Directory { address },
        }
    }

    pub(super) fn ssh(url: Url, signing: SigningKeys) -> Question {
        Question {
            location: Location::Url(url),
            when: When::KeyMissing,
            form: Form::Ssh(signing),
        }
    }

    /// Where to ask it.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// When to ask it.
    pub fn when(&self) -> When {
        self.when
    }

    /// What the answer says, from the HTTP status (200 for a file that was read), the headers, and
    /// the body, of which the caller reads no more than [`MAX_BODY`](answer::MAX_BODY) + 1 bytes.
    pub fn read(&self, status: u32, headers: &Headers, body: &[u8]) -> Answer {
        match &self.form {
            Form::OpenPgp { empty_is_no_keys } => {
                read_openpgp(status, headers, body, *empty_is_no_keys)
            }
            Form::Directory { address } => {
                answer::read_with(status, headers, || wkd::read(body, address))
            }
            Form::Ssh(signing) => answer::read_with(status, headers, || {
                // A key that is not on the first page could be on the next.
                match headers.has_next_page() {
                    true => Err(NoAnswer::MorePages),
                    false => ssh::read(body, *signing),
                }
            }),
        }
    }
}

pub(super) fn read_openpgp(
    status: u32,
    headers: &Headers,
    body: &[u8],
    empty_is_no_keys: bool,
) -> Answer {
    match answer::read_with(status, headers, || answer::read_body(body)) {
        Answer::NoAnswer(NoAnswer::Empty) if empty_is_no_keys => Answer::NoKeys,
        answer => answer,
    }
}
