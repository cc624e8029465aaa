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

use anyhow::{Context as _, bail};
use consign_policy::Finding;
use consign_statement::carrier::{self, Carried, Carrier};
use consign_statement::vendored::may_be_left_out;
use consign_statement::{Digest, SignatureValid, tree};
use flate2::read::GzDecoder;
use tempfile::SpooledTempFile;

use super::carried::{Doing, NotYet, matters, of_archive, says_nothing, signed_for, summary_of};
use super::check::{check, check_chosen, demand};
use super::entry::SharedEntry;
use super::report;
use crate::core::PackageId;
use crate::sources::source::Source;
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
        let summary = summary_of(source, id)?;
        let entry = summary.as_ref().and_then(|summary| summary.signed());
        if let Some(entry) = entry.filter(|entry| !says_nothing(entry)) {
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
        let asked_for = gctx.signing.asked_for(source.source_id(), id, claim);
        let carried = match (found, summary) {
            (Some(found), Some(summary)) => {
                let summary = summary.map_source(source.source_id(), asked_for.source_id());
                let cksum = summary.checksum().map(str::to_owned);
                of_archive(gctx, &summary, found)?.map(|entry| (entry, cksum))
            }
            _ => None,
        };
        if carried.is_none() {
            gctx.signing.carried.note_unsigned(asked_for);
        }
        match (gctx.signing.carried.doing(), carried) {
            (Doing::Look, _) => bail!(NotYet),
            (_, Some((entry, cksum))) => {
                CheckedArchive::signed(gctx, asked_for, file, &entry, cksum.as_deref())
            }
            (_, None) => {
                demand(gctx, asked_for, asked_for.source_id(), None)?;
                say_downloaded(gctx, asked_for, None)?;
                Ok(unsigned)
            }
        }
    }

    /// The archive of `id`, whose `entry` says something of a signature. `cksum` is what the index says of
    /// its bytes, where that is not signed.
    fn signed(
        gctx: &GlobalContext,
        id: PackageId,
        file: &'a File,
        entry: &SharedEntry,
        cksum: Option<&str>,
    ) -> CargoResult<CheckedArchive<'a>> {
        check_chosen(gctx)?;
        let Some(signature) = demand(gctx, id, id.source_id(), Some(entry))? else {
            say_downloaded(gctx, id, None)?;
            return Ok(CheckedArchive {
                file,
                checked: None,
            });
        };
        let found = digest(file)?;
        let wanted = signature.cksum().map(ToString::to_string);
        let wanted = wanted.as_deref().or(cksum);
        if Some(found.to_string().as_str()) != wanted {
            let cache = gctx.registry_cache_path().into_path_unlocked();
            return Err(report::other_bytes(
                id,
                signature.locator(),
                wanted.unwrap_or("nothing"),
                found,
                cache.join("*").join(id.tarball_name()).display(),
            ));
        }
        let checked = decompressed(gctx, id, file, entry, signature)?;
        say_downloaded(gctx, id, Some(entry))?;
        if gctx.signing.carried.doing() != Doing::Unpack {
            bail!(NotYet);
        }
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
pub(super) fn unpacked_limit(size: u64) -> u64 {
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
    entry: &SharedEntry,
    signature: &SignatureValid,
) -> CargoResult<SpooledTempFile> {
    let limit = unpacked_limit(file.metadata()?.len());
    let version = id.version().to_string();
    let mut checked = SpooledTempFile::new(MAX_IN_MEMORY);
    let reader = Copying {
        from: GzDecoder::new(BufReader::new(file)),
        to: &mut checked,
    };
    let mut tree = tree::read_tar(reader, &id.name(), &version, limit)
        .map_err(|error| report::unfit_archive(id, signature.locator(), error))?;
    let left_out = tree.files().filter(|(path, _)| may_be_left_out(path));
    let left_out = left_out.map(|(path, digest)| (path.to_owned(), *digest));
    let left_out = left_out.collect();
    let is_carried = entry.carrier().is_none_or(|carrier| {
        tree.take(carrier::NAME) == Some(carrier.digest()) && *carrier.left_out() == left_out
    });
    gctx.signing.note_left_out(id, left_out);
    if !is_carried || tree.finish() != *signature.tree() {
        return Err(report::other_tree(id, signature));
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

/// Prints that a package was downloaded, as `descriptor` has it, and who published it where that is known of
/// exactly these bytes. What may carry its signature is told of when that was checked.
pub fn downloaded(
    gctx: &GlobalContext,
    id: PackageId,
    descriptor: &str,
    data: &[u8],
) -> CargoResult<()> {
    let entry = gctx.signing.chosen(id);
    let entry = entry.filter(|entry| !says_nothing(entry) && entry.carrier().is_none());
    let version = id.version().to_string();
    let is_to_be_checked = entry.is_none()
        && (matters(gctx.signing.required(gctx, id.source_id())?.level)
            || carrier::in_crate(data, &id.name(), &version).is_some());
    if is_to_be_checked {
        gctx.signing.carried.hold(id, descriptor);
        return Ok(());
    }
    let publisher = || {
        let entry = entry?;
        check_chosen(gctx).ok()?;
        let found = check(gctx, id.source_id(), &entry).ok()?;
        let cksum = *found.signature()?.cksum()?;
        published_by(gctx, found).filter(|_| cksum == Digest::of(data))
    };
    say(gctx, descriptor, publisher())
}

/// Prints that a package was downloaded which had to be checked first, if it was.
pub(super) fn say_downloaded(
    gctx: &GlobalContext,
    id: PackageId,
    entry: Option<&SharedEntry>,
) -> CargoResult<()> {
    let Some(descriptor) = gctx.signing.carried.held(id) else {
        return Ok(());
    };
    let finding = entry.and_then(|entry| entry.finding.get());
    let publisher = finding.and_then(|finding| published_by(gctx, finding));
    say(gctx, &descriptor, publisher)
}

fn say(gctx: &GlobalContext, descriptor: &str, publisher: Option<String>) -> CargoResult<()> {
    let message = match publisher {
        Some(publisher) => format!("{descriptor} {publisher}"),
        None => descriptor.to_owned(),
    };
    gctx.shell().status("Downloaded", message)
}

/// Who published what this was found of, in words. `None` where it is not verified.
fn published_by(gctx: &GlobalContext, finding: &Finding) -> Option<String> {
    let Finding::Verified(published) = finding else {
        return None;
    };
    let policy = gctx.signing.policy(gctx).ok()?;
    Some(report::published_by(&policy.display(published.signer())))
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
