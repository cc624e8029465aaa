//! Users, and the tokens by which they are known.
//!
//! A token is 32 bytes from the system's random generator. It is shown once, when it is made; kept
//! is a file named after its SHA-256, which says whose it is. With that much randomness a plain
//! digest cannot be guessed back, and to look one up takes no comparison whose time could tell
//! anything.
//!
//! One file a token, made and removed as a whole: so tokens are made and revoked while a server is
//! running, which knows of it with the next request.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use consign_statement::Digest;
use serde::{Deserialize, Serialize};

use crate::store::{self, StoreError, failed};

/// How every token begins, so that one in a log or a repository is known for what it is.
const PREFIX: &str = "consign_";

/// The name of somebody who may publish: 1 to 64 ASCII letters, digits, `-`, `_`, `.`, `:` and `@`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct User(String);

impl User {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number that the Web API asks for: made from the name, since this registry has no other.
    pub fn id(&self) -> u32 {
        let [a, b, c, d, ..] = *Digest::of(self.0.as_bytes()).as_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no [`User`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no user name: 1 to 64 ASCII letters, digits, `-`, `_`, `.`, `:` and `@`",
    .0.escape_default()
)]
pub struct InvalidUser(String);

impl FromStr for User {
    type Err = InvalidUser;

    fn from_str(text: &str) -> Result<User, InvalidUser> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:@".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(User(text.into()))
        } else {
            Err(InvalidUser(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for User {
    type Error = InvalidUser;

    fn try_from(text: String) -> Result<User, InvalidUser> {
        text.parse()
    }
}

impl From<User> for String {
    fn from(user: User) -> String {
        user.0
    }
}

/// What is kept of a token.
#[derive(Serialize, Deserialize)]
struct Record {
    user: User,
    /// Unix seconds.
    created: u64,
}

/// A token as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The first digits of the token's digest, by which it is revoked.
    pub id: String,
    /// Whose it is.
    pub user: User,
    /// When it was made, in Unix seconds.
    pub created: u64,
}

/// The tokens of one registry.
#[derive(Debug, Clone)]
pub struct Tokens(PathBuf);

/// Why a token could not be made or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The files could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system's random generator failed.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// No token, or more than one, has an id that begins so.
    #[error("{found} tokens have an id that begins with `{}`", id.escape_default())]
    NotOne {
        /// What was asked for.
        id: String,
        /// How many tokens it fits.
        found: usize,
    },
}

impl Tokens {
    /// How many digits of the digest name a token.
    const ID_DIGITS: usize = 12;

    /// The tokens of the registry at `root`.
    pub fn at(root: &Path) -> Tokens {
        Tokens(root.join("tokens"))
    }

    /// Makes a token for `user`. This is the only time that it can be seen.
    pub fn create(&self, user: &User) -> Result<String, TokenError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(TokenError::Random)?;
        let token = format!("{PREFIX}{}", hex::encode(secret));
        let path = self.path(&Digest::of(token.as_bytes()));
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let record = Record {
            user: user.clone(),
            created: since_epoch.map_or(0, |time| time.as_secs()),
        };
        store::write_json(&path, &record)?;
        Ok(token)
    }

    /// Whose token this is; `None` where it is nobody's.
    pub fn user(&self, token: &str) -> Result<Option<User>, StoreError> {
        let path = self.path(&Digest::of(token.as_bytes()));
        Ok(read(&path)?.map(|record| record.user))
    }

    /// Whether anybody with this name has a token.
    pub fn knows(&self, user: &User) -> Result<bool, StoreError> {
        Ok(self.list()?.iter().any(|token| token.user == *user))
    }

    /// All tokens, by user and then by age.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let mut list = Vec::new();
        for digest in self.digests()? {
            // It may have been revoked since.
            if let Some(Record { user, created }) = read(&self.path(&digest))? {
                let mut id = digest.to_string();
                id.truncate(Tokens::ID_DIGITS);
                list.push(Listed { id, user, created });
            }
        }
        list.sort_by(|a, b| (&a.user, a.created, &a.id).cmp(&(&b.user, b.created, &b.id)));
        Ok(list)
    }

