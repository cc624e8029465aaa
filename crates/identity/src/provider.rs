//! Identity providers: who answers "which keys has this account published?", and where to ask.
//!
//! A provider is a row of a table: a name, the rule for its users' names, and where their keys are.
//! That is a forge, whose kind and host say everything else about it too; a Web Key Directory; or a
//! [template](Keys) of a URL or of a path. Some are [built in](Providers::presets), others are
//! [defined](Definition) by the user. Nothing that a registry serves can bring an address: a locator
//! names a provider and a user, and the user's name is checked by the provider's own rule before it
//! goes anywhere.
//!
//! - `preset`: the tables of forges and of what is built in. A new forge is a row there.
//! - `definition`: a provider as its user defines it.
//! - `host`, `wkd`, `template`: where the keys of a forge, a directory, anything else are.
//! - `user`: what accounts may be called.
//! - `question`: what is asked, and how the answer is read.
//!
//! What to ask is a list of [`Question`]s, of which the first is always asked, and the next where
//! the one before it leaves something open:
//!
//! ```text
//!  Provider::questions ──▶ Question ── location ──▶ (the caller asks) ──▶ Question::read ──▶ Answer
//! ```

mod definition;
mod host;
mod preset;
mod question;
mod template;
mod user;
mod wkd;

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use crate::account::AccountAnswer;
use crate::answer::{self, Answer, NoAnswer};
use crate::identity::check_provider;
use crate::shown::Shown;
use crate::transport::{Headers, InvalidToken, Token};

pub use self::definition::{Definition, InvalidProvider};
use self::definition::{Kind, address, check_display};
pub(crate) use self::host::Host;
pub(crate) use self::preset::Collection;
use self::preset::{PRESETS, Preset, TokenVariable};
pub use self::question::{Question, When};
pub use self::template::{InvalidTemplate, Keys, PathTemplate, UrlTemplate};
pub use self::user::InvalidUser;
use self::user::Rule;
use self::wkd::Directory;

/// Every provider that an identity may name here.
#[derive(Debug, Clone)]
pub struct Providers(BTreeMap<String, Provider>);

