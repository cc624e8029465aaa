//! The user's own signing keys.
//!
//! A key is one file, `$CARGO_HOME/signing/keys/PROVIDER/USER/FINGERPRINT.asc`: an armored OpenPGP
//! secret key, readable by its owner alone. The folders say whose it is, so a key that GnuPG made
//! can be put there as it is.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use consign_identity::Identity;
use consign_identity::openpgp::{OsRng, SecretKey};
use consign_identity::provider::Location;

use super::context::unix_now;
use crate::{CargoResult, GlobalContext};

/// A key file is a few hundred bytes; what is longer than this is something else.
const MAX_FILE: u64 = 1 << 20;

/// A signing key, and where it lies.
pub struct StoredKey {
    /// Whose it is.
    pub identity: Identity,
    /// The key.
    pub key: SecretKey,
    /// Its file.
    pub path: PathBuf,
}

/// Where a signing key lies, and whose it is.
pub struct KeyFile {
    /// Whose it is.
    pub identity: Identity,
    /// Its file.
    pub path: PathBuf,
}

/// Makes a key for `identity` and stores it.
///
/// Fails where there is one already: which of two would sign is a question that this version does
/// not ask.
pub fn create(gctx: &GlobalContext, identity: &Identity) -> CargoResult<StoredKey> {
    let policy = gctx.signing.policy(gctx)?;
    let provider = policy
        .providers()
        .get(identity.provider())
        .with_context(|| {
            format!(
                "no identity provider `{}` is known\n\n\
             help: those that are: {}; one of your own is defined by `signing.identities.{}.keys`",
                identity.provider(),
                policy.providers().names().collect::<Vec<_>>().join(", "),
                identity.provider()
            )
        })?;
    provider.check_user(identity.user())?;
    if let Some(found) = find(gctx, identity)? {
        bail!(
            "there is a key for `{identity}` already, with the fingerprint {}\n\n\
             help: `cargo key show {identity}` prints its public half",
            found.key.fingerprint()
        );
    }
    let key = SecretKey::generate(identity, unix_now()?, OsRng)?;
    let path = folder(gctx)
        .join(identity.provider())
        .join(identity.user())
        .join(format!("{}.asc", key.fingerprint()));
    write_new_version(&path, key.to_armored().as_bytes())
        .context("failed to store the signing key")?;
    Ok(StoredKey {
        identity: identity.clone(),
        key,
        path,
    })
}

/// Where the public half of a key of `identity` has to go, as the rest of a sentence: the page on which
/// its owner adds it by hand, or the address at which it is looked for.
pub fn where_to_publish(gctx: &GlobalContext, identity: &Identity) -> CargoResult<String> {
    let policy = gctx.signing.policy(gctx)?;
    let Some(provider) = policy.providers().get(identity.provider()) else {
        return Ok("where its provider looks for it".to_owned());
    };
    Ok(
        match (provider.page(), provider.location(identity.user())?) {
            (Some(page), _) => format!("at {page}"),
            (None, Location::Url(url)) => format!("so that it is found at {url}"),
            (None, Location::File(path)) => format!("as `{}`", path.display()),
        },
    )
}

/// The key of `identity`. An error where there is one that cannot be read, or more than one.
pub fn find(gctx: &GlobalContext, identity: &Identity) -> CargoResult<Option<StoredKey>> {
    let mut files = files(gctx)?;
    files.retain(|file| file.identity == *identity);
    match files.as_slice() {
        [] => Ok(None),
        [file] => file.read().map(Some),
        several => bail!(
            "there are {} keys for `{identity}`, and no way to say which one signs\n\n\
             help: leave one in `{}`",
            several.len(),
            several[0]
                .path
                .parent()
                .unwrap_or(&several[0].path)
                .display()
        ),
    }
}

/// The files of all keys, in order of their identities. None of them is read.
pub fn files(gctx: &GlobalContext) -> CargoResult<Vec<KeyFile>> {
    let mut files = Vec::new();
    for provider in children(&folder(gctx))? {
        for user in children(&provider)? {
            let identity = Identity::new(&name(&provider), &name(&user)).with_context(|| {
                format!("`{}` is not the folder of an identity", user.display())
            })?;
            for path in children(&user)? {
                if path.extension().is_some_and(|extension| extension == "asc") {
                    files.push(KeyFile {
                        identity: identity.clone(),
                        path,
                    });
                }
            }
        }
    }
    Ok(files)
}

impl KeyFile {
    /// Reads the key. An error names the file.
    pub fn read(&self) -> CargoResult<StoredKey> {
        Ok(StoredKey {
            identity: self.identity.clone(),
            key: read(&self.path)?,
            path: self.path.clone(),
        })
    }
}

fn read(path: &Path) -> CargoResult<SecretKey> {
    let context = || format!("failed to read the signing key `{}`", path.display());
    let metadata = fs::metadata(path).with_context(context)?;
    if metadata.len() > MAX_FILE {
        return Err(anyhow::format_err!("it has {} bytes", metadata.len())).with_context(context);
    }
    only_its_owners(path, &metadata).with_context(context)?;
    let text = zeroize::Zeroizing::new(fs::read(path).with_context(context)?);
    SecretKey::from_armored(&text).with_context(context)
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

/// Writes a file that nobody but its owner can read, whole or not at all: to a temporary file in
/// the same folder, flushed, and renamed.
pub(super) fn write_new_version(path: &Path, content: &[u8]) -> CargoResult<()> {
    let folder = path.parent().context("a file without a folder")?;
    create_private(folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    // A temporary file has mode 0600 from its first moment.
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
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

fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn folder(gctx: &GlobalContext) -> PathBuf {
    gctx.home().as_path_unlocked().join("signing/keys")
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// What is in a folder, in order; nothing where there is no such folder, or it is a file.
fn children(folder: &Path) -> CargoResult<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries,
    };
    let mut children: Vec<PathBuf> = entries
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .with_context(|| format!("failed to read `{}`", folder.display()))?;
    children.sort();
    Ok(children)
}
