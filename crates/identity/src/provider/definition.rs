//! A provider as its user defines it, and what can be wrong with that.
//!
//! ```toml
//! [signing.identities.corp]
//! kind = "gitlab"
//! host = "https://git.corp.example"
//!
//! [signing.identities.shelf]
//! keys = "/srv/keys/{user}.asc"
//! display = "{user} of the back office"
//! ```

use super::preset::{self, Preset, SOFTWARE, Software};
use super::template::{InvalidTemplate, USER};
use super::user::Rule;
use crate::identity::InvalidIdentity;
use crate::shown::Shown;

/// The longest text that stands for a provider's users in messages, in characters.
const MAX_DISPLAY: usize = 128;

/// A provider as its user defines it: a forge by `host`, and `kind` where its name does not say it,
/// or the place of its keys by `keys`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Definition<'a> {
    /// `github` (GitHub Enterprise), `gitlab`, `forgejo` or `gitea`, or `wkd`.
    pub kind: Option<&'a str>,
    /// Where it is: `https://git.corp.example`, with a port and a path if it has them.
    pub host: Option<&'a str>,
    /// `https://HOST/…/{user}…` (`http` to a loopback host only) or the absolute path of a file,
    /// `/…/{user}…`; see [`Keys`](super::Keys).
    pub keys: Option<&'a str>,
    /// How its users are called in messages, `Corp user @{user}`; without it, by their identity.
    pub display: Option<&'a str>,
}

/// What a `kind` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Forge(&'static Software),
    Directory,
}

impl Kind {
    pub(super) fn named(name: &str) -> Result<Kind, InvalidProvider> {
        match Software::named(name) {
            Some(software) => Ok(Kind::Forge(software)),
            None if name == preset::WKD => Ok(Kind::Directory),
            None => {
                let kind = Shown::new(name).to_string();
                Err(InvalidProvider::Kind { kind })
            }
        }
    }

    pub(super) fn of(preset: &Preset) -> Kind {
        preset
            .forge
            .map_or(Kind::Directory, |(software, _)| Kind::Forge(software))
    }

    pub(super) fn software(self) -> Option<&'static Software> {
        match self {
            Kind::Forge(software) => Some(software),
            Kind::Directory => None,
        }
    }

    pub(super) fn rule(self) -> Rule {
        self.software()
            .map_or(Rule::Address, |software| software.rule)
    }
}

/// The address of a host that may be given by its name alone.
pub(super) fn address(host: &str) -> String {
    let host = host.trim_end_matches('/');
    match host.contains("://") {
        true => host.to_owned(),
        false => format!("https://{host}"),
    }
}

/// The names of the kinds of providers that have a host, for messages.
fn kinds() -> String {
    let names = SOFTWARE.iter().flat_map(|software| software.names);
    let names: Vec<String> = names
        .chain([&preset::WKD])
        .map(|n| format!("`{n}`"))
        .collect();
    names.join(", ")
}

pub(super) fn check_display(display: &str) -> Result<(), InvalidProvider> {
    if display.matches(USER).count() != 1 {
        return Err(InvalidProvider::DisplayUser(
            Shown::new(display).to_string(),
        ));
    }
    let braces = display.replace(USER, "").contains(['{', '}']);
    if braces || display.chars().any(char::is_control) || display.len() > MAX_DISPLAY {
        return Err(InvalidProvider::DisplayText(
            Shown::new(display).to_string(),
        ));
    }
    Ok(())
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
    /// No such kind.
    #[error("{kind} is no kind of identity provider: it is one of {}", kinds())]
    Kind {
        /// What was given.
        kind: String,
    },
    /// A preset cannot be of another kind.
    #[error("`{0}` is built in, and cannot be of another kind: give it another name")]
    KindOfPreset(String),
    /// A host, and nothing that says what is there.
    #[error("it has a `host` and no `kind`, which is one of {}", kinds())]
    NoKind,
    /// Both ways of saying where keys are.
    #[error("it has both `host` and `keys`: either of them says where keys are")]
    HostAndKeys,
    /// A kind of what is at `keys`.
    #[error("it has both `kind` and `keys`: `keys` needs no `kind`")]
    KindOfKeys,
    /// Neither way of saying where keys are.
    #[error("it has neither `host`, with a `kind`, nor `keys`, so that keys are nowhere")]
    Nowhere,
    /// The display text does not have one `{user}`.
    #[error("the display text {0} must contain `{{user}}` once")]
    DisplayUser(String),
    /// The display text is too long or not fit to be printed.
    #[error(
        "the display text {0} must be at most {MAX_DISPLAY} bytes, without control characters or other braces"
    )]
    DisplayText(String),
}
