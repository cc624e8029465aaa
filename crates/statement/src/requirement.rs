//! When two version requirements are one.
//!
//! Some registries write a requirement as they understand it: `^1` comes back as `>=1.0.0, <2.0.0`. To cargo
//! both are the same, since both match the same versions. Each is taken apart here into bounds, by the rules
//! of the crate `semver`, and what has the same bounds is the same.
//!
//! A requirement that names a pre-release is not taken apart. It matches others of the same three numbers,
//! by rules that bounds do not keep. Where none is named, no pre-release matches, and bounds say it all.
//!
//! <https://docs.rs/semver/1/semver/enum.Op.html>

use std::collections::BTreeSet;

use semver::{Comparator, Op, Version, VersionReq};

/// The bounds of a requirement. Equal ones match the same versions.
///
/// `None` where the text is no requirement, names a pre-release, or has numbers that leave no room for a
/// bound.
pub(crate) fn bounds(req: &str) -> Option<BTreeSet<String>> {
    let req = VersionReq::parse(req).ok()?;
    let mut bounds = BTreeSet::new();
    for comparator in &req.comparators {
        bounds.extend(bounds_of(comparator)?);
    }
    // There is nothing below.
    bounds.remove(">=0.0.0");
    Some(bounds)
}

fn bounds_of(comparator: &Comparator) -> Option<Vec<String>> {
    let Comparator {
        op,
        major,
        minor,
        patch,
        pre,
    } = comparator;
    if !pre.is_empty() {
        return None;
    }
    let (major, minor, patch) = (*major, *minor, *patch);
    // The versions that begin with the numbers that are given: the first, and the first after them.
    let first = Version::new(major, minor.unwrap_or(0), patch.unwrap_or(0));
    let next_major = || Some(Version::new(major.checked_add(1)?, 0, 0));
    let next_minor = |minor: u64| Some(Version::new(major, minor.checked_add(1)?, 0));
    let after = || match (minor, patch) {
        (Some(minor), _) => next_minor(minor),
        (None, _) => next_major(),
    };
    let between = |end: Version| vec![format!(">={first}"), format!("<{end}")];
    let is_whole = patch.is_some();
    Some(match op {
        Op::Exact if is_whole => vec![format!("={first}")],
        Op::Exact | Op::Wildcard => between(after()?),
        Op::Greater if is_whole => vec![format!(">{first}")],
        Op::Greater => vec![format!(">={}", after()?)],
        Op::GreaterEq => vec![format!(">={first}")],
        Op::Less => vec![format!("<{first}")],
        Op::LessEq if is_whole => vec![format!("<={first}")],
        Op::LessEq => vec![format!("<{}", after()?)],
        Op::Tilde => between(after()?),
        Op::Caret => between(match (major, minor, patch) {
            (0, Some(0), Some(patch)) => Version::new(0, 0, patch.checked_add(1)?),
            (0, Some(minor), _) => next_minor(minor)?,
            _ => next_major()?,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn is_same(a: &str, b: &str) -> bool {
        bounds(a).unwrap() == bounds(b).unwrap()
    }

    #[test]
    fn spellings_of_one_requirement_are_one() {
        for (a, b) in [
            ("^1", ">=1.0.0, <2.0.0"),
            ("^1.2", ">=1.2.0, <2.0.0"),
            ("^0.3.1", ">=0.3.1, <0.4.0"),
            ("^0.0.7", ">=0.0.7, <0.0.8"),
            ("^0.0", ">=0.0.0, <0.1.0"),
            ("^0", "<1.0.0"),
            ("~1.2.3", ">=1.2.3, <1.3.0"),
            ("~1", "^1"),
            ("1.2.*", "=1.2"),
            ("*", ">=0.0.0"),
            (">1.2", ">=1.3.0"),
            ("<=1", "<2.0.0"),
        ] {
            assert!(is_same(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn other_requirements_are_others() {
        for (a, b) in [
            ("^1", ">=1.0.0"),
            ("^1", "^1.1"),
            ("^1", "^2"),
            ("=1.2.3", "^1.2.3"),
            (">1.2.3", ">=1.2.3"),
            ("*", "^1"),
        ] {
            assert!(!is_same(a, b), "{a} and {b}");
        }
        assert_eq!(bounds("one"), None);
        assert_eq!(bounds("^1.2.3-beta.1"), None);
        assert_eq!(bounds(&format!("^{}", u64::MAX)), None);
    }

    fn requirement() -> impl Strategy<Value = String> {
        let op = prop::sample::select(vec!["^", "~", "=", ">", ">=", "<", "<=", ""]);
        let number = 0..3_u64;
        let rest = prop_oneof![
            Just(String::new()),
            number.clone().prop_map(|minor| format!(".{minor}")),
            (number.clone(), number.clone()).prop_map(|(minor, patch)| format!(".{minor}.{patch}")),
        ];
        (op, number, rest).prop_map(|(op, major, rest)| format!("{op}{major}{rest}"))
    }

    proptest! {
        /// What a requirement is taken apart into matches what it matches itself.
        #[test]
        fn bounds_match_the_same_versions(a in requirement(), b in requirement()) {
            for req in [a.clone(), format!("{a}, {b}")] {
                let bounds = Vec::from_iter(bounds(&req).unwrap()).join(", ");
                let [whole, apart] = [&req, &bounds].map(|text| match text.as_str() {
                    "" => VersionReq::STAR,
                    text => VersionReq::parse(text).unwrap(),
                });
                for major in 0..4 {
                    for minor in 0..4 {
                        for patch in 0..4 {
                            for pre in ["", "0", "a.0", "a.1", "b"] {
                                let version = Version {
                                    pre: semver::Prerelease::new(pre).unwrap(),
                                    ..Version::new(major, minor, patch)
                                };
                                prop_assert_eq!(
                                    whole.matches(&version),
                                    apart.matches(&version),
                                    "{} and {} of {}", req, bounds, version
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}
