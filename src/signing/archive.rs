//! The archive of a release, checked before it is unpacked.
//!
//! A `.crate` file is opened to be unpacked in more than one place: it was just downloaded, it lay
//! in the cache, it is in a local registry, it is being vendored. Upstream compares a checksum in
//! one of them. Here, `unpack` takes a [`CheckedArchive`], which [`CheckedArchive::new`] alone can
//! make: a way of unpacking that skips the check does not compile.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::task::Poll;

use anyhow::Context as _;
use consign_policy::Finding;
use consign_statement::Digest;

use super::check::{check, check_chosen, demand};
use super::entry::SharedEntry;
use super::report;
use crate::core::{Dependency, PackageId};
use crate::sources::source::{QueryKind, Source};
use crate::{CargoResult, GlobalContext};

/// An archive that may be unpacked.
#[derive(Debug)]
pub struct CheckedArchive<'a> {
    file: &'a File,
}

impl<'a> CheckedArchive<'a> {
    /// Checks the archive of `id`, which `source` carries and `file` holds.
    ///
    /// Where its entry is signed, signature and key are checked, and the bytes must be those that
    /// were signed. An archive without a signature passes where policy lets it, and so does one
    /// that this very command made.
    ///
    /// Leaves `file` at its beginning.
    pub fn new(
        gctx: &GlobalContext,
        source: &mut dyn Source,
        id: PackageId,
        file: &'a File,
    ) -> CargoResult<CheckedArchive<'a>> {
        let checked = CheckedArchive { file };
        if gctx.signing.made_any() && gctx.signing.was_made_here(&digest(file)?.to_string()) {
            return Ok(checked);
        }
        let entry = entry_of(source, id)?;
        if entry.is_some() {
            check_chosen(gctx)?;
        }
        if let Some(signature) = demand(gctx, id, source.source_id(), entry.as_ref())? {
            let found = digest(file)?;
            if found != *signature.cksum() {
                let locator = signature.locator();
                let cache = gctx.registry_cache_path().into_path_unlocked();
                return Err(report::other_bytes(
                    id,
                    format!("`{}:{}`", locator.provider(), locator.user()),
                    signature.cksum(),
                    found,
                    cache.join("*").join(id.tarball_name()).display(),
                ));
            }
        }
        Ok(checked)
    }

    /// The archive, at its beginning.
    pub fn file(&self) -> &'a File {
        self.file
    }
}

/// What is printed of a package that was downloaded: `descriptor`, and who published it where that
/// is known of exactly these bytes.
pub fn downloaded(gctx: &GlobalContext, id: PackageId, descriptor: &str, data: &[u8]) -> String {
    let publisher = || {
        let entry = gctx.signing.chosen(id)?;
        check_chosen(gctx).ok()?;
        let Ok(Finding::Verified(published)) = check(gctx, id.source_id(), &entry) else {
            return None;
        };
        if *published.signature().cksum() != Digest::of(data) {
            return None;
        }
        let policy = gctx.signing.policy(gctx).ok()?;
        Some(report::published_by(&policy.display(published.signer())))
    };
    match publisher() {
        Some(publisher) => format!("{descriptor} {publisher}"),
        None => descriptor.to_owned(),
    }
}

/// The signed entry of exactly `id`, from the source that carries it.
fn entry_of(source: &mut dyn Source, id: PackageId) -> CargoResult<Option<SharedEntry>> {
    let requirement = format!("={}", id.version());
    let dep = Dependency::parse(id.name(), Some(&requirement), source.source_id())?;
    loop {
        let mut entry = None;
        // All of them, also what is yanked or not downloaded: a lockfile may name it.
        let asked = source.query(&dep, QueryKind::RejectedVersions, &mut |found| {
            let found = found.as_summary();
            // A requirement says nothing of build metadata.
            if found.version() == id.version() && found.name() == id.name() {
                entry = found.signed().cloned();
            }
        });
        match asked {
            Poll::Ready(result) => return result.map(|()| entry),
            Poll::Pending => source.block_until_ready()?,
        }
    }
}

/// The SHA-256 of the whole file, which is left at its beginning.
fn digest(mut file: &File) -> CargoResult<Digest> {
    file.seek(SeekFrom::Start(0))
        .context("failed to rewind an archive")?;
    let hash = cargo_util::Sha256::new()
        .update_file(file)
        .context("failed to read an archive")?
        .finish();
    file.seek(SeekFrom::Start(0))
        .context("failed to rewind an archive")?;
    Ok(Digest::from_bytes(hash))
}
