//! The tables of what is known of providers.
//!
//! [`SOFTWARE`] has a row for each kind of forge: where it keeps what, and what it calls it.
//! [`PRESETS`] has a row for each provider that needs no configuration. A new forge is a row here;
//! what is done with it, [`crate::forge`] does for all of them alike.

use super::user::Rule;
use crate::ssh::SigningKeys;

/// One kind of forge. Paths are relative to its address, or to that of its interface.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Software {
    /// What it is called in configuration, `kind = "gitlab"`, and by what other names.
    pub(super) names: &'static [&'static str],
    pub(super) rule: Rule,
    /// Where a user's OpenPGP keys are.
    pub(super) keys: &'static str,
    /// Whether it answers for an account without keys with an empty body. From anyone else that
    /// says nothing: reading it as "no keys" would withdraw every key of the account.
    pub(super) empty_is_no_keys: bool,
    /// Where its interface is, on a host of its own.
    pub(super) api: &'static str,
    /// The domain whose hosts have their interface at `api.HOST` instead.
    pub(super) api_hosts: Option<&'static str>,
    /// What it wants to be told with each request.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// How a token is introduced.
    pub(crate) scheme: &'static str,
    /// Whether it says that something is not there to a token that may not see it.
    pub(crate) hides: bool,
    pub(crate) account: AccountPath,
    /// What an account's name is called.
    pub(crate) login: &'static str,
    /// How the first hundred, or as many as it gives, of a list are asked for.
    pub(crate) page: &'static str,
    pub(crate) openpgp: Collection,
    /// Its SSH keys, where it tells signing keys from login keys.
    pub(crate) ssh: Option<SshCollection>,
    pub(super) device: Option<DevicePaths>,
    /// The tool that has a token, with its arguments: `{host}` stands for the host.
    pub(super) tool: Option<&'static [&'static str]>,
    /// Variables that may have a token for a host of one's own.
    pub(super) variables: &'static [TokenVariable],
}

/// Where an account's number is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AccountPath {
    /// By the user's name, `{user}`.
    pub(super) path: &'static str,
    /// Whether the answer is a list of those that there are, of at most one.
    pub(super) in_list: bool,
}

/// The keys of the owner of a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) path: &'static str,
    /// What the key is called when it is added.
    pub(crate) key: &'static str,
    /// What its title is called, where it can have one.
    pub(crate) title: Option<&'static str>,
    /// What else goes with it.
    pub(crate) more: &'static [(&'static str, &'static str)],
    /// What the key is called in the list, where the list has it whole.
    pub(crate) listed: Option<&'static str>,
    /// Where a proof of possession begins, and what its signature is called.
    pub(crate) proof: Option<(&'static str, &'static str)>,
    pub(crate) scopes: Scopes,
    /// Where its owner adds one by hand.
    pub(super) add_page: &'static str,
    /// Where its owner sees and deletes them.
    pub(super) page: &'static str,
}

/// The SSH keys of an account.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SshCollection {
    pub(crate) own: Collection,
    /// Those of a user, `{user}`.
    pub(super) of_user: &'static str,
    /// Whether a name of digits alone would be taken for an account's number there.
    pub(super) digits_are_numbers: bool,
    pub(crate) signing: SigningKeys,
}

/// What a token must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scopes {
    pub(crate) add: &'static str,
    pub(crate) delete: &'static str,
}

/// The OAuth device flow (RFC 8628).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DevicePaths {
    pub(super) code: &'static str,
    pub(super) token: &'static str,
}

/// An environment variable that may have a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenVariable {
    pub(super) name: &'static str,
    /// The variable that must name the host, so that no other gets the token.
    pub(super) host_in: Option<&'static str>,
}

/// A provider that needs no configuration.
pub(super) struct Preset {
    pub(super) name: &'static str,
    /// Its software and address; `None` for the Web Key Directory, which every domain has at home.
    pub(super) forge: Option<(&'static Software, &'static str)>,
    /// Where its interface is, if not where its software has it.
    pub(super) api: Option<&'static str>,
    pub(super) display: &'static str,
    pub(super) variables: &'static [TokenVariable],
}

impl Preset {
    pub(super) fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    pub(super) fn rule(&self) -> Rule {
        self.forge
            .map_or(Rule::Address, |(software, _)| software.rule)
    }
}

impl Software {
    pub(super) fn named(kind: &str) -> Option<&'static Software> {
        SOFTWARE
            .into_iter()
            .find(|software| software.names.contains(&kind))
    }
}

/// What a Web Key Directory is called in configuration.
pub(super) const WKD: &str = "wkd";

/// Every kind of forge.
pub(super) const SOFTWARE: [&Software; 3] = [&GITHUB, &GITLAB, &FORGEJO];

const fn always(name: &'static str) -> TokenVariable {
    TokenVariable {
        name,
        host_in: None,
    }
}

const fn for_host(name: &'static str, host: &'static str) -> TokenVariable {
    TokenVariable {
        name,
        host_in: Some(host),
    }
}

