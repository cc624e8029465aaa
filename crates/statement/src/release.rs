//! A release in the one form that is signed, from whichever input it was told.
//!
//! Registries spell the same release in many ways: dependencies in another order, features in one
//! table or two, `kind` as `null` or as `"normal"`, a requirement as `1.2` or `^1.2`. Here each field
//! is read as cargo reads it and kept as cargo prints it, so that what cargo takes for the same is
//! the same, and what it takes for something else is not.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use cargo_platform::Platform;
use semver::{Version, VersionReq};

use crate::{Digest, InvalidRegistry, RegistryId, index, publish, requirement};

/// How deep a platform's parentheses may nest. cargo-platform's parser recurses without a bound.
const PLATFORM_DEPTH: usize = 64;

/// One version of one package, with its dependencies, features and the checksum of its bytes.
///
/// From inside the package nothing can tell its checksum: a release of which a
/// [`Carrier`](crate::Carrier) speaks has none. That makes the difference between the two forms in which
/// a release is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub(crate) name: String,
    pub(crate) vers: String,
    pub(crate) cksum: Option<Digest>,
    pub(crate) deps: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, BTreeSet<String>>,
    pub(crate) links: Option<String>,
    pub(crate) rust_version: Option<String>,
}

/// A dependency of a [`Release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// As the manifest names it.
    pub(crate) name: String,
    /// The package's own name, where it differs.
    pub(crate) package: Option<String>,
    pub(crate) req: String,
    pub(crate) kind: &'static str,
    pub(crate) target: Option<String>,
    pub(crate) features: BTreeSet<String>,
    pub(crate) optional: bool,
    pub(crate) default_features: bool,
    /// The registry that the input names, which may still be the release's own.
    pub(crate) registry: Option<RegistryId>,
    pub(crate) artifact: BTreeSet<String>,
    pub(crate) bindep_target: Option<String>,
    pub(crate) lib: bool,
}

impl Release {
    /// The release that a line of the index tells of.
    ///
    /// Fails where a field cannot be read as cargo reads it, or says something that cannot be
    /// signed: [`InvalidRelease`] says which and why.
    pub fn from_index(entry: &index::Entry<'_>) -> Result<Release, InvalidRelease> {
        let cksum = entry.cksum.parse().map_err(|_| InvalidRelease::Checksum)?;
        let release = Release::from_index_unpackaged(entry)?;
        Ok(Release {
            cksum: Some(cksum),
            ..release
        })
    }

    /// The same in the form that a carrier speaks of: the checksum is not looked at.
    pub fn from_index_unpackaged(entry: &index::Entry<'_>) -> Result<Release, InvalidRelease> {
        let deps = entry.deps.iter().map(|dep| {
            if dep.public == Some(true) {
                return Err(InvalidRelease::Public {
                    dependency: dep.name.to_string(),
                });
            }
            Dependency::read(Told {
                name: &dep.name,
                package: dep.package.as_deref().unwrap_or(&dep.name),
                req: &dep.req,
                kind: dep.kind.as_deref().unwrap_or_default(),
                target: dep.target.as_deref(),
                features: &dep.features,
                optional: dep.optional,
                default_features: dep.default_features,
                registry: dep.registry.as_deref(),
                artifact: dep.artifact.as_deref(),
                bindep_target: dep.bindep_target.as_deref(),
                lib: dep.lib,
            })
        });
        Ok(Release {
            name: entry.name.to_string(),
            vers: version(&entry.vers)?,
            cksum: None,
            deps: deps.collect::<Result<_, _>>()?,
            features: merge(
                entry
                    .features
                    .iter()
                    .chain(entry.features2.iter().flatten()),
            ),
            links: entry.links.as_ref().map(|links| links.to_string()),
            rust_version: entry
                .rust_version
                .as_deref()
                .map(rust_version)
                .transpose()?,
        })
    }

    /// The release that a publish request tells of, whose `.crate` file has the checksum `cksum`.
    ///
    /// Fails as [`Release::from_index`] does.
    pub fn from_publish(
        request: &publish::Request<'_>,
        cksum: &Digest,
    ) -> Result<Release, InvalidRelease> {
        let release = Release::from_publish_unpackaged(request)?;
        Ok(Release {
            cksum: Some(*cksum),
            ..release
        })
    }

