//! Vendored folders, which carry their signed entries with them.
//!
//! `cargo vendor` keeps the entry of each package beside its checksums ([`keep_entry`]), and a
//! directory source reads it back ([`attach_vendored`]). From there a vendored package is like any
//! other: its entry is checked with its signature, and its files before they are compiled. No registry
//! is asked.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use consign_statement::carrier::{self, Carried, Carrier};
use consign_statement::vendored::{self, Vendored};
use consign_statement::{Claim, Digest, Malformed, SignedFields};

use super::carried::in_folder;
use super::entry::Entry;
use super::files::{CHECKSUMS, Files};
use super::report;
use crate::core::{Package, PackageId};
use crate::{CargoResult, GlobalContext};

/// Keeps with the package in a directory source what its `.cargo-checksum.json`, whose text is
/// `checksums`, says of its signature.
pub fn attach_vendored(package: &mut Package, checksums: &str) {
    let id = package.package_id();
    let version = id.version().to_string();
    let mut entry = match Vendored::from_json(checksums.as_bytes(), &id.name(), &version) {
        Ok(None) => match carried(package) {
            Some(entry) => entry,
            None => return,
        },
        Ok(Some(Vendored::Entry {
            entry,
            claim,
            left_out,
        })) => Entry::new(Ok(claim), entry).vendored(package.summary().clone(), left_out),
        Ok(Some(Vendored::UnknownVersion(v))) => Entry::unreadable(Ok(Claim::UnknownVersion(v))),
        Err(malformed) => Entry::unreadable(Err(malformed)),
    };
    entry.folder = Some(package.root().to_owned());
    let summary = package.manifest_mut().summary_mut();
    summary.set_signed(entry.into());
}

/// What a package carries in a folder that says nothing else of it, as one that stock cargo vendored. A
/// carrier of another release is none.
fn carried(package: &Package) -> Option<Entry> {
    let id = package.package_id();
    let found = in_folder(package.root())?.map_err(Malformed::from);
    Some(match found.and_then(|bytes| Carrier::from_json(&bytes)) {
        Ok(Carried::Signature(carrier)) => {
            let release = carrier.release();
            if release.name() != id.name().as_str() || release.vers() != id.version().to_string() {
                return None;
            }
            let left_out = carrier.left_out().clone();
            let manifest = package.summary().clone();
            Entry::carried(carrier, manifest.clone()).vendored(manifest, left_out)
        }
        Ok(Carried::UnknownVersion(v)) => Entry::unreadable(Ok(Claim::UnknownVersion(v))),
        Err(malformed) => Entry::unreadable(Err(malformed)),
    })
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
    if let Some(from) = &entry.folder {
        copy_carrier(from, folder, &mut checksums)?;
    }
    // What cargo has just unpacked it has also read, for the checksums that it is about to write.
    let read_by_cargo = |path: &[u8]| {
        let listed = checksums["files"].get(str::from_utf8(path).ok()?)?;
        listed.as_str().filter(|_| !is_copy)?.parse().ok()
    };
    let files = Files::read_unless(folder, &left_out, read_by_cargo)?;
    if !files.are(&fields.signature.tree, entry.carrier_digest()) {
        if is_copy {
            remove_carrier(folder, &mut checksums)?;
            gctx.shell().warn(report::incomplete_copy(id))?;
            return Ok(checksums);
        }
        bail!(report::other_files(id, &files.names(), folder));
    }
    // What the package carries is in the folder already.
    if entry.carrier().is_some() {
        return Ok(checksums);
    }
    let (name, member) = vendored::member(entry.entry(), &fields, &left_out)?;
    checksums[name] = member;
    Ok(checksums)
}

/// Copies what a package carries from one vendored folder to another. Nobody's package includes it, so that
/// cargo does not.
fn copy_carrier(from: &Path, to: &Path, checksums: &mut serde_json::Value) -> CargoResult<()> {
    if let Some(Ok(bytes)) = in_folder(from)
        && to != from
    {
        let path = to.join(carrier::NAME);
        fs::write(&path, &bytes)
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        checksums["files"][carrier::NAME] = Digest::of(&bytes).to_string().into();
    }
    Ok(())
}

/// Removes what a package carries from a folder that its signature does not fit.
fn remove_carrier(folder: &Path, checksums: &mut serde_json::Value) -> CargoResult<()> {
    let path = folder.join(carrier::NAME);
    if path.symlink_metadata().is_ok() {
        fs::remove_file(&path).with_context(|| format!("failed to remove `{}`", path.display()))?;
    }
    if let Some(files) = checksums["files"].as_object_mut() {
        files.remove(carrier::NAME);
    }
    Ok(())
}

/// Whether `folder` holds what `cargo vendor` would make of `id`, and so may stay as it is. Stock
/// cargo asks no more of a folder with a version in its name than that it is there.
pub fn is_vendored(gctx: &GlobalContext, id: PackageId, folder: &Path) -> CargoResult<bool> {
    let Some((entry, fields)) = signed(gctx, id) else {
        return Ok(true);
    };
    // Cargo would leave a link where it is.
    if folder.is_symlink() {
        return Ok(false);
    }
    let tree = &fields.signature.tree;
    if let Some(carrier) = entry.carrier() {
        let files = Files::read(folder, carrier.left_out())?;
        return Ok(files.are(tree, entry.carrier_digest()));
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
    Ok(kept == fields && Files::read(folder, &left_out)?.are(tree, None))
}

/// The entry that the resolver chose, where it has a signature.
fn signed(gctx: &GlobalContext, id: PackageId) -> Option<(super::SharedEntry, SignedFields)> {
    let entry = gctx.signing.chosen(id)?;
    let fields = entry.fields()?.clone();
    Some((entry, fields))
}
