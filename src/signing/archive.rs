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
//! what then lies on the disk; and before, where the archive carries its signature itself, since that
//! covers the files and not the bytes.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Cursor, Read, Seek as _, SeekFrom};

use anyhow::{Context as _, bail};
use consign_statement::Digest;
use consign_statement::carrier::{self, Carried, Carrier};
use consign_statement::tree::{self, Tree};
use consign_statement::vendored::{LeftOut, may_be_left_out};
use flate2::read::GzDecoder;

use super::ahead::decompressed;
use super::carried::{Doing, NotYet, matters, of_archive, says_nothing, signed_for, summary_of};
use super::check::{check, check_chosen, demand};
use super::entry::SharedEntry;
use super::report;
use super::sources::OpenSource;
use crate::core::PackageId;
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
        source: OpenSource<'_>,
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
        let summary = summary_of(source, id)?;
        let entry = summary.as_ref().and_then(|summary| summary.signed());
        if let Some(entry) = entry.filter(|entry| !says_nothing(entry)) {
            if gctx.signing.carried.doing() == Doing::Look {
                bail!(NotYet);
            }
            let id = gctx
                .signing
                .asked_for(source.source_id(), id, signed_for(entry));
            return CheckedArchive::signed(gctx, id, file, entry, None);
        }
        let found = found_in(file, id)?;
        let claim = match &found {
            Some(Ok(bytes)) => Carrier::from_json(bytes).ok(),
            _ => None,
        };
        let claim = match &claim {
            Some(Carried::Signature(carrier)) => Some(&carrier.fields().signature.registry),
            _ => None,
        };
        let id = gctx.signing.asked_for(source.source_id(), id, claim);
        let carried = match (found, summary) {
            (Some(found), Some(summary)) => {
                let summary = summary.map_source(source.source_id(), id.source_id());
                let cksum = summary.checksum().map(str::to_owned);
                of_archive(gctx, &summary, found)?.map(|entry| (entry, cksum))
            }
            _ => None,
        };
        if carried.is_none() {
            gctx.signing.carried.note_unsigned(id);
        }
        match (gctx.signing.carried.doing(), carried) {
            (Doing::Look, _) => bail!(NotYet),
            (_, Some((entry, cksum))) => {
                CheckedArchive::signed(gctx, id, file, &entry, cksum.as_deref())
            }
            (_, None) => {
                demand(gctx, id, None)?;
                Ok(unsigned)
            }
        }
    }

    /// The archive of `id`, whose `entry` says something of a signature. `cksum` is what the index says of
    /// its bytes, where that is not signed.
    fn signed(
        gctx: &'a GlobalContext,
        id: PackageId,
        file: &'a File,
        entry: &SharedEntry,
        cksum: Option<&str>,
    ) -> CargoResult<CheckedArchive<'a>> {
        check_chosen(gctx)?;
        let Some(signature) = demand(gctx, id, Some(entry))? else {
            return Ok(CheckedArchive {
                file,
                checked: None,
            });
        };
        let packed = read(file)?;
        let found = Digest::of(&packed).to_string();
        let wanted = signature.cksum().map(ToString::to_string);
        let wanted = wanted.as_deref().or(cksum).unwrap_or("nothing");
        if found != wanted {
            let cache = gctx.registry_cache_path().into_path_unlocked();
            return Err(report::other_bytes(
                id,
                signature.locator(),
                wanted,
                found,
                &cache.join("*").join(id.tarball_name()),
            ));
        }
        let version = id.version().to_string();
        let limit = unpacked_limit(packed.len() as u64);
        let mut unpacked = Keeping {
            from: GzDecoder::new(&packed[..]),
            kept: Some(Memory::borrow(gctx)),
        };
        let unfit = |error| report::unfit_archive(id, signature.locator(), error);
        let left_out = match entry.carrier() {
            None => tree::check_tar(&mut unpacked, &id.name(), &version, limit, may_be_left_out)
                .map_err(unfit)?,
            // Here the bytes are not what was signed, but the files in them are.
            Some(carrier) => {
                let files = tree::of_tar(&mut unpacked, &id.name(), &version, limit);
                left_out_of(files.map_err(unfit)?, carrier)
                    .ok_or_else(|| report::other_tree(id, signature.locator()))?
            }
        };
        gctx.signing.note_archive(id, left_out);
        if gctx.signing.carried.doing() != Doing::Unpack {
            bail!(NotYet);
        }
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
pub(super) fn unpacked_limit(size: u64) -> u64 {
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
    /// The package `id` was downloaded, is called `descriptor`, and `data` is its archive.
    pub fn new(
        gctx: &'a GlobalContext,
        id: PackageId,
        descriptor: &'a str,
        data: &[u8],
    ) -> CargoResult<Option<Downloaded<'a>>> {
        let version = id.version().to_string();
        let may_be_signed = gctx.signing.chosen(id).is_some()
            || matters(gctx, id)?
            || carrier::in_crate(data, &id.name(), &version).is_some();
        if !may_be_signed {
            gctx.shell().status("Downloaded", descriptor)?;
            return Ok(None);
        }
        Ok(Some(Downloaded {
            gctx,
            id,
            descriptor,
        }))
    }

    fn say(&self) -> CargoResult<()> {
        // What is not settled upon yet, may never be.
        if self.gctx.signing.carried.doing() == Doing::Look {
            self.gctx.signing.carried.hold(self.id, self.descriptor);
            return Ok(());
        }
        say(self.gctx, self.id, self.descriptor)
    }
}

