//! The unpacked files of a package, compared with what was signed before anything of it is compiled.
//!
//! An archive is checked when it is unpacked; what it was unpacked to lies in `registry/src`, or in a
//! vendored folder, from then on, and anyone who can write there, or who made the cache that it was
//! restored from, can change it. So the files are compared with the signed `tree` once more, once a
//! package, when a unit of it is to be built. What is fresh is not built, and not compared.
//!
//! In `registry/src`, files that are not as they were signed are unpacked again from the checked
//! archive. That is no error: some build scripts write beside their own sources. But by then cargo has
//! read the manifest and looked for targets, so where that could have come out otherwise the command
//! ends and is to be run again. A vendored folder has no archive to go back to: there it is an error.
//!
//! Neither may there be anything in the folders above that steers the programs which run in a package's
//! own: rustup looks upwards from there for the compiler to use; cargo and git, where a build script calls
//! them, for their configuration.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use consign_statement::vendored::LeftOut;
use consign_statement::{Digest, SignatureValid};

use super::entry::Entry;
use super::files::Files;
use super::report;
use super::sources::unpack;
use crate::CargoResult;
use crate::core::compiler::BuildContext;
use crate::core::{Package, PackageId};
use crate::util::cache_lock::CacheLockMode;

/// What rustup and cargo look for in the folder where they run, and in those above it.
/// The last is how git tells a repository without a work tree.
const STEERING: [&str; 5] = [
    "rust-toolchain",
    "rust-toolchain.toml",
    ".cargo/config",
    ".cargo/config.toml",
    "HEAD",
];

/// What git and cargo look for there too. In a vendored folder there may be good reasons for these: it can
/// be a repository of its own.
const STEERING_IN_CACHE: [&str; 2] = [".git", "Cargo.toml"];

/// What cargo reads of a package before anything of it is compiled.
const READ_BEFORE: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// Makes sure that the unpacked files of `package`, whose entry is `entry`, are those that `signature`
/// covers.
pub(super) fn ensure_as_signed(
    bcx: &BuildContext<'_, '_>,
    package: &Package,
    signature: &SignatureValid,
    entry: &Entry,
) -> CargoResult<()> {
    let left_out = &entry.left_out;
    let carrier = entry.carrier_digest();
    let root = package.root();
    let id = package.package_id();
    let cache = bcx.gctx.registry_source_path().into_path_unlocked();
    let is_in_cache = root.starts_with(&cache);
    // The vendored folder, or all of the cache: what is above is the user's own.
    let top = if is_in_cache {
        cache.parent()
    } else {
        root.parent()
    };
    let top = top.with_context(|| format!("`{}` is in no folder", root.display()))?;
    // Where a link leads may be as it was signed, and what is around it nobody knows.
    let is_link = root.is_symlink();
    if !is_link {
        nothing_steers(id, root, top, is_in_cache)?;
    }

    let found = Files::read(root, left_out)?;
    if found.are(signature.tree(), carrier) && !is_link {
        return Ok(());
    }
    if !is_in_cache {
        let changed = Files::listed(root).map(|listed| found.differences(&listed));
        bail!(report::vendored_files(
            id,
            &changed.unwrap_or_default(),
            root
        ));
    }

    let _lock = bcx
        .gctx
        .acquire_package_cache_lock(CacheLockMode::DownloadExclusive)?;
    fs::remove_dir_all(root).with_context(|| format!("failed to remove `{}`", root.display()))?;
    let is_unpacked = unpack(&bcx.packages, id)?;
    // Its archive was in the cache when it was unpacked; without it the next command downloads it.
    if !is_unpacked.with_context(|| format!("there is no source for `{id}`"))? {
        bail!(report::run_again(id, &found.names(), root));
    }
    let signed = Files::read(root, left_out)?;
    if !signed.are(signature.tree(), carrier) {
        bail!(report::other_files(id, &signed.names(), root));
    }
    nothing_steers(id, root, top, is_in_cache)?;
    let changed = found.differences(&signed);
    let was_read = |name: &String| READ_BEFORE.contains(&name.as_str());
    if changed.iter().any(was_read) || !found.same_names(&signed) {
        bail!(report::run_again(id, &changed, root));
    }
    bcx.gctx.shell().warn(report::unpacked_again(id, &changed))
}

/// Makes sure that nothing above the package, up to `top`, steers the programs that run in its folder.
/// They go by where a folder really is, and not by the links that lead to it.
fn nothing_steers(id: PackageId, root: &Path, top: &Path, is_in_cache: bool) -> CargoResult<()> {
    let real = |path: &Path| {
        path.canonicalize()
            .with_context(|| format!("failed to read `{}`", path.display()))
    };
    let (real_root, real_top) = (real(root)?, real(top)?);
    if !real_root.starts_with(&real_top) {
        bail!(report::leads_elsewhere(id, root, &real_root));
    }
    let mut names = STEERING.to_vec();
    if is_in_cache {
        names.extend(STEERING_IN_CACHE);
    }
    let above = real_root.ancestors().skip(1);
    let mut files = above
        .take_while(|folder| folder.starts_with(&real_top))
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    // A link that leads nowhere may lead somewhere when it is looked at.
    match files.find(|file| file.symlink_metadata().is_ok()) {
        Some(file) => bail!(report::steered(id, &file)),
        None => Ok(()),
    }
}

/// Makes sure that the unpacked files of a `package` that this command made are those that it made.
pub(super) fn ensure_as_made(package: &Package, tree: &Digest) -> CargoResult<()> {
    let root = package.root();
    let found = Files::read(root, &LeftOut::new())?;
    if !found.are(tree, None) || root.is_symlink() {
        let id = package.package_id();
        bail!(report::not_as_made(id, root));
    }
    Ok(())
}
