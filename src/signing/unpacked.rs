//! The unpacked files of a package, compared with what was signed before anything of it is compiled.
//!
//! An archive is checked when it is unpacked; what it was unpacked to lies in `registry/src` from then
//! on, and anyone who can write there, or who made the cache that it was restored from, can change it.
//! So the files are compared with the signed `tree` once more, once a package, when a unit of it is to
//! be built. What is fresh is not built, and not compared.
//!
//! Files that are not as they were signed are unpacked again from the checked archive. That is no
//! error: some build scripts write beside their own sources. But by then cargo has read the manifest
//! and looked for targets, so where that could have come out otherwise the command ends and is to be
//! run again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use consign_statement::tree::Tree;
use consign_statement::{Digest, SignatureValid};
use walkdir::WalkDir;

use super::report;
use crate::CargoResult;
use crate::core::Package;
use crate::core::compiler::BuildContext;
use crate::sources::source::MaybePackage;
use crate::util::cache_lock::CacheLockMode;

/// What cargo itself writes at the root of an unpacked package.
const CARGOS_OWN: [&str; 2] = [".cargo-ok", ".cargo-checksum.json"];

/// Makes sure that the unpacked files of `package` are those that `signature` covers.
pub(super) fn ensure_as_signed(
    bcx: &BuildContext<'_, '_>,
    package: &Package,
    signature: &SignatureValid,
) -> CargoResult<()> {
    let root = package.root();
    let found = Files::read(root)?;
    if found.tree == Some(*signature.tree()) {
        return Ok(());
    }
    let id = package.package_id();
    let cache = bcx.gctx.registry_source_path().into_path_unlocked();
    if !root.starts_with(&cache) {
        bail!(report::other_files(id, &found.names(), root));
    }

    let _lock = bcx
        .gctx
        .acquire_package_cache_lock(CacheLockMode::DownloadExclusive)?;
    fs::remove_dir_all(root).with_context(|| format!("failed to remove `{}`", root.display()))?;
    let mut sources = bcx.packages.sources_mut();
    let source = sources
        .get_mut(id.source_id())
        .with_context(|| format!("there is no source for `{id}`"))?;
    // Its archive was in the cache when it was unpacked; without it the next command downloads it.
    let MaybePackage::Ready(_) = source.download(id)? else {
        bail!(report::run_again(id, &found.names(), root));
    };
    let signed = Files::read(root)?;
    if signed.tree != Some(*signature.tree()) {
        bail!(report::other_files(id, &signed.names(), root));
    }
    let changed = found.differences(&signed);
    if changed.iter().any(|name| name == "Cargo.toml") || !found.same_names(&signed) {
        bail!(report::run_again(id, &changed, root));
    }
    bcx.gctx.shell().warn(report::unpacked_again(id, &changed))
}

/// The files of a folder.
struct Files {
    /// What is found under each name; `None` for what is neither a regular file nor a directory.
    found: BTreeMap<String, Option<Digest>>,
    /// The digest over them; `None` where a package that holds such files cannot be signed.
    tree: Option<Digest>,
}

impl Files {
    /// Reads the folder without following a link in it.
    fn read(root: &Path) -> CargoResult<Files> {
        let mut found = BTreeMap::new();
        let mut tree = Some(Tree::new());
        for entry in WalkDir::new(root).min_depth(1).follow_links(false) {
            let entry = entry.with_context(|| format!("failed to read `{}`", root.display()))?;
            let name = name(root, entry.path());
            let kind = entry.file_type();
            let added = if kind.is_dir() {
                tree.as_mut().map(|tree| tree.add_directory(&name))
            } else if entry.depth() == 1 && CARGOS_OWN.iter().any(|own| name == own.as_bytes()) {
                None
            } else if kind.is_file() {
                let digest = digest(entry.path())?;
                let shown = String::from_utf8_lossy(&name).into_owned();
                found.insert(shown, Some(digest));
                tree.as_mut().map(|tree| tree.add_file(&name, digest))
            } else {
                found.insert(String::from_utf8_lossy(&name).into_owned(), None);
                tree = None;
                None
            };
            if let Some(Err(_)) = added {
                tree = None;
            }
        }
        let tree = tree.map(Tree::finish);
        Ok(Files { found, tree })
    }

    fn names(&self) -> Vec<String> {
        self.found.keys().cloned().collect()
    }

    fn same_names(&self, other: &Files) -> bool {
        self.found.keys().eq(other.found.keys())
    }

    /// What was changed, added or is missing, in order.
    fn differences(&self, signed: &Files) -> Vec<String> {
        let mut names: Vec<_> = self
            .found
            .iter()
            .filter(|(name, digest)| signed.found.get(*name) != Some(digest))
            .map(|(name, _)| name.clone())
            .collect();
        let missing = |name: &&String| !self.found.contains_key(*name);
        names.extend(signed.found.keys().filter(missing).cloned());
        names.sort();
        names
    }
}

fn digest(path: &Path) -> CargoResult<Digest> {
    let hash = cargo_util::Sha256::new()
        .update_path(path)
        .with_context(|| format!("failed to read `{}`", path.display()))?
        .finish();
    Ok(Digest::from_bytes(hash))
}

/// The path below `root`, with `/` between components.
#[cfg(unix)]
fn name(root: &Path, path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.as_os_str().as_bytes().to_owned()
}

/// The path below `root`, with `/` between components.
#[cfg(not(unix))]
fn name(root: &Path, path: &Path) -> Vec<u8> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.to_string_lossy().replace('\\', "/").into_bytes()
}
