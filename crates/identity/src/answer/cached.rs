//! The form in which an answer is kept: small JSON, with a version and the time of asking.
//!
//! ```json
//! {"v":1,"asked":1763800000,"answer":{"keys":[
//!   {"key":"ed25519:…","fingerprint":"…","created":1763000000,"state":"good"},
//!   {"key":"ed25519:…","fingerprint":"…","created":1763000000,"state":{"good-until":1795000000}}]}}
//! {"v":1,"asked":1763800000,"answer":"no-keys"}
//! {"v":1,"asked":1763800000,"answer":"no-such-account"}
//! {"v":1,"asked":1763800000,"answer":"no-keys","etag":"W/\"33a6\"","reader":1}
//! ```
//!
//! It holds what was learnt, not the body: whoever reads it later reads it as it was meant then.
//! So `etag` and `last-modified`, by which a host can say that the body is still the same, are good
//! only for a `reader` that would read the same in it; another asks for the body again.
//! A file that is not exactly this is an error, and the provider is asked again.

use serde::{Deserialize, Serialize};

use super::{Answer, MAX_BODY};
use crate::openpgp::{KeyState, PublishedKey};
use crate::transport::Headers;

/// To be raised whenever the same body would be read as something else.
const READER: u64 = 1;

/// The longest value of a header that is kept, in bytes.
const MAX_VALIDATOR: usize = 256;

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// An answer that may be kept, and when it was given. No answer is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    asked: u64,
    kept: Kept,
    validators: Validators,
}

/// By what a host knows the body that it sent: what a conditional request brings along, so that the
/// host can answer 304, "the same as then", without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    /// Those that came with a response. What could not be sent back as it is, is left out.
    pub fn of(headers: &Headers) -> Validators {
        let fit = |name| {
            headers
                .get(name)
                .filter(|value| is_fit(value))
                .map(str::to_owned)
        };
        Validators {
            etag: fit("etag"),
            last_modified: fit("last-modified"),
        }
    }

    /// The headers of a conditional request: names in lower case, and values. None where the host
    /// gave nothing to know the body by.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let etag = self.etag.as_deref().map(|value| ("if-none-match", value));
        let date = self.last_modified.as_deref();
        etag.into_iter()
            .chain(date.map(|value| ("if-modified-since", value)))
    }
}

/// Whether a value can stand in a header and is not longer than it should be.
fn is_fit(value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() || b == b' ';
    (1..=MAX_VALIDATOR).contains(&value.len()) && value.bytes().all(plain)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    Keys(Vec<PublishedKey>),
    NoKeys,
    NoSuchAccount,
}

impl Cached {
    /// `answer`, asked for at `asked` (Unix seconds); `None` where nothing was learnt.
    pub fn new(asked: u64, answer: &Answer) -> Option<Cached> {
        let kept = match answer {
            Answer::Keys(keys) => Kept::Keys(keys.clone()),
            Answer::NoKeys => Kept::NoKeys,
            Answer::NoSuchAccount => Kept::NoSuchAccount,
            Answer::NoAnswer(_) => return None,
        };
        Some(Cached {
            asked,
            kept,
            validators: Validators::default(),
        })
    }

    /// With what the host knows the body by that said so.
    pub fn with_validators(self, validators: Validators) -> Cached {
        Cached { validators, ..self }
    }

    /// What to bring along to be told that it is still so.
    pub fn validators(&self) -> &Validators {
        &self.validators
    }

    /// The same answer, asked for at `asked`: the host said that it is still so (HTTP status 304).
    pub fn confirmed(self, asked: u64) -> Cached {
        Cached { asked, ..self }
    }

    /// When the provider was asked; Unix seconds.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// What it answered. Never [`Answer::NoAnswer`].
    pub fn into_answer(self) -> Answer {
        match self.kept {
            Kept::Keys(keys) => Answer::Keys(keys),
            Kept::NoKeys => Answer::NoKeys,
            Kept::NoSuchAccount => Answer::NoSuchAccount,
        }
    }

