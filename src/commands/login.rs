//! `cargo login` and `cargo logout`, which go on where upstream's end.
//!
//! Who logs in to a registry is about to publish there. So whoever has no signing key is asked, on a
//! terminal, whether to make one and as whom; once there is a key, or the answer was "no", never again.
//! Where nobody is there to be asked and no flag says it, nothing is added to what stock cargo does and
//! prints.

use std::io::{BufRead as _, IsTerminal as _};

use cargo::core::Verbosity;
use cargo::signing::keys;
use cargo::util::command_prelude::*;
use cargo::{CargoResult, CliResult, GlobalContext};
use consign_identity::Identity;

use super::key::{account, identity, sign_as};
use crate::commands;

/// Upstream's `cargo login` with two more flags.
pub(super) fn with_flags(upstream: Command) -> Command {
    upstream
        .arg(sign_as(
            "Sign what you publish as this account, such as `github:octocat`",
        ))
        .arg(
            flag(
                "no-sign",
                "Make no signing key, and never ask about it again",
            )
            .conflicts_with("sign-as"),
        )
}

/// `cargo login`
pub fn login(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    // What cannot be is said before anything is done.
    let identity = identity(args)?;
    if let Some(identity) = &identity {
        keys::check(gctx, identity)?;
    }
    commands::login::exec(gctx, args)?;
    if let Some(identity) = &identity {
        signs_as(gctx, identity)?;
    } else if args.flag("no-sign") {
        no(gctx)?;
    } else if may_ask(gctx) && keys::is_undecided(gctx)? {
        ask(gctx)?;
    }
    for of in keys::unfinished(gctx)? {
        // Of that one, all is said.
        if Some(&of.identity) != identity.as_ref() {
            account::published(gctx, &of)?;
        }
    }
    Ok(())
}

/// Remembers that no key is to be made, where there is none.
fn no(gctx: &GlobalContext) -> CargoResult<()> {
    match keys::signing(gctx, None)? {
        None => keys::remember_no(gctx),
        Some(of) => gctx.shell().warn(format!(
            "`--no-sign` changes nothing: the key {} is here, and signs what is published\n\
             help: `cargo key retire {}` ends it",
            of.describe(gctx)?,
            of.name(gctx)?
        )),
    }
}

/// `cargo logout`
pub fn logout(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    commands::logout::exec(gctx, args)?;
    if keys::files(gctx).is_ok_and(|files| !files.is_empty()) {
        gctx.shell().note(
            "the signing keys stay where they are: `cargo key list` lists them, and `cargo key revoke` \
             withdraws one",
        )?;
    }
    Ok(())
}

/// Whether somebody is there who reads a question and can answer it.
fn may_ask(gctx: &GlobalContext) -> bool {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    is_terminal && gctx.shell().verbosity() != Verbosity::Quiet
}

/// Asks whether to sign, and as whom, and does it.
fn ask(gctx: &GlobalContext) -> CargoResult<()> {
    gctx.shell().note(
        "what you publish can be signed, so that whoever builds it can tell that it comes from you: \
         with a key that is made here, and that your account at GitHub or elsewhere shows to everyone",
    )?;
    let proposed = keys::configured(gctx)?;
    let otherwise = match &proposed {
        Some(identity) => format!("enter for `{identity}`"),
        None => "enter to decide later".to_owned(),
    };
    loop {
        write!(
            gctx.shell().err(),
            "sign as (an account such as `github:octocat`; `no` for never; {otherwise}): "
        )?;
        gctx.shell().err().flush()?;
        let mut answer = String::new();
        let is_end = std::io::stdin().lock().read_line(&mut answer)? == 0;
        let identity = match (answer.trim(), &proposed) {
            (no, _) if ["no", "n"].contains(&&*no.to_ascii_lowercase()) => {
                return keys::remember_no(gctx);
            }
            ("", _) if is_end => return Ok(()),
            ("", None) => return Ok(()),
            ("", Some(identity)) => Ok(identity.clone()),
            (text, _) => text.parse::<Identity>().map_err(anyhow::Error::from),
        };
        let known = identity.and_then(|identity| keys::check(gctx, &identity).map(|()| identity));
        match known {
            Ok(identity) => return signs_as(gctx, &identity),
            Err(error) => gctx.shell().error(format!("{error:#}"))?,
        }
    }
}

/// Makes a key for `identity`, where there is none that signs, and publishes it.
fn signs_as(gctx: &GlobalContext, identity: &Identity) -> CargoResult<()> {
    let of = match keys::of(gctx, identity)? {
        Some(of) => {
            keys::forget_no(gctx)?;
            of
        }
        None => {
            let of = keys::create(gctx, identity, None)?;
            let key = of.describe(gctx)?;
            gctx.shell()
                .status("Created", format!("signing key {key}"))?;
            of
        }
    };
    account::published(gctx, &of)
}