    /// Revokes the one token whose id begins with `id`.
    pub fn revoke(&self, id: &str) -> Result<(), TokenError> {
        let digests = self.digests()?.into_iter();
        let found: Vec<_> = digests
            .filter(|digest| !id.is_empty() && digest.to_string().starts_with(id))
            .collect();
        let [digest] = found[..] else {
            return Err(TokenError::NotOne {
                id: id.into(),
                found: found.len(),
            });
        };
        Ok(store::remove(&self.path(&digest))?)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("{digest}.json"))
    }

    fn digests(&self) -> Result<Vec<Digest>, StoreError> {
        let mut digests = Vec::new();
        if self.0.is_dir() {
            for entry in fs::read_dir(&self.0).map_err(failed("read", &self.0))? {
                let name = entry.map_err(failed("read", &self.0))?.file_name();
                let digest = name.to_str().and_then(|name| name.strip_suffix(".json"));
                digests.extend(digest.and_then(|digest| digest.parse::<Digest>().ok()));
            }
        }
        Ok(digests)
    }
}

fn read(path: &Path) -> Result<Option<Record>, StoreError> {
    let bytes = store::read(path)?;
    bytes
        .map(|bytes| serde_json::from_slice(&bytes).map_err(|e| damaged(path, e)))
        .transpose()
}

fn damaged(path: &Path, reason: serde_json::Error) -> StoreError {
    StoreError::Damaged {
        path: path.into(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn user(name: &str) -> User {
        name.parse().unwrap()
    }

    #[test]
    fn a_token_is_its_users_until_it_is_revoked() {
        let root = tempfile::tempdir().unwrap();
        let tokens = Tokens::at(root.path());
        assert!(!tokens.knows(&user("alice")).unwrap());
        let alice = tokens.create(&user("alice")).unwrap();
        let bob = tokens.create(&user("bob")).unwrap();
        assert_eq!(tokens.user(&alice).unwrap(), Some(user("alice")));
        assert_eq!(tokens.user(&bob).unwrap(), Some(user("bob")));
        assert_eq!(tokens.user(&alice[..alice.len() - 1]).unwrap(), None);
        assert_eq!(tokens.user("../../etc/passwd").unwrap(), None);

        let list = tokens.list().unwrap();
        assert_eq!(list[0].user, user("alice"));
        tokens.revoke(&list[0].id).unwrap();
        assert_eq!(tokens.user(&alice).unwrap(), None);
        assert_eq!(tokens.user(&bob).unwrap(), Some(user("bob")));
        assert!(!tokens.knows(&user("alice")).unwrap());
    }

    #[test]
    fn only_the_digest_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let token = Tokens::at(root.path()).create(&user("alice")).unwrap();
        let secret = token.strip_prefix(PREFIX).unwrap();
        for entry in fs::read_dir(root.path().join("tokens")).unwrap() {
            let path = entry.unwrap().path();
            assert!(!path.to_str().unwrap().contains(secret));
            assert!(!fs::read_to_string(path).unwrap().contains(secret));
        }
    }

    #[test]
    fn revoke_needs_an_id_of_one_token() {
        let root = tempfile::tempdir().unwrap();
        let tokens = Tokens::at(root.path());
        tokens.create(&user("alice")).unwrap();
        for (id, found) in [("", 0), ("x", 0)] {
            match tokens.revoke(id) {
                Err(TokenError::NotOne { found: n, .. }) => assert_eq!(n, found),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn names_of_users() {
        assert_eq!(user("github:octo-cat").as_str(), "github:octo-cat");
        for wrong in ["", "a b", "a\n", "é", &"x".repeat(65)] {
            assert!(wrong.parse::<User>().is_err(), "{wrong}");
        }
    }
}
