//! What can be said of a package and of an identity.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use consign_identity::Identity;
use consign_identity::account::AccountNumber;
use consign_statement::PublicKey;
use semver::{Comparator, Op, Version, VersionReq};

/// What is known of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The number that its provider gave. A name can change hands, and the number cannot; so where
    /// there is none, a new key cannot be told from somebody else's.
    pub number: Option<AccountNumber>,
    /// Keys that were seen to be its own.
    pub keys: BTreeSet<PublicKey>,
}

/// What is known of a package, and what was decided about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Package {
    /// Who may sign it. Where nobody is named, nobody was seen to sign it yet.
    pub signers: BTreeSet<Signer>,
    /// The lowest signed version that was accepted in each [`Line`].
    pub since: BTreeMap<Line, Version>,
    /// Versions that are accepted without a signature.
    pub unsigned: Vec<VersionReq>,
    /// Versions that are accepted although the key that signed them was withdrawn: this key, and no
    /// other.
    pub keep: BTreeMap<Version, PublicKey>,
    /// Why it is as it is.
    pub reason: Option<Reason>,
}

impl Package {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.signers.is_empty() && self.unsigned.is_empty() && self.keep.is_empty()
    }

    /// Accepts exactly this version without a signature.
    pub fn exempt(&mut self, version: &Version) {
        let version = plain(version);
        let exactly = Comparator {
            op: Op::Exact,
            major: version.major,
            minor: Some(version.minor),
            patch: Some(version.patch),
            pre: version.pre,
        };
        let exactly = VersionReq {
            comparators: vec![exactly],
        };
        if !self.unsigned.contains(&exactly) {
            self.unsigned.push(exactly);
        }
    }

    /// Takes note of a signed version that was accepted: [`since`](Package::since) is lowered to it
    /// where it is lower, and never raised.
    pub fn note_signed(&mut self, version: &Version) {
        let line = Line::of(version);
        match self.since.get(&line) {
            Some(known) if known.cmp_precedence(version).is_le() => {}
            _ => {
                self.since.insert(line, plain(version));
            }
        }
    }
}

/// Build metadata says nothing of precedence, and a version counts by that.
fn plain(version: &Version) -> Version {
    Version {
        build: semver::BuildMetadata::EMPTY,
        ..version.clone()
    }
}

/// One who may sign a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// Who.
    pub identity: Identity,
    /// Which versions, as a requirement in the spelling of cargo; all of them where there is none.
    versions: Option<String>,
}

impl Signer {
    /// One who may sign every version, or those that `versions` matches.
    pub fn new(identity: Identity, versions: Option<&VersionReq>) -> Signer {
        let versions = versions.map(VersionReq::to_string);
        Signer { identity, versions }
    }

    /// Which versions; all of them where there is none.
    pub fn versions(&self) -> Option<VersionReq> {
        // It was made of a requirement.
        self.versions.as_ref()?.parse().ok()
    }

    /// Whether it may sign `version`.
    pub fn may_sign(&self, version: &Version) -> bool {
        match &self.versions {
            None => true,
            Some(_) => self.versions().is_some_and(|req| matches(&req, version)),
        }
    }
}

/// Whether a requirement covers a version. Unlike in a dependency, a pre-release is covered like the
/// release that it comes before, or the one that it is made from: what may be signed by whom does not
/// turn on its tag.
pub fn matches(req: &VersionReq, version: &Version) -> bool {
    if req.matches(version) {
        return true;
    }
    let release = Version::new(version.major, version.minor, version.patch);
    let names_a_pre_release = req.comparators.iter().any(|part| !part.pre.is_empty());
    !version.pre.is_empty() && !names_a_pre_release && req.matches(&release)
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.identity)?;
        match &self.versions {
            Some(versions) => write!(f, " ({versions})"),
            None => Ok(()),
        }
    }
}