impl Providers {
    /// The providers that need no configuration: `github`, `gitlab`, `codeberg` and `wkd`.
    pub fn presets() -> Providers {
        let row = |preset: &'static Preset| {
            let place = match preset.forge {
                Some((software, host)) => {
                    Place::Forge(Host::new(software, host).expect("the presets are well formed"))
                }
                None => Place::Directory(Directory::AtTheirDomain),
            };
            let provider = Provider {
                name: preset.name.to_owned(),
                rule: preset.rule(),
                empty_is_no_keys: preset.forge.is_some_and(|(s, _)| s.empty_is_no_keys),
                place,
                display: Some(preset.display.to_owned()),
                variables: preset.variables,
            };
            (preset.name.to_owned(), provider)
        };
        Providers(PRESETS.iter().map(row).collect())
    }

    /// Adds the provider `name`, whose users' keys are at `keys`, or replaces it: a
    /// [`Definition`] with no more than that.
    pub fn define(
        &mut self,
        name: &str,
        keys: &str,
        display: Option<&str>,
    ) -> Result<(), InvalidProvider> {
        let keys = Some(keys);
        self.define_as(
            name,
            &Definition {
                keys,
                display,
                ..Definition::default()
            },
        )
    }

    /// Adds the provider `name`, or replaces it.
    ///
    /// A preset that is replaced keeps the rule for its users' names, and its display text where
    /// none is given: another address does not make other names valid in a key locator.
    pub fn define_as(
        &mut self,
        name: &str,
        definition: &Definition<'_>,
    ) -> Result<(), InvalidProvider> {
        check_provider(name)?;
        let preset = Preset::named(name);
        let kind = match definition.kind {
            Some(kind) => Some(Kind::named(kind)?),
            None => preset.map(Kind::of),
        };
        if preset.is_some_and(|preset| kind != Some(Kind::of(preset))) {
            return Err(InvalidProvider::KindOfPreset(name.to_owned()));
        }
        let place = match (definition.host, definition.keys, kind) {
            (Some(_), Some(_), _) => return Err(InvalidProvider::HostAndKeys),
            // What is there, is as it is; of a preset only the rule is left.
            (None, Some(_), _) if definition.kind.is_some() => {
                return Err(InvalidProvider::KindOfKeys);
            }
            (None, Some(keys), _) => Place::Keys(Keys::parse(keys)?),
            (Some(host), None, Some(Kind::Forge(software))) => {
                Place::Forge(Host::new(software, &address(host))?)
            }
            (Some(host), None, Some(Kind::Directory)) => {
                Place::Directory(Directory::at(&address(host))?)
            }
            (None, None, Some(Kind::Directory)) => Place::Directory(Directory::AtTheirDomain),
            (Some(_), None, None) => return Err(InvalidProvider::NoKind),
            (None, None, _) => return Err(InvalidProvider::Nowhere),
        };
        let software = kind.and_then(Kind::software);
        if let Some(display) = definition.display {
            check_display(display)?;
        }
        let display = definition.display.or(preset.map(|preset| preset.display));
        let provider = Provider {
            name: name.to_owned(),
            rule: kind.map_or(Rule::Dotted, Kind::rule),
            empty_is_no_keys: software.is_some_and(|software| software.empty_is_no_keys),
            place,
            display: display.map(str::to_owned),
            variables: match (preset, software) {
                (Some(preset), _) => preset.variables,
                (None, Some(software)) => software.variables,
                (None, None) => &[],
            },
        };
        self.0.insert(name.to_owned(), provider);
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
    rule: Rule,
    empty_is_no_keys: bool,
    place: Place,
    display: Option<String>,
    variables: &'static [TokenVariable],
}

/// Where keys are.
#[derive(Debug, Clone)]
enum Place {
    Keys(Keys),
    Forge(Host),
    Directory(Directory),
}

/// A program that prints a token, to be run by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// What is run.
    pub program: &'static str,
    /// With what arguments.
    pub arguments: Vec<String>,
}

impl Provider {
    /// The name that its identities begin with: `github`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The template of where its users' keys are, where there is one: a Web Key Directory has none.
    pub fn keys(&self) -> Option<&Keys> {
        match &self.place {
            Place::Keys(keys) | Place::Forge(Host { keys, .. }) => Some(keys),
            Place::Directory(_) => None,
        }
    }

    pub(crate) fn host(&self) -> Option<&Host> {
        match &self.place {
            Place::Forge(host) => Some(host),
            Place::Keys(_) | Place::Directory(_) => None,
        }
    }

    /// The page at which the owner of an account adds an OpenPGP key by hand, where that is known.
    pub fn page(&self) -> Option<Url> {
        let host = self.host()?;
        Some(host.page(host.software.openpgp.add_page))
    }

    /// The page at which the owner of an account sees its OpenPGP keys and deletes them.
    pub fn page_of_keys(&self) -> Option<Url> {
        let host = self.host()?;
        Some(host.page(host.software.openpgp.page))
    }

    /// The page at which the owner of an account adds an SSH signing key by hand. `None` where SSH
    /// keys do not count.
    pub fn ssh_page(&self) -> Option<Url> {
        let host = self.host()?;
        Some(host.page(host.software.ssh.as_ref()?.own.add_page))
    }

    /// The page at which the owner of an account sees its SSH signing keys and deletes them.
    pub fn page_of_ssh_keys(&self) -> Option<Url> {
        let host = self.host()?;
        Some(host.page(host.software.ssh.as_ref()?.own.page))
    }

