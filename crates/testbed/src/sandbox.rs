//! A folder for one test.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Home, PackageBuilder};

/// A temporary folder outside the repository. It is removed at the end; with `CONSIGN_KEEP=1` in the
/// environment it is kept, and its path printed.
#[derive(Debug)]
pub struct Sandbox {
    folder: Option<TempDir>,
    path: PathBuf,
}

impl Sandbox {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Sandbox {
        let mut folder = tempfile::Builder::new()
            .prefix("consign-")
            .tempdir()
            .unwrap();
        // As programs that run in it will see it.
        let path = folder.path().canonicalize().unwrap();
        if std::env::var_os("CONSIGN_KEEP").is_some_and(|keep| keep == "1") {
            folder.disable_cleanup(true);
            eprintln!("kept: {}", path.display());
        }
        Sandbox {
            folder: Some(folder),
            path,
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The `CARGO_HOME` of a user of that name; made where it is not there.
    pub fn home(&self, name: &str) -> Home {
        Home::new(&self.path, name)
    }

    /// A package in the folder `name`, which is written with [`PackageBuilder::write`].
    pub fn package(&self, name: &str) -> PackageBuilder {
        PackageBuilder::new(&self.path, name)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // What a test left running may still write; then the folder is the system's to clean.
        let _ = self.folder.take().map(TempDir::close);
    }
}

/// Every path below a folder, sorted; links are not followed.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path.clone());
            }
            all.push(path);
        }
    }
    all.sort();
    all
}
