//! The signed entry of a release, kept with its summary.
//!
//! Cargo parses an index line into an [`IndexPackage`] and makes a [`Summary`] of it, and that is
//! what it resolves and builds by. What a signature is checked against must be the same parsed
//! value: were the line read a second time, in another way, two readings could differ, and the
//! signature would cover the one that is not used. So the copy is made where both exist.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cargo_util_schemas::index::{IndexPackage, RegistryDependency};
use consign_policy::Finding;
use consign_statement::vendored::LeftOut;
use consign_statement::{Claim, Malformed, index};

use crate::core::Summary;

/// An index entry that says something of a signature.
#[derive(Debug)]
pub struct Entry {
    /// What it says.
    pub(super) claim: Result<Claim, Malformed>,
    /// What it says of the release.
    pub(super) entry: index::Entry<'static>,
    /// The files that a vendored folder lacks of those that were signed; elsewhere there are none.
    pub(super) left_out: LeftOut,
    /// What was found of it. An entry is checked once.
    pub(super) finding: OnceLock<Finding>,
    /// Set once its unpacked files were found to be those that were signed.
    pub(super) unpacked: OnceLock<()>,
}

impl Entry {
    pub(super) fn new(
        claim: Result<Claim, Malformed>,
        entry: index::Entry<'static>,
        left_out: LeftOut,
    ) -> Entry {
        Entry {
            claim,
            entry,
            left_out,
            finding: OnceLock::new(),
            unpacked: OnceLock::new(),
        }
    }
}

/// An [`Entry`] that travels with every copy of a summary.
pub type SharedEntry = Arc<Entry>;

/// Keeps the signed entry with the summary that was made from the same parsed `line`.
///
/// A summary without one is that of an entry that says nothing of a signature.
pub fn attach(mut summary: Summary, parsed: &IndexPackage<'_>, line: &[u8]) -> Summary {
    let claim = Claim::from_json(line);
    if !matches!(claim, Ok(Claim::Unsigned)) {
        let entry = Entry::new(claim, entry(parsed).into_owned(), LeftOut::new());
        summary.set_signed(Arc::new(entry));
    }
    summary
}

fn entry<'a>(parsed: &'a IndexPackage<'_>) -> index::Entry<'a> {
    index::Entry {
        name: text(&parsed.name),
        vers: parsed.vers.to_string().into(),
        deps: parsed.deps.iter().map(dependency).collect(),
        features: features(&parsed.features),
        features2: parsed.features2.as_ref().map(features),
        cksum: parsed.cksum.as_str().into(),
        // What is the registry's own is not signed, and not looked at here.
        yanked: None,
        pubtime: None,
        links: parsed.links.as_ref().map(text),
        rust_version: parsed.rust_version.as_ref().map(|v| v.to_string().into()),
        v: parsed.v,
    }
}

fn dependency<'a>(parsed: &'a RegistryDependency<'_>) -> index::Dependency<'a> {
    index::Dependency {
        name: text(&parsed.name),
        req: text(&parsed.req),
        features: parsed.features.iter().map(text).collect(),
        optional: parsed.optional,
        default_features: parsed.default_features,
        target: parsed.target.as_ref().map(text),
        kind: parsed.kind.as_ref().map(text),
        registry: parsed.registry.as_ref().map(text),
        package: parsed.package.as_ref().map(text),
        public: parsed.public,
        artifact: parsed
            .artifact
            .as_ref()
            .map(|artifacts| artifacts.iter().map(text).collect()),
        bindep_target: parsed.bindep_target.as_ref().map(text),
        lib: parsed.lib,
    }
}

type Features<'a> = BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>;

fn features<'a>(parsed: &'a Features<'_>) -> Features<'a> {
    parsed
        .iter()
        .map(|(name, values)| (text(name), values.iter().map(text).collect()))
        .collect()
}

#[expect(clippy::ptr_arg, reason = "it is passed to `map`")]
fn text<'a>(text: &'a Cow<'_, str>) -> Cow<'a, str> {
    Cow::Borrowed(text)
}
