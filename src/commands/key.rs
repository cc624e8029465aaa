//! `cargo key`: the life of the user's own signing keys.
//!
//! - `make`: new, import;
//! - `show`: list, show, export;
//! - `account`: publish, retire, revoke.

pub(super) mod account;
mod make;
mod show;

use cargo::CliResult;
use cargo::GlobalContext;
use cargo::util::command_prelude::*;
use consign_identity::Identity;

pub fn cli() -> Command {
    subcommand("key")
        .about("Manage the keys that sign what you publish")
        .arg_silent_suggestion()
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            subcommand("new")
                .about("Make a signing key")
                .arg(sign_as("Whose key it is, such as `github:octocat`").required(true))
                .arg(flag("passphrase", "Protect the key by a passphrase"))
                .arg_silent_suggestion(),
        )
        .subcommand(
            subcommand("list")
                .about("List the signing keys that are here")
                .arg_silent_suggestion(),
        )
        .subcommand(
            subcommand("show")
                .about("Print the public half of a signing key, to be published")
                .arg(key())
                .arg_silent_suggestion(),
        )
        .subcommand(
            subcommand("publish")
                .about("Publish the public half of a signing key at its provider")
                .arg(key())
                .arg_silent_suggestion(),
        )
        .subcommand(
            subcommand("retire")
                .about("Stop using a signing key")
                .arg(key())
                .arg(yes())
                .arg_silent_suggestion(),
        )
        .subcommand(
            subcommand("revoke")
                .about("Withdraw a signing key, and all that it signed")
                .arg(key())
                .arg(flag("compromised", "Say that somebody else has the key"))
                .arg(yes())
                .arg_silent_suggestion(),
        )
        .subcommand(
            subcommand("import")
                .about("Take over a signing key that another program made")
                .arg(
                    Arg::new("FILE")
                        .help("An armored OpenPGP secret key; `-` for standard input")
                        .required(true)
                        .action(ArgAction::Set),
                )
                .arg(sign_as(
                    "Whose key it is; may be left out where the key says so",
                ))
                .arg_silent_suggestion(),
        )
        .subcommand(
            subcommand("export")
                .about("Print a signing key, its secret half included")
                .arg(key())
                .arg(flag("force", "Print it to a terminal, too"))
                .arg_silent_suggestion(),
        )
}

pub fn exec(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    match args.subcommand() {
        Some(("new", args)) => make::new(gctx, args)?,
        Some(("import", args)) => make::import(gctx, args)?,
        Some(("list", _)) => show::list(gctx)?,
        Some(("show", args)) => show::show(gctx, args)?,
        Some(("export", args)) => show::export(gctx, args)?,
        Some(("publish", args)) => account::publish(gctx, args)?,
        Some(("retire", args)) => account::retire(gctx, args)?,
        Some(("revoke", args)) => account::revoke(gctx, args)?,
        _ => unreachable!("clap asks for one of the above"),
    }
    Ok(())
}

pub(super) fn sign_as(help: &'static str) -> Arg {
    opt("sign-as", help).value_name("IDENTITY")
}

fn key() -> Arg {
    Arg::new("KEY")
        .help(
            "Whose key, or the end of its fingerprint, or `SHA256:…` of one in an agent; may be left out \
             where there is only one",
        )
        .action(ArgAction::Set)
}

fn yes() -> Arg {
    flag("yes", "Do it without asking")
}

/// What `--sign-as` says.
pub(super) fn identity(args: &ArgMatches) -> cargo::CargoResult<Option<Identity>> {
    let text = args.get_one::<String>("sign-as");
    Ok(text.map(|text| text.parse()).transpose()?)
}

/// The key that the user named, if any.
fn named(args: &ArgMatches) -> Option<&str> {
    args.get_one::<String>("KEY").map(String::as_str)
}
