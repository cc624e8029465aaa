//! Where the passphrase of a key comes from: a command that the user configured, or the user.
//!
//! Nothing of it is shown or kept.

use std::io::{IsTerminal as _, Read as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use consign_identity::openpgp::{KeyError, OwnKey};
use zeroize::Zeroizing;

use super::{OwnKeyOf, environment, explained};
use crate::{CargoResult, GlobalContext};

/// The longest one, in bytes: what is longer was not meant as one.
const MAX: u64 = 4096;

/// A passphrase. It is overwritten when it is dropped, and never printed.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    pub(super) fn new(text: String) -> Passphrase {
        Passphrase(Zeroizing::new(text))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A key that is open, and the passphrase that it was under.
pub(super) struct Opened {
    pub(super) key: OwnKey,
    pub(super) passphrase: Option<Passphrase>,
}

/// Opens a key. One that is under a passphrase is opened by it, wherever that comes from.
pub(super) fn open(gctx: &GlobalContext, of: OwnKeyOf) -> CargoResult<Opened> {
    if !of.key.is_locked() {
        return Ok(Opened {
            key: of.key,
            passphrase: None,
        });
    }
    let from_environment = match of.path {
        None => environment::passphrase(gctx)?,
        Some(_) => None,
    };
    let context = || format!("failed to open the signing key in {}", of.place());
    let passphrase = match from_environment {
        Some(passphrase) => passphrase,
        None => ask(gctx, &of).with_context(context)?,
    };
    let key = of.key.unlock(passphrase.as_bytes());
    Ok(Opened {
        key: key.map_err(explained).with_context(context)?,
        passphrase: Some(passphrase),
    })
}

/// Asks the user, twice, for the passphrase of a key that is to be made. Without a terminal it is what
/// the configured command prints.
pub fn new_passphrase(gctx: &GlobalContext) -> CargoResult<Passphrase> {
    let passphrase = if is_terminal() {
        let first = prompt("passphrase for the new key: ")?;
        let again = prompt("the same passphrase again: ")?;
        if first.0 != again.0 {
            bail!("the two passphrases differ");
        }
        first
    } else {
        by_command(gctx)?.ok_or_else(|| no_way(gctx))?
    };
    if passphrase.0.is_empty() {
        return Err(KeyError::EmptyPassphrase.into());
    }
    Ok(passphrase)
}

fn ask(gctx: &GlobalContext, of: &OwnKeyOf) -> CargoResult<Passphrase> {
    if let Some(passphrase) = by_command(gctx)? {
        return Ok(passphrase);
    }
    if !is_terminal() {
        return Err(no_way(gctx));
    }
    let question = format!("passphrase for the key {}: ", of.describe(gctx)?);
    prompt(&question)
}

/// Whether there is somebody to ask.
pub(super) fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn prompt(question: &str) -> CargoResult<Passphrase> {
    rpassword::prompt_password(question)
        .map(Passphrase::new)
        .context("failed to read the passphrase from the terminal")
}

/// What the configured command prints, up to the end of its first line.
fn by_command(gctx: &GlobalContext) -> CargoResult<Option<Passphrase>> {
    let Some(words) = gctx.signing.policy(gctx)?.passphrase_command() else {
        return Ok(None);
    };
    let Some((program, arguments)) = words.split_first() else {
        bail!("`signing.passphrase-command` is empty");
    };
    let context = || format!("failed to run `{program}`, which `signing.passphrase-command` names");
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove(environment::SECRET_KEY)
        .env_remove(environment::SECRET_KEY_PASSPHRASE)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(context)?;
    // Never grown, so that no copy of the secret is left behind.
    let mut printed = Zeroizing::new(Vec::with_capacity(MAX as usize + 1));
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(MAX + 1).read_to_end(&mut printed);
        read.with_context(context)?;
    }
    let status = child.wait().with_context(context)?;
    if !status.success() {
        bail!("`{program}`, which `signing.passphrase-command` names, ended with {status}");
    }
    let text = std::str::from_utf8(&printed)
        .ok()
        .filter(|text| text.len() as u64 <= MAX)
        .with_context(|| format!("what `{program}` printed is no passphrase"))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Some(Passphrase::new(line.to_owned())))
}

fn no_way(gctx: &GlobalContext) -> anyhow::Error {
    anyhow::format_err!(
        "it needs a passphrase, and there is no terminal to ask for it\n\n\
         help: name a program that prints it with `signing.passphrase-command` in `{}`, as in \
         `passphrase-command = [\"pass\", \"show\", \"signing\"]`",
        gctx.diagnostic_home_config()
    )
}
