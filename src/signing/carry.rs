//! Puts the signature into the package that is published.
//!
//! Upstream has made the archive when [`carry`] is called. Its files are known then, and so is everything
//! that a statement in carrier form needs. What is uploaded is the carrier, followed by what upstream made.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use cargo_util::paths;
use consign_statement::carrier::{self, Carried, Carrier};
use consign_statement::{Locator, RegistryId, Release, Signer as _, index, tree};
use crates_io::NewCrate;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use super::context::registry_id;
use super::inspect::unpacked_limit;
use super::keys::{self, Signer};
use super::publish::statement_request;
use super::report;
use crate::core::{Package, Workspace};
use crate::ops::PackageOpts;
use crate::ops::registry::{get_source_id, prepare_transmit};
use crate::{CargoResult, GlobalContext};

/// What every file has that upstream generates; see its `tar`.
const MODIFIED: u64 = 1_153_704_088;

/// Refuses to package a file where the carrier has its place: whoever unpacks it would take it for one.
pub fn may_be_packaged<'a>(mut files: impl Iterator<Item = &'a str>) -> CargoResult<()> {
    match files.find(|file| file.eq_ignore_ascii_case(carrier::NAME)) {
        Some(file) => bail!(report::reserved_name(file)),
        None => Ok(()),
    }
}

/// Puts the signature into the `archive` of `package`, where it is to be published and there is a key to
/// sign with. `filename` is what upstream named the archive.
pub fn carry(
    ws: &Workspace<'_>,
    opts: &PackageOpts<'_>,
    package: &Package,
    filename: &str,
    archive: &File,
) -> CargoResult<()> {
    let gctx = ws.gctx();
    if !gctx.signing.is_publishing() {
        return Ok(());
    }
    let source = get_source_id(gctx, opts.reg_or_index.as_ref())?.original;
    let registry = registry_id(source)?;
    let Some(signer) = keys::signer(gctx, Some(&registry))? else {
        return Ok(());
    };
    let request = prepare_transmit(gctx, ws, package, source)?;
    sign(gctx, &registry, &request, &signer, filename, archive)
        .with_context(|| format!("failed to sign `{} v{}`", request.name, request.vers))
}

fn sign(
    gctx: &GlobalContext,
    registry: &RegistryId,
    request: &NewCrate,
    signer: &Signer,
    filename: &str,
    archive: &File,
) -> CargoResult<()> {
    let request = statement_request(request);
    let release = Release::from_publish_unpackaged(&request)?;

    let (tar, files) = read(archive, &request.name, &request.vers)?;
    let locator = Locator::new(
        signer.identity.provider(),
        signer.identity.user(),
        signer.account,
        signer.key.public_key(),
    )?;
    let time = gctx.signing.signing_time(gctx, signer)?;
    let carrier = Carrier::sign(release, registry, files, locator, time, &signer.key)?;

    write(archive, filename, &entry(&request, &carrier)?, &tar)?;
    // The way everyone else will check it.
    let mut written = archive;
    written.rewind()?;
    let found = carrier::in_crate(written, &request.name, &request.vers)
        .context("the carrier is not where it was put")??;
    let Carried::Signature(found) = Carrier::from_json(&found)? else {
        bail!("the carrier is of another version than was written");
    };
    found.verify(registry)?;
    let line = index::Entry::from_request(&request, &super::archive::digest(archive)?);
    match found
        .release()
        .difference(&Release::from_index(&line)?, registry)
    {
        None => Ok(()),
        Some(difference) => bail!(
            "the signature does not fit the entry that a registry will make of the request: it has \
             {difference}"
        ),
    }
}

/// The archive, decompressed, and its files.
fn read(archive: &File, name: &str, version: &str) -> CargoResult<(Vec<u8>, tree::Tree)> {
    let limit = unpacked_limit(archive.metadata()?.len());
    let mut from = archive;
    from.rewind()?;
    let mut tar = Vec::new();
    let decoder = GzDecoder::new(BufReader::new(from));
    decoder.take(limit).read_to_end(&mut tar)?;
    let files = tree::of_tar(&tar[..], name, version, limit)
        .context("the package holds something that cannot be signed")?;
    Ok((tar, files))
}

/// The carrier as an entry of an archive.
fn entry(
    request: &consign_statement::publish::Request<'_>,
    carrier: &Carrier,
) -> CargoResult<Vec<u8>> {
    /// The two empty blocks at an archive's end, which is not yet.
    const END: usize = 1024;
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::file());
    header.set_mode(0o644);
    header.set_mtime(MODIFIED);
    header.set_size(carrier.bytes().len() as u64);
    header.set_cksum();
    let path = format!("{}-{}/{}", request.name, request.vers, carrier::NAME);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, path, carrier.bytes())?;
    let mut entry = archive.into_inner()?;
    entry.truncate(entry.len() - END);
    Ok(entry)
}

/// Writes the archive anew, compressed as upstream does.
fn write(mut archive: &File, filename: &str, first: &[u8], rest: &[u8]) -> CargoResult<()> {
    archive.rewind()?;
    archive.set_len(0)?;
    let mut encoder = GzBuilder::new()
        .filename(paths::path2bytes(Path::new(filename))?)
        .write(archive, Compression::best());
    encoder.write_all(first)?;
    encoder.write_all(rest)?;
    encoder.finish()?;
    Ok(())
}

impl super::Signing {
    /// When what this command publishes was signed, in Unix seconds: the same in both forms. An error where
    /// the key of `signer` cannot have signed then.
    pub(super) fn signing_time(&self, gctx: &GlobalContext, signer: &Signer) -> CargoResult<u64> {
        let time = match self.signed_at.get() {
            Some(time) => *time,
            None => {
                let time = super::publish::time(gctx)?;
                *self.signed_at.get_or_init(|| time)
            }
        };
        super::publish::may_sign_at(gctx, signer, time)?;
        Ok(time)
    }
}
