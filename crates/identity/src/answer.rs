//! What a provider answers.
//!
//! Four different things, which no rule may mix up. *Keys*, and *no keys*, say which keys an
//! account publishes, and so that any other key is not (or no longer) its own. *No such account*
//! says nothing about a key: what is recorded stays good, nothing new is accepted. *No answer*
//! says nothing at all. So whatever is not plainly one of the first three is the last: a page in
//! HTML, an empty body, half a key.
//!
//! [`read`] makes an [`Answer`] of a status and a body; [`Cached`] is what of it may be kept, and
//! [`Validators`] what its host wants to see to say "the same as then" in fewer bytes.

mod cached;

use std::fmt;

use consign_statement::PublicKey;

use crate::openpgp::{self, KeyError, PublishedKey};
use crate::transport::Headers;
use crate::utc::Utc;

pub use cached::{Cached, InvalidCache, Validators};

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

    /// What a provider says that was asked in two ways: first this, then `more`, since this did not
    /// name the key that was looked for.
    ///
    /// Of a key that is in both the first counts, which can say that it is revoked. Where the second
    /// way was not answered nothing is known of a key that is not in the first.
    pub fn and(self, more: Answer) -> Answer {
        match (self, more) {
            (Answer::Keys(mut keys), Answer::Keys(more)) => {
                for key in more {
                    if keys.iter().all(|known| known.key != key.key) {
                        keys.push(key);
                    }
                }
                Answer::Keys(keys)
            }
            (Answer::NoAnswer(why), _) | (_, Answer::NoAnswer(why)) => Answer::NoAnswer(why),
            (Answer::NoSuchAccount, _) => Answer::NoSuchAccount,
            (answer, Answer::NoKeys | Answer::NoSuchAccount) => answer,
            (Answer::NoKeys, more @ Answer::Keys(_)) => more,
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
    /// The host was asked too often.
    #[error("it was asked too often: ask again {again} (HTTP status {status})")]
    Limited {
        /// 403 or 429.
        status: u32,
        /// When it will answer again.
        again: Again,
    },
    /// The body is something else than a key.
    #[error("it answered with {0} instead of keys: is this the address of a key?")]
    NotAKey(NotAKey),
    /// The body is a web page where JSON should be: that of a proxy, or of a host that is something else.
    #[error(
        "it answered with a web page: what is asked there is not the interface of its software"
    )]
    WebPage,
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
    /// The body is not the JSON that the provider's interface is documented to answer with.
    #[error("its answer is not what its interface should answer")]
    Unexpected,
    /// The list goes on where it is not read.
    #[error("it lists more keys than are read")]
    MorePages,
    /// An account's number is wanted from a provider that has none.
    #[error("it has no numbers for its accounts")]
    NoNumbers,
    /// Nobody could be asked; the text says why (connection, TLS, time, a file's permissions).
    #[error("it could not be asked: {0}")]
    Unreachable(String),
    /// Nobody may be asked.
    #[error("it was not asked, since the network may not be used (`--offline`)")]
    Offline,
}

/// When a host will answer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// After so many seconds.
    In(u64),
    /// At this time; Unix seconds.
    At(u64),
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Again::In(seconds) => write!(f, "in {seconds} seconds"),
            Again::At(time) => write!(f, "after {}", Utc(*time)),
        }
    }
}

/// What a body is that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAKey {
    /// A page for people: a login, an error, a captive portal.
    Html,
    /// Some other text.
    Text,
    /// An armored key where the protocol wants a binary one.
    Armored,
}

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAKey::Html => "a web page",
            NotAKey::Text => "some other text",
            NotAKey::Armored => "an armored key",
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
    read_with(status, &Headers::default(), || read_body(body))
}

/// What an answer says whose body `read` understands.
pub(crate) fn read_with(
    status: u32,
    headers: &Headers,
    read: impl FnOnce() -> Result<Answer, NoAnswer>,
) -> Answer {
    match status {
        200 => read().unwrap_or_else(Answer::NoAnswer),
        404 => Answer::NoSuchAccount,
        other => Answer::NoAnswer(refusal(other, headers)),
    }
}

/// What a status means that brings no answer.
pub(crate) fn refusal(status: u32, headers: &Headers) -> NoAnswer {
    match limit(status, headers) {
        Some(again) => NoAnswer::Limited { status, again },
        None => NoAnswer::Status(status),
    }
}

/// When a host will answer again that was asked too often, where it says so: `Retry-After` in
/// seconds, or else the end of the period whose requests are used up, as GitHub and GitLab call it.
pub(crate) fn limit(status: u32, headers: &Headers) -> Option<Again> {
    matches!(status, 403 | 429).then_some(())?;
    if let Some(seconds) = headers.number("retry-after") {
        return Some(Again::In(seconds));
    }
    ["x-ratelimit", "ratelimit"].into_iter().find_map(|prefix| {
        let used_up = headers.number(&format!("{prefix}-remaining")) == Some(0);
        let reset = headers.number(&format!("{prefix}-reset"))?;
        (used_up || status == 429).then_some(Again::At(reset))
    })
}

