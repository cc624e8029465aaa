//! Files that are their owner's alone: signing keys, and what providers answered.
//!
//! Every change of one is atomic: whoever looks, also after a crash or a loss of power, finds the
//! old file or the new one, whole. What a write that was cut short left behind goes with the next one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use crate::CargoResult;

/// How the name of a file begins that is being written.
const UNFINISHED: &str = ".new-";

/// Writes `path` whole or not at all: to a temporary file in the same folder, flushed, and renamed.
/// Nobody but its owner can read it, from its first byte.
pub(super) fn write(path: &Path, content: &[u8]) -> CargoResult<()> {
    let folder = path.parent().context("a file without a folder")?;
    create_private(folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    // A temporary file has mode 0600 from its first moment.
    let write = || {
        let lock = lock(folder);
        if lock.is_some() {
            remove_unfinished(folder)?;
        }
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The new name, too, must outlive a loss of power.
        #[cfg(unix)]
        fs::File::open(folder)?.sync_all()?;
        Ok::<_, std::io::Error>(())
    };
    write().with_context(|| format!("failed to write `{}`", path.display()))
}

/// Keeps others from writing to a folder, for as long as the file that it gives lives. `None` where that
/// cannot be had: then all is as before, but for what is left behind.
#[cfg(unix)]
fn lock(folder: &Path) -> Option<fs::File> {
    let folder = fs::File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

#[cfg(not(unix))]
fn lock(_: &Path) -> Option<fs::File> {
    None
}

/// Removes what was to become a file, and may be a secret. Nobody is at work on it: the folder is locked.
fn remove_unfinished(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Reads a secret of at most `limit` bytes. An error where others than its owner can read it, too.
pub(super) fn read_secret(path: &Path, limit: u64) -> CargoResult<Zeroizing<Vec<u8>>> {
    let file = fs::File::open(path)?;
    // Of the file that is read, whatever the path leads to by now.
    let metadata = file.metadata()?;
    if metadata.len() > limit {
        bail!("it has {} bytes", metadata.len());
    }
    only_its_owners(path, &metadata)?;
    // Never grown, so that no copy of the secret is left behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.take(metadata.len()).read_to_end(&mut secret)?;
    Ok(secret)
}

#[cfg(unix)]
fn only_its_owners(path: &Path, metadata: &fs::Metadata) -> CargoResult<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "it can be read by others (its mode is {mode:03o}, and should be 600)\n\n\
             help: `chmod 600 {}`; if others had the chance to read it, make a new key",
            path.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn only_its_owners(_: &Path, _: &fs::Metadata) -> CargoResult<()> {
    Ok(())
}

/// Creates a folder that is its owner's alone.
pub(super) fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
