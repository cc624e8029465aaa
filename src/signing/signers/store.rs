//! A signers file on the disk.
//!
//! Two processes may record at once. Whoever writes holds a lock beside the store, reads the file anew,
//! changes that, and puts the result in its place whole: no sighting is lost, and nobody reads half a
//! file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use consign_policy::Sighting;
use consign_signers::{Changes, Signers, SignersFile};
use consign_statement::{Digest, RegistryId};

use super::signing_folder;
use crate::signing::private_file::create_private;
use crate::signing::report;
use crate::util::{FileLock, Filesystem};
use crate::{CargoResult, GlobalContext};

/// The longest file that is read, in bytes: some hundred thousand packages.
const MAX_FILE: u64 = 16 << 20;

/// A signers file, which need not be there yet.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// The one at `path`.
    pub fn new(path: PathBuf) -> Store {
        Store { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says; nothing where it is not there. One that cannot be read is an error: it may hold
    /// what protects its user.
    pub fn read(&self) -> CargoResult<Signers> {
        Ok(self
            .file()?
            .map(|file| file.signers().clone())
            .unwrap_or_default())
    }

    /// The file, if it is there.
    pub fn file(&self) -> CargoResult<Option<SignersFile>> {
        let unreadable = || format!("failed to read the signers file `{}`", self.path.display());
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            // A link that leads nowhere is there.
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && fs::symlink_metadata(&self.path).is_err() =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(unreadable),
        };
        if metadata.len() > MAX_FILE {
            bail!("{}: it has {} bytes", unreadable(), metadata.len());
        }
        let text = fs::read_to_string(&self.path).with_context(unreadable)?;
        Ok(Some(SignersFile::read(text).with_context(unreadable)?))
    }

    /// Changes it, while nobody else does. `change` is told what is in it now, and says what is to be
    /// changed. Returns whether anything was.
    pub fn change(
        &self,
        gctx: &GlobalContext,
        change: impl FnOnce(&Signers) -> CargoResult<Changes>,
    ) -> CargoResult<bool> {
        let _lock = self.lock(gctx)?;
        let file = self.file()?;
        let is_there = file.is_some();
        let file = file.unwrap_or_default();
        let changes = change(file.signers())?;
        if changes.is_empty() {
            return Ok(false);
        }
        let changed = file.with(&changes)?;
        if is_there && changed.text() == file.text() {
            return Ok(false);
        }
        self.write(changed.text())?;
        Ok(true)
    }

    /// Records sightings: of packages and keys about which the file says nothing else by now. `first` are the
    /// packages that this command was the first to record: what it accepts of them belongs together, and goes
    /// in as it is found.
    pub fn record(
        &self,
        gctx: &GlobalContext,
        sightings: &[Sighting<'_>],
        first: &mut BTreeSet<(RegistryId, String)>,
    ) -> CargoResult<bool> {
        self.change(gctx, |signers| {
            let mut changes = Changes::default();
            for sighting in sightings {
                let package = (sighting.registry.clone(), sighting.name.to_owned());
                if sighting.fits(signers) || first.contains(&package) {
                    sighting.record(signers, &mut changes);
                    if signers.package(sighting.registry, sighting.name).is_none() {
                        first.insert(package);
                    }
                }
            }
            Ok(changes)
        })
    }

    /// Writes it whole, as new; an error where it is there.
    pub fn create(&self, gctx: &GlobalContext, file: &SignersFile) -> CargoResult<()> {
        let _lock = self.lock(gctx)?;
        if self.path.exists() {
            bail!("`{}` is there already", self.path.display());
        }
        self.write(file.text())
    }

    fn write(&self, text: &str) -> CargoResult<()> {
        // The real file, where it is a link.
        let path = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().context("a file without a folder")?;
        let write = || {
            fs::create_dir_all(folder)?;
            let permissions = fs::metadata(&path).map(|metadata| metadata.permissions());
            let mut file = tempfile::Builder::new();
            // As any other file of a project; a temporary one would be its owner's alone.
            #[cfg(unix)]
            file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            if let Ok(permissions) = permissions {
                file.permissions(permissions);
            }
            let mut file = file.prefix(".Cargo.signers-").tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok::<_, std::io::Error>(())
        };
        write().with_context(|| format!("failed to write `{}`", path.display()))
    }

    /// The file itself, where the path leads there by links.
    fn real_path(&self) -> PathBuf {
        if let Ok(path) = self.path.canonicalize() {
            return path;
        }
        let folder = self
            .path
            .parent()
            .and_then(|folder| folder.canonicalize().ok());
        match (folder, self.path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => self.path.clone(),
        }
    }

    /// Nobody else changes the file as long as this is held.
    fn lock(&self, gctx: &GlobalContext) -> CargoResult<FileLock> {
        // The same file by whatever path.
        let name = Digest::of(self.real_path().as_os_str().as_encoded_bytes());
        let folder = signing_folder(gctx).join("locks");
        let what = format!("signers file `{}`", self.path.display());
        let locked = create_private(&folder)
            .map_err(anyhow::Error::from)
            .and_then(|()| {
                let folder = Filesystem::new(folder.clone());
                folder.open_rw_exclusive_create(name.to_string(), gctx, &what)
            });
        locked.with_context(|| report::not_locked(&self.path, &folder))
    }
}