/// The text of a body that could be an answer.
pub(crate) fn text(body: &[u8]) -> Result<&[u8], NoAnswer> {
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
    Ok(text)
}

/// Whether a body is a page for people.
pub(crate) fn is_web_page(body: &[u8]) -> bool {
    matches!(text(body), Err(NoAnswer::NotAKey(NotAKey::Html)))
}

/// The JSON in a body.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, NoAnswer> {
    let text = text(body).map_err(|why| match why {
        NoAnswer::NotAKey(NotAKey::Html) => NoAnswer::WebPage,
        other => other,
    })?;
    serde_json::from_slice(text).map_err(|_| NoAnswer::Unexpected)
}

/// What the OpenPGP keys in a body say.
pub(crate) fn read_body(body: &[u8]) -> Result<Answer, NoAnswer> {
    let text = text(body)?;
    if openpgp::says_no_keys(text) {
        return Ok(Answer::NoKeys);
    }
    keys(openpgp::read_public(body))
}

/// What it says that keys were read, or could not be.
pub(crate) fn keys(read: Result<Vec<PublishedKey>, KeyError>) -> Result<Answer, NoAnswer> {
    match read {
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
    fn a_host_that_was_asked_too_often_says_when_to_ask_again() {
        let refused = |status, fields: &[(&'static str, &'static str)]| {
            refusal(status, &fields.iter().copied().collect())
        };
        let limited = |status, again| NoAnswer::Limited { status, again };
        let reset = ("X-RateLimit-Reset", "1763800000");
        let used_up = ("X-RateLimit-Remaining", "0");
        for status in [403, 429] {
            let at = limited(status, Again::At(1_763_800_000));
            assert_eq!(refused(status, &[used_up, reset]), at);
            let soon = limited(status, Again::In(60));
            assert_eq!(refused(status, &[("Retry-After", "60")]), soon);
            assert_eq!(
                refused(status, &[used_up, reset, ("Retry-After", "60")]),
                soon
            );
            let gitlab = [
                ("RateLimit-Remaining", "0"),
                ("RateLimit-Reset", "1763800000"),
            ];
            assert_eq!(refused(status, &gitlab), at);
        }
        assert_eq!(
            limited(403, Again::At(1_763_800_000)).to_string(),
            "it was asked too often: ask again after 2025-11-22 08:26:40 UTC (HTTP status 403)"
        );
        // GitHub sends its counters with everything: 403 with requests left is something else.
        let left = ("X-RateLimit-Remaining", "59");
        assert_eq!(refused(403, &[left, reset]), NoAnswer::Status(403));
        assert_eq!(refused(403, &[used_up]), NoAnswer::Status(403));
        let date = ("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(refused(429, &[date]), NoAnswer::Status(429));
        assert_eq!(
            refused(503, &[("Retry-After", "60")]),
            NoAnswer::Status(503)
        );
        assert_eq!(refused(401, &[used_up, reset]), NoAnswer::Status(401));
    }

    #[test]
    fn a_second_way_of_asking_adds_keys_and_takes_none() {
        let several = read(200, data!("gpg-several.asc"));
        let revoked = read(200, data!("gpg-revoked-no-reason.asc"));
        let silent = Answer::NoAnswer(NoAnswer::Empty);
        let Answer::Keys(mut ssh) = revoked.clone() else {
            panic!("{revoked:?}")
        };
        ssh[0].state = KeyState::Good;
        let ssh = Answer::Keys(ssh);
        assert_eq!(revoked.clone().and(ssh.clone()), revoked);
        let Answer::Keys(both) = several.clone().and(ssh.clone()) else {
            panic!("no keys")
        };
        assert_eq!(both.len(), 3);
        assert_eq!(Answer::NoKeys.and(ssh.clone()), ssh);
        assert_eq!(Answer::NoKeys.and(Answer::NoKeys), Answer::NoKeys);
        assert_eq!(several.clone().and(Answer::NoKeys), several);
        // An older server may not have the second way.
        assert_eq!(several.clone().and(Answer::NoSuchAccount), several);
        assert_eq!(Answer::NoKeys.and(Answer::NoSuchAccount), Answer::NoKeys);
        assert_eq!(Answer::NoSuchAccount.and(ssh), Answer::NoSuchAccount);
        assert_eq!(several.clone().and(silent.clone()), silent);
        assert_eq!(silent.clone().and(several), silent);
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