    /// The first token that an environment variable has for this provider, and which variable.
    /// `variable` reads one. A variable that serves several hosts counts where another one, which
    /// the provider's own tool reads too, names this host: `GITLAB_TOKEN` with `GITLAB_HOST`.
    pub fn token_in_environment(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Option<(&'static str, Result<Token, InvalidToken>)> {
        let here = self.host()?.name();
        let names_us = |value: String| {
            let host = value.split_once("://").map_or(&*value, |(_, rest)| rest);
            host.trim_end_matches('/').eq_ignore_ascii_case(here)
        };
        self.variables
            .iter()
            .find_map(|&TokenVariable { name, host_in }| {
                if host_in.is_some_and(|host_in| !variable(host_in).is_some_and(names_us)) {
                    return None;
                }
                let text = zeroize::Zeroizing::new(variable(name)?);
                (!text.trim().is_empty()).then(|| (name, Token::new(&text)))
            })
    }

    /// The provider's own tool, which prints the token that its user logged in with.
    pub fn tool(&self) -> Option<Tool> {
        let host = self.host()?;
        let (program, arguments) = host.software.tool?.split_first()?;
        let arguments = arguments.iter().map(|a| a.replace("{host}", host.name()));
        Some(Tool {
            program,
            arguments: arguments.collect(),
        })
    }

    /// Checks that `user` can be the name of an account here: for GitHub `[a-z0-9_-]{1,64}`, for a
    /// Web Key Directory one e-mail address, otherwise `[a-z0-9_.-]{1,255}` that does not begin with
    /// `.` or `-`.
    pub fn check_user(&self, user: &str) -> Result<(), InvalidUser> {
        self.rule.check(user).map_err(|fault| InvalidUser {
            user: Shown::new(user),
            provider: self.name.clone(),
            fault,
        })
    }

    /// Where the keys of `user` are: what the first of the [questions](Self::questions) asks.
    pub fn location(&self, user: &str) -> Result<Location, InvalidUser> {
        self.check_user(user)?;
        Ok(match &self.place {
            Place::Keys(keys) | Place::Forge(Host { keys, .. }) => keys.fill(user),
            Place::Directory(directory) => Location::Url(directory.urls(user).0),
        })
    }

    /// What to ask for the keys of `user`: the first, and each of the others in the
    /// [case](Question::when) that it is for.
    pub fn questions(&self, user: &str) -> Result<Vec<Question>, InvalidUser> {
        let first = self.location(user)?;
        let mut questions = Vec::new();
        match &self.place {
            Place::Directory(directory) => {
                let next = directory.urls(user).1;
                questions.push(Question::directory(first, When::Always, user));
                questions.extend(
                    next.map(|url| Question::directory(Location::Url(url), When::NoSuchHost, user)),
                );
            }
            Place::Keys(_) => questions.push(Question::openpgp(first, self.empty_is_no_keys)),
            Place::Forge(host) => {
                questions.push(Question::openpgp(first, self.empty_is_no_keys));
                questions.extend(host.ssh_keys(user));
            }
        }
        Ok(questions)
    }

    /// Where the number of the account `user` is; `None` where accounts have no numbers.
    pub fn account_url(&self, user: &str) -> Result<Option<Url>, InvalidUser> {
        self.check_user(user)?;
        let path = |host: &Host| host.software.account.path.replace(template::USER, user);
        Ok(self.host().map(|host| host.api(&path(host))))
    }

    /// What the answer of [`account_url`](Self::account_url) says, from the HTTP status, the
    /// headers and the body.
    pub fn read_account(
        &self,
        user: &str,
        status: u32,
        headers: &Headers,
        body: &[u8],
    ) -> AccountAnswer {
        let Some(host) = self.host() else {
            return AccountAnswer::NoAnswer(NoAnswer::NoNumbers);
        };
        match status {
            200 => host
                .read_account(user, body)
                .unwrap_or_else(AccountAnswer::NoAnswer),
            404 => AccountAnswer::NoSuchAccount,
            other => AccountAnswer::NoAnswer(answer::refusal(other, headers)),
        }
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
    /// For the first of the questions of a template or a forge; [`Question::read`] serves all.
    pub fn read(&self, status: u32, body: &[u8]) -> Answer {
        question::read_openpgp(status, &Headers::default(), body, self.empty_is_no_keys)
    }
}

/// Where an account's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// At a URL: `https`, or `http` to a loopback host.
    Url(url::Url),
    /// In a file.
    File(PathBuf),
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
            ["codeberg", "github", "gitlab", "wkd"]
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
        assert_eq!(providers.names().count(), 4);
    }