    /// The form in which it is kept: one line.
    pub fn to_json(&self) -> String {
        let answer = match &self.kept {
            Kept::Keys(keys) => AnswerForm::Keys(keys.iter().map(KeyForm::from).collect()),
            Kept::NoKeys => AnswerForm::NoKeys,
            Kept::NoSuchAccount => AnswerForm::NoSuchAccount,
        };
        let Validators {
            etag,
            last_modified,
        } = self.validators.clone();
        let form = Form {
            v: VERSION,
            asked: self.asked,
            answer,
            reader: (etag.is_some() || last_modified.is_some()).then_some(READER),
            etag,
            last_modified,
        };
        serde_json::to_string(&form).expect("numbers and strings can be written as JSON")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(json: &[u8]) -> Result<Cached, InvalidCache> {
        /// All that is known of another version.
        #[derive(Deserialize)]
        struct Version {
            v: u64,
        }
        if json.len() > MAX_BODY {
            return Err(InvalidCache::TooLarge);
        }
        let malformed = |e: serde_json::Error| InvalidCache::Malformed(e.to_string());
        let Version { v } = serde_json::from_slice(json).map_err(malformed)?;
        if v != VERSION {
            return Err(InvalidCache::Version(v));
        }
        let form: Form = serde_json::from_slice(json).map_err(malformed)?;
        let kept = match form.answer {
            AnswerForm::Keys(keys) => {
                Kept::Keys(keys.iter().map(KeyForm::read).collect::<Result<_, _>>()?)
            }
            AnswerForm::NoKeys => Kept::NoKeys,
            AnswerForm::NoSuchAccount => Kept::NoSuchAccount,
        };
        let fit = |value: Option<String>| {
            value.filter(|value| form.reader == Some(READER) && is_fit(value))
        };
        Ok(Cached {
            asked: form.asked,
            kept,
            validators: Validators {
                etag: fit(form.etag),
                last_modified: fit(form.last_modified),
            },
        })
    }
}

/// Why a kept answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCache {
    /// Written by a newer Consign, or by something else.
    #[error("a kept provider answer of version {0}, where version {VERSION} is read")]
    Version(u64),
    /// Not what is written.
    #[error("a malformed kept provider answer: {0}")]
    Malformed(String),
    /// Longer than any answer.
    #[error("a kept provider answer of more than {MAX_BODY} bytes")]
    TooLarge,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    v: u64,
    asked: u64,
    answer: AnswerForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(
        default,
        rename = "last-modified",
        skip_serializing_if = "Option::is_none"
    )]
    last_modified: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reader: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnswerForm {
    Keys(Vec<KeyForm>),
    NoKeys,
    NoSuchAccount,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyForm {
    key: String,
    fingerprint: String,
    created: u64,
    state: KeyState,
}

impl KeyForm {
    fn from(key: &PublishedKey) -> KeyForm {
        KeyForm {
            key: key.key.to_string(),
            fingerprint: key.fingerprint.to_string(),
            created: key.created,
            state: key.state,
        }
    }

    fn read(&self) -> Result<PublishedKey, InvalidCache> {
        let malformed = |e: &dyn std::error::Error| InvalidCache::Malformed(e.to_string());
        Ok(PublishedKey {
            key: self.key.parse().map_err(|e| malformed(&e))?,
            fingerprint: self.fingerprint.parse().map_err(|e| malformed(&e))?,
            created: self.created,
            state: self.state,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::answer::NoAnswer;

    const KEYS: &str = concat!(
        r#"{"v":1,"asked":1763800000,"answer":{"keys":["#,
        r#"{"key":"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","#,
        r#""fingerprint":"C959BDBAFA32A2F89A153B678CFDE12197965A9A","created":1,"state":"good"},"#,
        r#"{"key":"ed25519:PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw","#,
        r#""fingerprint":"C959BDBAFA32A2F89A153B678CFDE12197965A9A","created":1,"state":{"good-until":2}}]}}"#,
    );

    #[test]
    fn what_is_written_is_read() {
        for json in [
            KEYS,
            r#"{"v":1,"asked":0,"answer":{"keys":[]}}"#,
            r#"{"v":1,"asked":0,"answer":"no-keys"}"#,
            r#"{"v":1,"asked":9,"answer":"no-such-account"}"#,
        ] {
            let cached = Cached::from_json(json.as_bytes()).unwrap();
            assert_eq!(cached.to_json(), json);
            let again = Cached::new(cached.asked(), &cached.clone().into_answer());
            assert_eq!(again, Some(cached));
        }
        for state in [
            KeyState::NotForSigning,
            KeyState::Unproven,
            KeyState::Retired(7),
            KeyState::Revoked,
        ] {
            let mut cached = Cached::from_json(KEYS.as_bytes()).unwrap();
            let Kept::Keys(keys) = &mut cached.kept else {
                panic!("no keys")
            };
            keys[0].state = state;
            assert_eq!(Cached::from_json(cached.to_json().as_bytes()), Ok(cached));
        }
    }

    #[test]
    fn a_conditional_request_names_what_came_with_the_body() {
        let headers = [
            ("ETag", r#"W/"33a6""#),
            ("Last-Modified", "Thu, 05 Jul 2012 15:31:30 GMT"),
        ];
        let validators = Validators::of(&headers.into_iter().collect());
        let sent = [
            ("if-none-match", r#"W/"33a6""#),
            ("if-modified-since", "Thu, 05 Jul 2012 15:31:30 GMT"),
        ];
        assert_eq!(validators.headers().collect::<Vec<_>>(), sent);
        let cached = Cached::new(5, &Answer::NoKeys)
            .unwrap()
            .with_validators(validators.clone());
        let json = cached.to_json();
        assert_eq!(
            json,
            r#"{"v":1,"asked":5,"answer":"no-keys","etag":"W/\"33a6\"","last-modified":"Thu, 05 Jul 2012 15:31:30 GMT","reader":1}"#
        );
        let read = Cached::from_json(json.as_bytes()).unwrap();
        assert_eq!(read, cached);
        let confirmed = read.confirmed(9);
        assert_eq!(
            (confirmed.asked(), confirmed.validators()),
            (9, &validators)
        );
        assert_eq!(confirmed.into_answer(), Answer::NoKeys);

        // Who reads bodies in another way must see this one again.
        for other in [r#","reader":2"#, ""] {
            let other = json.replace(r#","reader":1"#, other);
            let read = Cached::from_json(other.as_bytes()).unwrap();
            assert_eq!(read.validators(), &Validators::default(), "{other}");
        }
        // Nor is anything sent that would not stay within its header.
        let broken = json.replace("W/", r"a\r\nx: y");
        let read = Cached::from_json(broken.as_bytes()).unwrap();
        assert_eq!(read.validators().headers().count(), 1);
        let long = "a".repeat(MAX_VALIDATOR + 1);
        for value in ["", "\u{e9}", "\t", &long] {
            let headers = [("etag", value)].into_iter().collect();
            assert_eq!(Validators::of(&headers), Validators::default(), "{value}");
        }
    }

    #[test]
    fn no_answer_is_never_kept() {
        for reason in [NoAnswer::Offline, NoAnswer::Empty, NoAnswer::Status(500)] {
            assert_eq!(Cached::new(0, &Answer::NoAnswer(reason)), None);
        }
    }

    #[test]
    fn anything_else_is_an_error_that_names_it() {
        for (json, words) in [
            ("".into(), "malformed kept provider answer: EOF"),
            ("{}".into(), "missing field `v`"),
            (
                KEYS.replace(r#""v":1"#, r#""v":2"#),
                "of version 2, where version 1 is read",
            ),
            (r#"{"v":7,"new":"form"}"#.into(), "of version 7"),
            (
                KEYS.replace(r#""asked""#, r#""x":1,"asked""#),
                "unknown field `x`",
            ),
            (
                KEYS.replace(r#""state":"good""#, r#""state":"fine""#),
                "unknown variant `fine`",
            ),
            (
                KEYS.replace(r#","state":"good""#, ""),
                "missing field `state`",
            ),
            (
                KEYS.replace("ed25519:11", "ed25519:"),
                "32 bytes in base64url",
            ),
            (KEYS.replace("C959", ""), "not an OpenPGP fingerprint"),
            (KEYS.replace("1763800000", "-1"), "invalid value"),
            (
                r#"{"v":1,"asked":0,"answer":"no-answer"}"#.into(),
                "unknown variant `no-answer`",
            ),
            (format!("{KEYS}{KEYS}"), "trailing characters"),
            (" ".repeat(MAX_BODY + 1), "more than 1048576 bytes"),
        ] {
            let error = Cached::from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