    /// The release that a publish request tells of, in the form that a carrier speaks of: its `.crate`
    /// file is not yet made.
    ///
    /// Fails as [`Release::from_index`] does.
    pub fn from_publish_unpackaged(
        request: &publish::Request<'_>,
    ) -> Result<Release, InvalidRelease> {
        let deps = request.deps.iter().map(|dep| {
            Dependency::read(Told {
                name: dep.explicit_name_in_toml.as_deref().unwrap_or(&dep.name),
                package: &dep.name,
                req: &dep.version_req,
                kind: &dep.kind,
                target: dep.target.as_deref(),
                features: &dep.features,
                optional: dep.optional,
                default_features: dep.default_features,
                registry: dep.registry.as_deref(),
                artifact: dep.artifact.as_deref(),
                bindep_target: dep.bindep_target.as_deref(),
                lib: dep.lib,
            })
        });
        Ok(Release {
            name: request.name.to_string(),
            vers: version(&request.vers)?,
            cksum: None,
            deps: deps.collect::<Result<_, _>>()?,
            features: merge(&request.features),
            links: request.links.as_ref().map(|links| links.to_string()),
            rust_version: request
                .rust_version
                .as_deref()
                .map(rust_version)
                .transpose()?,
        })
    }

    /// The package's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, build metadata included.
    pub fn vers(&self) -> &str {
        &self.vers
    }

    /// SHA-256 of the `.crate` file; `None` where a carrier speaks of the release.
    pub fn cksum(&self) -> Option<&Digest> {
        self.cksum.as_ref()
    }

    /// The same release in the form that a carrier speaks of.
    pub(crate) fn without_cksum(self) -> Release {
        Release {
            cksum: None,
            ..self
        }
    }

    /// In what this release, which was signed for `registry`, differs from what is `told` of it there: by an
    /// index entry, or by the manifest in a vendored folder. `None` where both come to the same for cargo.
    ///
    /// Neither checksums are compared nor names and versions. Registries may leave out `rust_version`, and
    /// write a version requirement in another way that matches the same versions.
    /// Some tell of the feature that an optional dependency implies; cargo adds it where it is not told.
    pub fn difference(&self, told: &Release, registry: &RegistryId) -> Option<Difference> {
        let deps = |release: &Release| -> BTreeSet<Vec<u8>> {
            let deps = release.deps.iter();
            deps.map(|dep| dep.meaning().text(registry)).collect()
        };
        let is_retold = |told: &Option<String>| told.is_none() || *told == self.rust_version;
        if deps(self) != deps(told) {
            Some(Difference::Dependencies)
        } else if self.all_features() != told.all_features() {
            Some(Difference::Features)
        } else if self.links != told.links {
            Some(Difference::Links)
        } else if !is_retold(&told.rust_version) {
            Some(Difference::RustVersion)
        } else {
            None
        }
    }

    /// The features, and those that cargo takes an optional dependency for.
    fn all_features(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all = self.features.clone();
        for dep in self.deps.iter().filter(|dep| dep.optional) {
            let value = format!("dep:{}", dep.name);
            if !self.features.values().any(|values| values.contains(&value)) {
                let implied = || BTreeSet::from([value]);
                all.entry(dep.name.clone()).or_insert_with(implied);
            }
        }
        all
    }
}

/// In what a release differs from what is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// Other dependencies.
    #[error("other dependencies")]
    Dependencies,
    /// Other features.
    #[error("other features")]
    Features,
    /// Another native library.
    #[error("another `links`")]
    Links,
    /// Another Rust version.
    #[error("another `rust-version`")]
    RustVersion,
}

/// A dependency as an input tells of it; `name` and `package` in the index's sense.
struct Told<'a> {
    name: &'a str,
    package: &'a str,
    req: &'a str,
    kind: &'a str,
    target: Option<&'a str>,
    features: &'a [Cow<'a, str>],
    optional: bool,
    default_features: bool,
    registry: Option<&'a str>,
    artifact: Option<&'a [Cow<'a, str>]>,
    bindep_target: Option<&'a str>,
    lib: bool,
}

impl Dependency {
    /// The same with its requirement in one spelling of all that match the same versions.
    fn meaning(&self) -> Dependency {
        let req = match requirement::bounds(&self.req) {
            Some(bounds) => Vec::from_iter(bounds).join(", "),
            None => self.req.clone(),
        };
        Dependency {
            req,
            ..self.clone()
        }
    }

