//! SSH *signing* keys, as forges list them.
//!
//! An Ed25519 key in an agent, or on a token behind it, is published as one of these. A key with
//! which its owner logs in says nothing about what he signs, so only a list that tells signing keys
//! from login keys is read: GitHub's has nothing else in it, GitLab's says of each what it is for.
//!
//! ```json
//! [{"id": 2, "key": "ssh-ed25519 AAAAC3Nz… laptop", "title": "laptop", "created_at": "2020-06-11T21:31:57Z"},
//!  {"id": 3, "key": "ssh-ed25519 AAAAC3Nz…", "usage_type": "auth_and_signing", "expires_at": null}]
//! ```
//!
//! A key is the line that OpenSSH writes: its type, and in base64 the type again and what it is
//! made of, each behind its length (RFC 4253, section 6.6; RFC 8709, section 4).

pub mod agent;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use consign_statement::{Digest, InvalidKey, PublicKey};
use serde::Deserialize;

use crate::answer::{self, Answer, NoAnswer};
use crate::openpgp::{KeyError, KeyState, MAX_KEYS, PublishedKey};
use crate::utc::Utc;

/// What a fingerprint begins with.
const FINGERPRINT: &str = "SHA256:";
/// The only type of keys that signs releases.
const TYPE: &str = "ssh-ed25519";
/// What a key of this type begins with: the type and the length of the key, behind their lengths.
const PREFIX: &[u8; 19] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20";

/// Which keys of a list are signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SigningKeys {
    /// All that are in it.
    All,
    /// Those whose `usage_type` says so.
    ByUsage,
}

#[derive(Deserialize)]
struct Entry {
    key: String,
    usage_type: Option<String>,
    expires_at: Option<String>,
}

/// The keys in a forge's list. Other types are skipped, as in [`Answer::Keys`].
pub(crate) fn read(body: &[u8], signing: SigningKeys) -> Result<Answer, NoAnswer> {
    let mut entries: Vec<Entry> = answer::read_json(body)?;
    if entries.len() > MAX_KEYS {
        return Err(NoAnswer::Malformed(KeyError::TooManyKeys));
    }
    entries.retain(|entry| match signing {
        SigningKeys::All => true,
        SigningKeys::ByUsage => is_for_signing(entry.usage_type.as_deref()),
    });
    if entries.is_empty() {
        return Ok(Answer::NoKeys);
    }
    let mut keys: Vec<PublishedKey> = Vec::new();
    for entry in entries {
        let Some(key) = key(&entry.key).map_err(|MalformedKey| NoAnswer::Unexpected)? else {
            continue;
        };
        let state = match entry.expires_at {
            None => KeyState::Good,
            Some(text) => KeyState::GoodUntil(Utc::read(&text).ok_or(NoAnswer::Unexpected)?.0),
        };
        if keys.iter().all(|known| known.key != key) {
            keys.push(published(key, state));
        }
    }
    Ok(Answer::Keys(keys))
}

/// Whether a key that is for this may sign. Older GitLabs do not say: then it may not.
pub(crate) fn is_for_signing(usage_type: Option<&str>) -> bool {
    matches!(usage_type, Some("signing" | "auth_and_signing"))
}

/// The key in a line of OpenSSH; `None` where it is of another type, or cannot check signatures.
pub(crate) fn key(line: &str) -> Result<Option<PublicKey>, MalformedKey> {
    let mut words = line.split_ascii_whitespace();
    if words.next() != Some(TYPE) {
        return Ok(None);
    }
    let octets = words.next().and_then(|text| STANDARD.decode(text).ok());
    let key = octets
        .as_deref()
        .and_then(|octets| octets.strip_prefix(PREFIX))
        .and_then(|key| <&[u8; 32]>::try_from(key).ok())
        .ok_or(MalformedKey)?;
    Ok(PublicKey::from_bytes(key).ok())
}

/// The line of OpenSSH for `key`, without a comment.
pub fn line(key: &PublicKey) -> String {
    format!("{TYPE} {}", STANDARD.encode(blob(key)))
}

/// What OpenSSH calls `key` by: `SHA256:` and the digest of its octets in base64, as `ssh-add -l` prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    let digest = Digest::of(&blob(key));
    format!("{FINGERPRINT}{}", STANDARD_NO_PAD.encode(digest.as_bytes()))
}

/// Whether a text is meant as a [`fingerprint`].
pub fn is_fingerprint(text: &str) -> bool {
    text.starts_with(FINGERPRINT)
}

/// Reads the key that an agent lists: its octets, without base64. `None` for other types.
pub fn key_of_agent(blob: &[u8]) -> Option<Result<PublicKey, InvalidKey>> {
    let key = blob.strip_prefix(PREFIX)?.try_into().ok()?;
    Some(PublicKey::from_bytes(key))
}

fn blob(key: &PublicKey) -> Vec<u8> {
    [PREFIX, &key.as_bytes()[..]].concat()
}

/// SSH keys have no date of their own: a signature is never older than its key. What they are
/// called by is the SHA-256 of their octets, which `ssh-keygen -l` prints in base64.
fn published(key: PublicKey, state: KeyState) -> PublishedKey {
    let digest = Digest::of(&blob(&key)).to_string();
    PublishedKey {
        key,
        fingerprint: digest.parse().expect("a digest is 64 hexadecimal digits"),
        created: 0,
        state,
    }
}

