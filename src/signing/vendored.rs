//! Vendored folders, which carry their signed entries with them.
//!
//! `cargo vendor` keeps the entry of each package beside its checksums ([`keep_entry`]), and a
//! directory source reads it back ([`attach_vendored`]). From there a vendored package is like any
//! other: its entry is checked with its signature, and its files before they are compiled. No registry
//! is asked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use cargo_platform::Platform;
use consign_statement::vendored::{self, Vendored};
use consign_statement::{Claim, RegistryId, SignedFields, index};
use semver::VersionReq;

use super::context::registry_id;
use super::entry::Entry;
use super::files::{CHECKSUMS, Files};
use super::report;
use crate::core::dependency::DepKind;
use crate::core::{Package, PackageId, Summary};
use crate::{CargoResult, GlobalContext};

/// Keeps with the package in a directory source what its `.cargo-checksum.json`, whose text is
/// `checksums`, says of its signature.
pub fn attach_vendored(package: &mut Package, checksums: &str) {
    let id = package.package_id();
    let version = id.version().to_string();
    let entry = match Vendored::from_json(checksums.as_bytes(), &id.name(), &version) {
        Ok(None) => return,
        Ok(Some(Vendored::Entry {
            entry,
            claim,
            left_out,
        })) => Entry::new(Ok(claim), entry).vendored(package.summary().clone(), left_out),
        Ok(Some(Vendored::UnknownVersion(v))) => unreadable(Ok(Claim::UnknownVersion(v))),
        Err(malformed) => unreadable(Err(malformed)),
    };
    let summary = package.manifest_mut().summary_mut();
    summary.set_signed(entry.into());
}

/// An entry of which nothing is known but the claim.
fn unreadable(claim: Result<Claim, consign_statement::Malformed>) -> Entry {
    Entry::new(claim, index::Entry::default())
}

/// A dependency, as far as the resolver goes by it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Needs {
    name: String,
    package: String,
    req: String,
    kind: &'static str,
    target: Option<String>,
    features: BTreeSet<String>,
    optional: bool,
    default_features: bool,
    registry: Option<RegistryId>,
}

/// Whether what cargo made of a vendored manifest is what the entry of a release in `registry` says:
/// dependencies, features and `links`.
///
/// The files of a package are compared before it is compiled. But its manifest turns on features of
/// others, also where nothing of the package itself is compiled.
pub(super) fn says_the_same(
    manifest: &Summary,
    entry: &index::Entry<'_>,
    registry: &RegistryId,
) -> bool {
    let of_manifest = manifest.dependencies().iter().map(|dep| Needs {
        name: dep.name_in_toml().to_string(),
        package: dep.package_name().to_string(),
        req: dep.version_req().to_string(),
        kind: match dep.kind() {
            DepKind::Normal => "normal",
            DepKind::Development => "dev",
            DepKind::Build => "build",
        },
        target: dep.platform().map(ToString::to_string),
        features: dep.features().iter().map(ToString::to_string).collect(),
        optional: dep.is_optional(),
        default_features: dep.uses_default_features(),
        registry: registry_id(dep.source_id()).ok(),
    });
    let text = |text: &Cow<'_, str>| text.clone().into_owned();
    let of_entry = entry.deps.iter().map(|dep| Needs {
        name: text(&dep.name),
        package: text(dep.package.as_ref().unwrap_or(&dep.name)),
        req: match VersionReq::parse(&dep.req) {
            Ok(req) => req.to_string(),
            Err(_) => text(&dep.req),
        },
        kind: match dep.kind.as_deref() {
            Some("dev") => "dev",
            Some("build") => "build",
            _ => "normal",
        },
        target: dep
            .target
            .as_ref()
            .map(|target| match target.parse::<Platform>() {
                Ok(platform) => platform.to_string(),
                Err(_) => text(target),
            }),
        features: dep
            .features
            .iter()
            .filter(|f| !f.is_empty())
            .map(text)
            .collect(),
        optional: dep.optional,
        default_features: dep.default_features,
        registry: match &dep.registry {
            Some(index) => RegistryId::from_index_url(index).ok(),
            None => Some(registry.clone()),
        },
    });
    let of_manifest: BTreeSet<_> = of_manifest.collect();
    let of_entry: BTreeSet<_> = of_entry.collect();
    let links = manifest.links().map(|links| links.to_string());
    of_manifest == of_entry
        && features_of_manifest(manifest) == features_of_entry(entry)
        && links.as_deref() == entry.links.as_deref()
}

