//! `cargo signers`: who may sign what a workspace is built from.
//!
//! - `change`: init, allow, remove;
//! - `tell`: list, why.

mod change;
mod tell;

use anyhow::Context as _;
use cargo::core::{SourceId, Workspace};
use cargo::util::command_prelude::*;
use cargo::{CargoResult, CliResult, GlobalContext};
use clap_complete::ArgValueCandidates;
use consign_statement::RegistryId;

pub fn cli() -> Command {
    subcommand("signers")
        .about("Manage who may sign what you build")
        .arg_silent_suggestion()
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            subcommand("init")
                .about("Make a Cargo.signers of what this workspace is built from")
                .arg_manifest_path()
                .arg_silent_suggestion(),
        )
        .subcommand(
            of_package("allow")
                .about("Accept a signer, an unsigned version, or a key")
                .arg(package("The package, and which versions: `NAME` or `NAME@REQ`"))
                .arg(identities("Who may sign it, such as `github:octocat`"))
                .arg(flag("unsigned", "Accept the versions without a signature"))
                .arg(
                    opt(
                        "key",
                        "Accept this key: of the signer, or of one version although it was withdrawn",
                    )
                    .value_name("KEY"),
                )
                .arg(opt("reason", "Why, for those who review it").value_name("WHY")),
        )
        .subcommand(
            of_package("remove")
                .about("Take back what is said of a package")
                .arg(package("The package"))
                .arg(identities("Who may not sign it any more; all that is said of it where nobody is named")),
        )
        .subcommand(
            subcommand("list")
                .about("List who may sign what")
                .arg_manifest_path()
                .arg_silent_suggestion(),
        )
        .subcommand(
            of_package("why")
                .about("Tell what is expected of a package, and what is found")
                .arg(package("The package")),
        )
}

pub fn exec(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    match args.subcommand() {
        Some(("init", args)) => change::init(gctx, args)?,
        Some(("allow", args)) => change::allow(gctx, args)?,
        Some(("remove", args)) => change::remove(gctx, args)?,
        Some(("list", args)) => tell::list(gctx, args)?,
        Some(("why", args)) => tell::why(gctx, args)?,
        _ => unreachable!("clap asks for one of the above"),
    }
    Ok(())
}

/// A subcommand that is about one package.
fn of_package(name: &'static str) -> Command {
    subcommand(name)
        .arg(flag(
            "user",
            "In your own file, which serves `cargo install`",
        ))
        .arg(
            opt("registry", "The registry that the package is in")
                .value_name("REGISTRY")
                .add(ArgValueCandidates::new(|| {
                    get_registry_candidates().unwrap_or_default()
                })),
        )
        .arg(
            opt("index", "The URL of the index of that registry")
                .value_name("INDEX")
                .conflicts_with("registry"),
        )
        .arg_manifest_path()
        .arg_silent_suggestion()
}

fn package(help: &'static str) -> Arg {
    Arg::new("PACKAGE")
        .help(help)
        .required(true)
        .action(ArgAction::Set)
        .add(ArgValueCandidates::new(get_pkg_id_spec_candidates))
}

fn identities(help: &'static str) -> Arg {
    Arg::new("IDENTITY")
        .help(help)
        .num_args(0..)
        .action(ArgAction::Append)
}

/// The name of the package, and what follows its `@`.
fn named(args: &ArgMatches) -> (&str, Option<&str>) {
    let package = args.get_one::<String>("PACKAGE").map(String::as_str);
    let package = package.unwrap_or_default();
    match package.split_once('@') {
        Some((name, versions)) => (name, Some(versions)),
        None => (package, None),
    }
}

/// The registry that a package of this name is in: the one that is named, or where `Cargo.lock` has it, or
/// the default one.
fn registry(gctx: &GlobalContext, args: &ArgMatches, name: &str) -> CargoResult<RegistryId> {
    let is_named = ["registry", "index"]
        .iter()
        .any(|arg| args.get_one::<String>(arg).is_some());
    if !is_named
        && !args.flag("user")
        && let Ok(ws) = args.workspace(gctx)
    {
        let sources = locked_sources(&ws, name)?;
        match &sources[..] {
            [] => {}
            [only] => return identity_of(gctx, *only),
            several => {
                let names: Vec<_> = several.iter().map(ToString::to_string).collect();
                anyhow::bail!(
                    "`{name}` is in several registries: {}\n\nhelp: say which with `--registry` or `--index`",
                    names.join(", ")
                );
            }
        }
    }
    let source = match args.registry_or_index(gctx)? {
        None => SourceId::crates_io(gctx)?,
        Some(cargo::ops::RegistryOrIndex::Registry(name)) => SourceId::alt_registry(gctx, &name)?,
        Some(cargo::ops::RegistryOrIndex::Index(url)) => SourceId::for_registry(&url)?,
    };
    identity_of(gctx, source)
}

fn identity_of(gctx: &GlobalContext, source: SourceId) -> CargoResult<RegistryId> {
    let rules = gctx.signing.rules(gctx, source);
    Ok(rules
        .context("failed to find the registry")?
        .registry
        .clone())
}

/// The registries that `Cargo.lock` has a package of this name from.
fn locked_sources(ws: &Workspace<'_>, name: &str) -> CargoResult<Vec<SourceId>> {
    let mut sources = Vec::new();
    for id in cargo::ops::load_pkg_lockfile(ws)?
        .iter()
        .flat_map(|locked| locked.iter())
    {
        let source = id.source_id();
        if id.name() == name && source.is_registry() && !sources.contains(&source) {
            sources.push(source);
        }
    }
    Ok(sources)
}
