//! The files of a package, as they lie in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use consign_statement::tree::Tree;
use consign_statement::vendored::LeftOut;
use consign_statement::{Digest, carrier};
use serde::Deserialize;
use walkdir::WalkDir;

use super::cores::on_all_cores;
use crate::CargoResult;

/// What marks an unpacked package as whole. Cargo's own, at the root.
const UNPACKED: &str = ".cargo-ok";
/// What marks a vendored one. Cargo's own, at the root.
pub(super) const CHECKSUMS: &str = ".cargo-checksum.json";

/// What is in the folder of a package, but for what cargo itself writes there.
pub(super) struct Files {
    /// What is found under each name; `None` for what is neither a regular file nor a directory.
    found: BTreeMap<String, Option<Digest>>,
    /// The same as a tree; `None` where a package that holds such files cannot be signed.
    tree: Option<Tree>,
}

impl Files {
    /// Reads the folder, without following a link in it. What it lacks of `left_out` counts as if it
    /// were there.
    pub(super) fn read(root: &Path, left_out: &LeftOut) -> CargoResult<Files> {
        Files::read_unless(root, left_out, |_| None)
    }

    /// The same, where the digests of some files are known, by their paths in the folder.
    pub(super) fn read_unless(
        root: &Path,
        left_out: &LeftOut,
        known: impl Fn(&[u8]) -> Option<Digest> + Sync,
    ) -> CargoResult<Files> {
        tracing::trace!("hashing the files in `{}`", root.display());
        let mut directories = Vec::new();
        let mut files = Vec::new();
        let mut others = Vec::new();
        for entry in WalkDir::new(root).min_depth(1).follow_links(false) {
            let entry = entry.with_context(|| format!("failed to read `{}`", root.display()))?;
            let name = name(root, entry.path());
            let kind = entry.file_type();
            let is_cargos = entry.depth() == 1
                && [UNPACKED, CHECKSUMS]
                    .iter()
                    .any(|own| name == own.as_bytes());
            if kind.is_dir() {
                directories.push(name);
            } else if kind.is_file() && !is_cargos {
                files.push((name, entry.into_path()));
            } else if !is_cargos {
                others.push(name);
            }
        }
        let digests = on_all_cores(&files, |(name, path)| match known(name) {
            Some(known) => Ok(known),
            None => digest(path),
        });

        let mut found = BTreeMap::new();
        let mut tree = others.is_empty().then(Tree::new);
        let mut add = |added: &dyn Fn(&mut Tree) -> bool| {
            if !tree.as_mut().is_some_and(added) {
                tree = None;
            }
        };
        for name in &directories {
            add(&|tree| tree.add_directory(name).is_ok());
        }
        for ((name, _), digest) in files.iter().zip(digests) {
            let digest = digest?;
            found.insert(shown(name), Some(digest));
            add(&|tree| tree.add_file(name, digest).is_ok());
        }
        for (path, digest) in left_out {
            if !found.contains_key(path) {
                add(&|tree| tree.add_file(path, *digest).is_ok());
            }
        }
        found.extend(others.iter().map(|name| (shown(name), None)));
        Ok(Files { found, tree })
    }

    /// What cargo's own list in a vendored folder says that it holds. Nobody signed that list: it is
    /// good for nothing but to tell which file was changed. `None` where it cannot be read.
    pub(super) fn listed(root: &Path) -> Option<Files> {
        #[derive(Deserialize)]
        struct Checksums {
            files: BTreeMap<String, String>,
        }
        let text = fs::read(root.join(CHECKSUMS)).ok()?;
        let Checksums { files } = serde_json::from_slice(&text).ok()?;
        let found = files
            .into_iter()
            .map(|(name, digest)| (name, digest.parse().ok()))
            .collect();
        Some(Files { found, tree: None })
    }

    /// Whether they are those of a package that was signed with this tree. Where the package carries its
    /// signature itself, that file is not in the tree, and has to have the digest `carrier`.
    pub(super) fn are(&self, tree: &Digest, carrier: Option<Digest>) -> bool {
        let Some(mut found) = self.tree.clone() else {
            return false;
        };
        if carrier.is_some() && found.take(carrier::NAME) != carrier {
            return false;
        }
        found.finish() == *tree
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.found.keys().cloned().collect()
    }

    pub(super) fn same_names(&self, other: &Files) -> bool {
        self.found.keys().eq(other.found.keys())
    }

    /// What was changed, added or is missing, in order.
    pub(super) fn differences(&self, signed: &Files) -> Vec<String> {
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

fn digest(path: &PathBuf) -> CargoResult<Digest> {
    let hash = cargo_util::Sha256::new()
        .update_path(path)
        .with_context(|| format!("failed to read `{}`", path.display()))?
        .finish();
    Ok(Digest::from_bytes(hash))
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
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