/// The line says that it is a key of our type, and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MalformedKey;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::openpgp::Worth;

    // Of `ssh-keygen -t ed25519`, which says of it:
    // 256 SHA256:20nj3C77OovHa6wnEqSZEpy61qYvhdZw7S49qjYlMbI ada (ED25519)
    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEl6E8lbJ3CBJoBJKAlDNC+65YguhFlhq+cZyJirQ4Md ada";
    const SHA256: &str = "20nj3C77OovHa6wnEqSZEpy61qYvhdZw7S49qjYlMbI";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7";

    fn list(entries: &[(&str, &str)]) -> String {
        let entries = entries.iter().map(|(key, more)| {
            format!(
                r#"{{"id":2,"title":"t","key":"{key}","created_at":"2020-06-11T21:31:57Z"{more}}}"#
            )
        });
        format!("[{}]", entries.collect::<Vec<_>>().join(","))
    }

    fn keys(body: &str, signing: SigningKeys) -> Vec<PublishedKey> {
        match read(body.as_bytes(), signing) {
            Ok(Answer::Keys(keys)) => keys,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_key_is_what_openssh_writes() {
        let ada = key(LINE).unwrap().unwrap();
        assert_eq!(line(&ada), LINE.rsplit_once(' ').unwrap().0);
        assert_eq!(key_of_agent(&blob(&ada)), Some(Ok(ada)));
        assert_eq!(fingerprint(&ada), format!("SHA256:{SHA256}"));
        assert!(is_fingerprint(&fingerprint(&ada)) && !is_fingerprint(SHA256));
        let fingerprint = published(ada, KeyState::Good).fingerprint;
        let digits =
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(fingerprint.as_bytes());
        assert_eq!(digits, SHA256);
        for other in [
            RSA,
            "",
            "ecdsa-sha2-nistp256 AAAA",
            "sk-ssh-ed25519@openssh.com AAAA",
        ] {
            assert_eq!(key(other), Ok(None), "{other}");
        }
        let (_, text) = line(&ada)
            .split_once(' ')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        let cut = &text[..text.len() - 4];
        let longer = STANDARD.encode([&blob(&ada)[..], b"\0"].concat());
        for wrong in ["", cut, &longer, "AAAA", "@@@@"] {
            assert_eq!(
                key(&format!("{TYPE} {wrong}")),
                Err(MalformedKey),
                "{wrong}"
            );
        }
        // A point of small order, with which anybody could sign.
        let weak = STANDARD.encode([PREFIX, &[0; 32][..]].concat());
        assert_eq!(key(&format!("{TYPE} {weak}")), Ok(None));
        assert!(matches!(
            key_of_agent(&STANDARD.decode(weak).unwrap()),
            Some(Err(_))
        ));
        assert_eq!(key_of_agent(b"\0\0\0\x07ssh-rsa"), None);
    }

    #[test]
    fn every_key_of_github_s_list_signs() {
        let found = keys(
            &list(&[(RSA, ""), (LINE, ""), (LINE, "")]),
            SigningKeys::All,
        );
        assert_eq!(
            found,
            [published(key(LINE).unwrap().unwrap(), KeyState::Good)]
        );
        assert_eq!(found[0].check(0, 0), Ok(Worth::Full));
        assert_eq!(read(b"[]", SigningKeys::All), Ok(Answer::NoKeys));
        assert_eq!(keys(&list(&[(RSA, "")]), SigningKeys::All), []);
    }

    #[test]
    fn of_gitlab_s_list_login_keys_never_count() {
        for usage in ["signing", "auth_and_signing"] {
            let body = list(&[(
                LINE,
                &format!(r#","usage_type":"{usage}","expires_at":null"#),
            )]);
            assert_eq!(keys(&body, SigningKeys::ByUsage)[0].state, KeyState::Good);
        }
        for more in [
            r#","usage_type":"auth""#,
            r#","usage_type":null"#,
            r#","usage_type":"x""#,
            "",
        ] {
            let body = list(&[(LINE, more)]);
            assert_eq!(
                read(body.as_bytes(), SigningKeys::ByUsage),
                Ok(Answer::NoKeys),
                "{more}"
            );
        }
        let ends = r#","usage_type":"signing","expires_at":"2020-05-05T00:00:00.000Z""#;
        let found = keys(&list(&[(LINE, ends)]), SigningKeys::ByUsage);
        assert_eq!(found[0].state, KeyState::GoodUntil(1_588_636_800));
    }

    #[test]
    fn whatever_is_no_list_of_keys_is_no_answer() {
        let cut = &list(&[(LINE, "")])[..40];
        let malformed = list(&[("ssh-ed25519 AAAA", "")]);
        let date = list(&[(LINE, r#","expires_at":"soon""#)]);
        let many = list(&vec![(RSA, ""); MAX_KEYS + 1]);
        for (body, want) in [
            ("", NoAnswer::Empty),
            ("<html>", NoAnswer::WebPage),
            (cut, NoAnswer::Unexpected),
            ("{}", NoAnswer::Unexpected),
            ("[7]", NoAnswer::Unexpected),
            (r#"[{"id":2}]"#, NoAnswer::Unexpected),
            (r#"[{"key":7}]"#, NoAnswer::Unexpected),
            (&malformed, NoAnswer::Unexpected),
            (&date, NoAnswer::Unexpected),
            (&many, NoAnswer::Malformed(KeyError::TooManyKeys)),
            (
                &" ".repeat(answer::MAX_BODY + 1),
                NoAnswer::TooLarge {
                    limit: answer::MAX_BODY,
                },
            ),
        ] {
            assert_eq!(
                read(body.as_bytes(), SigningKeys::All),
                Err(want),
                "{body:.60}"
            );
        }
    }
}
