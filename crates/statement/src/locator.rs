//! The key locator: which identity says that it signed, and with which of its keys.

use serde::Serialize;
use serde::ser::SerializeStruct as _;

use crate::{INTEGER_LIMIT, PublicKey};

/// A key locator, as it stands in an index entry and is signed.
///
/// It is a claim: the key in it only says which key to look for, and counts once the provider or
/// the signers file names it as that identity's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locator {
    provider: String,
    user: String,
    account: Option<u64>,
    key: PublicKey,
}

impl Locator {
    /// A locator that fits the format.
    ///
    /// - `provider`: 1 to 32 of `a` to `z`, `0` to `9` and `-`.
    /// - `user`: 1 to 255 bytes without control characters and upper-case ASCII letters. What a
    ///   user may be called at one provider is that provider's rule, and is not known here.
    /// - `account`: the provider's stable number for the account, below 2⁵³.
    pub fn new(
        provider: impl Into<String>,
        user: impl Into<String>,
        account: Option<u64>,
        key: PublicKey,
    ) -> Result<Locator, InvalidLocator> {
        let (provider, user) = (provider.into(), user.into());
        let in_provider = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&provider.len()) || !provider.bytes().all(in_provider) {
            return Err(InvalidLocator::Provider);
        }
        if !(1..=255).contains(&user.len()) {
            return Err(InvalidLocator::UserLength);
        }
        if user
            .chars()
            .any(|c| c.is_control() || c.is_ascii_uppercase())
        {
            return Err(InvalidLocator::UserCharacter);
        }
        if account.is_some_and(|account| account >= INTEGER_LIMIT) {
            return Err(InvalidLocator::Account);
        }
        Ok(Locator {
            provider,
            user,
            account,
            key,
        })
    }

    /// The name of the provider, such as `github`.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The user's name at the provider.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The provider's number for the account, where it is claimed.
    pub fn account(&self) -> Option<u64> {
        self.account
    }

    /// The key that signed.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// The field `key_locator`, as an object.
impl Serialize for Locator {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = 3 + usize::from(self.account.is_some());
        let mut object = serializer.serialize_struct("Locator", members)?;
        object.serialize_field("provider", &self.provider)?;
        object.serialize_field("user", &self.user)?;
        match self.account {
            Some(account) => object.serialize_field("account", &account)?,
            None => object.skip_field("account")?,
        }
        object.serialize_field("key", &self.key.to_string())?;
        object.end()
    }
}

/// Why a key locator does not fit the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLocator {
    /// No name of a provider.
    #[error("`provider` is not 1 to 32 of a-z, 0-9 and `-`")]
    Provider,
    /// The user's name is empty or too long.
    #[error("`user` is not 1 to 255 bytes long")]
    UserLength,
    /// The user's name has a character that none may have.
    #[error("`user` has a control character or an upper-case letter")]
    UserCharacter,
    /// The account's number is too large.
    #[error("`account` is not below 2^53")]
    Account,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn key() -> PublicKey {
        "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
            .parse()
            .unwrap()
    }

    fn new(provider: &str, user: &str, account: Option<u64>) -> Result<Locator, InvalidLocator> {
        Locator::new(provider, user, account, key())
    }

    #[test]
    fn names_are_bounded() {
        use InvalidLocator::*;
        for (provider, user, fault) in [
            ("", "octocat", Provider),
            ("GitHub", "octocat", Provider),
            ("git hub", "octocat", Provider),
            (&*"g".repeat(33), "octocat", Provider),
            ("github", "", UserLength),
            ("github", &*"o".repeat(256), UserLength),
            ("github", "Octocat", UserCharacter),
            ("github", "octo\ncat", UserCharacter),
            ("github", "octo\u{9b}cat", UserCharacter),
            ("github", "octo\u{7f}", UserCharacter),
        ] {
            assert_eq!(new(provider, user, None), Err(fault), "{provider} {user}");
        }
        assert!(new(&"g".repeat(32), &"o".repeat(255), None).is_ok());
        assert!(new("wkd", "ada@example.org", None).is_ok());
    }

    #[test]
    fn an_account_is_an_integer_that_json_can_hold() {
        assert!(new("github", "octocat", Some((1 << 53) - 1)).is_ok());
        assert_eq!(
            new("github", "octocat", Some(1 << 53)),
            Err(InvalidLocator::Account)
        );
    }

    #[test]
    fn is_written_as_the_format_says() {
        let locator = new("github", "octocat", Some(583231)).unwrap();
        assert_eq!(
            serde_json::to_string(&locator).unwrap(),
            r#"{"provider":"github","user":"octocat","account":583231,"key":"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
        );
        let locator = new("github", "octocat", None).unwrap();
        assert_eq!(
            serde_json::to_string(&locator).unwrap(),
            r#"{"provider":"github","user":"octocat","key":"ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
        );
    }
}
