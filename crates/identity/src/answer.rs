//! What a provider answers.
//!
//! Four different things, which no rule may mix up. *Keys*, and *no keys*, say which keys an
//! account publishes, and so that any other key is not (or no longer) its own. *No such account*
//! says nothing about a key: what is recorded stays good, nothing new is accepted. *No answer*
//! says nothing at all. So whatever is not plainly one of the first three is the last: a page in
//! HTML, an empty body, half a key.
//!
//! [`read`] makes an [`Answer`] of a status and a body; [`Cached`] is what of it may be kept.

mod cached;

use std::fmt;

use consign_statement::PublicKey;

use crate::openpgp::{self, KeyError, PublishedKey};

pub use cached::{Cached, InvalidCache};

/// The most bytes of a body that are read: a hundred keys with their signatures are a tenth of it.
pub const MAX_BODY: usize = 1 << 20;

/// What a provider answers to "which keys has this account published?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These. The list is empty where the account has published keys, but none that could sign a
    /// release (RSA and others): as with no keys at all, whatever signed is not among them, and a
    /// message can say what is wrong.
    Keys(Vec<PublishedKey>),
    /// The account is there and has published none.
    NoKeys,
    /// There is no such account.
    NoSuchAccount,
    /// Nothing was learnt.
    NoAnswer(NoAnswer),
}

impl Answer {
    /// What the account says of `key`; `None` where it does not publish it.
    pub fn find(&self, key: &PublicKey) -> Option<&PublishedKey> {
        match self {
            Answer::Keys(keys) => keys.iter().find(|published| published.key == *key),
            Answer::NoKeys | Answer::NoSuchAccount | Answer::NoAnswer(_) => None,
        }
    }
}

/// Why nothing was learnt from a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The host refused or failed.
    #[error("{}", Status(*.0))]
    Status(u32),
    /// The body is something else than a key.
    #[error("it answered with {0} instead of keys: is this the address of a key?")]
    NotAKey(NotAKey),
    /// The body is empty.
    #[error("it answered with nothing")]
    Empty,
    /// The body is longer than is read.
    #[error("its answer is longer than {limit} bytes")]
    TooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
    /// The body looks like a key and cannot be read as one.
    #[error("its answer cannot be read: {0}")]
    Malformed(KeyError),
    /// Nobody could be asked; the text says why (connection, TLS, time, a file's permissions).
    #[error("it could not be asked: {0}")]
    Unreachable(String),
    /// Nobody may be asked.
    #[error("it was not asked, since the network may not be used (`--offline`)")]
    Offline,
}

/// What a body is that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAKey {
    /// A page for people: a login, an error, a captive portal.
    Html,
    /// Some other text.
    Text,
}

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAKey::Html => "a web page",
            NotAKey::Text => "some other text",
        })
    }
}

/// An HTTP status in words.
struct Status(u32);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            401 | 407 => f.write_str("it wants a login")?,
            403 | 429 => {
                f.write_str("it refuses to answer for now, perhaps after too many questions")?
            }
            300..=399 => f.write_str("it sends elsewhere, where keys are not looked for")?,
            500.. => f.write_str("it failed; try again later")?,
            _ => f.write_str("it did not answer the question")?,
        }
        write!(f, " (HTTP status {})", self.0)
    }
}

/// What an answer says, from its HTTP status (200 for a file that was read) and body, of which the
/// caller reads no more than [`MAX_BODY`] + 1 bytes.
///
/// 200 with keys or the "hasn't uploaded any GPG keys" block, and 404, say something. All else is
/// [`NoAnswer`]. Prefer [`Provider::read`](crate::provider::Provider::read), which knows what a
/// provider means by it.
pub fn read(status: u32, body: &[u8]) -> Answer {
    match status {
        200 => read_body(body).unwrap_or_else(Answer::NoAnswer),
        404 => Answer::NoSuchAccount,
        other => Answer::NoAnswer(NoAnswer::Status(other)),
    }
}

