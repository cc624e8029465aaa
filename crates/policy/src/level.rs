//! How strict a setting is, and which of several settings holds.
//!
//! Whoever runs cargo decides: the command line comes before the environment, and that before the
//! user's own configuration. A project's files come with the project, from whoever wrote it. They
//! may ask for more than the user did, never for less.

use std::fmt;
use std::str::FromStr;

/// `"allow"`, `"warn"` or `"deny"`, from the least strict to the strictest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Accepted without a word.
    #[default]
    Allow,
    /// Accepted, and said.
    Warn,
    /// Not accepted.
    Deny,
}

impl Level {
    /// Reads a level of what is new, where [`Level::Allow`] is called `record`: what is accepted is
    /// recorded, and expected from then on.
    pub fn of_what_is_new(text: &str) -> Result<Level, InvalidLevel> {
        match text {
            "record" => Ok(Level::Allow),
            "warn" => Ok(Level::Warn),
            "deny" => Ok(Level::Deny),
            _ => Err(InvalidLevel {
                text: text.to_owned(),
                lowest: "record",
            }),
        }
    }
}

/// The text is none of the three levels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of `{lowest}`, `warn` and `deny`")]
pub struct InvalidLevel {
    text: String,
    lowest: &'static str,
}

impl FromStr for Level {
    type Err = InvalidLevel;

    fn from_str(text: &str) -> Result<Level, InvalidLevel> {
        match text {
            "allow" => Ok(Level::Allow),
            "warn" => Ok(Level::Warn),
            "deny" => Ok(Level::Deny),
            _ => Err(InvalidLevel {
                text: text.to_owned(),
                lowest: "allow",
            }),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Allow => "allow",
            Level::Warn => "warn",
            Level::Deny => "deny",
        })
    }
}

/// The levels that hold for the packages of one registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Levels {
    /// For a release without a signature.
    pub unsigned: Level,
    /// For a signer that was not seen to sign the package before.
    pub new_signer: Level,
    /// For a key that was not seen before, of a signer that was.
    pub new_key: Level,
}

/// What one place (a file, the environment, the command line) says of one registry.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// The place, in words for a message.
    pub origin: String,
    /// What it says of all registries.
    pub general: Option<Level>,
    /// What it says of this one. More than one where it knows the registry by several names.
    pub registry: Vec<Level>,
}

impl Layer {
    /// The registry's own setting comes before the general one; of several, the strictest.
    fn level(&self) -> Option<Level> {
        self.registry.iter().copied().max().or(self.general)
    }
}

/// A level, and which layer set it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    /// The level.
    pub level: Level,
    /// The origin of its layer; `None` where nothing was set and the default holds.
    pub origin: Option<String>,
}

/// The level that holds: the first of the `user`'s layers that says anything (command line,
/// environment, `$CARGO_HOME`, in this order), raised by what any of the `project`'s files ask for.
pub fn effective(user: &[Layer], project: &[Layer]) -> Effective {
    let set = |layer: &Layer| {
        layer.level().map(|level| Effective {
            level,
            origin: Some(layer.origin.clone()),
        })
    };
    let base = user.iter().find_map(set).unwrap_or_default();
    project.iter().filter_map(set).fold(base, |so_far, asked| {
        if asked.level > so_far.level {
            asked
        } else {
            so_far
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use Level::{Allow, Deny, Warn};

    fn general(level: Level) -> Layer {
        Layer {
            general: Some(level),
            ..Layer::default()
        }
    }
    fn own(level: Level) -> Layer {
        Layer {
            registry: vec![level],
            ..Layer::default()
        }
    }
    fn silent() -> Layer {
        Layer::default()
    }

    #[test]
    fn which_setting_holds() {
        let both = Layer {
            general: Some(Deny),
            registry: vec![Allow],
            ..Layer::default()
        };
        let two_names = Layer {
            general: Some(Allow),
            registry: vec![Warn, Deny],
            ..Layer::default()
        };
        for (what, user, project, holds) in [
            ("nothing is said", vec![], vec![], Allow),
            (
                "the user says it",
                vec![silent(), general(Warn)],
                vec![],
                Warn,
            ),
            (
                "the higher rank",
                vec![general(Allow), general(Deny)],
                vec![],
                Allow,
            ),
            (
                "rank comes before the registry's own",
                vec![general(Allow), own(Deny)],
                vec![],
                Allow,
            ),
            (
                "within a rank, the registry's own",
                vec![both.clone()],
                vec![],
                Allow,
            ),
            ("two names, one registry", vec![two_names], vec![], Deny),
            (
                "a project raises",
                vec![general(Allow)],
                vec![silent(), general(Deny)],
                Deny,
            ),
            (
                "a project never lowers",
                vec![general(Deny)],
                vec![general(Allow)],
                Deny,
            ),
            (
                "nor for one registry",
                vec![general(Deny)],
                vec![own(Allow)],
                Deny,
            ),
            (
                "the strictest of the project's",
                vec![],
                vec![general(Warn), own(Deny)],
                Deny,
            ),
        ] {
            assert_eq!(effective(&user, &project).level, holds, "{what}");
        }
    }

    #[test]
    fn the_place_that_set_it_is_told() {
        let at = |origin: &str, level| Layer {
            origin: origin.to_owned(),
            ..general(level)
        };
        let (home, project) = (at("home", Warn), at("project", Warn));
        let origin = |user: &[Layer], project: &[Layer]| effective(user, project).origin;
        assert_eq!(origin(&[], &[]), None);
        assert_eq!(
            origin(std::slice::from_ref(&home), &[project]),
            Some("home".to_owned())
        );
        let stricter = [at("project", Deny)];
        assert_eq!(origin(&[home], &stricter), Some("project".to_owned()));
    }

    #[test]
    fn a_misspelt_level_is_an_error() {
        for level in [Allow, Warn, Deny] {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for wrong in ["", "Deny", "denied", "forbid"] {
            let error = wrong.parse::<Level>().unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`{wrong}` is not one of `allow`, `warn` and `deny`")
            );
        }
        for (text, level) in [("record", Allow), ("warn", Warn), ("deny", Deny)] {
            assert_eq!(Level::of_what_is_new(text), Ok(level));
        }
        let error = Level::of_what_is_new("allow").unwrap_err().to_string();
        assert_eq!(error, "`allow` is not one of `record`, `warn` and `deny`");
    }
}
