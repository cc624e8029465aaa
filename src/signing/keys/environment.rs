//! The signing key in the environment, as it is in CI.
//!
//! `CARGO_SIGNING_KEY` is an armored secret key, and `CARGO_SIGNING_KEY_PASSPHRASE` its passphrase,
//! where it is under one. They are secrets and no settings: `signing.key`, which says which of the
//! stored keys signs, has no form in the environment. Where the variable is set, its key signs and no
//! stored one does. Whose it is says `CARGO_SIGNING_IDENTITY`, or another place that sets
//! `signing.identity`, or else the key's own User ID.

use std::ffi::OsString;

use anyhow::{Context as _, bail};
use consign_identity::openpgp::{KeyError, OwnKey};
use consign_statement::RegistryId;

use super::{OwnKeyOf, Passphrase, explained};
use crate::{CargoResult, GlobalContext};

/// The variable that has the key.
pub(in super::super) const SECRET_KEY: &str = "CARGO_SIGNING_KEY";
/// The variable that has its passphrase.
pub(in super::super) const SECRET_KEY_PASSPHRASE: &str = "CARGO_SIGNING_KEY_PASSPHRASE";

/// What the two variables are for every program that is run while something is compiled (a compiler, which
/// runs the procedural macros of dependencies, a build script, a test), where they are set: empty,
/// which is as good as none. It goes among what `[env]` sets for these programs.
///
/// This keeps the key out of what such a program prints or stores of its environment. It is no wall:
/// a build script is run by the same user, who can read what cargo was started with. Programs that
/// are commands of cargo's, such as `cargo release`, keep both: they may be about to publish.
pub fn withheld(gctx: &GlobalContext) -> impl Iterator<Item = (String, OsString)> {
    let secrets = [SECRET_KEY, SECRET_KEY_PASSPHRASE].into_iter();
    let set = secrets.filter(|name| gctx.get_env_os(name).is_some());
    set.map(|name| (name.to_owned(), OsString::new()))
}

/// The key in the environment, for publishing to `registry`.
pub(super) fn key(
    gctx: &GlobalContext,
    registry: Option<&RegistryId>,
) -> CargoResult<Option<OwnKeyOf>> {
    let context = || format!("failed to read the environment variable `{SECRET_KEY}`");
    // A secret of the CI that was not given to this job is an empty variable.
    let Some(text) = variable(gctx, SECRET_KEY)? else {
        return Ok(None);
    };
    let read = match OwnKey::from_armored(text.as_bytes()) {
        Err(KeyError::NotArmored) if !text.contains('\n') => Err(anyhow::format_err!(
            "it is the secret key itself, in many lines from `-----BEGIN PGP PRIVATE KEY BLOCK-----` \
             on, and not the name of a key or of a file\n\n\
             help: `cargo key export` prints it; which of the keys that are stored here signs is \
             said by `signing.key` in `{}`",
            gctx.diagnostic_home_config()
        )),
        read => read.map_err(explained),
    };
    let key = read.with_context(context)?;
    let configured = gctx.signing.policy(gctx)?.identity(registry)?;
    let Some(identity) = configured.or_else(|| key.identity().cloned()) else {
        bail!(
            "the key in `{SECRET_KEY}` does not say whose it is\n\n\
             help: say it with `CARGO_SIGNING_IDENTITY`, as in `CARGO_SIGNING_IDENTITY=github:octocat`"
        );
    };
    // Nobody could check what is signed as an account that cannot be, and it would be out for good.
    super::check(gctx, &identity)?;
    Ok(Some(OwnKeyOf {
        identity,
        key,
        path: None,
    }))
}

/// The passphrase of the key in the environment.
pub(super) fn passphrase(gctx: &GlobalContext) -> CargoResult<Option<Passphrase>> {
    let text = variable(gctx, SECRET_KEY_PASSPHRASE)?;
    Ok(text.map(|text| Passphrase::new(text.to_owned())))
}

fn variable<'g>(gctx: &'g GlobalContext, name: &str) -> CargoResult<Option<&'g str>> {
    match gctx.get_env_os(name) {
        None => Ok(None),
        // Not with what it holds, as an error of `get_env` would be.
        Some(value) => match value.to_str() {
            Some(text) => Ok((!text.trim().is_empty()).then_some(text)),
            None => bail!("the environment variable `{name}` is not text in UTF-8"),
        },
    }
}
