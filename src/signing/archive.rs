//! The archive of a release, checked before it is unpacked.
//!
//! A `.crate` file is opened to be unpacked in more than one place: it was just downloaded, it lay
//! in the cache, it is in a local registry, it is being vendored. Upstream compares a checksum in
//! one of them. Here, `unpack` takes a [`CheckedArchive`], which [`CheckedArchive::new`] alone can
//! make: a way of unpacking that skips the check does not compile.
//!
//! Only an archive with the signed checksum is read. Then it has to be one that can be signed at all,
//! without links, paths that lead elsewhere and whatever else [`tree`] refuses, and its files have to be
//! those that were signed: all of that before the first of them is written.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::task::Poll;

use anyhow::Context as _;
use consign_statement::vendored::may_be_left_out;
use consign_statement::{Digest, SignatureValid, tree};
use flate2::read::GzDecoder;
use tempfile::SpooledTempFile;

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
    /// The very bytes that were looked at, decompressed, where there is a signature.
    checked: Option<SpooledTempFile>,
}

impl<'a> CheckedArchive<'a> {
    /// Checks the archive of `id`, which `source` carries and `file` holds.
    ///
    /// Where its entry is signed, signature and key are checked, and the bytes must be those that
    /// were signed. An archive without a signature passes where policy lets it, and so does one
    /// that this very command made.
    pub fn new(
        gctx: &GlobalContext,
        source: &mut dyn Source,
        id: PackageId,
        file: &'a File,
    ) -> CargoResult<CheckedArchive<'a>> {
        let unsigned = CheckedArchive {
            file,
            checked: None,
        };
        if gctx.signing.made_any() && gctx.signing.made_archive(&digest(file)?.to_string()) {
            return Ok(unsigned);
        }
        let entry = entry_of(source, id)?;
        if entry.is_some() {
            check_chosen(gctx)?;
        }
        let fields = entry.as_ref().and_then(|entry| entry.fields());
        let signed_for = fields.map(|fields| &fields.signature.registry);
        let id = gctx.signing.asked_for(source.source_id(), id, signed_for);
        let Some(signature) = demand(gctx, id, id.source_id(), entry.as_ref())? else {
            return Ok(unsigned);
        };
        let found = digest(file)?;
        if found != *signature.cksum() {
            let cache = gctx.registry_cache_path().into_path_unlocked();
            return Err(report::other_bytes(
                id,
                signature.locator(),
                signature.cksum(),
                found,
                cache.join("*").join(id.tarball_name()).display(),
            ));
        }
        Ok(CheckedArchive {
            file,
            checked: Some(decompressed(gctx, id, file, signature)?),
        })
    }

    /// That of the file.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The archive, decompressed, from its beginning.
    pub fn tar(&mut self) -> Box<dyn Read + '_> {
        match &mut self.checked {
            Some(checked) => Box::new(checked),
            None => Box::new(GzDecoder::new(self.file)),
        }
    }
}

/// More than any archive that cargo unpacks (its own limit, with the ratio of 20 that it allows), so
/// that what is too much is said by us only where cargo would never say it.
const MAX_UNPACKED: u64 = 512 << 20;
const MAX_RATIO: u64 = 20;

/// What is larger than this, decompressed, is not kept in memory between the check and the unpacking.
const MAX_IN_MEMORY: usize = 8 << 20;

/// How many bytes an archive of `size` bytes may unpack to.
fn unpacked_limit(size: u64) -> u64 {
    MAX_UNPACKED.max(size.saturating_mul(MAX_RATIO))
}

/// Decompresses the archive, and compares its files with what was signed.
///
/// The result is what was looked at, and not the file: decompressing costs more than all the rest, and
/// whoever changes the file in between changes nothing.
fn decompressed(
    gctx: &GlobalContext,
    id: PackageId,
    file: &File,
    signature: &SignatureValid,
) -> CargoResult<SpooledTempFile> {
    let limit = unpacked_limit(file.metadata()?.len());
    let version = id.version().to_string();
    let mut checked = SpooledTempFile::new(MAX_IN_MEMORY);
    let reader = Copying {
        from: GzDecoder::new(BufReader::new(file)),
        to: &mut checked,
    };
    let tree = tree::read_tar(reader, &id.name(), &version, limit)
        .map_err(|error| report::unfit_archive(id, signature.locator(), error))?;
    let left_out = tree.files().filter(|(path, _)| may_be_left_out(path));
    let left_out = left_out.map(|(path, digest)| (path.to_owned(), *digest));
    gctx.signing.note_left_out(id, left_out.collect());
    if tree.finish() != *signature.tree() {
        return Err(report::other_tree(id, signature.locator()));
    }
    checked
        .rewind()
        .context("failed to rewind a decompressed archive")?;
    Ok(checked)
}

/// A reader that keeps a copy of what was read.
struct Copying<'a, R> {
    from: R,
    to: &'a mut SpooledTempFile,
}

impl<R: Read> Read for Copying<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(&buffer[..read])?;
        Ok(read)
    }
}

/// What is printed of a package that was downloaded: `descriptor`, and who published it where that
/// is known of exactly these bytes.
pub fn downloaded(gctx: &GlobalContext, id: PackageId, descriptor: &str, data: &[u8]) -> String {
    let publisher = || {
        let entry = gctx.signing.chosen(id)?;
        check_chosen(gctx).ok()?;
        let published = check(gctx, id.source_id(), &entry).ok()?.published()?;
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
pub(super) fn digest(archive: &File) -> CargoResult<Digest> {
    tracing::trace!("hashing an archive");
    rewind(archive)?;
    let hash = cargo_util::Sha256::new()
        .update_file(archive)
        .context("failed to read an archive")?
        .finish();
    rewind(archive)?;
    Ok(Digest::from_bytes(hash))
}

/// The digest over the files in the archive of a package, which is left at its beginning. An error where
/// nobody could sign such a package.
pub(super) fn tree_of(name: &str, version: &str, archive: &File) -> CargoResult<Digest> {
    rewind(archive)?;
    let limit = unpacked_limit(archive.metadata()?.len());
    let tree = tree::of_crate(BufReader::new(archive), name, version, limit)?;
    rewind(archive)?;
    Ok(tree)
}

fn rewind(mut archive: &File) -> CargoResult<()> {
    archive
        .seek(SeekFrom::Start(0))
        .context("failed to rewind an archive")?;
    Ok(())
}
