//! The archive of a release, checked before it is unpacked.
//!
//! A `.crate` file is opened to be unpacked in more than one place: it was just downloaded, it lay
//! in the cache, it is in a local registry, it is being vendored. Upstream compares a checksum in
//! one of them. Here, `unpack` takes a [`CheckedArchive`], which [`CheckedArchive::new`] alone can
//! make: a way of unpacking that skips the check does not compile.
//!
//! Only an archive with the signed checksum is read. Then it has to be one that can be signed at all,
//! without links, paths that lead elsewhere and whatever else [`tree`] refuses, before the first of its
//! files is written. That these are the files of the signed `tree` is asked before they are compiled, of
//! what then lies on the disk.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Cursor, Read, Seek as _, SeekFrom};
use std::task::Poll;

use anyhow::Context as _;
use consign_policy::Finding;
use consign_statement::vendored::may_be_left_out;
use consign_statement::{Digest, tree};
use flate2::read::GzDecoder;

use super::ahead::decompressed;
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
    /// The very bytes that were looked at, where there is a signature: whoever changes the file
    /// afterwards changes nothing.
    checked: Option<Bytes<'a>>,
}

impl<'a> CheckedArchive<'a> {
    /// Checks the archive of `id`, which `source` carries and `file` holds.
    ///
    /// Where its entry is signed, signature and key are checked, and the bytes must be those that
    /// were signed. An archive without a signature passes where policy lets it, and so does one
    /// that this very command made.
    pub fn new(
        gctx: &'a GlobalContext,
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
        let packed = read(file)?;
        let found = Digest::of(&packed);
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
        let version = id.version().to_string();
        let limit = unpacked_limit(packed.len() as u64);
        let mut unpacked = Keeping {
            from: GzDecoder::new(&packed[..]),
            kept: Some(Memory::borrow(gctx)),
        };
        let left_out = tree::check_tar(&mut unpacked, &id.name(), &version, limit, may_be_left_out)
            .map_err(|error| report::unfit_archive(id, signature.locator(), error))?;
        gctx.signing.note_archive(id, left_out);
        let checked = match unpacked.kept {
            Some(unpacked) => Bytes::Unpacked(unpacked),
            None => Bytes::Packed(packed),
        };
        Ok(CheckedArchive {
            file,
            checked: Some(checked),
        })
    }

    /// That of the file.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The archive, decompressed, from its beginning.
    pub fn tar(self) -> Box<dyn Read + 'a> {
        match self.checked {
            Some(Bytes::Unpacked(unpacked)) => Box::new(Cursor::new(unpacked)),
            Some(Bytes::Packed(packed)) => decompressed(packed),
            None => Box::new(GzDecoder::new(self.file)),
        }
    }
}

/// The bytes of an archive that was checked. To decompress them takes a good part of the time that it takes
/// to unpack it.
#[derive(Debug)]
enum Bytes<'a> {
    /// Of an archive that is small: what they unpack to.
    Unpacked(Memory<'a>),
    /// Of one that is not, and that would take too much memory.
    Packed(Vec<u8>),
}

/// Memory for as long as it takes to unpack an archive, which the next one gets: new memory costs time.
#[derive(Debug)]
struct Memory<'a> {
    gctx: &'a GlobalContext,
    bytes: Vec<u8>,
}

impl<'a> Memory<'a> {
    fn borrow(gctx: &'a GlobalContext) -> Memory<'a> {
        let bytes = gctx.signing.borrow_memory();
        Memory { gctx, bytes }
    }
}

impl AsRef<[u8]> for Memory<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.gctx.signing.return_memory(bytes);
    }
}

/// What is larger than this, unpacked, is not kept in memory between the check and the unpacking.
const MAX_IN_MEMORY: usize = 4 << 20;

/// A reader that keeps what was read, where it is not too much.
struct Keeping<'a, R> {
    from: R,
    kept: Option<Memory<'a>>,
}

impl<R: Read> Read for Keeping<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.kept
            .take_if(|kept| kept.bytes.len() + read > MAX_IN_MEMORY);
        if let Some(kept) = &mut self.kept {
            kept.bytes.extend_from_slice(&buffer[..read]);
        }
        Ok(read)
    }
}

/// More than any archive that cargo unpacks (its own limit, with the ratio of 20 that it allows), so
/// that what is too much is said by us only where cargo would never say it.
const MAX_UNPACKED: u64 = 512 << 20;
const MAX_RATIO: u64 = 20;

/// How many bytes an archive of `size` bytes may unpack to.
fn unpacked_limit(size: u64) -> u64 {
    MAX_UNPACKED.max(size.saturating_mul(MAX_RATIO))
}

/// Says that a package was downloaded, and who published it where that is known of exactly its bytes.
///
/// Upstream says it of bytes that it is about to compare and to unpack. Of a package that somebody signed
/// it is said when that is done, or has failed: when this value goes away.
#[derive(Debug)]
pub struct Downloaded<'a> {
    gctx: &'a GlobalContext,
    id: PackageId,
    descriptor: &'a str,
}

impl<'a> Downloaded<'a> {
    /// The package `id` was downloaded, and is called `descriptor`.
    pub fn new(
        gctx: &'a GlobalContext,
        id: PackageId,
        descriptor: &'a str,
    ) -> CargoResult<Option<Downloaded<'a>>> {
        if gctx.signing.chosen(id).is_none() {
            gctx.shell().status("Downloaded", descriptor)?;
            return Ok(None);
        }
        Ok(Some(Downloaded {
            gctx,
            id,
            descriptor,
        }))
    }

    fn published_by(&self) -> CargoResult<Option<String>> {
        let signing = &self.gctx.signing;
        let (Some(entry), true) = (signing.chosen(self.id), signing.is_checked(self.id)) else {
            return Ok(None);
        };
        let Finding::Verified(published) = check(self.gctx, self.id.source_id(), &entry)? else {
            return Ok(None);
        };
        let signer = signing.policy(self.gctx)?.display(published.signer());
        Ok(Some(report::published_by(&signer)))
    }
}

impl Drop for Downloaded<'_> {
    fn drop(&mut self) {
        let descriptor = self.descriptor;
        let downloaded = match self.published_by() {
            Ok(Some(publisher)) => format!("{descriptor} {publisher}"),
            _ => descriptor.to_owned(),
        };
        // What comes next finds out that nothing can be said any more.
        let _ = self.gctx.shell().status("Downloaded", downloaded);
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

/// The whole file, which is left at its beginning.
fn read(archive: &File) -> CargoResult<Vec<u8>> {
    tracing::trace!("hashing an archive");
    rewind(archive)?;
    let size = archive.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size)?);
    let mut reader = archive;
    reader
        .read_to_end(&mut bytes)
        .context("failed to read an archive")?;
    rewind(archive)?;
    Ok(bytes)
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