/// The versions that cargo takes for compatible with each other: 1.x, 0.2.x, or 0.0.3 alone. Lines are
/// ordered as their versions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(u64, u64, u64);

impl Line {
    /// The line that a version, also a pre-release, belongs to.
    pub fn of(version: &Version) -> Line {
        match (version.major, version.minor, version.patch) {
            (0, 0, patch) => Line(0, 0, patch),
            (0, minor, _) => Line(0, minor, 0),
            (major, _, _) => Line(major, 0, 0),
        }
    }
}

/// Why somebody decided something: a line of at most [`Reason::MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The longest there is, in characters.
    pub const MAX: usize = 500;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = InvalidReason;

    fn from_str(text: &str) -> Result<Reason, InvalidReason> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidReason::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidReason::Control);
        }
        if text.chars().nth(Reason::MAX).is_some() {
            return Err(InvalidReason::Long);
        }
        Ok(Reason(text.to_owned()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// There is nothing in it.
    #[error("a reason cannot be empty")]
    Empty,
    /// It has more than one line, or a control character.
    #[error("a reason is one line of text")]
    Control,
    /// It is too long.
    #[error("a reason has at most {} characters", Reason::MAX)]
    Long,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn lines_are_what_cargo_takes_for_compatible() {
        for (one, other, same) in [
            ("1.0.0", "1.9.9", true),
            ("1.0.0-alpha", "1.0.0", true),
            ("1.0.0", "2.0.0", false),
            ("0.2.0", "0.2.9", true),
            ("0.2.0", "0.3.0", false),
            ("0.0.1", "0.0.2", false),
            ("0.0.1-a", "0.0.1", true),
        ] {
            let lines = (Line::of(&version(one)), Line::of(&version(other)));
            assert_eq!(lines.0 == lines.1, same, "{one} and {other}");
            assert!(lines.0 <= lines.1, "{one} and {other}");
        }
    }

    #[test]
    fn since_is_lowered_and_never_raised() {
        let mut package = Package::default();
        let since = |package: &Package| {
            let versions = package.since.values().map(Version::to_string);
            versions.collect::<Vec<_>>().join(" ")
        };
        for (signed, expected) in [
            ("1.2.0", "1.2.0"),
            ("1.3.0", "1.2.0"),
            ("1.2.0+build", "1.2.0"),
            ("1.2.0-rc.1+build", "1.2.0-rc.1"),
            ("2.0.0", "1.2.0-rc.1 2.0.0"),
            ("0.4.7", "0.4.7 1.2.0-rc.1 2.0.0"),
        ] {
            package.note_signed(&version(signed));
            assert_eq!(since(&package), expected, "after {signed}");
        }
    }

    #[test]
    fn a_requirement_covers_the_pre_releases_of_what_it_covers() {
        for (req, covered, not) in [
            ("^1", "1.2.3", "2.0.0"),
            ("^1", "1.2.3-rc.1", "2.0.0-rc.1"),
            ("<0.5.0", "0.4.0-beta", "0.5.0-beta"),
            ("=1.0.0-rc.1", "1.0.0-rc.1", "1.0.0-rc.2"),
            ("=1.0.0-rc.1", "1.0.0-rc.1+build", "1.0.0"),
        ] {
            let req: VersionReq = req.parse().unwrap();
            assert!(matches(&req, &version(covered)), "{req} {covered}");
            assert!(!matches(&req, &version(not)), "{req} {not}");
        }
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(
            " read by us ".parse::<Reason>().unwrap().as_str(),
            "read by us"
        );
        for (text, error) in [
            ("  ", InvalidReason::Empty),
            ("a\nb", InvalidReason::Control),
            ("a\u{1b}[2J", InvalidReason::Control),
        ] {
            assert_eq!(text.parse::<Reason>(), Err(error));
        }
        assert_eq!("x".repeat(501).parse::<Reason>(), Err(InvalidReason::Long));
    }
}
