//! What signers files say is told.

use cargo::core::PackageId;
use cargo::drop_println;
use cargo::signing::Setting;
use cargo::signing::look::look;
use cargo::util::command_prelude::*;
use cargo::{CargoResult, GlobalContext};
use consign_policy::Finding;
use consign_signers::Package;
use consign_statement::RegistryId;

use super::{Places, named, registry};

/// `cargo signers list`
pub(super) fn list(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    gctx.signing.prepare(gctx)?;
    let serving = gctx.signing.serving(gctx)?;
    let used = used(gctx, args)?;
    let mut rows = Vec::new();
    for (file, signers) in serving.files() {
        for (registry, packages) in &signers.registries {
            for (name, package) in &packages.packages {
                let mut notes = Vec::new();
                match serving.says(registry, name) {
                    Some(first) if first != file => {
                        notes.push(format!(
                            "does not count: `{}` names it too",
                            first.display()
                        ));
                    }
                    _ => {}
                }
                if let Some(used) = &used
                    && !used.contains(&(registry.clone(), name.clone()))
                {
                    notes.push("unused".to_owned());
                }
                rows.push((
                    name.clone(),
                    said(package),
                    notes.join(", "),
                    registry,
                    file,
                ));
            }
        }
    }
    let width = rows.iter().map(|row| row.0.len()).max().unwrap_or_default();
    let mut heading = None;
    for (name, said, notes, registry, file) in rows {
        if heading != Some((registry, file)) {
            heading = Some((registry, file));
            drop_println!(gctx, "{registry} ({}):", file.display());
        }
        let notes = match notes.is_empty() {
            true => notes,
            false => format!("  [{notes}]"),
        };
        drop_println!(gctx, "  {name:width$}  {said}{notes}");
    }
    Ok(())
}

/// What `Cargo.lock` names, where there is one.
fn used(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<Option<Vec<(RegistryId, String)>>> {
    let Ok(ws) = args.workspace(gctx) else {
        return Ok(None);
    };
    let Some(locked) = cargo::ops::load_pkg_lockfile(&ws)? else {
        return Ok(None);
    };
    let from_registry = |id: &PackageId| id.source_id().is_registry();
    let used = locked.iter().filter(from_registry).map(|id| {
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        Ok((rules.registry.clone(), id.name().to_string()))
    });
    used.collect::<CargoResult<_>>().map(Some)
}

/// What is said of a package, in a line.
fn said(package: &Package) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let mut said = Vec::new();
    if !package.signers.is_empty() {
        said.push(list(
            package.signers.iter().map(ToString::to_string).collect(),
        ));
    }
    if !package.since.is_empty() {
        let since = package.since.values().map(ToString::to_string).collect();
        said.push(format!("since {}", list(since)));
    }
    if !package.unsigned.is_empty() {
        let unsigned = package.unsigned.iter().map(ToString::to_string).collect();
        said.push(format!("unsigned {}", list(unsigned)));
    }
    for (version, key) in &package.keep {
        said.push(format!("{version} by the withdrawn key {key}"));
    }
    if let Some(reason) = &package.reason {
        said.push(format!("\"{reason}\""));
    }
    said.join("; ")
}

/// `cargo signers why`
pub(super) fn why(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let (name, _) = named(args);
    let serving = gctx.signing.serving(gctx)?;
    let places = Places::of(name)?.and_locked(gctx, args)?;
    let said_in = serving.files().map(|(_, signers)| signers);
    let registry = registry(gctx, args, places.and_said(said_in))?;
    drop_println!(gctx, "{name} in {registry}");
    match (
        serving.package(&registry, name),
        serving.says(&registry, name),
    ) {
        (Some(package), Some(file)) => {
            drop_println!(gctx, "  {}", said(package));
            drop_println!(gctx, "  said by {}", file.display());
        }
        _ => drop_println!(gctx, "  nothing is known of who signs it"),
    }
    let mut settings = Vec::new();
    for setting in Setting::ALL {
        let set = gctx.signing.policy(gctx)?.level(setting, &registry);
        let origin = set.origin.unwrap_or_else(|| "the default".to_owned());
        settings.push((setting.name(), setting.word(set.level), origin));
    }
    for (name, word, origin) in settings {
        drop_println!(gctx, "  {name} = \"{word}\", by {origin}");
    }
    // The user's own file is not of a workspace.
    if args.flag("user") {
        return Ok(());
    }
    let Ok(ws) = args.workspace(gctx) else {
        return Ok(());
    };
    if cargo::ops::load_pkg_lockfile(&ws)?.is_none() {
        return Ok(());
    }
    let locked = match look(&ws, false, |id| id.name() == name) {
        Ok(locked) => locked,
        // What is expected is told all the same: it may be why the lockfile could not be brought up to date.
        Err(error) => {
            return gctx.shell().warn(format!(
                "what `Cargo.lock` names could not be looked at\n{error:#}"
            ));
        }
    };
    for looked in locked.packages {
        if looked.rules.registry == registry {
            let version = looked.id.version();
            let finding = looked.finding.name();
            match looked.finding.published() {
                Some(published) => {
                    let who = gctx.signing.policy(gctx)?.display(published.signer());
                    let key = published.signature().locator().key();
                    drop_println!(gctx, "  v{version}: {finding}, signed by {who} with {key}");
                }
                None => {
                    let (reason, help) = looked.words(&ws);
                    let is_exempt =
                        matches!(looked.finding, Finding::Unsigned { exempt: true, .. });
                    let accepted = match is_exempt {
                        true => ", which is accepted",
                        false => "",
                    };
                    drop_println!(gctx, "  v{version}: {finding}: it {reason}{accepted}");
                    if !is_exempt {
                        drop_println!(gctx, "    help: {help}");
                    }
                }
            }
        }
    }
    Ok(())
}
