//! The commands and the flag that upstream does not have, and what is added to commands that it has.
//!
//! `patches/cargo/commands.patch` lists them beside upstream's own, and runs them;
//! `patches/cargo/flag-and-version.patch` declares the flag.

mod config;
mod key;
mod login;
mod sign;
mod signers;
mod verify;

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::bail;
use cargo::signing::{Invocation, REQUIRED};
use cargo::util::command_prelude::{ArgMatches, ArgMatchesExt as _, flag, heading};
use cargo::{CargoResult, GlobalContext};
use cargo_util::ProcessBuilder;
use clap::{Arg, Command};

use crate::commands::Exec;

const REQUIRE_SIGNATURES: &str = "require-signatures";
const ALLOW_SIGNER_CHANGE: &str = "allow-signer-change";

/// Upstream's commands, with ours among them.
pub fn beside(upstream: Vec<Command>) -> Vec<Command> {
    let ours = [key::cli(), sign::cli(), signers::cli(), verify::cli()];
    let upstream = upstream
        .into_iter()
        .map(|command| match command.get_name() {
            "publish" => command.arg(flag(
                ALLOW_SIGNER_CHANGE,
                "Publish although consumers would see another signer than before",
            )),
            "login" => login::with_flags(command),
            _ => command,
        });
    upstream.chain(ours).collect()
}

/// Tells [`cargo::signing`] what is run, before anything else is done.
pub fn note(gctx: &GlobalContext, args: &ArgMatches, config_args: &[String]) {
    let mut invocation = Invocation::default();
    if let Some((name, mut args)) = args.subcommand() {
        invocation.command = name.to_owned();
        // What `cargo signers allow` is told stands behind `allow`.
        if name == "signers" {
            args = args.subcommand().map_or(args, |(_, args)| args);
            invocation.users_own = args.flag("user");
        }
        let manifest = match name {
            "install" => "path",
            _ => "manifest-path",
        };
        invocation.manifest = args.value_of_path(manifest, gctx);
        invocation.dry_run = args.flag("dry-run");
        invocation.allow_signer_change = args.flag(ALLOW_SIGNER_CHANGE);
        invocation.shows_signers = match name {
            "metadata" | "info" => true,
            "tree" => args
                ._value_of("format")
                .is_some_and(|format| format.contains("{signer}")),
            _ => false,
        };
    }
    gctx.signing
        .note_command_line(gctx.cwd(), invocation, config_args);
}

/// What runs the command called `name`, if it is one of ours.
pub fn exec(name: &str) -> Option<Exec> {
    match name {
        "key" => Some(key::exec),
        "sign" => Some(sign::exec),
        "signers" => Some(signers::exec),
        "verify" => Some(verify::exec),
        _ => None,
    }
}

/// Asks a question that only "yes" answers, about what is called `doing` where nobody can be asked.
fn confirm(gctx: &GlobalContext, question: &str, doing: &str, declined: &str) -> CargoResult<()> {
    let stdin = std::io::stdin();
    if !(stdin.is_terminal() && std::io::stderr().is_terminal()) {
        bail!(
            "there is no terminal to ask whether to {doing}\n\nhelp: add `--yes` to do it without asking"
        );
    }
    write!(gctx.shell().err(), "{question} [yes/no] ")?;
    gctx.shell().err().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => bail!("{declined}"),
    }
}

/// What runs a command of upstream's: `upstream` itself, or what goes on where that ends.
pub fn beyond(name: &str, upstream: Exec) -> Exec {
    match name {
        "config" => config::config,
        "login" => login::login,
        "logout" => login::logout,
        _ => upstream,
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
