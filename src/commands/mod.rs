//! The commands and the flag that upstream does not have, and what is added to commands that it has.
//!
//! `patches/cargo/commands.patch` lists and runs them beside upstream's own;
//! `patches/cargo/flag-and-version.patch` declares the flag.

mod key;
mod login;

use cargo::signing::REQUIRED;
use cargo::util::command_prelude::{ArgMatches, ArgMatchesExt as _, flag, heading};
use cargo::{CargoResult, GlobalContext};
use cargo_util::ProcessBuilder;
use clap::{Arg, Command};

use crate::commands::Exec;

const REQUIRE_SIGNATURES: &str = "require-signatures";

pub use self::login::{login, logout};

/// Upstream's commands, with ours among them.
pub fn beside(upstream: Vec<Command>) -> Vec<Command> {
    let extended = |command: Command| match command.get_name() {
        "login" => login::with_flags(command),
        _ => command,
    };
    let upstream = upstream.into_iter().map(extended);
    upstream.chain([key::cli()]).collect()
}

/// What runs the command called `name`, if it is one of ours.
pub fn exec(name: &str) -> Option<Exec> {
    match name {
        "key" => Some(key::exec),
        _ => None,
    }
}

/// `--require-signatures`, which every command takes, before or after its name.
pub fn require_signatures() -> Arg {
    flag(REQUIRE_SIGNATURES, "Refuse packages that nobody signed")
        .help_heading(heading::MANIFEST_OPTIONS)
        .global(true)
}

/// The flag as a `--config` argument: so it holds wherever configuration does, also where a command
/// reads that anew for another folder.
pub fn config_args(args: &ArgMatches) -> Option<String> {
    args.flag(REQUIRE_SIGNATURES).then(|| REQUIRED.to_owned())
}

/// Hands the flag on to a program that cargo runs as a command, and so to the cargo that it may run.
pub fn pass_on(gctx: &GlobalContext, program: &mut ProcessBuilder) -> CargoResult<()> {
    if gctx.signing.policy(gctx)?.requires_signatures() {
        program.env("CARGO_SIGNING_REQUIRE_SIGNATURES", "true");
    }
    Ok(())
}
