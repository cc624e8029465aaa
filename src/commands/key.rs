//! `cargo key`: the user's own signing keys.

use anyhow::Context as _;
use cargo::drop_print;
use cargo::drop_println;
use cargo::signing::keys::{self, StoredKey};
use cargo::util::command_prelude::*;
use cargo::{CargoResult, CliResult, GlobalContext};
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
                .arg(
                    opt("sign-as", "Whose key it is, such as `github:octocat`")
                        .value_name("IDENTITY")
                        .required(true),
                )
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
                .arg(
                    Arg::new("IDENTITY")
                        .help("Whose key; may be left out where there is only one")
                        .action(ArgAction::Set),
                )
                .arg_silent_suggestion(),
        )
}

pub fn exec(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    match args.subcommand() {
        Some(("new", args)) => new(gctx, args)?,
        Some(("list", _)) => list(gctx)?,
        Some(("show", args)) => show(gctx, args)?,
        _ => unreachable!("clap asks for one of the above"),
    }
    Ok(())
}

fn new(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let Some(identity) = identity(args, "sign-as")? else {
        unreachable!("clap asks for it");
    };
    let StoredKey { key, path, .. } = keys::create(gctx, &identity)?;
    let who = gctx.signing.policy(gctx)?.display(&identity);
    gctx.shell().status(
        "Created",
        format!("signing key {} of {who}", key.fingerprint()),
    )?;
    let place = match keys::page(gctx, &identity)? {
        Some(page) => format!("at {page}"),
        None => "where its provider looks for keys".to_owned(),
    };
    gctx.shell().note(format!(
        "the secret half is in `{}`\n\
         publish the other half {place}: `cargo key show {identity}` prints it",
        path.display()
    ))
}

fn list(gctx: &GlobalContext) -> CargoResult<()> {
    for StoredKey { identity, key, .. } in keys::list(gctx)? {
        drop_println!(
            gctx,
            "{identity} {} {}",
            key.fingerprint(),
            key.public_key()
        );
    }
    Ok(())
}

fn show(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let stored = match identity(args, "IDENTITY")? {
        Some(identity) => keys::find(gctx, &identity)?.with_context(|| {
            format!(
                "there is no key for `{identity}`\n\n\
                 help: make one with `cargo key new --sign-as {identity}`"
            )
        })?,
        None => {
            let mut all = keys::list(gctx)?;
            match all.len() {
                0 => anyhow::bail!(
                    "there are no signing keys\n\n\
                     help: make one with `cargo key new --sign-as github:USER`"
                ),
                1 => all.remove(0),
                _ => anyhow::bail!(
                    "there are several signing keys\n\n\
                     help: say whose to show, as in `cargo key show {}`",
                    all[0].identity
                ),
            }
        }
    };
    drop_print!(gctx, "{}", stored.key.public_armored());
    Ok(())
}

fn identity(args: &ArgMatches, name: &str) -> CargoResult<Option<Identity>> {
    let text = args.get_one::<String>(name);
    Ok(text.map(|text| text.parse()).transpose()?)
}
