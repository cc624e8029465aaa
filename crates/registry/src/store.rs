//! Where everything is kept: files below one folder.
//!
//! ```text
//! lock                          held by the one process that may change packages
//! tokens/DIGEST.json            see `token`
//! packages/KEY/index            the index lines, just as they are served
//! packages/KEY/package.json     the spelling of the name, and who owns it
//! packages/KEY/VERSION.crate    the bytes of a version
//! packages/KEY/VERSION.json     what is known of it besides the index line
//! ```
//!
//! A version is there when its line is in `index`, and in no other case: the line is written last,
//! after everything that it promises is safe on the disk. Whatever a killed process leaves behind
//! besides is not seen by anyone, and is overwritten when that version is published again.
//!
//! A file is replaced as a whole: written under another name in the same folder, flushed, renamed,
//! and the folder flushed. So a reader needs no lock and sees the old file or the new one. To write
//! takes a [`Writer`], of which there is one a package at a time.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use semver::Version;
use serde::Serialize;

use crate::name::Key;

/// What is kept of a package.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// The index lines.
    Index,
    /// The spelling of the name, and the owners.
    Package,
    /// The bytes of one version.
    Archive(&'a Version),
    /// What is known of one version besides its index line.
    About(&'a Version),
}

/// The files below one folder, with the right to change them.
#[derive(Debug)]
pub struct Store {
    packages: PathBuf,
    /// Keys of the packages that have a [`Writer`].
    busy: Mutex<HashSet<Key>>,
    freed: Condvar,
    /// Closed, and with that released, when the store is dropped or the process ends.
    _lock: File,
}

/// Why files could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {action} `{}`: {reason}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Another process holds the lock.
    #[error("`{}` is in use by another process; stop that one first", .0.display())]
    InUse(PathBuf),
    /// A file holds something else than this registry has written.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Store {
    /// Opens the store below `root`, which is made where it is not there, for this process alone.
    pub fn open(root: &Path) -> Result<Store, StoreError> {
        make_folder(root)?;
        let path = root.join("lock");
        let lock = File::create(&path).map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(root.into())),
            Err(TryLockError::Error(e)) => return Err(failed("lock", &path)(e)),
        }
        let packages = root.join("packages");
        make_folder(&packages)?;
        sweep(&packages)?;
        Ok(Store {
            packages,
            busy: Mutex::default(),
            freed: Condvar::new(),
            _lock: lock,
        })
    }

    /// Reads an item; `None` where it is not there.
    pub fn read(&self, key: &Key, item: Item<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.path(key, item))
    }

    /// The key of every package that has, or once was to have, a version.
    pub fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.packages).map_err(failed("read", &self.packages))? {
            let entry = entry.map_err(failed("read", &self.packages))?;
            keys.extend(entry.file_name().to_str().and_then(Key::from_folder));
        }
        keys.sort();
        Ok(keys)
    }

    /// The right to write this package. Waits until nobody else has it.
    pub fn writer(&self, key: &Key) -> Writer<'_> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        while !busy.insert(key.clone()) {
            busy = (self.freed.wait(busy)).unwrap_or_else(PoisonError::into_inner);
        }
        Writer {
            store: self,
            key: key.clone(),
        }
    }

    /// Says that an item holds something else than it should.
    pub fn damaged(&self, key: &Key, item: Item<'_>, reason: impl ToString) -> StoreError {
        StoreError::Damaged {
            path: self.path(key, item),
            reason: reason.to_string(),
        }
    }

    fn path(&self, key: &Key, item: Item<'_>) -> PathBuf {
        let folder = self.packages.join(key.as_str());
        match item {
            Item::Index => folder.join("index"),
            Item::Package => folder.join("package.json"),
            Item::Archive(version) => folder.join(format!("{version}.crate")),
            Item::About(version) => folder.join(format!("{version}.json")),
        }
    }
}

/// The right to write one package, given to one at a time.
#[derive(Debug)]
pub struct Writer<'a> {
    store: &'a Store,
    key: Key,
}

impl Writer<'_> {
    /// Writes an item as a whole. When this returns, it outlives a power cut.
    pub fn write(&self, item: Item<'_>, bytes: &[u8]) -> Result<(), StoreError> {
        write(&self.store.path(&self.key, item), bytes)
    }

    /// Writes an item as JSON.
    pub fn write_json(&self, item: Item<'_>, value: &impl Serialize) -> Result<(), StoreError> {
        write_json(&self.store.path(&self.key, item), value)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let mut busy = (self.store.busy.lock()).unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.key);
        self.store.freed.notify_all();
    }
}

