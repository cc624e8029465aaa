//! The user's own signing keys.
//!
//! A key is one file, `$CARGO_HOME/signing/keys/PROVIDER/USER/FINGERPRINT.asc`: an armored OpenPGP
//! secret key, readable by its owner alone. The folders say whose it is, so a key that GnuPG made
//! can be put there as it is. In CI it is an environment variable instead.
//!
//! ```text
//!  choose ── OwnKeyOf ── unlock ──▶ SecretKey      publish::sign
//!     ▲         │ ▲
//!   files       │ └── end (retire, revoke)         cargo key
//!  environment  └──── account (publish, withdraw)
//! ```
//!
//! - here: where keys are kept, how one gets there, and which one a command means;
//! - `choose`: which of them signs;
//! - [`agent`]: keys that are not here, but in an agent;
//! - [`environment`]: the key in an environment variable;
//! - `decision`: whether the user wants to sign at all;
//! - `passphrase`: where the passphrase of a key comes from;
//! - `end`: keys are retired and revoked;
//! - `account`: keys are published at a provider, and withdrawn there;
//! - `token`: by what right;
//! - `unfinished`: what is left to do where that was cut short.

mod account;
pub mod agent;
mod choose;
mod decision;
mod end;
pub(super) mod environment;
mod passphrase;
mod token;
mod unfinished;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use consign_identity::Identity;
use consign_identity::openpgp::{KeyError, KeyState, OsRng, OwnKey, SecretKey};
use consign_identity::provider::Provider;
use zeroize::Zeroizing;

use super::context::unix_now;
use super::private_file;
pub(super) use super::private_file::write as write_new_version;
use crate::{CargoResult, GlobalContext};

pub use self::account::{
    ByHand, How, Outcome, by_hand, publish, publish_in_agent, withdraw, withdraw_in_agent,
};
pub use self::agent::{AgentKeyOf, in_agent};
pub(super) use self::choose::{Signer, signer};
pub use self::choose::{Which, choose, signing};
pub use self::decision::{configured, forget_no, is_undecided, remember_no};
pub use self::end::{End, end};
pub use self::passphrase::{Passphrase, new_passphrase};
pub use self::unfinished::unfinished;

/// A key file is a few hundred bytes; what is longer than this is something else.
const MAX_FILE: u64 = 1 << 20;

/// One of the user's own keys, and whose it is.
#[derive(Debug)]
pub struct OwnKeyOf {
    /// Whose it is.
    pub identity: Identity,
    /// The key.
    pub key: OwnKey,
    /// Its file; `None` of the key in the environment.
    pub path: Option<PathBuf>,
}

/// Where a signing key lies, and whose it is.
pub struct KeyFile {
    /// Whose it is.
    pub identity: Identity,
    /// Its file.
    pub path: PathBuf,
}

/// What a key can still do, by its own word and the clock of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It signs; until then, if that is given, in Unix seconds.
    Signs(Option<u64>),
    /// Its time ended then.
    Expired(u64),
    /// Its owner stopped using it then.
    Retired(u64),
    /// Its owner withdrew it.
    Revoked,
    /// It never could.
    Unfit,
}

impl OwnKeyOf {
    /// What the key can still do.
    pub fn life(&self) -> CargoResult<Life> {
        Ok(match self.key.published().state {
            KeyState::Good => Life::Signs(None),
            KeyState::GoodUntil(end) if end <= unix_now()? => Life::Expired(end),
            KeyState::GoodUntil(end) => Life::Signs(Some(end)),
            KeyState::Retired(since) => Life::Retired(since),
            KeyState::Revoked => Life::Revoked,
            _ => Life::Unfit,
        })
    }

    /// How messages call it.
    pub fn describe(&self, gctx: &GlobalContext) -> CargoResult<String> {
        let who = gctx.signing.policy(gctx)?.display(&self.identity);
        Ok(format!("{} of {who}", self.key.fingerprint()))
    }

    /// How a command names it: by whose it is, or by its fingerprint where there are others of the same.
    pub fn name(&self, gctx: &GlobalContext) -> CargoResult<String> {
        Ok(match is_only_one(gctx, &self.identity)? {
            true => self.identity.to_string(),
            false => self.key.fingerprint().to_string(),
        })
    }

    /// Where it is, for messages.
    fn place(&self) -> String {
        match &self.path {
            Some(path) => format!("`{}`", path.display()),
            None => format!("the environment variable `{}`", environment::SECRET_KEY),
        }
    }
}

/// An error where there can be no such identity, or nobody knows its provider.
pub fn check(gctx: &GlobalContext, identity: &Identity) -> CargoResult<()> {
    provider(gctx, identity).map(|_| ())
}

/// Whether there is one stored key of `identity`, or none.
pub fn is_only_one(gctx: &GlobalContext, identity: &Identity) -> CargoResult<bool> {
    let files = files(gctx)?;
    Ok(files
        .iter()
        .filter(|file| file.identity == *identity)
        .count()
        <= 1)
}

