//! Signers files are made and changed.

use anyhow::{Context as _, bail};
use cargo::signing::look::look;
use cargo::signing::signers::edit::{self, Allow, Allowed, Remove};
use cargo::signing::signers::store::Store;
use cargo::util::command_prelude::*;
use cargo::{CargoResult, GlobalContext};
use consign_identity::Identity;
use consign_signers::Reason;
use consign_statement::{PublicKey, RegistryId};
use semver::{Version, VersionReq};

use super::{Places, called, named, registry};

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
    shell.note(
        "read it, and commit it: with `--locked`, who is not in it is not accepted; other builds add whom they see \
         for the first time",
    )
}

/// `cargo signers allow`
pub(super) fn allow(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let (name, versions) = named(args);
    let identities = identities(args)?;
    for identity in &identities {
        is_possible(gctx, identity)?;
    }
    let reason = args.get_one::<String>("reason");
    // What messages write there.
    if reason.is_some_and(|reason| reason == "WHY") {
        bail!("`WHY` is no reason\n\nhelp: say why in its place, for those who review it");
    }
    let reason = reason.map(|text| text.parse::<Reason>()).transpose()?;
    let key = key(args)?;
    let requirement = || versions.map(requirement).transpose();
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
            Allow::Unsigned(requirement()?.unwrap_or(VersionReq::STAR))
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
    let places = Places::of(name)?.and_locked(gctx, args)?;
    let registry = registry(gctx, args, places.and_said([&store.read()?]))?;
    let Allowed { changed, notes } =
        edit::allow(gctx, &store, &registry, name, &what, reason.as_ref())?;
    for note in notes {
        gctx.shell().note(note)?;
    }
    let status = match changed {
        true => "Changed",
        false => "Unchanged",
    };
    told(gctx, status, name, &registry, &store, &accepted(&what))
}

/// Whether there could be such an account.
fn is_possible(gctx: &GlobalContext, identity: &Identity) -> CargoResult<()> {
    let name = identity.provider();
    let Some(provider) = gctx.signing.policy(gctx)?.providers().get(name) else {
        bail!(
            "no identity provider `{name}` is known\n\n\
             help: say where its keys are, with `signing.identities.{name}.keys`, or which forge it is, with \
             `.kind` and `.host`"
        );
    };
    Ok(provider.check_user(identity.user())?)
}

/// Which versions are meant: a full one is that version and no other.
fn requirement(text: &str) -> CargoResult<VersionReq> {
    let exactly = text.parse::<Version>().map(|version| Version {
        build: semver::BuildMetadata::EMPTY,
        ..version
    });
    let text = match exactly {
        Ok(version) => format!("={version}"),
        Err(_) => text.to_owned(),
    };
    text.parse()
        .with_context(|| format!("`{text}` is no requirement"))
}

fn key(args: &ArgMatches) -> CargoResult<Option<PublicKey>> {
    let key = args.get_one::<String>("key").map(|text| {
        text.parse()
            .with_context(|| format!("`{text}` is not a key, such as `ed25519:…`"))
    });
    key.transpose()
}

/// What is accepted, in words.
fn accepted(what: &Allow) -> String {
    match what {
        Allow::Signers {
            identities,
            key,
            versions,
        } => {
            let names: Vec<_> = identities.iter().map(|who| format!("`{who}`")).collect();
            let which = match versions {
                Some(versions) => format!("the versions {versions}"),
                None => "all versions".to_owned(),
            };
            let key = key.map(|key| format!(", also with {key}"));
            let key = key.unwrap_or_default();
            format!("{} may sign {which}{key}", names.join(" and "))
        }
        Allow::Unsigned(versions) if *versions == VersionReq::STAR => {
            "no version has to be signed".to_owned()
        }
        Allow::Unsigned(versions) => format!("the versions {versions} need not be signed"),
        Allow::Keep(version, key) => format!("version {version} is good with {key}"),
    }
}

/// `cargo signers remove`
pub(super) fn remove(gctx: &GlobalContext, args: &ArgMatches) -> CargoResult<()> {
    let (name, versions) = named(args);
    let versions = versions.map(requirement).transpose()?;
    let what = match (identities(args)?, args.flag("unsigned"), key(args)?) {
        (signers, false, None) if signers.is_empty() => match versions {
            None => Remove::Everything,
            Some(_) => bail!(
                "nothing is said of what to take back of these versions\n\n\
                 help: name who may not sign them any more, or add `--unsigned`"
            ),
        },
        (signers, false, None) => Remove::Signers(signers, versions),
        (signers, true, None) if signers.is_empty() => Remove::Unsigned(versions),
        (signers, false, Some(key)) if versions.is_none() => Remove::Key(signers, key),
        _ => bail!(
            "one thing is taken back at a time\n\n\
             help: name signers, or add `--unsigned`, or add `--key`, which takes no versions"
        ),
    };
    let store = edit::target(gctx, args.flag("user"))?;
    let places = Places::of(name)?.and_said([&store.read()?]);
    let registry = registry(gctx, args, places.and_locked(gctx, args)?)?;
    let changed = edit::remove(gctx, &store, &registry, name, &what)?;
    if !changed {
        bail!(
            "nothing of that is said of `{name}` of {} in `{}`\n\nhelp: `cargo signers list` shows what is",
            called(&registry),
            store.path().display()
        );
    }
    let taken_back = match &what {
        Remove::Everything => "nothing is said of it any more",
        Remove::Signers(..) => "fewer may sign it",
        Remove::Unsigned(_) => "these versions have to be signed again",
        Remove::Key(..) => "the key is not accepted any more for what is said there",
    };
    told(gctx, "Changed", name, &registry, &store, taken_back)?;
    match what {
        Remove::Everything => gctx.shell().note(format!(
            "whoever signs the version of `{name}` that is chosen next is trusted at first sight again, unless \
             `new-signer` says otherwise"
        )),
        _ => Ok(()),
    }
}

/// Tells what was changed, of which package and where.
fn told(
    gctx: &GlobalContext,
    status: &str,
    name: &str,
    registry: &RegistryId,
    store: &Store,
    what: &str,
) -> CargoResult<()> {
    let (registry, path) = (called(registry), store.path().display());
    let message = format!("`{name}` of {registry} in `{path}`: {what}");
    gctx.shell().status(status, message)
}

fn identities(args: &ArgMatches) -> CargoResult<Vec<Identity>> {
    let all = args.get_many::<String>("IDENTITY").into_iter().flatten();
    Ok(all.map(|text| text.parse()).collect::<Result<_, _>>()?)
}
