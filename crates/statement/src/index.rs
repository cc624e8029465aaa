//! A release as a line of a registry's index says it.
//!
//! The fields are those of cargo's `IndexPackage` (crate `cargo-util-schemas`), in its names and
//! with its defaults, so that an [`Entry`] can be filled from the value that cargo itself parsed, or
//! read from the line with serde. Members that are not known are ignored: an index grows, and what
//! is not signed does no harm here. The fields `key_locator` and `signature` are read by
//! [`Claim::from_json`](crate::Claim::from_json), which is strict.
//!
//! <https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema>

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, publish};

/// A table of features: what each turns on.
pub type Features<'a> = BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>;

/// One version of one package, as it stands on a line of the index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// The package's name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The version, build metadata included.
    #[serde(borrow)]
    pub vers: Cow<'a, str>,
    /// All direct dependencies, of every kind.
    #[serde(borrow)]
    pub deps: Vec<Dependency<'a>>,
    /// SHA-256 of the `.crate` file, in hexadecimal digits.
    #[serde(borrow)]
    pub cksum: Cow<'a, str>,
    /// Features in the syntax that every cargo reads.
    #[serde(default)]
    pub features: Features<'a>,
    /// Features with `dep:` or `?/`, kept from old versions of cargo. They count as if they stood in
    /// `features`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features2: Option<Features<'a>>,
    /// Whether the version is withdrawn. The registry's own, and never signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<bool>,
    /// The native library that the package links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Cow<'a, str>>,
    /// The oldest Rust release that the package supports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rust_version: Option<Cow<'a, str>>,
    /// When the registry took the version. The registry's own, and never signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pubtime: Option<Cow<'a, str>>,
    /// The version of the line's format; 1 where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v: Option<u32>,
}

/// A dependency, as it stands on a line of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency<'a> {
    /// The name that the manifest gives it.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Which versions will do.
    #[serde(borrow)]
    pub req: Cow<'a, str>,
    /// The features asked for.
    #[serde(default)]
    pub features: Vec<Cow<'a, str>>,
    /// Whether it is there only where a feature asks for it.
    #[serde(default)]
    pub optional: bool,
    /// Whether its default features are asked for.
    #[serde(default = "yes")]
    pub default_features: bool,
    /// The platforms for which it is there.
    #[serde(default)]
    pub target: Option<Cow<'a, str>>,
    /// `dev`, `build`, or else a normal one.
    #[serde(default)]
    pub kind: Option<Cow<'a, str>>,
    /// The index of the registry that it comes from; `None` for the one that this line is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<Cow<'a, str>>,
    /// The package's own name, where the manifest gives it another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Cow<'a, str>>,
    /// Whether its types are part of the package's interface. Unstable in cargo, in no publish
    /// request, and so refused where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// Which artifacts are built from it. Unstable in cargo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Vec<Cow<'a, str>>>,
    /// For which target the artifacts are built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bindep_target: Option<Cow<'a, str>>,
    /// Whether an artifact dependency is a library as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lib: bool,
}

fn yes() -> bool {
    true
}

impl Entry<'_> {
    /// The line that a registry writes for `request`, whose `.crate` file has the checksum `cksum`.
    ///
    /// It does as crates.io does: a renamed dependency's two names change places; features that old
    /// versions of cargo cannot read, and those that name them, go into `features2`; the format is
    /// 2 where there are such features, 3 where there are artifacts.
    pub fn from_request(request: &publish::Request<'_>, cksum: &Digest) -> Entry<'static> {
        let request = request.clone();
        let (features, features2) = split_features(own_features(request.features));
        let v = if request.deps.iter().any(|dep| dep.artifact.is_some()) {
            Some(3)
        } else if features2.is_empty() {
            None
        } else {
            Some(2)
        };
        let deps = request.deps.into_iter();
        Entry {
            name: own(request.name),
            vers: own(request.vers),
            deps: deps.map(Dependency::from_request).collect(),
            cksum: Cow::Owned(cksum.to_string()),
            features,
            features2: Some(features2).filter(|features2| !features2.is_empty()),
            yanked: Some(false),
            links: request.links.map(own),
            rust_version: request.rust_version.map(own),
            pubtime: None,
            v,
        }
    }

    /// The same entry, without a borrow.
    pub fn into_owned(self) -> Entry<'static> {
        Entry {
            name: own(self.name),
            vers: own(self.vers),
            deps: self.deps.into_iter().map(Dependency::into_owned).collect(),
            cksum: own(self.cksum),
            features: own_features(self.features),
            features2: self.features2.map(own_features),
            yanked: self.yanked,
            links: self.links.map(own),
            rust_version: self.rust_version.map(own),
            pubtime: self.pubtime.map(own),
            v: self.v,
        }
    }
}

