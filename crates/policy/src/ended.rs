//! What is signed with a key that has ended: that its owner retired, or that has expired.
//!
//! What it signed before stays good. But whoever signs also writes the date, so a key that gets lost
//! after its end can still sign something "before" it. A date is no proof; that a release is not new is
//! one. Known not to be new is
//!
//! - what `Cargo.lock` names: it was accepted before ([`Choice::NotNew`](crate::Choice));
//! - a version that is not above one which the same package has from a key in use. Whoever has the old
//!   key alone cannot make such a one, and so cannot get a new newest version in.
//!
//! What is left to the thief of an ended key is a version below the newest, of a package that was signed
//! anew since. Who wants to take that away, too, revokes the key.

use semver::Version;

/// Whether `version` of a package is known not to be new by `in_use`, the package's versions that count
/// and are signed with a key in use: it is not above all of them.
///
/// Versions are compared by precedence, which build metadata has no part in.
pub fn is_not_new<'v>(version: &Version, in_use: impl IntoIterator<Item = &'v Version>) -> bool {
    let mut in_use = in_use.into_iter();
    in_use.any(|other| version.cmp_precedence(other).is_le())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_above_a_version_by_a_key_in_use_is_not_new() {
        for (version, in_use, not_new) in [
            ("1.0.0", &[][..], false),
            ("1.0.0", &["1.0.1"], true),
            ("1.0.0", &["0.9.0", "2.0.0"], true),
            ("1.0.0", &["0.9.0", "0.10.0"], false),
            // The same version, under another name of the same registry.
            ("1.0.0", &["1.0.0"], true),
            // Pre-releases come before what they lead to, and build metadata is nothing.
            ("1.0.0", &["1.0.0-rc.1"], false),
            ("1.0.0-rc.1", &["1.0.0"], true),
            ("1.0.0-rc.2", &["1.0.0-rc.1"], false),
            ("1.0.0+9", &["1.0.0+1"], true),
            // Another line is as good: what matters is that the owner signs with another key now.
            ("1.9.9", &["2.0.0"], true),
        ] {
            let read = |text: &&str| text.parse::<Version>().unwrap();
            let others: Vec<Version> = in_use.iter().map(read).collect();
            assert_eq!(
                is_not_new(&read(&version), &others),
                not_new,
                "{version}, {in_use:?}"
            );
        }
    }
}
