//! `cargo config get signing`: which settings hold, and who says so.
//!
//! All else is upstream's `cargo config`, which is not stable.

use cargo::util::command_prelude::*;
use cargo::{CliResult, GlobalContext, drop_println};

use crate::commands;

/// `cargo config`
pub(super) fn config(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    match args.subcommand().and_then(|(_, get)| asked_for(get)) {
        Some(key) => tell(gctx, key),
        None => commands::config::exec(gctx, args),
    }
}

/// The setting of ours that is asked for, in the form that we have.
fn asked_for(get: &ArgMatches) -> Option<&str> {
    let key = get.get_one::<String>("key")?;
    let is_ours = key == "signing" || key.starts_with("signing.");
    let is_toml = get
        .get_one::<String>("format")
        .is_some_and(|format| format == "toml");
    (is_ours && is_toml).then_some(key.as_str())
}

fn tell(gctx: &GlobalContext, key: &str) -> CliResult {
    let held = gctx.signing.policy(gctx)?.held();
    let below = format!("{key}.");
    let mut found = held
        .iter()
        .filter(|held| held.key == key || held.key.starts_with(&below))
        .peekable();
    if found.peek().is_none() {
        return Err(anyhow::format_err!("config value `{key}` is not set").into());
    }
    for held in found {
        drop_println!(gctx, "{} = {} # {}", held.key, held.value, held.origin);
    }
    Ok(())
}