impl Dependency<'_> {
    fn from_request(dep: publish::Dependency<'_>) -> Dependency<'static> {
        let (name, package) = match dep.explicit_name_in_toml {
            Some(explicit) => (explicit, Some(dep.name)),
            None => (dep.name, None),
        };
        Dependency {
            name,
            req: dep.version_req,
            features: dep.features,
            optional: dep.optional,
            default_features: dep.default_features,
            target: dep.target,
            kind: Some(dep.kind),
            registry: dep.registry,
            package,
            public: None,
            artifact: dep.artifact,
            bindep_target: dep.bindep_target,
            lib: dep.lib,
        }
        .into_owned()
    }

    /// The same dependency, without a borrow.
    pub fn into_owned(self) -> Dependency<'static> {
        Dependency {
            name: own(self.name),
            req: own(self.req),
            features: own_list(self.features),
            optional: self.optional,
            default_features: self.default_features,
            target: self.target.map(own),
            kind: self.kind.map(own),
            registry: self.registry.map(own),
            package: self.package.map(own),
            public: self.public,
            artifact: self.artifact.map(own_list),
            bindep_target: self.bindep_target.map(own),
            lib: self.lib,
        }
    }
}

/// Parts the features that every cargo reads from those that only newer ones do: the ones with
/// `dep:` or `?/`, and whatever names one of these.
fn split_features(all: Features<'static>) -> (Features<'static>, Features<'static>) {
    let is_new = |value: &Cow<'_, str>| value.starts_with("dep:") || value.contains("?/");
    let (mut new, mut old): (Features<'_>, Features<'_>) = all
        .into_iter()
        .partition(|(_, values)| values.iter().any(is_new));
    loop {
        let (moved, kept): (Features<'_>, Features<'_>) = old
            .into_iter()
            .partition(|(_, values)| values.iter().any(|value| new.contains_key(value)));
        old = kept;
        if moved.is_empty() {
            return (old, new);
        }
        new.extend(moved);
    }
}

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn own_list(list: Vec<Cow<'_, str>>) -> Vec<Cow<'static, str>> {
    list.into_iter().map(own).collect()
}

fn own_features(features: Features<'_>) -> Features<'static> {
    features
        .into_iter()
        .map(|(name, values)| (own(name), own_list(values)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reads_the_smallest_line_and_what_it_does_not_know() {
        let line = r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","req":"1"}],"cksum":"",
            "future":{"x":[1]},"signature":7}"#;
        let entry: Entry<'_> = serde_json::from_str(line).unwrap();
        assert!(matches!(entry.name, Cow::Borrowed("a")));
        assert!(entry.deps[0].default_features);
        assert!(!entry.deps[0].optional);
        assert_eq!(entry.v, None);
    }

    #[test]
    fn null_is_missing() {
        let line = r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","req":"1","kind":null,
            "target":null,"package":null,"registry":null,"public":null,"artifact":null}],"cksum":"",
            "features":{},"features2":null,"yanked":null,"links":null,"rust_version":null,"v":null}"#;
        let entry: Entry<'_> = serde_json::from_str(line).unwrap();
        assert_eq!(entry.deps[0].kind, None);
        assert_eq!(entry.links, None);
    }

    #[test]
    fn a_renamed_dependency_changes_its_names() {
        let request: publish::Request<'_> = serde_json::from_str(
            r#"{"name":"a","vers":"1.0.0","features":{},"deps":[{"name":"real","version_req":"^1",
            "explicit_name_in_toml":"alias","kind":"dev","optional":false,"default_features":true,
            "features":[],"target":null}]}"#,
        )
        .unwrap();
        let entry = Entry::from_request(&request, &Digest::of(b""));
        assert_eq!(entry.deps[0].name, "alias");
        assert_eq!(entry.deps[0].package.as_deref(), Some("real"));
        assert_eq!(entry.deps[0].kind.as_deref(), Some("dev"));
        assert_eq!(entry.v, None);
    }

    #[test]
    fn new_features_and_those_that_name_them_are_kept_apart() {
        let table = |names: &[(&'static str, &[&'static str])]| -> Features<'static> {
            names
                .iter()
                .map(|(name, values)| {
                    ((*name).into(), values.iter().map(|v| (*v).into()).collect())
                })
                .collect()
        };
        let all = table(&[
            ("default", &["std"]),
            ("full", &["serde"]),
            ("serde", &["dep:serde", "x?/serde"]),
            ("weak", &["x?/y"]),
            ("std", &[]),
        ]);
        let (old, new) = split_features(all);
        assert_eq!(old, table(&[("default", &["std"]), ("std", &[])]));
        assert_eq!(
            new,
            table(&[
                ("full", &["serde"]),
                ("serde", &["dep:serde", "x?/serde"]),
                ("weak", &["x?/y"])
            ])
        );
    }
}
