//! A release as a publish request says it.
//!
//! The fields are those of `NewCrate` (crate `crates-io`) that say what the release is; description,
//! licence, authors and the like are for the registry's pages and are ignored. The fields
//! `key_locator` and `signature` are read by [`Claim::from_json`](crate::Claim::from_json).
//!
//! <https://doc.rust-lang.org/cargo/reference/registry-web-api.html#publish>

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::index::Features;

/// The metadata of a publish request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<'a> {
    /// The package's name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The version, build metadata included.
    #[serde(borrow)]
    pub vers: Cow<'a, str>,
    /// All direct dependencies, of every kind.
    #[serde(borrow)]
    pub deps: Vec<Dependency<'a>>,
    /// All features, in one table.
    #[serde(default)]
    pub features: Features<'a>,
    /// The native library that the package links.
    #[serde(default)]
    pub links: Option<Cow<'a, str>>,
    /// The oldest Rust release that the package supports.
    #[serde(default)]
    pub rust_version: Option<Cow<'a, str>>,
}

/// A dependency, as a publish request says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency<'a> {
    /// Whether it is there only where a feature asks for it.
    #[serde(default)]
    pub optional: bool,
    /// Whether its default features are asked for.
    #[serde(default = "yes")]
    pub default_features: bool,
    /// The package's own name, where an index entry has the name that the manifest gives it.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The features asked for.
    #[serde(default)]
    pub features: Vec<Cow<'a, str>>,
    /// Which versions will do.
    #[serde(borrow)]
    pub version_req: Cow<'a, str>,
    /// The platforms for which it is there.
    #[serde(default)]
    pub target: Option<Cow<'a, str>>,
    /// `dev`, `build`, or else a normal one.
    #[serde(borrow, default = "normal")]
    pub kind: Cow<'a, str>,
    /// The index of the registry that it comes from; `None` for the one that is published to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<Cow<'a, str>>,
    /// The name that the manifest gives it, where that is said apart from the package's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explicit_name_in_toml: Option<Cow<'a, str>>,
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

fn normal<'a>() -> Cow<'a, str> {
    Cow::Borrowed("normal")
}
