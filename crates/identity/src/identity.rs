//! The name of an account at a provider.

use std::fmt;
use std::str::FromStr;

use crate::shown::Shown;

/// The longest name of a provider, in characters. What a key locator cannot hold is no name.
pub(crate) const MAX_PROVIDER: usize = 32;
/// The longest name of a user that any provider may have, in characters.
const MAX_USER: usize = 255;

/// An account that people know, at a provider: `github:octocat`.
///
/// Both halves are lower case and of few characters, so that an identity can stand in a message,
/// a file or a TOML key as it is. That the user's name also keeps the provider's own rule is for
/// [`Provider::check_user`](crate::provider::Provider::check_user) to say: an identity may name a
/// provider that nobody here knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    provider: String,
    user: String,
}

impl Identity {
    /// An identity from its two halves, as a key locator has them.
    pub fn new(provider: &str, user: &str) -> Result<Identity, InvalidIdentity> {
        check_provider(provider)?;
        check(
            user,
            MAX_USER,
            // An account of a Web Key Directory is an address.
            |c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | '-' | '+' | '@'),
            InvalidIdentity::user,
        )?;
        Ok(Identity {
            provider: provider.into(),
            user: user.into(),
        })
    }

    /// The provider's name: `github`.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The account's name at the provider: `octocat`.
    pub fn user(&self) -> &str {
        &self.user
    }
}

/// Checks the name of a provider: a lower-case letter or digit, then at most 31 of those or `-`.
pub(crate) fn check_provider(name: &str) -> Result<(), InvalidIdentity> {
    let allowed = |c| matches!(c, 'a'..='z' | '0'..='9' | '-');
    check(name, MAX_PROVIDER, allowed, InvalidIdentity::provider)?;
    if name.starts_with('-') {
        return Err(InvalidIdentity::provider(Shown::new(name), Wrong::Start));
    }
    Ok(())
}

fn check(
    text: &str,
    limit: usize,
    allowed: impl Fn(char) -> bool,
    error: impl Fn(Shown, Wrong) -> InvalidIdentity,
) -> Result<(), InvalidIdentity> {
    let wrong = if text.is_empty() {
        Wrong::Empty
    } else if text.chars().nth(limit).is_some() {
        Wrong::Long(limit)
    } else if text.chars().any(|c| c.is_ascii_uppercase()) {
        Wrong::UpperCase
    } else if let Some(c) = text.chars().find(|&c| !allowed(c)) {
        Wrong::Character(c)
    } else {
        return Ok(());
    };
    Err(error(Shown::new(text), wrong))
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.user)
    }
}

impl FromStr for Identity {
    type Err = InvalidIdentity;

    fn from_str(text: &str) -> Result<Identity, InvalidIdentity> {
        let (provider, user) = text
            .split_once(':')
            .ok_or_else(|| InvalidIdentity(Fault::NoColon(Shown::new(text))))?;
        Identity::new(provider, user)
    }
}

/// Why a text is no [`Identity`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidIdentity(Fault);

impl InvalidIdentity {
    fn provider(name: Shown, wrong: Wrong) -> InvalidIdentity {
        InvalidIdentity(Fault::Provider(name, wrong))
    }

    fn user(name: Shown, wrong: Wrong) -> InvalidIdentity {
        InvalidIdentity(Fault::User(name, wrong))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("{0} is not an identity, which is `provider:user`, as in `github:octocat`")]
    NoColon(Shown),
    #[error("{0} cannot be the name of an identity provider: {1}")]
    Provider(Shown, Wrong),
    #[error("{0} cannot be the name of an account: {1}")]
    User(Shown, Wrong),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {0} characters")]
    Long(usize),
    #[error("it must be written in lower case")]
    UpperCase,
    #[error("it must begin with a letter or digit")]
    Start,
    #[error("it contains `{}`", .0.escape_default())]
    Character(char),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "github:octocat",
            "corp:a.b_c-d",
            "my-forge:0",
            "wkd:joe.doe+crates@example.org",
        ] {
            let identity: Identity = text.parse().unwrap();
            assert_eq!(identity.to_string(), text);
        }
        let identity: Identity = "github:octocat".parse().unwrap();
        assert_eq!(
            (identity.provider(), identity.user()),
            ("github", "octocat")
        );
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (text, words) in [
            ("octocat", "is not an identity, which is `provider:user`"),
            ("", "is not an identity"),
            (":octocat", "name of an identity provider: it is empty"),
            (
                "-x:octocat",
                "provider: it must begin with a letter or digit",
            ),
            ("git.hub:octocat", "provider: it contains `.`"),
            ("github:", "name of an account: it is empty"),
            (
                "github:Octocat",
                "`Octocat` cannot be the name of an account: it must be written in lower case",
            ),
            ("github:octo/cat", "it contains `/`"),
            ("github:a:b", "it contains `:`"),
            ("github:a\u{1b}", r"it contains `\u{1b}`"),
            ("github:\u{e9}", r"it contains `\u{e9}`"),
        ] {
            let error = text.parse::<Identity>().unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
        let long = format!("github:{}", "x".repeat(256));
        let error = long.parse::<Identity>().unwrap_err().to_string();
        assert!(error.contains("longer than 255 characters"), "{error}");
        assert!(
            format!("github:{}", "x".repeat(255))
                .parse::<Identity>()
                .is_ok()
        );
    }
}