/// Reads a file; `None` where it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("read", path)(e)),
    }
}

/// Replaces or makes a file, which is then there as a whole or not at all, also after a power cut.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder)
        .map_err(failed("write in", folder))?;
    file.write_all(bytes).map_err(failed("write", path))?;
    file.as_file().sync_all().map_err(failed("flush", path))?;
    file.persist(path)
        .map_err(|e| failed("write", path)(e.error))?;
    flush_folder(folder)
}

/// As [`write`], in JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let json = serde_json::to_vec(value).map_err(|e| failed("write", path)(e.into()))?;
    write(path, &json)
}

/// Removes a file, for good.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(failed("remove", path))?;
    flush_folder(path.parent().unwrap_or(Path::new(".")))
}

/// How the names of unfinished files begin; no package, version or token begins so.
const TEMPORARY: &str = ".unfinished-";

/// Makes a folder and those above it, and flushes each one that got a new entry.
pub(crate) fn make_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(above) = above {
        make_folder(above)?;
    }
    match fs::create_dir(path) {
        Ok(()) => flush_folder(above.unwrap_or(Path::new("."))),
        // Somebody was faster.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(failed("make", path)(e)),
    }
}

#[cfg(unix)]
fn flush_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("flush", path))
}

/// Windows keeps the entries of a folder in order by itself, and opens no folder as a file.
#[cfg(not(unix))]
fn flush_folder(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// Removes what killed processes have left unfinished.
fn sweep(packages: &Path) -> Result<(), StoreError> {
    let list = |path: &Path| fs::read_dir(path).map_err(failed("read", path));
    for package in list(packages)? {
        let package = package.map_err(failed("read", packages))?.path();
        if !package.is_dir() {
            continue;
        }
        for file in list(&package)? {
            let file = file.map_err(failed("read", &package))?;
            if file
                .file_name()
                .as_encoded_bytes()
                .starts_with(TEMPORARY.as_bytes())
            {
                fs::remove_file(file.path()).map_err(failed("remove", &file.path()))?;
            }
        }
    }
    Ok(())
}

pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |reason| StoreError::Io {
        action,
        path: path.into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::name::Name;

    fn key(name: &str) -> Key {
        name.parse::<Name>().unwrap().key()
    }

    #[test]
    fn one_process_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let second = Store::open(root.path()).unwrap_err();
        assert!(matches!(second, StoreError::InUse(_)), "{second}");
        drop(store);
        Store::open(root.path()).unwrap();
    }

    #[test]
    fn what_was_written_is_read() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let version = Version::new(1, 0, 0);
        let (foo, bar) = (key("foo"), key("bar"));
        let writer = store.writer(&foo);
        for item in [
            Item::Index,
            Item::Package,
            Item::Archive(&version),
            Item::About(&version),
        ] {
            assert_eq!(store.read(&foo, item).unwrap(), None);
            for text in [&b"old"[..], b"new"] {
                writer.write(item, text).unwrap();
                assert_eq!(store.read(&foo, item).unwrap().unwrap(), text);
            }
            assert_eq!(store.read(&bar, item).unwrap(), None);
        }
        assert_eq!(store.keys().unwrap(), [foo]);
    }

    #[test]
    fn unfinished_files_are_swept_when_opened() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        store.writer(&key("foo")).write(Item::Index, b"x").unwrap();
        drop(store);
        let folder = root.path().join("packages/foo");
        fs::write(folder.join(format!("{TEMPORARY}abc")), "half").unwrap();
        Store::open(root.path()).unwrap();
        let left: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["index"]);
    }

    #[test]
    fn a_second_writer_of_a_package_waits() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        // Every thread reads a number and writes the next one: none is lost if none overlap.
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let writer = store.writer(&key("Foo"));
                        let old = store.read(&key("foo"), Item::Index).unwrap();
                        let count = old.map_or(0, |bytes| bytes.len());
                        writer.write(Item::Index, &vec![b'.'; count + 1]).unwrap();
                    }
                });
            }
        });
        let count = store.read(&key("foo"), Item::Index).unwrap().unwrap().len();
        assert_eq!(count, 40);
    }
}
