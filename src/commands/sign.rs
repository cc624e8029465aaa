//! `cargo sign`: a signature for a release that is out already.

use anyhow::Context as _;
use cargo::core::Workspace;
use cargo::signing::released::{Change, Released};
use cargo::util::command_prelude::*;
use cargo::util::important_paths::find_root_manifest_for_wd;
use cargo::{CargoResult, CliResult, GlobalContext, drop_println};
use semver::Version;

use super::confirm;

pub fn cli() -> Command {
    subcommand("sign")
        .about("Sign a version that is published already")
        .arg(
            Arg::new("RELEASE")
                .help("What to sign, such as `foo@1.0.0`")
                .value_name("NAME@VERSION")
                .required(true)
                .action(ArgAction::Set),
        )
        .arg(flag("yes", "Sign without asking"))
        .arg_index("Registry index URL of the package")
        .arg_registry("Registry of the package")
        .arg_manifest_path()
        .arg_silent_suggestion()
}

pub fn exec(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    let (name, version) = release(args)?;
    let registry = args.registry_or_index(gctx)?;
    let released = Released::fetch(gctx, registry.as_ref(), name, &version)?;
    for line in released.words() {
        drop_println!(gctx, "{line}");
    }
    match workspace(gctx, args)? {
        Some(ws) => match released.compare(&ws)? {
            Some(changes) => print(gctx, &ws, &changes),
            None => none_here(gctx, &released)?,
        },
        None => none_here(gctx, &released)?,
    }

    let package = released.package();
    let who = released.signer(gctx)?;
    if !args.flag("yes") {
        confirm(
            gctx,
            &format!("sign {package} as {who}?"),
            "sign it",
            "nothing was signed",
        )?;
    }
    gctx.shell()
        .status("Signing", format!("{package} as {who}"))?;
    let fields = released.sign(gctx)?;
    released.send(gctx, &fields)?;
    gctx.shell().status("Signed", package)?;
    Ok(())
}

/// What `NAME@VERSION` names.
fn release(args: &ArgMatches) -> CargoResult<(&str, Version)> {
    let text = args.get_one::<String>("RELEASE").map(String::as_str);
    let text = text.unwrap_or_default();
    let (name, version) = text
        .split_once('@')
        .filter(|(name, _)| !name.is_empty())
        .with_context(|| format!("`{text}` is not of the form `NAME@VERSION`"))?;
    let version = version.parse();
    Ok((
        name,
        version.with_context(|| format!("`{text}` does not name one version in full"))?,
    ))
}

/// The workspace that the user stands in, or names.
fn workspace<'g>(gctx: &'g GlobalContext, args: &ArgMatches) -> CargoResult<Option<Workspace<'g>>> {
    let named = args._contains("manifest-path");
    if !named && find_root_manifest_for_wd(gctx.cwd()).is_err() {
        return Ok(None);
    }
    args.workspace(gctx).map(Some)
}

fn none_here(gctx: &GlobalContext, released: &Released) -> CargoResult<()> {
    gctx.shell().note(format!(
        "there is no checkout of {} here to compare it with",
        released.package()
    ))
}

fn print(gctx: &GlobalContext, ws: &Workspace<'_>, changes: &[Change]) {
    let root = ws.root().display();
    if changes.is_empty() {
        drop_println!(gctx, "no difference from the checkout in {root}");
        return;
    }
    drop_println!(gctx, "differences from the checkout in {root}:");
    for change in changes {
        drop_println!(gctx, "  {}", change.file);
        for line in &change.lines {
            drop_println!(gctx, "    {line}");
        }
    }
}
