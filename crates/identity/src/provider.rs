//! Identity providers: who answers "which keys has this account published?", and where to ask.
//!
//! A provider is a row of a table: a name, the rule for its users' names, and the place where a
//! user's keys are, which is a [template](Keys) of a URL or of a path. Forges that publish keys at
//! `/USER.gpg` are [presets](Providers::presets); others are [defined](Providers::define) by the
//! user. Nothing that a registry serves can bring an address: a locator names a provider and a
//! user, and the user's name is checked by the provider's own rule before it goes anywhere.

mod template;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::answer::{self, Answer, NoAnswer};
use crate::identity::{InvalidIdentity, check_provider};
use crate::shown::Shown;

pub use template::{InvalidTemplate, Keys, PathTemplate, UrlTemplate};

/// Whose rules a provider follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    GitHub,
    GitLab,
    Forgejo,
    /// Defined by the user.
    Own,
}

/// A provider that needs no configuration.
struct Preset {
    name: &'static str,
    kind: Kind,
    keys: &'static str,
    display: &'static str,
    /// Where the owner of an account adds a key by hand.
    page: &'static str,
}

const PRESETS: [Preset; 3] = [
    Preset {
        name: "github",
        kind: Kind::GitHub,
        keys: "https://github.com/{user}.gpg",
        display: "GitHub user @{user}",
        page: "https://github.com/settings/gpg/new",
    },
    Preset {
        name: "gitlab",
        kind: Kind::GitLab,
        keys: "https://gitlab.com/{user}.gpg",
        display: "GitLab user @{user}",
        page: "https://gitlab.com/-/user_settings/gpg_keys",
    },
    Preset {
        name: "codeberg",
        kind: Kind::Forgejo,
        keys: "https://codeberg.org/{user}.gpg",
        display: "Codeberg user @{user}",
        page: "https://codeberg.org/user/settings/keys",
    },
];

/// The longest text that stands for a provider's users in messages, in characters.
const MAX_DISPLAY: usize = 128;

/// Every provider that an identity may name here.
#[derive(Debug, Clone)]
pub struct Providers(BTreeMap<String, Provider>);

impl Providers {
    /// The providers that need no configuration: `github`, `gitlab` and `codeberg`.
    pub fn presets() -> Providers {
        let row = |preset: &Preset| {
            let provider = Provider {
                name: preset.name.to_owned(),
                kind: preset.kind,
                keys: Keys::parse(preset.keys).expect("the presets are well formed"),
                display: Some(preset.display.to_owned()),
                page: Some(preset.page),
            };
            (preset.name.to_owned(), provider)
        };
        Providers(PRESETS.iter().map(row).collect())
    }

    /// Adds the provider `name`, whose users' keys are at `keys`, or replaces it.
    ///
    /// `keys` is `https://HOST/…/{user}…` (`http` to a loopback host only) or the absolute path of
    /// a file `/…/{user}…`; see [`Keys`]. `display` is how its users are called in messages,
    /// `Corp user @{user}`; without it, by their identity.
    ///
    /// A preset that is replaced keeps the rule for its users' names, and its display text where
    /// none is given: another address does not make other names valid in a key locator.
    pub fn define(
        &mut self,
        name: &str,
        keys: &str,
        display: Option<&str>,
    ) -> Result<(), InvalidProvider> {
        check_provider(name)?;
        let keys = Keys::parse(keys)?;
        if let Some(display) = display {
            check_display(display)?;
        }
        let preset = PRESETS.iter().find(|preset| preset.name == name);
        let display = display.or(preset.map(|preset| preset.display));
        self.0.insert(
            name.to_owned(),
            Provider {
                name: name.to_owned(),
                kind: preset.map_or(Kind::Own, |preset| preset.kind),
                keys,
                display: display.map(str::to_owned),
                page: None,
            },
        );
        Ok(())
    }

    /// The provider of that name.
    pub fn get(&self, name: &str) -> Option<&Provider> {
        self.0.get(name)
    }

    /// The names of all providers, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Who answers for the accounts of one forge, host or folder.
#[derive(Debug, Clone)]
pub struct Provider {
    name: String,
    kind: Kind,
    keys: Keys,
    display: Option<String>,
    page: Option<&'static str>,
}

impl Provider {
    /// The name that its identities begin with: `github`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its users' keys are.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The page at which the owner of an account adds a key by hand, where that is known.
    pub fn page(&self) -> Option<&'static str> {
        self.page
    }