/// The stored key of `identity` that signs, if there is one; the first of several.
pub fn of(gctx: &GlobalContext, identity: &Identity) -> CargoResult<Option<OwnKeyOf>> {
    let mut stored = read_all(gctx)?.into_iter();
    Ok(stored.find(|of| of.identity == *identity && matches!(of.life(), Ok(Life::Signs(_)))))
}

/// An error where no key can be made for `identity`: because there is one that signs.
pub fn may_be_created(gctx: &GlobalContext, identity: &Identity) -> CargoResult<()> {
    check(gctx, identity)?;
    if let Some(found) = of(gctx, identity)? {
        let name = found.name(gctx)?;
        bail!(
            "there is a key for `{identity}` already, with the fingerprint {}\n\n\
             help: `cargo key show {name}` prints its public half, and `cargo key retire {name}` \
             makes room for a new one",
            found.key.fingerprint()
        );
    }
    Ok(())
}

/// Makes a key for `identity`, under a passphrase where one is given, and stores it.
pub fn create(
    gctx: &GlobalContext,
    identity: &Identity,
    passphrase: Option<&Passphrase>,
) -> CargoResult<OwnKeyOf> {
    // Of several that are started at the same time, the first makes it.
    let folder = gctx.home().join("signing/keys");
    private_file::create_private(folder.as_path_unlocked())?;
    let _lock = folder.open_rw_exclusive_create(".lock", gctx, "the signing keys")?;
    may_be_created(gctx, identity)?;
    let key = SecretKey::generate(identity, unix_now()?, OsRng)?;
    let armored = match passphrase {
        Some(passphrase) => key.to_armored_with(passphrase.as_bytes(), OsRng)?,
        None => key.to_armored(),
    };
    let of = store(gctx, identity, &armored)?;
    of.is_to_be_published()?;
    Ok(of)
}

/// Stores a key that another program made: an armored secret key, under a passphrase or not. Without
/// an identity it is of the one that its User ID names.
pub fn import(
    gctx: &GlobalContext,
    armored: &[u8],
    identity: Option<&Identity>,
) -> CargoResult<OwnKeyOf> {
    let key = OwnKey::from_armored(armored).map_err(explained)?;
    let identity = match (identity, key.identity()) {
        (Some(identity), _) | (None, Some(identity)) => identity.clone(),
        (None, None) => bail!(
            "the key does not say whose it is\n\n\
             help: say it with `--sign-as`, as in `--sign-as github:octocat`"
        ),
    };
    provider(gctx, &identity)?;
    if let Some(fault) = key.published().state.fault() {
        return Err(explained(KeyError::Unfit(fault)));
    }
    for stored in read_all(gctx)? {
        if stored.key.public_key() == key.public_key() && stored.identity == identity {
            bail!(
                "the key {} of `{identity}` is here already, in {}",
                key.fingerprint(),
                stored.place()
            );
        }
    }
    store(gctx, &identity, &key.to_armored())
}

/// The provider of `identity`, which must be known and could have such an account.
fn provider<'g>(gctx: &'g GlobalContext, identity: &Identity) -> CargoResult<&'g Provider> {
    let providers = gctx.signing.policy(gctx)?.providers();
    let provider = providers.get(identity.provider()).with_context(|| {
        format!(
            "no identity provider `{}` is known\n\n\
             help: those that are: {}; one of your own is defined by `signing.identities.{}.keys`",
            identity.provider(),
            providers.names().collect::<Vec<_>>().join(", "),
            identity.provider()
        )
    })?;
    provider.check_user(identity.user())?;
    Ok(provider)
}

/// Writes a key file, and reads it back.
fn store(
    gctx: &GlobalContext,
    identity: &Identity,
    armored: &Zeroizing<String>,
) -> CargoResult<OwnKeyOf> {
    let key = OwnKey::from_armored(armored.as_bytes()).map_err(explained)?;
    let path = folder(gctx)
        .join(identity.provider())
        .join(identity.user())
        .join(format!("{}.asc", key.fingerprint()));
    private_file::write(&path, armored.as_bytes()).context("failed to store the signing key")?;
    decision::forget_no(gctx)?;
    Ok(OwnKeyOf {
        identity: identity.clone(),
        key,
        path: Some(path),
    })
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

/// All keys that are stored, in order of their identities.
fn read_all(gctx: &GlobalContext) -> CargoResult<Vec<OwnKeyOf>> {
    let files = files(gctx)?;
    files.iter().map(KeyFile::read).collect()
}

impl KeyFile {
    /// Reads the key. An error names the file.
    pub fn read(&self) -> CargoResult<OwnKeyOf> {
        let read = || {
            let text = private_file::read_secret(&self.path, MAX_FILE)?;
            OwnKey::from_armored(&text).map_err(explained)
        };
        let context = || format!("failed to read the signing key `{}`", self.path.display());
        Ok(OwnKeyOf {
            identity: self.identity.clone(),
            key: read().with_context(context)?,
            path: Some(self.path.clone()),
        })
    }
}

/// A fault of a key with what to do about it.
fn explained(error: KeyError) -> anyhow::Error {
    match error.help() {
        Some(help) => anyhow::format_err!("{error}\n\nhelp: {help}"),
        None => error.into(),
    }
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
