//! What is said to an agent that keeps SSH keys (draft-ietf-sshm-ssh-agent), `ssh-agent` above all.
//!
//! A message is its length in four octets, one octet that says what it is, and the rest, in which every
//! text has its length before it. Two questions are asked: which keys are there, and for a signature.
//! An agent signs any octets with an Ed25519 key, and what it gives is the plain signature of RFC 8032, as
//! a key in a file gives it.
//!
//! What an agent answers is its own affair, and that of whoever listens in its place: it is bounded,
//! and a signature is checked like any other.

use consign_statement::PublicKey;

use super::{TYPE, blob, key_of_agent};
use crate::shown::Shown;

/// The most octets of an answer that are read: what OpenSSH sends at most.
pub const MAX_ANSWER: usize = 256 << 10;
/// The most keys in an answer.
const MAX_KEYS: usize = 2048;

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// An Ed25519 key that an agent has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKey {
    /// The key.
    pub key: PublicKey,
    /// What its owner called it; mostly a file.
    pub comment: String,
}

/// Why an agent's answer is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// It would not.
    #[error("the agent refused: the key may be locked, gone, or not confirmed by its owner")]
    Refused,
    /// It answered something else than it should.
    #[error("the agent gave an answer that is none of its protocol")]
    Malformed,
}

/// The question which keys there are, as it is sent.
pub fn request_list() -> Vec<u8> {
    framed(&[REQUEST_IDENTITIES])
}

/// The Ed25519 keys in the answer to [`request_list`], which is given without its length. Other keys
/// are skipped.
pub fn read_list(answer: &[u8]) -> Result<Vec<AgentKey>, AgentError> {
    let mut rest = body(answer, IDENTITIES_ANSWER)?;
    let count = usize::try_from(number(&mut rest)?).unwrap_or(usize::MAX);
    if count > MAX_KEYS {
        return Err(AgentError::Malformed);
    }
    let mut keys = Vec::new();
    for _ in 0..count {
        let (blob, comment) = (text(&mut rest)?, text(&mut rest)?);
        // One with which nothing can be checked is of no use either.
        if let Some(Ok(key)) = key_of_agent(blob) {
            let comment = String::from_utf8_lossy(comment).into_owned();
            keys.push(AgentKey { key, comment });
        }
    }
    Ok(keys)
}

/// The request for a signature over `message` by `key`, as it is sent.
pub fn request_signature(key: &PublicKey, message: &[u8]) -> Vec<u8> {
    const NO_FLAGS: [u8; 4] = [0; 4];
    let mut request = vec![SIGN_REQUEST];
    put(&mut request, &blob(key));
    put(&mut request, message);
    request.extend(NO_FLAGS);
    framed(&request)
}

/// The signature in the answer to [`request_signature`], which is given without its length.
pub fn read_signature(answer: &[u8]) -> Result<[u8; 64], AgentError> {
    let mut rest = body(answer, SIGN_RESPONSE)?;
    let mut signature = text(&mut rest)?;
    let (kind, octets) = (text(&mut signature)?, text(&mut signature)?);
    let plain = kind == TYPE.as_bytes() && rest.is_empty() && signature.is_empty();
    octets
        .try_into()
        .ok()
        .filter(|_| plain)
        .ok_or(AgentError::Malformed)
}

impl AgentKey {
    /// The comment, fit for a message.
    pub fn shown(&self) -> String {
        Shown::new(&self.comment).to_string()
    }
}

/// What follows the kind of an answer, which must be `kind`.
fn body(answer: &[u8], kind: u8) -> Result<&[u8], AgentError> {
    match answer.split_first() {
        Some((&found, rest)) if found == kind => Ok(rest),
        Some((&FAILURE, _)) => Err(AgentError::Refused),
        _ => Err(AgentError::Malformed),
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(4 + message.len());
    put(&mut framed, message);
    framed
}

/// Adds `text` behind its length.
fn put(to: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).expect("what is signed is far below 4 GiB");
    to.extend(length.to_be_bytes());
    to.extend(text);
}

fn number(rest: &mut &[u8]) -> Result<u32, AgentError> {
    let (number, more) = rest.split_first_chunk().ok_or(AgentError::Malformed)?;
    *rest = more;
    Ok(u32::from_be_bytes(*number))
}

fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], AgentError> {
    let length = usize::try_from(number(rest)?).unwrap_or(usize::MAX);
    let (text, more) = rest.split_at_checked(length).ok_or(AgentError::Malformed)?;
    *rest = more;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use consign_statement::Signer as _;

    fn key() -> PublicKey {
        ed25519_dalek::SigningKey::from_bytes(&[7; 32]).public_key()
    }

    fn list(keys: &[(&[u8], &str)]) -> Vec<u8> {
        let mut answer = vec![IDENTITIES_ANSWER];
        answer.extend(u32::try_from(keys.len()).unwrap().to_be_bytes());
        for (blob, comment) in keys {
            put(&mut answer, blob);
            put(&mut answer, comment.as_bytes());
        }
        answer
    }

    #[test]
    fn ed25519_keys_of_a_list_are_found_among_others() {
        let ours = blob(&key());
        let answer = list(&[(b"\0\0\0\x07ssh-rsa", "rsa"), (&ours, "ada@laptop")]);
        let found = read_list(&answer).unwrap();
        let [found] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((found.key, found.shown()), (key(), "`ada@laptop`".into()));
        assert_eq!(read_list(&list(&[])), Ok(vec![]));
    }

    #[test]
    fn whatever_is_no_answer_is_an_error() {
        let ours = blob(&key());
        let good = list(&[(&ours, "x")]);
        for cut in 1..good.len() {
            assert_eq!(read_list(&good[..cut]), Err(AgentError::Malformed), "{cut}");
        }
        for (answer, error) in [
            (&[][..], AgentError::Malformed),
            (&[FAILURE], AgentError::Refused),
            (&[SIGN_RESPONSE], AgentError::Malformed),
            (
                &[IDENTITIES_ANSWER, 255, 255, 255, 255],
                AgentError::Malformed,
            ),
        ] {
            assert_eq!(read_list(answer), Err(error), "{answer:?}");
        }
    }

    #[test]
    fn signature_is_64_octets_of_our_type_and_nothing_more() {
        let answer = |kind: &str, length: usize, more: &[u8]| {
            let mut signature = Vec::new();
            put(&mut signature, kind.as_bytes());
            put(&mut signature, &vec![9; length]);
            let mut answer = vec![SIGN_RESPONSE];
            put(&mut answer, &signature);
            answer.extend(more);
            answer
        };
        assert_eq!(read_signature(&answer(TYPE, 64, b"")), Ok([9; 64]));
        for wrong in [
            answer("ssh-rsa", 64, b""),
            answer(TYPE, 63, b""),
            answer(TYPE, 65, b""),
            answer(TYPE, 64, b"\0"),
        ] {
            assert_eq!(read_signature(&wrong), Err(AgentError::Malformed));
        }
        assert_eq!(read_signature(&[FAILURE]), Err(AgentError::Refused));
    }

    #[test]
    fn requests_are_those_of_the_protocol() {
        assert_eq!(request_list(), b"\0\0\0\x01\x0b");
        let request = request_signature(&key(), b"abc");
        let length = u32::from_be_bytes(request[..4].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), request.len() - 4);
        assert_eq!(request[4], SIGN_REQUEST);
        assert!(request.ends_with(b"\0\0\0\x03abc\0\0\0\0"));
    }
}