    fn own(name: &str, kind: &str, host: &str) -> Provider {
        let mut providers = Providers::presets();
        let definition = Definition {
            kind: Some(kind),
            host: Some(host),
            ..Definition::default()
        };
        providers.define_as(name, &definition).unwrap();
        providers.get(name).unwrap().clone()
    }

    #[test]
    fn a_forge_of_ones_own_is_known_by_its_kind() {
        for (kind, host, keys, account) in [
            (
                "github",
                "git.corp.example",
                "https://git.corp.example/ada.gpg",
                "https://git.corp.example/api/v3/users/ada",
            ),
            (
                "github",
                "https://corp.ghe.com/",
                "https://corp.ghe.com/ada.gpg",
                "https://api.corp.ghe.com/users/ada",
            ),
            // Another name for it.
            (
                "github",
                "github.com",
                "https://github.com/ada.gpg",
                "https://api.github.com/users/ada",
            ),
            (
                "gitlab",
                "https://corp.example:8443/git",
                "https://corp.example:8443/git/ada.gpg",
                "https://corp.example:8443/git/api/v4/users?username=ada",
            ),
            (
                "forgejo",
                "http://127.0.0.1:3000",
                "http://127.0.0.1:3000/ada.gpg",
                "http://127.0.0.1:3000/api/v1/users/ada",
            ),
            (
                "gitea",
                "https://git.corp.example",
                "https://git.corp.example/ada.gpg",
                "https://git.corp.example/api/v1/users/ada",
            ),
        ] {
            let corp = own("corp", kind, host);
            assert_eq!(url(corp.location("ada").unwrap()), keys);
            let number = corp.account_url("ada").unwrap().unwrap();
            assert_eq!(number.as_str(), account);
            assert_eq!(corp.display("ada"), "corp:ada");
            assert_eq!(corp.check_user("a.b").is_ok(), kind != "github");
        }
        // A preset is moved with all that it knows.
        let mut providers = Providers::presets();
        let here = Definition {
            host: Some("http://127.0.0.1:8080"),
            ..Definition::default()
        };
        providers.define_as("github", &here).unwrap();
        let github = providers.get("github").unwrap();
        let account = github.account_url("octocat").unwrap().unwrap();
        assert_eq!(
            account.as_str(),
            "http://127.0.0.1:8080/api/v3/users/octocat"
        );
        assert_eq!(github.display("octocat"), "GitHub user @octocat");
    }

    #[test]
    fn a_forge_has_pages_for_its_owners() {
        let pages = |provider: &Provider| {
            [
                provider.page(),
                provider.page_of_keys(),
                provider.ssh_page(),
            ]
            .map(|page| page.map(String::from))
        };
        let some = |text: &str| Some(text.to_owned());
        let providers = Providers::presets();
        assert_eq!(
            pages(providers.get("github").unwrap()),
            [
                some("https://github.com/settings/gpg/new"),
                some("https://github.com/settings/keys"),
                some("https://github.com/settings/ssh/new"),
            ]
        );
        let here = "https://git.corp.example/user/settings/keys";
        assert_eq!(
            pages(&own("corp", "gitea", "git.corp.example")),
            [some(here), some(here), None]
        );
        let page = "https://gitlab.com/-/user_settings/gpg_keys";
        let gitlab = providers.get("gitlab").unwrap();
        assert_eq!(gitlab.page().map(String::from), some(page));
        assert_eq!(pages(providers.get("wkd").unwrap()), [None, None, None]);
    }