type Features = BTreeMap<String, BTreeSet<String>>;

fn features_of_manifest(manifest: &Summary) -> Features {
    let features = manifest.features().iter();
    features
        .map(|(name, values)| {
            let values = values.iter().map(ToString::to_string);
            (name.to_string(), values.collect())
        })
        .collect()
}

/// The features of an entry, and those that cargo takes an optional dependency for.
fn features_of_entry(entry: &index::Entry<'_>) -> Features {
    let mut all = Features::new();
    for (name, values) in entry
        .features
        .iter()
        .chain(entry.features2.iter().flatten())
    {
        let values = values.iter().map(|value| value.to_string());
        all.entry(name.to_string()).or_default().extend(values);
    }
    for dep in entry.deps.iter().filter(|dep| dep.optional) {
        let value = format!("dep:{}", dep.name);
        if !all.values().any(|values| values.contains(&value)) {
            let implied = || BTreeSet::from([value]);
            all.entry(dep.name.to_string()).or_insert_with(implied);
        }
    }
    all
}

/// Adds the signed entry of `id` to `checksums`, what `cargo vendor` is about to write beside the
/// files in `folder`. Those must be the ones that were signed.
///
/// What is vendored from another vendored folder may lack more than git's files: cargo copies what it
/// would package. Then there is nothing that the signature fits, and the copy counts as unsigned.
pub fn keep_entry(
    gctx: &GlobalContext,
    id: PackageId,
    folder: &Path,
    mut checksums: serde_json::Value,
) -> CargoResult<serde_json::Value> {
    let Some((entry, fields)) = signed(gctx, id) else {
        return Ok(checksums);
    };
    let unpacked = gctx.signing.left_out(id);
    let is_copy = unpacked.is_none();
    let left_out = unpacked.unwrap_or_else(|| entry.left_out.clone());
    let files = Files::read(folder, &left_out)?;
    if !files.are(&fields.signature.tree) {
        if is_copy {
            gctx.shell().warn(report::incomplete_copy(id))?;
            return Ok(checksums);
        }
        bail!(report::other_files(id, &files.names(), folder));
    }
    let (name, member) = vendored::member(entry.entry(), &fields, &left_out)?;
    checksums[name] = member;
    Ok(checksums)
}

/// Whether `folder` holds what `cargo vendor` would make of `id`, and so may stay as it is. Stock
/// cargo asks no more of a folder with a version in its name than that it is there.
pub fn is_vendored(gctx: &GlobalContext, id: PackageId, folder: &Path) -> CargoResult<bool> {
    let Some((_, fields)) = signed(gctx, id) else {
        return Ok(true);
    };
    // Cargo would leave a link where it is.
    if folder.is_symlink() {
        return Ok(false);
    }
    let path = folder.join(CHECKSUMS);
    let text = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let version = id.version().to_string();
    let Ok(Some(Vendored::Entry {
        claim: Claim::Signed(kept),
        left_out,
        ..
    })) = Vendored::from_json(&text, &id.name(), &version)
    else {
        return Ok(false);
    };
    Ok(kept == fields && Files::read(folder, &left_out)?.are(&fields.signature.tree))
}

/// The entry that the resolver chose, where it has a signature.
fn signed(gctx: &GlobalContext, id: PackageId) -> Option<(super::SharedEntry, SignedFields)> {
    let entry = gctx.signing.chosen(id)?;
    let fields = entry.fields()?.clone();
    Some((entry, fields))
}