    /// Checks that `user` can be the name of an account here: for GitHub `[a-z0-9_-]{1,64}`,
    /// otherwise `[a-z0-9_.-]{1,255}` that does not begin with `.` or `-`.
    pub fn check_user(&self, user: &str) -> Result<(), InvalidUser> {
        let (dots, limit) = match self.kind {
            Kind::GitHub => (false, 64),
            Kind::GitLab | Kind::Forgejo | Kind::Own => (true, 255),
        };
        let allowed = |c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-') || (dots && c == '.');
        let fault = if user.is_empty() {
            UserFault::Empty
        } else if user.chars().nth(limit).is_some() {
            UserFault::Long(limit)
        } else if user.chars().any(|c| c.is_ascii_uppercase()) {
            UserFault::UpperCase
        } else if let Some(c) = user.chars().find(|&c| !allowed(c)) {
            UserFault::Character(c)
        } else if let Some(c) = user
            .chars()
            .next()
            .filter(|c| dots && matches!(c, '.' | '-'))
        {
            UserFault::Start(c)
        } else {
            return Ok(());
        };
        Err(InvalidUser {
            user: Shown::new(user),
            provider: self.name.clone(),
            fault,
        })
    }

    /// Where the keys of `user` are.
    pub fn location(&self, user: &str) -> Result<Location, InvalidUser> {
        self.check_user(user)?;
        Ok(self.keys.fill(user))
    }

    /// How messages call `user`: `GitHub user @octocat`, or the identity where the provider has no
    /// text of its own.
    ///
    /// Says nothing of whether the account exists. A name that is not checked is shown escaped.
    pub fn display(&self, user: &str) -> String {
        if self.check_user(user).is_err() {
            return format!("{}:{}", self.name, Shown::new(user));
        }
        match &self.display {
            Some(display) => display.replace(template::USER, user),
            None => format!("{}:{user}", self.name),
        }
    }

    /// What the provider's answer says, from the HTTP status (200 for a file that was read) and
    /// the body: [`answer::read`], and where it differs what this provider means by it.
    ///
    /// GitLab answers for an account without keys with an empty body. From anyone else an empty
    /// body says nothing: reading it as "no keys" would withdraw every key of the account.
    pub fn read(&self, status: u32, body: &[u8]) -> Answer {
        match answer::read(status, body) {
            Answer::NoAnswer(NoAnswer::Empty) if self.kind == Kind::GitLab => Answer::NoKeys,
            answer => answer,
        }
    }
}

fn check_display(display: &str) -> Result<(), InvalidProvider> {
    if display.matches(template::USER).count() != 1 {
        return Err(InvalidProvider::DisplayUser(
            Shown::new(display).to_string(),
        ));
    }
    let braces = display.replace(template::USER, "").contains(['{', '}']);
    if braces || display.chars().any(char::is_control) || display.len() > MAX_DISPLAY {
        return Err(InvalidProvider::DisplayText(
            Shown::new(display).to_string(),
        ));
    }
    Ok(())
}

/// Where an account's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// At a URL: `https`, or `http` to a loopback host.
    Url(url::Url),
    /// In a file.
    File(PathBuf),
}

/// Why a provider cannot be defined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProvider {
    /// It cannot have this name.
    #[error(transparent)]
    Name(#[from] InvalidIdentity),
    /// The text that says where keys are is wrong.
    #[error(transparent)]
    Keys(#[from] InvalidTemplate),
    /// The display text does not have one `{user}`.
    #[error("the display text {0} must contain `{{user}}` once")]
    DisplayUser(String),
    /// The display text is too long or not fit to be printed.
    #[error(
        "the display text {0} must be at most {MAX_DISPLAY} bytes, without control characters or other braces"
    )]
    DisplayText(String),
}