    #[test]
    fn a_token_goes_only_to_the_host_that_it_is_for() {
        let found = |provider: &Provider, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                let known = variables.iter().find(|(known, _)| *known == name);
                known.map(|(_, value)| (*value).to_owned())
            };
            provider
                .token_in_environment(variable)
                .map(|(name, token)| {
                    token.unwrap();
                    name
                })
        };
        let providers = Providers::presets();
        let github = providers.get("github").unwrap();
        let both = [("GH_TOKEN", "a"), ("GITHUB_TOKEN", "b")];
        assert_eq!(found(github, &both), Some("GH_TOKEN"));
        let empty = [("GH_TOKEN", " "), ("GITHUB_TOKEN", "b")];
        assert_eq!(found(github, &empty), Some("GITHUB_TOKEN"));
        assert_eq!(found(github, &[]), None);
        let codeberg = providers.get("codeberg").unwrap();
        assert_eq!(found(codeberg, &both), None);
        assert_eq!(
            found(codeberg, &[("CODEBERG_TOKEN", "a")]),
            Some("CODEBERG_TOKEN")
        );

        let corp = own("corp", "gitlab", "https://git.corp.example:8443");
        let token = ("GITLAB_TOKEN", "a");
        assert_eq!(found(&corp, &[token]), None);
        assert_eq!(found(&corp, &[token, ("GITLAB_HOST", "gitlab.com")]), None);
        for host in ["git.corp.example:8443", "https://git.corp.example:8443/"] {
            let named = [token, ("GITLAB_HOST", host)];
            assert_eq!(found(&corp, &named), Some("GITLAB_TOKEN"), "{host}");
        }
        let enterprise = own("corp", "github", "git.corp.example");
        assert_eq!(found(&enterprise, &both), None);
        let tool = Tool {
            program: "gh",
            arguments: ["auth", "token", "--hostname", "git.corp.example"]
                .map(str::to_owned)
                .to_vec(),
        };
        assert_eq!(enterprise.tool(), Some(tool));
        assert_eq!(corp.tool().unwrap().program, "glab");
        assert_eq!(codeberg.tool(), None);
        let bad = github.token_in_environment(|_| Some("a b".to_owned()));
        assert_eq!(bad, Some(("GH_TOKEN", Err(InvalidToken::Characters))));
    }

    #[test]
    fn ssh_keys_are_asked_for_where_no_openpgp_key_will_do() {
        let providers = Providers::presets();
        let asked = |name: &str, user: &str| -> Vec<(String, When)> {
            let questions = providers.get(name).unwrap().questions(user).unwrap();
            let asked = |q: &Question| (url(q.location().clone()), q.when());
            questions.iter().map(asked).collect()
        };
        let row = |url: &str, when| (url.to_owned(), when);
        assert_eq!(
            asked("github", "octocat"),
            [
                row("https://github.com/octocat.gpg", When::Always),
                row(
                    "https://api.github.com/users/octocat/ssh_signing_keys?per_page=100",
                    When::KeyMissing
                ),
            ]
        );
        let ssh = "https://gitlab.com/api/v4/users/octocat/keys?per_page=100";
        assert_eq!(asked("gitlab", "octocat")[1], row(ssh, When::KeyMissing));
        // That would be the keys of account number 583231, whatever its name.
        assert_eq!(asked("gitlab", "583231").len(), 1);
        assert_eq!(asked("github", "583231").len(), 2);
        assert_eq!(asked("codeberg", "octocat").len(), 1);
        let wkd: Vec<_> = asked("wkd", "ada@example.org");
        assert!(wkd[0].0.starts_with("https://openpgpkey.example.org/"));
        assert!(wkd[1].0.starts_with("https://example.org/"));
        assert_eq!((wkd[0].1, wkd[1].1), (When::Always, When::NoSuchHost));
        assert!(providers.get("github").unwrap().questions("../x").is_err());
    }

    #[test]
    fn each_question_reads_its_own_answers() {
        let providers = Providers::presets();
        let questions = |name: &str, user: &str| {
            let provider = providers.get(name).unwrap();
            provider.questions(user).unwrap()
        };
        let none = Headers::default();
        let gitlab = questions("gitlab", "octocat");
        assert_eq!(gitlab[0].read(200, &none, b""), Answer::NoKeys);
        assert_eq!(gitlab[1].read(200, &none, b"[]"), Answer::NoKeys);
        let empty = Answer::NoAnswer(NoAnswer::Empty);
        assert_eq!(gitlab[1].read(200, &none, b""), empty);
        let github = questions("github", "octocat");
        assert_eq!(github[0].read(200, &none, b""), empty);
        assert_eq!(github[1].read(404, &none, b"{}"), Answer::NoSuchAccount);
        let more = Headers::from_iter([("link", r#"<https://x.example>; rel="next""#)]);
        let unread = Answer::NoAnswer(NoAnswer::MorePages);
        assert_eq!(github[1].read(200, &more, b"[]"), unread);
        let limited = Headers::from_iter([("retry-after", "60")]);
        let limited = github[1].read(429, &limited, b"");
        assert!(
            matches!(
                limited,
                Answer::NoAnswer(NoAnswer::Limited { status: 429, .. })
            ),
            "{limited:?}"
        );
        let binary = include_bytes!("../tests/data/gpg-ed25519.pgp");
        let plain = &questions("wkd", "plain@example.org")[0];
        assert!(matches!(plain.read(200, &none, binary), Answer::Keys(keys) if keys.len() == 1));
        let other = &questions("wkd", "ada@example.org")[1];
        assert_eq!(other.read(200, &none, binary), Answer::Keys(vec![]));
    }

    #[test]
    fn a_definition_says_one_thing() {
        let mut providers = Providers::presets();
        let mut wrong = |name: &str, kind, host, keys| {
            let definition = Definition {
                kind,
                host,
                keys,
                display: None,
            };
            providers
                .define_as(name, &definition)
                .unwrap_err()
                .to_string()
        };
        let (host, keys) = (Some("git.corp.example"), Some("/srv/keys/{user}.asc"));
        for (error, words) in [
            (
                wrong("corp", Some("sourcehut"), host, None),
                "`sourcehut` is no kind of identity provider: it is one of `github`, `gitlab`, `forgejo`, `gitea`, `wkd`",
            ),
            (
                wrong("corp", None, host, None),
                "it has a `host` and no `kind`, which is one of",
            ),
            (
                wrong("corp", Some("gitlab"), None, None),
                "keys are nowhere",
            ),
            (wrong("corp", None, None, None), "keys are nowhere"),
            (
                wrong("corp", Some("gitlab"), host, keys),
                "both `host` and `keys`",
            ),
            (
                wrong("corp", Some("gitlab"), None, keys),
                "`keys` needs no `kind`",
            ),
            (
                wrong("github", Some("gitlab"), host, None),
                "`github` is built in",
            ),
            (
                wrong("wkd", Some("gitlab"), host, None),
                "`wkd` is built in",
            ),
            (
                wrong(
                    "corp",
                    Some("gitlab"),
                    Some("http://git.corp.example"),
                    None,
                ),
                "must begin with `https://`",
            ),
            (
                wrong(
                    "corp",
                    Some("gitlab"),
                    Some("https://a:b@git.corp.example"),
                    None,
                ),
                "user name or password",
            ),
            (
                wrong(
                    "corp",
                    Some("gitlab"),
                    Some("https://git.corp.example?x"),
                    None,
                ),
                "in its path",
            ),
            (
                wrong("corp", Some("gitlab"), Some(""), None),
                "begin with `https://` and a host",
            ),
        ] {
            assert!(error.contains(words), "{error}");
        }
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