impl Drop for Downloaded<'_> {
    fn drop(&mut self) {
        // What comes next finds out that nothing can be said any more.
        let _ = self.say();
    }
}

/// Says of packages that were downloaded to be looked at, and are settled upon, that they were.
pub(super) fn say_downloaded(gctx: &GlobalContext, ids: &[PackageId]) -> CargoResult<()> {
    for id in ids {
        if let Some(descriptor) = gctx.signing.carried.held(*id) {
            say(gctx, *id, &descriptor)?;
        }
    }
    Ok(())
}

fn say(gctx: &GlobalContext, id: PackageId, descriptor: &str) -> CargoResult<()> {
    let message = match published_by(gctx, id)? {
        Some(publisher) => format!("{descriptor} {publisher}"),
        None => descriptor.to_owned(),
    };
    gctx.shell().status("Downloaded", message)
}

/// Who published a package, where that is known of exactly its bytes.
fn published_by(gctx: &GlobalContext, id: PackageId) -> CargoResult<Option<String>> {
    let signing = &gctx.signing;
    let (Some(entry), true) = (signing.chosen(id), signing.is_checked(id)) else {
        return Ok(None);
    };
    let Some(published) = check(gctx, id, &entry)?.published() else {
        return Ok(None);
    };
    let signer = signing.policy(gctx)?.display(published.signer());
    Ok(Some(report::published_by(&signer)))
}

/// What vendoring leaves out of an archive, whose files these are. `None` where they are not those that were
/// signed.
fn left_out_of(mut files: Tree, carrier: &Carrier) -> Option<LeftOut> {
    let found = files.files().filter(|(path, _)| may_be_left_out(path));
    let found: LeftOut = found
        .map(|(path, digest)| (path.to_owned(), *digest))
        .collect();
    let is_as_signed = files.take(carrier::NAME) == Some(carrier.digest())
        && found == *carrier.left_out()
        && files.finish() == carrier.fields().signature.tree;
    is_as_signed.then_some(found)
}

/// Whether the files in an archive, which is left at its beginning, are those that its package carries a
/// signature of.
pub(super) fn is_as_carried(id: PackageId, archive: &File, carrier: &Carrier) -> CargoResult<bool> {
    rewind(archive)?;
    let limit = unpacked_limit(archive.metadata()?.len());
    let mut unpacked = GzDecoder::new(BufReader::new(archive));
    let version = id.version().to_string();
    let files = tree::of_tar(&mut unpacked, &id.name(), &version, limit);
    rewind(archive)?;
    // What nobody could sign, this signature is not of.
    Ok(files.is_ok_and(|files| left_out_of(files, carrier).is_some()))
}

/// The bytes of the carrier in the archive of `id`, which is left at its beginning.
fn found_in(
    archive: &File,
    id: PackageId,
) -> CargoResult<Option<Result<Vec<u8>, carrier::InvalidCarrier>>> {
    rewind(archive)?;
    let version = id.version().to_string();
    let found = carrier::in_crate(BufReader::new(archive), &id.name(), &version);
    rewind(archive)?;
    Ok(found)
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
