//! The numbers of accounts, as their providers gave them.
//!
//! A name can be given up and taken by somebody else, a number cannot. One is asked for when a known
//! identity shows a key that is not recorded ([`super`]), and learnt when the user publishes a key of his
//! own. It is kept in `$CARGO_HOME/signing/accounts`, under a digest of the address that has it.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use consign_identity::account::AccountNumber;
use consign_identity::provider::Provider;
use consign_statement::Digest;

use crate::signing::private_file;
use crate::{CargoResult, GlobalContext};

/// The number that is recorded for the account `user`. What cannot be read is an error: taken for none,
/// it would let another account have the name.
pub(in super::super) fn recorded(
    gctx: &GlobalContext,
    provider: &Provider,
    user: &str,
) -> CargoResult<Option<AccountNumber>> {
    let Some(path) = path(gctx, provider, user)? else {
        return Ok(None);
    };
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("failed to read `{}`", path.display()))?,
    };
    let number = text.trim().parse::<u64>().ok();
    let number = number.and_then(|number| number.try_into().ok());
    let number =
        number.with_context(|| format!("`{}` is not the number of an account", path.display()))?;
    Ok(Some(number))
}

/// Records the number of the account `user`, which the provider itself gave.
pub(in super::super) fn record(
    gctx: &GlobalContext,
    provider: &Provider,
    user: &str,
    number: AccountNumber,
) -> CargoResult<()> {
    match path(gctx, provider, user)? {
        Some(path) => private_file::write(&path, format!("{number}\n").as_bytes())
            .context("failed to record the number of an account"),
        None => Ok(()),
    }
}

/// The file that has the number. `None` where accounts have none.
pub(in super::super) fn path(
    gctx: &GlobalContext,
    provider: &Provider,
    user: &str,
) -> CargoResult<Option<PathBuf>> {
    let folder = gctx.home().as_path_unlocked().join("signing/accounts");
    let url = provider.account_url(user)?;
    Ok(url.map(|url| folder.join(Digest::of(url.as_str().as_bytes()).to_string())))
}