    fn read(told: Told<'_>) -> Result<Dependency, InvalidRelease> {
        let dependency = || told.name.to_owned();
        if told.name.is_empty() || told.package.is_empty() {
            return Err(InvalidRelease::Nameless);
        }
        let req = VersionReq::parse(told.req).map_err(|source| InvalidRelease::Requirement {
            dependency: dependency(),
            req: told.req.to_owned(),
            source,
        })?;
        let target =
            told.target
                .map(platform)
                .transpose()
                .map_err(|reason| InvalidRelease::Target {
                    dependency: dependency(),
                    reason,
                })?;
        let registry = told
            .registry
            .map(RegistryId::from_index_url)
            .transpose()
            .map_err(|source| InvalidRelease::Registry {
                dependency: dependency(),
                source,
            })?;
        // To cargo a list without artifacts is not the same as no list: it would not link the
        // library. No publish request has one.
        if told.artifact.is_some_and(|kinds| kinds.is_empty()) {
            return Err(InvalidRelease::NoArtifact {
                dependency: dependency(),
            });
        }
        Ok(Dependency {
            name: told.name.to_owned(),
            package: Some(told.package)
                .filter(|package| *package != told.name)
                .map(str::to_owned),
            req: req.to_string(),
            kind: match told.kind {
                "dev" => "dev",
                "build" => "build",
                _ => "normal",
            },
            target,
            // cargo drops empty names, which old registries held.
            features: set(told.features.iter().filter(|name| !name.is_empty())),
            optional: told.optional,
            default_features: told.default_features,
            registry,
            artifact: set(told.artifact.unwrap_or_default()),
            bindep_target: told.bindep_target.map(str::to_owned),
            lib: told.lib,
        })
    }
}

fn set<'a>(names: impl IntoIterator<Item = &'a Cow<'a, str>>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.to_string()).collect()
}

/// Both tables of features as one. A feature that stands in both has the values of both.
fn merge<'a>(
    tables: impl IntoIterator<Item = (&'a Cow<'a, str>, &'a Vec<Cow<'a, str>>)>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut merged = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, values) in tables {
        merged
            .entry(name.to_string())
            .or_default()
            .extend(set(values));
    }
    merged
}

fn version(text: &str) -> Result<String, InvalidRelease> {
    Version::parse(text)
        .map(|version| version.to_string())
        .map_err(|source| InvalidRelease::Version {
            vers: text.to_owned(),
            source,
        })
}