fn read_body(body: &[u8]) -> Result<Answer, NoAnswer> {
    if body.len() > MAX_BODY {
        return Err(NoAnswer::TooLarge { limit: MAX_BODY });
    }
    let text = body
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(body)
        .trim_ascii();
    if text.is_empty() {
        return Err(NoAnswer::Empty);
    }
    // Also a page that shows a key is no key: who wrote it there is not known.
    if text.starts_with(b"<") {
        return Err(NoAnswer::NotAKey(NotAKey::Html));
    }
    if openpgp::says_no_keys(text) {
        return Ok(Answer::NoKeys);
    }
    match openpgp::read_public(body) {
        Ok(keys) => Ok(Answer::Keys(keys)),
        Err(KeyError::NotArmored) => Err(NoAnswer::NotAKey(NotAKey::Text)),
        Err(KeyError::NoKey) => Err(NoAnswer::Empty),
        Err(error) => Err(NoAnswer::Malformed(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::openpgp::KeyState;

    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../tests/data/", $name))
        };
    }

    fn no_answer(status: u32, body: &[u8]) -> NoAnswer {
        match read(status, body) {
            Answer::NoAnswer(reason) => reason,
            answer => panic!("{status}, {:?}: {answer:?}", String::from_utf8_lossy(body)),
        }
    }

    #[test]
    fn keys_are_found_by_the_key_itself() {
        let answer = read(200, data!("gpg-several.asc"));
        let Answer::Keys(keys) = &answer else {
            panic!("{answer:?}")
        };
        assert_eq!(keys.len(), 2);
        for key in keys {
            assert_eq!(answer.find(&key.key), Some(key));
        }
        let other = read(200, data!("gpg-revoked-no-reason.asc"));
        let Answer::Keys(others) = &other else {
            panic!("{other:?}")
        };
        assert_eq!(others[0].state, KeyState::Revoked);
        assert_eq!(answer.find(&others[0].key), None);
        assert_eq!(Answer::NoKeys.find(&others[0].key), None);
    }

    #[test]
    fn an_account_without_keys_is_told_from_one_with_others() {
        assert_eq!(read(200, data!("github-no-keys.asc")), Answer::NoKeys);
        let crlf = String::from_utf8_lossy(data!("github-no-keys.asc")).replace('\n', "\r\n");
        assert_eq!(read(200, crlf.as_bytes()), Answer::NoKeys);
        assert_eq!(read(200, data!("gpg-rsa.asc")), Answer::Keys(vec![]));
        assert_eq!(read(404, b"Not Found"), Answer::NoSuchAccount);
        assert_eq!(read(404, data!("gpg-ed25519.asc")), Answer::NoSuchAccount);
    }

    #[test]
    fn whatever_is_not_plainly_an_answer_is_none() {
        let html = NoAnswer::NotAKey(NotAKey::Html);
        let text = NoAnswer::NotAKey(NotAKey::Text);
        let key = data!("gpg-ed25519.asc");
        let page = [b"\n <!DOCTYPE html><pre>\n", &key[..], b"</pre>"].concat();
        let no_note = String::from_utf8_lossy(data!("github-no-keys.asc")).replace("GPG", "cat");
        let damaged = String::from_utf8_lossy(key).replace('m', "n");
        for (body, want) in [
            (&b""[..], NoAnswer::Empty),
            (b" \r\n\t", NoAnswer::Empty),
            (no_note.as_bytes(), NoAnswer::Empty),
            (b"<html><body>Sign in</body></html>", html.clone()),
            (b"\xef\xbb\xbf<!doctype html>", html.clone()),
            (&page, html),
            (b"{\"message\":\"Not Found\"}", text.clone()),
            (b"hello\0", text.clone()),
            (b"\0\0\0\0", text),
            (&key[..200], NoAnswer::Malformed(KeyError::ArmorCutOff)),
            (
                damaged.as_bytes(),
                NoAnswer::Malformed(KeyError::ArmorChecksum),
            ),
            (
                data!("gpg-ed25519.secret.asc"),
                NoAnswer::Malformed(KeyError::SecretNotPublic),
            ),
            (
                &vec![b'a'; MAX_BODY + 1],
                NoAnswer::TooLarge { limit: MAX_BODY },
            ),
        ] {
            assert_eq!(
                no_answer(200, body),
                want,
                "{}",
                String::from_utf8_lossy(&body[..body.len().min(99)])
            );
        }
        for status in [0, 199, 201, 204, 301, 401, 403, 429, 500, 503, u32::MAX] {
            assert_eq!(no_answer(status, key), NoAnswer::Status(status));
        }
    }

    #[test]
    fn reasons_are_phrases_that_follow_the_providers_name() {
        for (reason, words) in [
            (
                NoAnswer::Status(403),
                "it refuses to answer for now, perhaps after too many questions (HTTP status 403)",
            ),
            (
                NoAnswer::Status(500),
                "it failed; try again later (HTTP status 500)",
            ),
            (
                NoAnswer::Status(302),
                "it sends elsewhere, where keys are not looked for (HTTP status 302)",
            ),
            (
                NoAnswer::NotAKey(NotAKey::Html),
                "it answered with a web page instead of keys: is this the address of a key?",
            ),
            (
                NoAnswer::TooLarge { limit: 10 },
                "its answer is longer than 10 bytes",
            ),
            (
                NoAnswer::Malformed(KeyError::ArmorChecksum),
                "its answer cannot be read: the armored key is damaged: its checksum does not fit",
            ),
            (
                NoAnswer::Unreachable("timed out".into()),
                "it could not be asked: timed out",
            ),
        ] {
            assert_eq!(reason.to_string(), words);
        }
    }
}
