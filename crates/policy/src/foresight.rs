//! What those who use a package will find of a version that is about to be published.
//!
//! Nobody knows their signers files. But whoever has used the package from the beginning has seen what its
//! index shows as signed, and goes by that: so it is the same rules that are asked, with a package that
//! was seen to be signed as the index has it.

use std::collections::BTreeMap;

use consign_identity::Identity;
use consign_signers::{Line, Package, Signer};
use semver::Version;

use crate::rules::{Expected, Who, Without};
use crate::{Level, Levels};

/// What is published of a package, and signed; be it yanked or not.
#[derive(Debug, Default)]
pub struct Signed {
    by: BTreeMap<Version, Identity>,
}

/// Why a version will be refused: this one is signed, and by this identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The version that they know.
    pub version: Version,
    /// Who signed it.
    pub signer: Identity,
}

impl Signed {
    /// One more version, which `signer` signed.
    pub fn add(&mut self, version: Version, signer: Identity) {
        self.by.insert(version, signer);
    }

    /// Why `version` by `signer`, or without a signature, will not be accepted by those who know what is
    /// published; `None` where it will.
    pub fn stands_against(&self, version: &Version, signer: Option<&Identity>) -> Option<Before> {
        let mut package = Package::default();
        for (version, signer) in &self.by {
            package.note_signed(version);
            package.signers.insert(Signer::new(signer.clone(), None));
        }
        let expected = Expected {
            package: Some(&package),
            levels: Levels {
                unsigned: Level::Allow,
                ..Levels::default()
            },
        };
        let of = |known: &Version| {
            let precedence = |other: &&Version| other.cmp_precedence(known).is_eq();
            let (version, signer) = self.by.iter().find(|(other, _)| precedence(other))?;
            Some(Before {
                version: version.clone(),
                signer: signer.clone(),
            })
        };
        match signer {
            None => match expected.without_signature(version) {
                Without::Lost { since } => since.as_ref().and_then(of),
                Without::Exempt | Without::NeverSigned => None,
            },
            Some(signer) => match expected.who(signer, version) {
                Who::Wrong => of(self.nearest(version)?),
                Who::Expected | Who::New => None,
            },
        }
    }

    /// The newest version in the line of `version`, or else of all.
    fn nearest(&self, version: &Version) -> Option<&Version> {
        let line = Line::of(version);
        let mut all = self.by.keys();
        let of_line = all.clone().rfind(|other| Line::of(other) == line);
        of_line.or_else(|| all.next_back())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_published_is_judged_as_consumers_will() {
        let ann = "1.0.0 ann, 1.5.0 ann, 3.0.0 ann";
        for (published, version, signer, before) in [
            ("", "1.0.0", None, None),
            ("", "1.0.0", Some("ann"), None),
            (ann, "1.5.1", Some("ann"), None),
            (ann, "4.0.0", Some("ann"), None),
            // Nobody knows it as one who signs the package, in whatever line.
            (ann, "1.5.1", Some("eve"), Some("1.5.0")),
            (ann, "4.0.0", Some("eve"), Some("3.0.0")),
            (ann, "0.9.0", Some("eve"), Some("3.0.0")),
            ("1.0.0 ann, 1.0.1 bob", "1.0.2", Some("ann"), None),
            // Without a signature: from the first signed version of the line on.
            (ann, "1.5.1", None, Some("1.0.0")),
            (ann, "1.0.1", None, Some("1.0.0")),
            ("1.5.0 ann", "1.4.9", None, None),
            // One that is older than the first signed one was never promised.
            ("2.0.0 ann", "1.9.0", None, None),
        ] {
            let mut signed = Signed::default();
            for one in published.split(", ").filter(|one| !one.is_empty()) {
                let (version, who) = one.split_once(' ').unwrap();
                let signer = format!("github:{who}").parse().unwrap();
                signed.add(version.parse().unwrap(), signer);
            }
            let signer = signer.map(|who| format!("github:{who}").parse::<Identity>().unwrap());
            let found = signed.stands_against(&version.parse().unwrap(), signer.as_ref());
            let found = found.map(|before| before.version.to_string());
            assert_eq!(
                found.as_deref(),
                before,
                "{published}: {version}, {signer:?}"
            );
        }
    }

    #[test]
    fn newer_line_has_to_be_signed_too() {
        let signed_as = |published: &str| {
            let mut signed = Signed::default();
            signed.add(published.parse().unwrap(), "github:ann".parse().unwrap());
            signed
        };
        // Each 0.x is a line.
        for (published, version) in [("1.0.0", "2.0.0"), ("0.1.0", "0.2.0"), ("0.0.1", "0.0.2")] {
            let found = signed_as(published).stands_against(&version.parse().unwrap(), None);
            assert_eq!(found.unwrap().version.to_string(), published);
        }
    }
}
