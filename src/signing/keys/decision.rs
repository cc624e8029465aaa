//! What the user decided at `cargo login`: to sign, which a key says by being there, or not to, which a
//! file beside the keys says. Making or importing a key revokes the latter.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use consign_identity::Identity;

use super::{environment, files};
use crate::signing::private_file;
use crate::{CargoResult, GlobalContext};

/// What the file says, for whoever finds it.
const NO: &str = "\
At `cargo login` the answer was not to sign what is published, and not to be asked again.
`cargo login --sign-as github:USER` makes a key all the same.
";

/// Whether the user has neither a key nor said that he wants none.
pub fn is_undecided(gctx: &GlobalContext) -> CargoResult<bool> {
    let decided = file(gctx).exists()
        || gctx.get_env_os(environment::SECRET_KEY).is_some()
        || !files(gctx)?.is_empty()
        // A key in an agent.
        || gctx.signing.policy(gctx)?.key(None)?.is_some();
    Ok(!decided)
}

/// The user does not want to sign, nor to be asked again.
pub fn remember_no(gctx: &GlobalContext) -> CargoResult<()> {
    private_file::write(&file(gctx), NO.as_bytes())
        .context("failed to remember that nothing is to be signed")
}

/// There is a key: the user wants to sign after all.
pub fn forget_no(gctx: &GlobalContext) -> CargoResult<()> {
    let file = file(gctx);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove `{}`", file.display()))
        }
        _ => Ok(()),
    }
}

/// Who publishes from here, where that is configured.
pub fn configured(gctx: &GlobalContext) -> CargoResult<Option<Identity>> {
    gctx.signing.policy(gctx)?.identity(None)
}

fn file(gctx: &GlobalContext) -> PathBuf {
    gctx.home().as_path_unlocked().join("signing/not-signing")
}
