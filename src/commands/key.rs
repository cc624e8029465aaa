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
    let place = keys::where_to_publish(gctx, &identity)?;
    gctx.shell().note(format!(
        "the secret half is in `{}`\n\
         publish the other half {place}: `cargo key show {identity}` prints it",
        path.display()
    ))
}

fn list(gctx: &GlobalContext) -> CargoResult<()> {
    let mut unreadable = Ok(());
    for file in keys::files(gctx)? {
        match file.read() {
            Ok(StoredKey { identity, key, .. }) => {
                let (fingerprint, public) = (key.fingerprint(), key.public_key());
                drop_println!(gctx, "{identity} {fingerprint} {public}");
            }
            // The others are listed all the same.
            Err(error) => unreadable = unreadable.and(Err(error)),
        }
    }
    unreadable
}

fn show(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let identity = match identity(args, "IDENTITY")? {
        Some(identity) => identity,
        None => match keys::files(gctx)?.as_slice() {
            [] => anyhow::bail!(
                "there are no signing keys\n\n\
                 help: make one with `cargo key new --sign-as github:USER`"
            ),
            [one] => one.identity.clone(),
            [first, ..] => anyhow::bail!(
                "there are several signing keys\n\n\
                 help: say whose to show, as in `cargo key show {}`",
                first.identity
            ),
        },
    };
    let stored = keys::find(gctx, &identity)?.with_context(|| {
        format!(
            "there is no key for `{identity}`\n\n\
             help: make one with `cargo key new --sign-as {identity}`"
        )
    })?;
    drop_print!(gctx, "{}", stored.key.public_armored());
    Ok(())
}

fn identity(args: &ArgMatches, name: &str) -> CargoResult<Option<Identity>> {
    let text = args.get_one::<String>(name);
    Ok(text.map(|text| text.parse()).transpose()?)
}