/// A name cannot be that of an account at a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{user} cannot be the name of an account at the identity provider `{provider}`: {fault}")]
pub struct InvalidUser {
    user: Shown,
    provider: String,
    fault: UserFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum UserFault {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {0} characters")]
    Long(usize),
    #[error("it must be written in lower case")]
    UpperCase,
    #[error("it contains `{}`", .0.escape_default())]
    Character(char),
    #[error("it begins with `{0}`")]
    Start(char),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(location: Location) -> String {
        match location {
            Location::Url(url) => url.into(),
            Location::File(path) => panic!("a file: {}", path.display()),
        }
    }

    #[test]
    fn presets_know_where_their_users_keys_are() {
        let presets = Providers::presets();
        assert_eq!(
            presets.names().collect::<Vec<_>>(),
            ["codeberg", "github", "gitlab"]
        );
        for (name, address, display) in [
            (
                "github",
                "https://github.com/octocat.gpg",
                "GitHub user @octocat",
            ),
            (
                "gitlab",
                "https://gitlab.com/octocat.gpg",
                "GitLab user @octocat",
            ),
            (
                "codeberg",
                "https://codeberg.org/octocat.gpg",
                "Codeberg user @octocat",
            ),
        ] {
            let provider = presets.get(name).unwrap();
            assert_eq!(provider.name(), name);
            assert_eq!(url(provider.location("octocat").unwrap()), address);
            assert_eq!(provider.display("octocat"), display);
        }
    }

    #[test]
    fn a_provider_of_ones_own_is_a_url_or_a_folder() {
        let mut providers = Providers::presets();
        let keys = "https://git.corp.example/keys/{user}.asc?raw=1";
        providers
            .define("corp", keys, Some("Corp user @{user}"))
            .unwrap();
        providers
            .define("shelf", "/srv/keys/{user}.asc", None)
            .unwrap();
        let corp = providers.get("corp").unwrap();
        assert_eq!(
            url(corp.location("a.b").unwrap()),
            "https://git.corp.example/keys/a.b.asc?raw=1"
        );
        assert_eq!(corp.display("a.b"), "Corp user @a.b");
        let shelf = providers.get("shelf").unwrap();
        assert_eq!(
            shelf.location("a.b").unwrap(),
            Location::File(PathBuf::from("/srv/keys/a.b.asc"))
        );
        assert_eq!(shelf.display("a.b"), "shelf:a.b");
        assert!(providers.get("elsewhere").is_none());
    }

    #[test]
    fn a_preset_that_is_replaced_keeps_its_rule_and_display() {
        let mut providers = Providers::presets();
        providers
            .define("github", "http://127.0.0.1:8080/{user}.gpg", None)
            .unwrap();
        let github = providers.get("github").unwrap();
        assert_eq!(
            url(github.location("octocat").unwrap()),
            "http://127.0.0.1:8080/octocat.gpg"
        );
        assert_eq!(github.display("octocat"), "GitHub user @octocat");
        assert!(github.check_user("octo.cat").is_err());
    }

    #[test]
    fn users_keep_the_rule_of_their_provider() {
        let providers = Providers::presets();
        let github = providers.get("github").unwrap();
        let gitlab = providers.get("gitlab").unwrap();
        for user in ["octocat", "a", "0", "octo-cat_1", &"x".repeat(64)] {
            assert_eq!(github.check_user(user), Ok(()), "{user}");
            assert_eq!(gitlab.check_user(user), Ok(()), "{user}");
        }
        // GitHub's old accounts begin and end with anything of its alphabet.
        assert_eq!(github.check_user("-a-"), Ok(()));
        assert_eq!(
            gitlab.check_user(&format!("a.b{}", "x".repeat(252))),
            Ok(())
        );

        for (provider, user, words) in [
            (github, "", "it is empty"),
            (github, &*"x".repeat(65), "longer than 64 characters"),
            (github, "Octocat", "must be written in lower case"),
            (github, "octo.cat", "it contains `.`"),
            (github, "..", "it contains `.`"),
            (github, "a/b", "it contains `/`"),
            (github, "a%2fb", "it contains `%`"),
            (github, "a b", "it contains ` `"),
            (github, "a\n", r"it contains `\n`"),
            (gitlab, "..", "it begins with `.`"),
            (gitlab, ".a", "it begins with `.`"),
            (gitlab, "-a", "it begins with `-`"),
            (gitlab, "a/../b", "it contains `/`"),
            (gitlab, &*"x".repeat(256), "longer than 255 characters"),
            (gitlab, "\u{e9}", r"it contains `\u{e9}`"),
        ] {
            let error = provider.check_user(user).unwrap_err().to_string();
            assert!(error.contains(words), "{user:?}: {error}");
            assert!(provider.location(user).is_err(), "{user:?}");
            assert!(provider.display(user).is_ascii(), "{user:?}");
            assert!(!provider.display(user).contains('\n'), "{user:?}");
        }
    }

    #[test]
    fn a_wrong_definition_is_refused_and_changes_nothing() {
        let mut providers = Providers::presets();
        let keys = "https://corp.example/{user}.gpg";
        for (name, keys, display, words) in [
            ("Corp", keys, None, "lower case"),
            ("co rp", keys, None, "it contains ` `"),
            (
                "corp",
                "https://corp.example/keys",
                None,
                "must contain `{user}` once",
            ),
            (
                "corp",
                keys,
                Some("Corp"),
                "display text `Corp` must contain `{user}` once",
            ),
            (
                "corp",
                keys,
                Some("{user}{user}"),
                "must contain `{user}` once",
            ),
            (
                "corp",
                keys,
                Some("{user} {x}"),
                "without control characters or other braces",
            ),
            (
                "corp",
                keys,
                Some("\x1b{user}"),
                "without control characters",
            ),
        ] {
            let error = providers
                .define(name, keys, display)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(providers.names().count(), 3);
    }

    #[test]
    fn an_empty_body_means_no_keys_at_gitlab_alone() {
        let providers = Providers::presets();
        let empty = |name| providers.get(name).unwrap().read(200, b"");
        assert_eq!(empty("gitlab"), Answer::NoKeys);
        assert_eq!(empty("github"), Answer::NoAnswer(NoAnswer::Empty));
        assert_eq!(empty("codeberg"), Answer::NoAnswer(NoAnswer::Empty));
        assert_eq!(
            providers.get("gitlab").unwrap().read(404, b""),
            Answer::NoSuchAccount
        );
    }
}
