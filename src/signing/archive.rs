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
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use consign_statement::Digest;
use consign_statement::carrier::{self, Carried, Carrier};
use consign_statement::tree;
use flate2::read::GzDecoder;

use super::ahead::decompressed;
use super::carried::{
    Doing, NotYet, matters, may_not_be_unsigned, of_archive, says_nothing, signed_for, summary_of,
};
use super::check::{check, check_chosen, demand};
use super::entry::SharedEntry;
use super::inspect::{Bytes, Fault, Inspected, NotAsSigned, Packed, left_out_of, unpacked_limit};
use super::report;
use super::sources::OpenSource;
use crate::core::PackageId;
use crate::util::internal;
use crate::{CargoResult, GlobalContext};

/// An archive that may be unpacked.
#[derive(Debug)]
pub struct CheckedArchive<'a> {
    file: &'a File,
    /// The very bytes that were looked at, where there is a signature: whoever changes the file
    /// afterwards changes nothing.
    checked: Option<Checked<'a>>,
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
        if let Some(inspected) = gctx.signing.carried.take_inspected(id) {
            return Ok(CheckedArchive::inspected(gctx, file, inspected));
        }
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
            if gctx.signing.carried.doing().only_looks() {
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
        let cksum = summary.as_ref().and_then(|summary| summary.checksum());
        let cksum = cksum.map(str::to_owned);
        let carried = match (found, summary) {
            (Some(found), Some(summary)) => {
                let summary = summary.map_source(source.source_id(), id.source_id());
                of_archive(gctx, &summary, found)?
            }
            _ => None,
        };
        if carried.is_none() {
            if may_not_be_unsigned(gctx, id)? {
                is_named(gctx, id, file, cksum.as_deref())?;
            }
            gctx.signing.carried.note_unsigned(id);
        }
        let doing = gctx.signing.carried.doing();
        if let Some(entry) = &carried
            && entry.fields().is_some()
            && doing.looks_ahead()
        {
            let packed = || Packed::read(gctx, id, file, entry, cksum.as_deref());
            gctx.signing.carried.look_meanwhile(packed)?;
        }
        match (doing, carried) {
            (Doing::Look | Doing::LookAhead, _) => bail!(NotYet),
            (Doing::Wait, Some(_)) => {
                gctx.signing.carried.note_waiting(id);
                bail!(NotYet)
            }
            (_, Some(entry)) => CheckedArchive::signed(gctx, id, file, &entry, cksum.as_deref()),
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
        let signed = signature.cksum().map(ToString::to_string);
        let packed = Packed::read(gctx, id, file, entry, signed.as_deref().or(cksum))?;
        if gctx.signing.carried.doing() == Doing::Hand {
            gctx.signing.carried.hand(packed);
            bail!(NotYet);
        }
        let inspected = packed.inspect(Some(gctx.signing.borrow_memory()));
        let inspected = inspected.map_err(|found| not_as_signed(gctx, *found))?;
        Ok(CheckedArchive::inspected(gctx, file, inspected))
    }

    /// The archive that was looked at.
    fn inspected(
        gctx: &'a GlobalContext,
        file: &'a File,
        inspected: Inspected,
    ) -> CheckedArchive<'a> {
        gctx.signing.note_archive(inspected.id, inspected.known);
        let checked = match inspected.bytes {
            Bytes::Unpacked(bytes) => Checked::Unpacked(Memory { gctx, bytes }),
            Bytes::Packed(bytes) => Checked::Packed(bytes),
        };
        CheckedArchive {
            file,
            checked: Some(checked),
        }
    }

    /// That of the file.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The archive, decompressed, from its beginning.
    pub fn tar(self) -> Box<dyn Read + 'a> {
        match self.checked {
            Some(Checked::Unpacked(unpacked)) => Box::new(Cursor::new(unpacked)),
            Some(Checked::Packed(packed)) => decompressed(packed),
            None => Box::new(GzDecoder::new(self.file)),
        }
    }
}

/// The bytes of an archive that was checked.
#[derive(Debug)]
enum Checked<'a> {
    /// What they unpack to.
    Unpacked(Memory<'a>),
    /// As they are.
    Packed(Vec<u8>),
}

/// Memory for as long as it takes to unpack an archive, which the next one gets: new memory costs time.
#[derive(Debug)]
struct Memory<'a> {
    gctx: &'a GlobalContext,
    bytes: Vec<u8>,
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

impl Packed {
    /// The archive of `id` that is in `file`. An entry without a checksum is of no archive.
    fn read(
        gctx: &GlobalContext,
        id: PackageId,
        file: &File,
        entry: &SharedEntry,
        cksum: Option<&str>,
    ) -> CargoResult<Packed> {
        Ok(Packed {
            id,
            entry: entry.clone(),
            wanted: cksum.unwrap_or("nothing").to_owned(),
            bytes: read(file)?,
            before: gctx.signing.known_archive(id),
        })
    }
}

/// Where the archive of a package is in the cache.
fn in_cache(gctx: &GlobalContext, id: PackageId) -> PathBuf {
    let cache = gctx.registry_cache_path().into_path_unlocked();
    cache.join("*").join(id.tarball_name())
}

/// Makes sure that the archive of `id` is the one that the index names, by its checksum `cksum`, so that it
/// can be said of the package that it carries no signature: cargo does not ask that of what lies in the cache.
pub(super) fn is_named(
    gctx: &GlobalContext,
    id: PackageId,
    archive: &File,
    cksum: Option<&str>,
) -> CargoResult<()> {
    let found = digest(archive)?.to_string();
    match cksum {
        Some(wanted) if wanted != found => {
            Err(report::not_named(id, wanted, found, &in_cache(gctx, id)))
        }
        _ => Ok(()),
    }
}

/// The error for an archive that is not as it was signed.
pub(super) fn not_as_signed(gctx: &GlobalContext, found: NotAsSigned) -> anyhow::Error {
    let id = found.id;
    let Some(fields) = found.entry.fields() else {
        return internal("what nobody signed was compared with what was");
    };
    let signer = &fields.locator;
    match found.fault {
        Fault::OtherBytes(digest) => {
            report::other_bytes(id, signer, found.wanted, digest, &in_cache(gctx, id))
        }
        Fault::Unfit(error) => report::unfit_archive(id, signer, error),
        Fault::OtherTree => report::other_tree(id, signer),
    }
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
        let carried = &self.gctx.signing.carried;
        // What is not settled upon yet, may never be. What waits is not checked yet.
        if carried.doing().only_looks() || carried.is_waiting(self.id) {
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
    // Room for all of it is asked for by this, and is an error where there is none.
    let mut bytes = Vec::new();
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
