//! `cargo signers`: who may sign what a workspace is built from.
//!
//! - `change`: init, allow, remove;
//! - `tell`: list, why.

mod change;
mod tell;

use std::collections::BTreeSet;

use anyhow::Context as _;
use cargo::core::{SourceId, Workspace};
use cargo::util::command_prelude::*;
use cargo::{CargoResult, CliResult, GlobalContext};
use cargo_util_schemas::manifest::PackageName;
use clap_complete::ArgValueCandidates;
use consign_signers::Signers;
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
                .arg(package("The package, and which versions: `NAME` or `NAME@REQ`"))
                .arg(identities("Who may not sign it any more; all that is said of it where nothing is named"))
                .arg(flag("unsigned", "Take back that versions are accepted without a signature"))
                .arg(
                    opt("key", "Take back this key: of the signer, or of a version that is kept")
                        .value_name("KEY"),
                ),
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

/// The registry that a package of this name is in: the one that is named, or the only one that the first of
/// `places` has it from, or the default one.
fn registry(gctx: &GlobalContext, args: &ArgMatches, places: Places) -> CargoResult<RegistryId> {
    let is_named = ["registry", "index"]
        .iter()
        .any(|arg| args.get_one::<String>(arg).is_some());
    let Places { name, places } = places;
    for found in places.into_iter().filter(|_| !is_named) {
        match &found[..] {
            [] => {}
            [only] => return Ok(only.clone()),
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

/// Where a package of a name is known from.
struct Places<'n> {
    name: &'n str,
    places: Vec<Vec<RegistryId>>,
}

impl<'n> Places<'n> {
    /// The package called `name`, if any can be called that.
    fn of(name: &'n str) -> CargoResult<Places<'n>> {
        PackageName::new(name)?;
        let places = Vec::new();
        Ok(Places { name, places })
    }

    /// And where `Cargo.lock` has it from, where it is not the user's own file that is meant.
    fn and_locked(mut self, gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<Places<'n>> {
        if !args.flag("user")
            && let Ok(ws) = args.workspace(gctx)
        {
            self.places.push(locked_in(&ws, self.name)?);
        }
        Ok(self)
    }

    /// And what `files` say of it.
    fn and_said<'s>(mut self, files: impl IntoIterator<Item = &'s Signers>) -> Places<'n> {
        let registries = files.into_iter().flat_map(|file| &file.registries);
        let has_it = registries.filter(|(_, known)| known.packages.contains_key(self.name));
        let said: BTreeSet<_> = has_it.map(|(registry, _)| registry.clone()).collect();
        self.places.push(said.into_iter().collect());
        self
    }
}

/// How a registry is called in messages.
fn called(registry: &RegistryId) -> String {
    match *registry == RegistryId::crates_io() {
        true => "crates.io".to_owned(),
        false => format!("`{registry}`"),
    }
}

fn identity_of(gctx: &GlobalContext, source: SourceId) -> CargoResult<RegistryId> {
    let rules = gctx.signing.rules(gctx, source);
    Ok(rules
        .context("failed to find the registry")?
        .registry
        .clone())
}

/// The registries that `Cargo.lock` has a package of this name from.
fn locked_in(ws: &Workspace<'_>, name: &str) -> CargoResult<Vec<RegistryId>> {
    let mut registries = Vec::new();
    for id in cargo::ops::load_pkg_lockfile(ws)?
        .iter()
        .flat_map(|locked| locked.iter())
    {
        if id.name() == name && id.source_id().is_registry() {
            let registry = identity_of(ws.gctx(), id.source_id())?;
            if !registries.contains(&registry) {
                registries.push(registry);
            }
        }
    }
    Ok(registries)
}
