//! Signers files are made and changed.

use anyhow::{Context as _, bail};
use cargo::signing::look::look;
use cargo::signing::signers::edit::{self, Allow, Allowed};
use cargo::util::command_prelude::*;
use cargo::{CargoResult, GlobalContext};
use consign_identity::Identity;
use consign_signers::Reason;

use super::{named, registry};

/// `cargo signers init`
pub(super) fn init(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let ws = args.workspace(gctx)?;
    let locked = look(&ws, false, |_| true)?;
    let made = edit::init(&ws, &locked)?;
    let many = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    let unsigned = match made.unsigned {
        0 => String::new(),
        n => format!(", {n} of them accepted unsigned"),
    };
    let mut shell = gctx.shell();
    shell.status(
        "Created",
        format!(
            "`{}`: {} by {}{unsigned}",
            made.path.display(),
            many(made.packages, "package"),
            many(made.signers, "signer"),
        ),
    )?;
    if let Some(attributes) = made.attributes {
        shell.status(
            "Changed",
            format!("`{}`, so that git merges it", attributes.display()),
        )?;
    }
    if !made.without_number.is_empty() {
        let names: Vec<_> = made
            .without_number
            .iter()
            .map(|who| format!("`{who}`"))
            .collect();
        shell.warn(format!(
            "the numbers of these accounts could not be asked for: {}\n\
             a new key of theirs will count as a new signer; `cargo signers allow` asks again",
            names.join(", ")
        ))?;
    }
    shell.note("read it, and commit it: from now on, who is not in it is not accepted")
}

/// `cargo signers allow`
pub(super) fn allow(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let (name, versions) = named(args);
    let identities = identities(args)?;
    let reason = args
        .get_one::<String>("reason")
        .map(|text| text.parse::<Reason>());
    let reason = reason.transpose()?;
    let key = args.get_one::<String>("key").map(|text| {
        text.parse()
            .with_context(|| format!("`{text}` is not a key, such as `ed25519:…`"))
    });
    let key = key.transpose()?;
    let requirement = || {
        let parse = |text: &str| {
            text.parse()
                .with_context(|| format!("`{text}` is no requirement"))
        };
        versions.map(parse).transpose()
    };
    let what = match (identities.is_empty(), args.flag("unsigned"), key) {
        (false, false, key) => Allow::Signers {
            identities,
            key,
            versions: requirement()?,
        },
        (true, true, None) => {
            if reason.is_none() {
                bail!(
                    "to accept what nobody signed needs a reason\n\n\
                     help: say why with `--reason`, for those who review it"
                );
            }
            Allow::Unsigned(requirement()?.unwrap_or(semver::VersionReq::STAR))
        }
        (true, false, Some(key)) => {
            let version = versions.map(|version| version.trim_start_matches('='));
            let version = version.and_then(|version| version.parse().ok());
            let Some(version) = version else {
                bail!(
                    "a withdrawn key is accepted for one version only\n\n\
                     help: name it, as in `{name}@1.0.0`"
                );
            };
            Allow::Keep(version, key)
        }
        (true, false, None) => bail!(
            "nothing is said of what to accept\n\n\
             help: name who may sign `{name}`, as in `cargo signers allow {name} github:octocat`; or add \
             `--unsigned`, or `--key`"
        ),
        (false, true, _) | (true, true, Some(_)) => bail!(
            "`--unsigned` is for versions without a signature: it goes with no signer and no key"
        ),
    };
    let store = edit::target(gctx, args.flag("user"))?;
    let registry = registry(gctx, args, name)?;
    let Allowed { changed, notes } =
        edit::allow(gctx, &store, &registry, name, &what, reason.as_ref())?;
    for note in notes {
        gctx.shell().note(note)?;
    }
    told(gctx, changed, name, store.path())
}

/// `cargo signers remove`
pub(super) fn remove(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let (name, _) = named(args);
    let store = edit::target(gctx, args.flag("user"))?;
    let registry = registry(gctx, args, name)?;
    let changed = edit::remove(gctx, &store, &registry, name, &identities(args)?)?;
    if !changed {
        bail!(
            "nothing of that is said of `{name}` in `{}`\n\nhelp: `cargo signers list` shows what is",
            store.path().display()
        );
    }
    told(gctx, changed, name, store.path())
}

fn told(
    gctx: &GlobalContext,
    changed: bool,
    name: &str,
    path: &std::path::Path,
) -> CargoResult<()> {
    let (status, what) = match changed {
        true => ("Changed", "who may sign"),
        false => ("Unchanged", "that may sign already"),
    };
    let message = match changed {
        true => format!("{what} `{name}`, in `{}`", path.display()),
        false => format!("`{name}`, in `{}`", path.display()),
    };
    gctx.shell().status(status, message)
}

fn identities(args: &ArgMatches) -> CargoResult<Vec<Identity>> {
    let all = args.get_many::<String>("IDENTITY").into_iter().flatten();
    Ok(all.map(|text| text.parse()).collect::<Result<_, _>>()?)
}