pub(super) const PRESETS: [Preset; 4] = [
    Preset {
        name: "github",
        forge: Some((&GITHUB, "https://github.com")),
        api: Some("https://api.github.com"),
        display: "GitHub user @{user}",
        variables: &[always("GH_TOKEN"), always("GITHUB_TOKEN")],
    },
    Preset {
        name: "gitlab",
        forge: Some((&GITLAB, "https://gitlab.com")),
        api: None,
        display: "GitLab user @{user}",
        variables: &[always("GITLAB_TOKEN")],
    },
    Preset {
        name: "codeberg",
        forge: Some((&FORGEJO, "https://codeberg.org")),
        api: None,
        display: "Codeberg user @{user}",
        variables: &[always("CODEBERG_TOKEN")],
    },
    Preset {
        name: WKD,
        forge: None,
        api: None,
        display: "{user}",
        variables: &[],
    },
];

/// github.com, GitHub Enterprise Server, and `*.ghe.com`.
static GITHUB: Software = Software {
    names: &["github"],
    rule: Rule::GitHub,
    keys: "{user}.gpg",
    empty_is_no_keys: false,
    api: "api/v3",
    api_hosts: Some("ghe.com"),
    headers: &[
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ],
    scheme: "Bearer",
    hides: true,
    account: AccountPath {
        path: "users/{user}",
        in_list: false,
    },
    login: "login",
    page: "per_page=100",
    openpgp: Collection {
        path: "user/gpg_keys",
        key: "armored_public_key",
        title: Some("name"),
        more: &[],
        listed: Some("raw_key"),
        proof: None,
        scopes: Scopes {
            add: "write:gpg_key",
            delete: "admin:gpg_key",
        },
        add_page: "settings/gpg/new",
        page: "settings/keys",
    },
    ssh: Some(SshCollection {
        own: Collection {
            path: "user/ssh_signing_keys",
            key: "key",
            title: Some("title"),
            more: &[],
            listed: Some("key"),
            proof: None,
            scopes: Scopes {
                add: "write:ssh_signing_key",
                delete: "admin:ssh_signing_key",
            },
            add_page: "settings/ssh/new",
            page: "settings/keys",
        },
        of_user: "users/{user}/ssh_signing_keys",
        digits_are_numbers: false,
        signing: SigningKeys::All,
    }),
    device: Some(DevicePaths {
        code: "login/device/code",
        token: "login/oauth/access_token",
    }),
    tool: Some(&["gh", "auth", "token", "--hostname", "{host}"]),
    variables: &[
        for_host("GH_ENTERPRISE_TOKEN", "GH_HOST"),
        for_host("GITHUB_ENTERPRISE_TOKEN", "GH_HOST"),
    ],
};

/// gitlab.com, and GitLab elsewhere.
static GITLAB: Software = Software {
    names: &["gitlab"],
    rule: Rule::Dotted,
    keys: "{user}.gpg",
    empty_is_no_keys: true,
    api: "api/v4",
    api_hosts: None,
    headers: &[("accept", "application/json")],
    scheme: "Bearer",
    hides: false,
    account: AccountPath {
        path: "users?username={user}",
        in_list: true,
    },
    login: "username",
    page: "per_page=100",
    openpgp: Collection {
        path: "user/gpg_keys",
        key: "key",
        title: None,
        more: &[],
        listed: Some("key"),
        proof: None,
        scopes: Scopes {
            add: "api",
            delete: "api",
        },
        add_page: "-/user_settings/gpg_keys",
        page: "-/user_settings/gpg_keys",
    },
    ssh: Some(SshCollection {
        own: Collection {
            path: "user/keys",
            key: "key",
            title: Some("title"),
            more: &[("usage_type", "signing")],
            listed: Some("key"),
            proof: None,
            scopes: Scopes {
                add: "api",
                delete: "api",
            },
            add_page: "-/user_settings/ssh_keys",
            page: "-/user_settings/ssh_keys",
        },
        of_user: "users/{user}/keys",
        digits_are_numbers: true,
        signing: SigningKeys::ByUsage,
    }),
    device: Some(DevicePaths {
        code: "oauth/authorize_device",
        token: "oauth/token",
    }),
    tool: Some(&["glab", "config", "get", "token", "--host", "{host}"]),
    variables: &[for_host("GITLAB_TOKEN", "GITLAB_HOST")],
};

/// Forgejo, and Gitea, from which it comes. Its list of SSH keys does not tell signing keys, and it
/// has no device flow.
static FORGEJO: Software = Software {
    names: &["forgejo", "gitea"],
    rule: Rule::Dotted,
    keys: "{user}.gpg",
    empty_is_no_keys: false,
    api: "api/v1",
    api_hosts: None,
    headers: &[("accept", "application/json")],
    scheme: "token",
    hides: false,
    account: AccountPath {
        path: "users/{user}",
        in_list: false,
    },
    login: "login",
    page: "limit=50",
    openpgp: Collection {
        path: "user/gpg_keys",
        key: "armored_public_key",
        title: None,
        more: &[],
        listed: None,
        proof: Some(("user/gpg_key_token", "armored_signature")),
        scopes: Scopes {
            add: "write:user",
            delete: "write:user",
        },
        add_page: "user/settings/keys",
        page: "user/settings/keys",
    },
    ssh: None,
    device: None,
    tool: None,
    variables: &[
        for_host("FORGEJO_TOKEN", "FORGEJO_HOST"),
        for_host("GITEA_TOKEN", "GITEA_HOST"),
    ],
};