fn platform(text: &str) -> Result<String, String> {
    let mut depth = 0;
    for byte in text.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = usize::saturating_sub(depth, 1),
            _ => continue,
        }
        if depth > PLATFORM_DEPTH {
            return Err(format!("nested more than {PLATFORM_DEPTH} deep"));
        }
    }
    match text.parse::<Platform>() {
        Ok(platform) => Ok(platform.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// One to three numbers, as cargo's `RustVersion` prints them. It reads a few spellings more, such
/// as a space before them, but nothing that went through cargo has those.
fn rust_version(text: &str) -> Result<String, InvalidRelease> {
    let is_number = |part: &str| {
        part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
            && part.parse::<u64>().is_ok()
    };
    if text.split('.').count() > 3 || !text.split('.').all(is_number) {
        return Err(InvalidRelease::RustVersion {
            rust_version: text.to_owned(),
        });
    }
    Ok(text.to_owned())
}

/// Why an index entry or a publish request tells of no release that could be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRelease {
    /// The release's version is none.
    #[error("`{}` is not a version", .vers.escape_debug())]
    Version {
        /// As it was told.
        vers: String,
        /// What is wrong with it.
        source: semver::Error,
    },
    /// The checksum is not a SHA-256 digest as they are written.
    #[error("`cksum` is not a SHA-256 digest in 64 lower-case hexadecimal digits")]
    Checksum,
    /// The Rust version is none.
    #[error("`{}` is not a Rust version such as `1.70`", .rust_version.escape_debug())]
    RustVersion {
        /// As it was told.
        rust_version: String,
    },
    /// A dependency has no name.
    #[error("a dependency without a name")]
    Nameless,
    /// A dependency's version requirement is none.
    #[error(
        "`{}`, asked for of dependency `{}`, is not a version requirement",
        .req.escape_debug(),
        .dependency.escape_debug()
    )]
    Requirement {
        /// The dependency's name.
        dependency: String,
        /// As it was told.
        req: String,
        /// What is wrong with it.
        source: semver::Error,
    },
    /// A dependency's platform cannot be read.
    #[error("dependency `{}` is for no platform: {}", .dependency.escape_debug(), .reason.escape_debug())]
    Target {
        /// The dependency's name.
        dependency: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A dependency comes from something that is no registry.
    #[error("dependency `{}` is from no registry", .dependency.escape_debug())]
    Registry {
        /// The dependency's name.
        dependency: String,
        /// What is wrong with its address.
        source: InvalidRegistry,
    },
    /// A dependency is marked public, which no publisher can have said.
    #[error("dependency `{}` is marked public, which is never signed", .dependency.escape_debug())]
    Public {
        /// The dependency's name.
        dependency: String,
    },
    /// A dependency has a list of artifacts with nothing in it.
    #[error("dependency `{}` has an empty list of artifacts", .dependency.escape_debug())]
    NoArtifact {
        /// The dependency's name.
        dependency: String,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn entry(change: impl FnOnce(&mut Value)) -> Result<Release, InvalidRelease> {
        let mut line = json!({
            "name": "foo", "vers": "1.0.0", "cksum": Digest::of(b"").to_string(), "features": {},
            "deps": [{"name": "bar", "req": "^1", "features": [], "optional": false,
                "default_features": true, "target": null, "kind": "normal"}],
        });
        change(&mut line);
        let text = line.to_string();
        let entry: index::Entry<'_> = serde_json::from_str(&text).unwrap();
        Release::from_index(&entry)
    }

    fn dep(member: &str, value: Value) -> Result<Dependency, InvalidRelease> {
        entry(|line| line["deps"][0][member] = value).map(|mut release| release.deps.remove(0))
    }

    #[test]
    fn requirements_are_printed_as_cargo_prints_them() {
        for (told, printed) in [
            ("*", "*"),
            (" * ", "*"),
            ("x", "*"),
            ("1", "^1"),
            ("^1", "^1"),
            ("1.2", "^1.2"),
            ("1.2.3", "^1.2.3"),
            (" 1.2 ", "^1.2"),
            ("^ 1.2", "^1.2"),
            (">=1,<2", ">=1, <2"),
            (">=1 , <2", ">=1, <2"),
            (">= 1.0.0-alpha.1, <2", ">=1.0.0-alpha.1, <2"),
            ("1.*", "1.*"),
            ("1.x", "1.*"),
            ("1.*.*", "1.*"),
            ("1.2.*", "1.2.*"),
            ("=1.2", "=1.2"),
            ("=1.2.3+build", "=1.2.3"),
            ("~1.2", "~1.2"),
        ] {
            assert_eq!(dep("req", json!(told)).unwrap().req, printed, "{told}");
        }
        for told in [
            "",
            "one",
            "1.2.3.4",
            ">=1 <2",
            "01",
            "1,",
            "99999999999999999999",
        ] {
            let error = dep("req", json!(told)).unwrap_err();
            assert!(
                matches!(error, InvalidRelease::Requirement { .. }),
                "{told}"
            );
        }
    }

    #[test]
    fn platforms_are_printed_as_cargo_prints_them() {
        for (told, printed) in [
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"),
            ("cfg(unix)", "cfg(unix)"),
            ("cfg( any(unix,windows,) )", "cfg(any(unix, windows))"),
            ("cfg(target_os=\"linux\")", "cfg(target_os = \"linux\")"),
            ("cfg(not(r#true))", "cfg(not(true))"),
            ("cfg(r#async)", "cfg(r#async)"),
        ] {
            let target = dep("target", json!(told)).unwrap().target;
            assert_eq!(target.as_deref(), Some(printed), "{told}");
        }
        for told in ["cfg(", "cfg(any(unix)", "a b", "all(unix)"] {
            let error = dep("target", json!(told)).unwrap_err();
            assert!(matches!(error, InvalidRelease::Target { .. }), "{told}");
        }
    }

    #[test]
    fn a_platform_cannot_exhaust_the_stack() {
        let nested = |depth| format!("cfg({}unix{})", "not(".repeat(depth), ")".repeat(depth));
        assert!(dep("target", json!(nested(PLATFORM_DEPTH - 1))).is_ok());
        for depth in [PLATFORM_DEPTH, 1_000_000] {
            let error = dep("target", json!(nested(depth))).unwrap_err();
            assert!(matches!(error, InvalidRelease::Target { .. }), "{depth}");
        }
        let unclosed = format!("cfg({})", "not(".repeat(1_000_000));
        assert!(dep("target", json!(unclosed)).is_err());
    }

    #[test]
    fn whatever_is_neither_dev_nor_build_is_normal() {
        for (told, kind) in [
            (json!("dev"), "dev"),
            (json!("build"), "build"),
            (json!("normal"), "normal"),
            (json!(""), "normal"),
            (json!("Dev"), "normal"),
            (json!(null), "normal"),
        ] {
            assert_eq!(dep("kind", told).unwrap().kind, kind);
        }
    }

    #[test]
    fn features_of_a_dependency_are_a_set_without_the_empty_name() {
        let features = dep("features", json!(["b", "", "a", "b"]))
            .unwrap()
            .features;
        assert_eq!(features.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn both_tables_of_features_are_one() {
        let release = entry(|line| {
            line["features"] = json!({"a": ["y", "x", "y"], "b": []});
            line["features2"] = json!({"a": ["dep:z", "x"], "c": ["d?/e"]});
        })
        .unwrap();
        let of = |name: &str| release.features[name].iter().collect::<Vec<_>>();
        assert_eq!(of("a"), ["dep:z", "x", "y"]);
        assert_eq!(of("b"), [""; 0]);
        assert_eq!(of("c"), ["d?/e"]);
        assert_eq!(release.features.len(), 3);
    }

    #[test]
    fn a_package_is_named_only_where_it_differs() {
        assert_eq!(dep("package", json!("bar")).unwrap().package, None);
        let renamed = dep("package", json!("real")).unwrap();
        assert_eq!(renamed.package.as_deref(), Some("real"));
        assert_eq!(renamed.name, "bar");
    }

    #[test]
    fn requirement_in_other_words_is_no_difference() {
        let told = |req: &str| entry(|line| line["deps"][0]["req"] = json!(req)).unwrap();
        let registry = RegistryId::crates_io();
        let signed = told("^1.2");
        for same in ["1.2", "^1.2.0", ">=1.2.0, <2.0.0", "<2, >=1.2"] {
            assert_eq!(signed.difference(&told(same), &registry), None, "{same}");
        }
        for other in ["^1.1", "^1.2.1", ">=1.2.0", "*", ">=1.2.0-a, <2.0.0"] {
            let found = signed.difference(&told(other), &registry);
            assert_eq!(found, Some(Difference::Dependencies), "{other}");
        }
    }

    #[test]
    fn what_was_never_signed_is_refused() {
        assert!(dep("public", json!(false)).is_ok());
        assert!(matches!(
            dep("public", json!(true)).unwrap_err(),
            InvalidRelease::Public { dependency } if dependency == "bar"
        ));
        assert!(matches!(
            dep("artifact", json!([])).unwrap_err(),
            InvalidRelease::NoArtifact { dependency } if dependency == "bar"
        ));
    }

    #[test]
    fn a_rust_version_is_one_to_three_numbers() {
        for good in ["1", "1.70", "1.70.0", "0.0.0"] {
            assert!(
                entry(|line| line["rust_version"] = json!(good)).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "",
            "1.",
            ".1",
            "1.2.3.4",
            "01",
            "1.070",
            "^1",
            "1.x",
            " 1.70",
            "1.70.0-beta",
            "+1",
            "99999999999999999999",
        ] {
            let error = entry(|line| line["rust_version"] = json!(bad)).unwrap_err();
            assert!(matches!(error, InvalidRelease::RustVersion { .. }), "{bad}");
        }
    }

    #[test]
    fn other_fields_are_checked() {
        use InvalidRelease::*;
        let upper = Digest::of(b"").to_string().to_uppercase();
        let error = entry(|line| line["cksum"] = json!(upper)).unwrap_err();
        assert!(matches!(error, Checksum));
        let error = entry(|line| line["vers"] = json!("1.0")).unwrap_err();
        assert!(matches!(error, Version { .. }));
        assert!(matches!(
            dep("registry", json!("corp")).unwrap_err(),
            Registry { .. }
        ));
        assert!(matches!(dep("name", json!("")).unwrap_err(), Nameless));
        assert!(matches!(dep("package", json!("")).unwrap_err(), Nameless));
    }

    #[test]
    fn messages_do_not_print_what_a_terminal_would_obey() {
        let error = dep("req", json!("\u{1b}[2J")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`\\u{1b}[2J`, asked for of dependency `bar`, is not a version requirement"
        );
    }
}
