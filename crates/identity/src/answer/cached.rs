//! The form in which an answer is kept: small JSON, with a version and the time of asking.
//!
//! ```json
//! {"v":1,"asked":1763800000,"answer":{"keys":[
//!   {"key":"ed25519:…","fingerprint":"…","created":1763000000,"state":"good"},
//!   {"key":"ed25519:…","fingerprint":"…","created":1763000000,"state":{"good-until":1795000000}}]}}
//! {"v":1,"asked":1763800000,"answer":"no-keys"}
//! {"v":1,"asked":1763800000,"answer":"no-such-account"}
//! ```
//!
//! It holds what was learnt, not the body: whoever reads it later reads it as it was meant then.
//! A file that is not exactly this is an error, and the provider is asked again.

use serde::{Deserialize, Serialize};

use super::{Answer, MAX_BODY};
use crate::openpgp::{KeyState, PublishedKey};

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// An answer that may be kept, and when it was given. No answer is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    asked: u64,
    kept: Kept,
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
        Some(Cached { asked, kept })
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
        let form = Form {
            v: VERSION,
            asked: self.asked,
            answer,
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
        Ok(Cached {
            asked: form.asked,
            kept,
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
