//! The signed entry of a release, kept with its summary.
//!
//! Cargo parses an index line into an [`IndexPackage`] and makes a [`Summary`] of it, and that is
//! what it resolves and builds by. What a signature is checked against must be the same value: were
//! the line read in another way, two readings could differ, and the signature would cover the one that
//! is not used. So the line is kept with the summary that was made of it, and read as an
//! [`IndexPackage`] again, of the same bytes, where a signature is checked. Most never are: a command in
//! which nothing is to be done looks at every entry, and checks none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use cargo_util_schemas::index::{IndexPackage, RegistryDependency};
use consign_policy::Finding;
use consign_statement::vendored::LeftOut;
use consign_statement::{
    Carrier, Claim, Digest, InvalidRelease, Malformed, RegistryId, Release, SignedFields, index,
};

use super::carried::told_by;
use crate::core::Summary;

/// An index entry that may say something of a signature; or what takes its place: the entry that a vendored
/// folder kept, or what a package carries.
#[derive(Debug)]
pub struct Entry {
    /// The line; empty where the rest was not made of one.
    line: Box<[u8]>,
    claim: OnceLock<Result<Claim, Malformed>>,
    entry: OnceLock<index::Entry<'static>>,
    /// What a package carries, where it has no entry with a signature.
    carrier: Option<Carrier>,
    /// What cargo goes by, where that is not the entry.
    told: Option<Told>,
    /// The files that a vendored folder lacks of those that were signed; elsewhere there are none.
    pub(super) left_out: LeftOut,
    /// The vendored folder that it is of.
    pub(super) folder: Option<PathBuf>,
    /// What was found of it. An entry is checked once.
    pub(super) finding: OnceLock<Finding>,
    /// Set once its unpacked files were found to be those that were signed.
    pub(super) unpacked: OnceLock<()>,
}

impl Entry {
    /// That of a line that cargo could read.
    fn of_line(line: &[u8]) -> Entry {
        Entry {
            line: line.into(),
            claim: OnceLock::new(),
            entry: OnceLock::new(),
            carrier: None,
            told: None,
            left_out: LeftOut::new(),
            folder: None,
            finding: OnceLock::new(),
            unpacked: OnceLock::new(),
        }
    }

    /// One that was read already.
    pub(super) fn new(claim: Result<Claim, Malformed>, entry: index::Entry<'static>) -> Entry {
        Entry {
            claim: claim.into(),
            entry: entry.into(),
            ..Entry::of_line(&[])
        }
    }

    /// One of which nothing is known but the claim.
    pub(super) fn unreadable(claim: Result<Claim, Malformed>) -> Entry {
        Entry::new(claim, index::Entry::default())
    }

    /// What the package of this summary carries.
    pub(super) fn carried(carrier: Carrier, summary: Summary) -> Entry {
        let claim = Claim::Signed(carrier.fields().clone());
        Entry {
            carrier: Some(carrier),
            told: Some(Told::ByIndex(summary)),
            ..Entry::unreadable(Ok(claim))
        }
    }

    /// The same, of a vendored folder.
    pub(super) fn vendored(mut self, manifest: Summary, left_out: LeftOut) -> Entry {
        self.told = Some(Told::ByManifest(manifest));
        self.left_out = left_out;
        self
    }

    /// Whether it is that of a package which carries these `bytes`, and of which the index says the same as
    /// this `summary`.
    pub(super) fn is_carried(&self, bytes: &[u8], summary: &Summary) -> bool {
        let (Some(carrier), Some(Told::ByIndex(told))) = (&self.carrier, &self.told) else {
            return false;
        };
        carrier.bytes() == bytes
            && told.package_id() == summary.package_id()
            && told.checksum() == summary.checksum()
            && told.dependencies() == summary.dependencies()
            && told.features() == summary.features()
            && told.links() == summary.links()
            && told.rust_version() == summary.rust_version()
    }

    /// What the package carries, where that is what this is.
    pub(super) fn carrier(&self) -> Option<&Carrier> {
        self.carrier.as_ref()
    }

    /// The digest of the file that carries the signature, which is in no tree.
    pub(super) fn carrier_digest(&self) -> Option<Digest> {
        self.carrier.as_ref().map(Carrier::digest)
    }

    /// The release that is signed for, if it is.
    pub(super) fn release(&self) -> Result<Release, InvalidRelease> {
        match &self.carrier {
            Some(carrier) => Ok(carrier.release().clone()),
            None => Release::from_index(self.entry()),
        }
    }

    /// In what that which cargo goes by differs from what was signed as `release`, in a phrase.
    pub(super) fn difference(&self, release: &Release, registry: &RegistryId) -> Option<String> {
        let told = self.told.as_ref()?;
        let (summary, what) = match told {
            Told::ByIndex(summary) => (summary, "its index entry"),
            Told::ByManifest(summary) => (summary, "its manifest"),
        };
        // No publish request says it, so that nobody can have signed it.
        let mut deps = summary.dependencies().iter();
        if matches!(told, Told::ByIndex(_)) && deps.any(|dep| dep.is_public()) {
            return Some(format!("{what} marks a dependency as public"));
        }
        match Release::from_index_unpackaged(&told_by(summary)) {
            Err(invalid) => Some(format!("{what} cannot be signed: {invalid}")),
            Ok(told) => {
                let difference = release.difference(&told, registry)?;
                Some(format!("{what} has {difference} than what was signed"))
            }
        }
    }

    /// The line; empty where there is none.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// What it says of a signature.
    pub(super) fn claim(&self) -> Result<&Claim, &Malformed> {
        let read = || Claim::from_json(&self.line);
        self.claim.get_or_init(read).as_ref()
    }

    /// Both fields, where they are there and are understood.
    pub(super) fn fields(&self) -> Option<&SignedFields> {
        match self.claim() {
            Ok(Claim::Signed(fields)) => Some(fields),
            _ => None,
        }
    }

    /// What it says of the release.
    pub(super) fn entry(&self) -> &index::Entry<'static> {
        self.entry.get_or_init(|| {
            let parsed = serde_json::from_slice::<IndexPackage<'_>>(&self.line);
            // Cargo could read it. No release has an entry that says nothing.
            parsed.map_or_else(
                |_| index::Entry::default(),
                |parsed| entry(&parsed).into_owned(),
            )
        })
    }
}

/// What cargo resolves by.
#[derive(Debug)]
enum Told {
    /// The summary of the index entry.
    ByIndex(Summary),
    /// What cargo made of the manifest in a vendored folder.
    ByManifest(Summary),
}

/// Whether lines that say nothing of a signature are kept as well.
static KEEPS_ALL: AtomicBool = AtomicBool::new(false);

/// From here on every line is kept, also one that nobody signed: this process is going to sign one.
pub(super) fn keep_all_lines() {
    KEEPS_ALL.store(true, Ordering::Relaxed);
}

/// An [`Entry`] that travels with every copy of a summary.
pub type SharedEntry = Arc<Entry>;

/// Keeps `line`, which may be signed, with the summary that was made of it.
///
/// A summary without one is that of an entry that says nothing of a signature.
pub fn attach(mut summary: Summary, line: &[u8]) -> Summary {
    if Claim::may_be_in(line) || KEEPS_ALL.load(Ordering::Relaxed) {
        summary.set_signed(Arc::new(Entry::of_line(line)));
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
