//! Signs what is published.
//!
//! The request is whole and the archive final when [`sign`] is called. It makes the statement of
//! both, signs it, and checks it the way everyone else will: from the index line that a registry
//! writes for such a request.
//!
//! Before that it looks at what is published already. Whoever uses the package knows who signs it, and
//! refuses a version that is signed by somebody else, or not at all: the one who can put that right is told
//! first.

use std::collections::BTreeSet;
use std::fs::File;

use anyhow::{Context as _, bail};
use cargo_util::registry::make_dep_path;
use consign_identity::Identity;
use consign_policy::Level;
use consign_policy::foresight::Signed;
use consign_statement::{Claim, Locator, Release, SignedFields, index, publish};
use crates_io::{NewCrate, NewCrateDependency};
use semver::Version;
use serde::Serialize;

use super::archive::{digest, tree_of};
use super::carried::summary_of;
use super::context::{registry_id, unix_now};
use super::keys::{self, Signer};
use super::report;
use super::signers::registry_argument;
use super::sources::{open, versions};
use super::verify::cache_name;
use crate::core::{PackageId, SourceId};
use crate::sources::SourceConfigMap;
use crate::util::cache_lock::CacheLockMode;
use crate::{CargoResult, GlobalContext};

/// A publish request with the two fields of a signature beside its own.
#[derive(Serialize)]
pub struct SignedRequest {
    #[serde(flatten)]
    request: NewCrate,
    #[serde(flatten)]
    fields: Option<SignedFields>,
}

/// Ends the command before anything is packaged where there is a key that cannot be used, or none and
/// there must be one. A dry run only says the latter.
pub fn can_sign(gctx: &GlobalContext, registry: SourceId, dry_run: bool) -> CargoResult<()> {
    gctx.signing.publishes();
    match keys::signer(gctx, Some(&registry_id(registry)?))? {
        Some(signer) => {
            gctx.signing.signing_time(gctx, &signer)?;
            say_if_unpublished(gctx, &signer)
        }
        None => may_be_unsigned(gctx, dry_run),
    }
}

/// Warns where the key was not published since it was made, or deleted to be replaced.
fn say_if_unpublished(gctx: &GlobalContext, signer: &Signer) -> CargoResult<()> {
    let public = consign_statement::Signer::public_key(&signer.key);
    for of in keys::unfinished(gctx)? {
        if of.identity == signer.identity && of.key.public_key() == public {
            gctx.shell().warn(format!(
                "the key {} is still to be published: until it is, what it signs is refused\n\
                 help: `cargo key publish {}`",
                of.describe(gctx)?,
                of.name(gctx)?
            ))?;
        }
    }
    Ok(())
}

/// Signs `request` and `archive` for `registry`, where there is a key to sign with.
pub fn sign(
    gctx: &GlobalContext,
    registry: SourceId,
    request: NewCrate,
    archive: &File,
) -> CargoResult<SignedRequest> {
    let signer = keys::signer(gctx, Some(&registry_id(registry)?))?;
    consumers_go_along(gctx, registry, &request, signer.as_ref())?;
    let Some(signer) = signer else {
        return Ok(SignedRequest {
            request,
            fields: None,
        });
    };
    let package = format!("{} v{}", request.name, request.vers);
    let who = gctx.signing.policy(gctx)?.display(&signer.identity);
    gctx.shell()
        .status("Signing", format!("{package} as {who}"))?;
    let fields = signed(gctx, registry, &request, archive, &signer)
        .with_context(|| format!("failed to sign `{package}`"))?;
    if !gctx.signing.invocation().dry_run {
        gctx.signing
            .note_sent(&request.name, &request.vers, &fields);
    }
    Ok(SignedRequest {
        request,
        fields: Some(fields),
    })
}

/// Says of the packages `published`, which the index of `registry` has now, whether it has the signature
/// that was sent.
pub fn served(
    gctx: &GlobalContext,
    registry: SourceId,
    published: &BTreeSet<PackageId>,
) -> CargoResult<()> {
    let _lock = gctx.acquire_package_cache_lock(CacheLockMode::DownloadExclusive)?;
    let mut source = open(&SourceConfigMap::empty(gctx)?, registry)?;
    for id in published {
        let (name, version) = (id.name(), id.version());
        let Some(sent) = gctx.signing.sent(&name, &version.to_string()) else {
            continue;
        };
        let there = PackageId::new(name, version.clone(), registry);
        // It is published: whatever cannot be read now is no reason to fail.
        let Ok(Some(summary)) = summary_of(&mut *source, there) else {
            continue;
        };
        let entry = summary.signed();
        let package = format!("{name} v{version}");
        let registry = registry.to_string();
        match entry.map(|entry| entry.claim()) {
            Some(Ok(Claim::Signed(fields))) if *fields == sent => {}
            None | Some(Ok(Claim::Unsigned)) => {
                gctx.shell()
                    .note(report::keeps_no_signature(&package, &registry))?;
            }
            Some(_) => {
                gctx.shell()
                    .warn(report::serves_another_signature(&package, &registry))?;
            }
        }
    }
    Ok(())
}

/// Makes sure that those who use the package will not refuse what is about to be published, by what they
/// know of the versions before it; unless that is meant. A dry run only says so.
fn consumers_go_along(
    gctx: &GlobalContext,
    registry: SourceId,
    request: &NewCrate,
    signer: Option<&Signer>,
) -> CargoResult<()> {
    let invocation = gctx.signing.invocation();
    if invocation.allow_signer_change {
        return Ok(());
    }
    let version: Version = request.vers.parse()?;
    let now = signer.map(|signer| &signer.identity);
    let signed = signed_before(gctx, registry, &request.name)?;
    let Some(before) = signed.stands_against(&version, now) else {
        return Ok(());
    };
    let package = format!("{} v{version}", request.name);
    let name = format!("{} {}", registry_argument(registry), request.name);
    let message =
        report::signer_would_change(&package, &request.name, name.trim_start(), &before, now);
    match invocation.dry_run {
        true => gctx.shell().warn(message),
        false => Err(anyhow::Error::msg(message)),
    }
}

/// The versions of a package that are signed by what the registry's index says, also the yanked ones: who has
/// built with one of them knows it.
fn signed_before(gctx: &GlobalContext, registry: SourceId, name: &str) -> CargoResult<Signed> {
    let _lock = gctx.acquire_package_cache_lock(CacheLockMode::DownloadExclusive)?;
    // The registry itself, and nothing that stands in for it here.
    let mut source = open(&SourceConfigMap::empty(gctx)?, registry)?;
    // Upstream asked the index a moment ago. Nothing is asked again: a publish without a key makes the
    // requests that stock cargo makes.
    let mut signed = Signed::default();
    if !is_kept(gctx, source.replaced_source_id(), name) {
        return Ok(signed);
    }
    for found in versions(&mut *source, name.into(), registry)? {
        let found = found.as_summary();
        let fields = found.signed().and_then(|entry| entry.fields());
        let locator = fields.map(|fields| &fields.locator);
        let signer = locator.map(|it| Identity::new(it.provider(), it.user()));
        if let Some(Ok(signer)) = signer {
            signed.add(found.version().clone(), signer);
        }
    }
    Ok(signed)
}

/// Whether the cache of the index, which is up to date, has the package. That of a registry in git is a
/// repository, which can be asked without a request.
fn is_kept(gctx: &GlobalContext, source: SourceId, name: &str) -> bool {
    let kept = gctx.registry_index_path().join(cache_name(source));
    let path = make_dep_path(&name.to_lowercase(), false);
    let kept = kept.join(".cache").join(path);
    !source.is_sparse() || kept.into_path_unlocked().exists()
}

fn may_be_unsigned(gctx: &GlobalContext, dry_run: bool) -> CargoResult<()> {
    let denied = gctx.signing.policy(gctx)?.unsigned_publish();
    if denied.level != Level::Deny {
        return Ok(());
    }
    let origin = denied.origin.unwrap_or_default();
    let message = format!(
        "there is no signing key, and {origin} forbids to publish without one\n\n\
         help: make one with `cargo key new --sign-as github:USER`"
    );
    match dry_run {
        true => gctx.shell().warn(message),
        false => Err(anyhow::Error::msg(message)),
    }
}

fn signed(
    gctx: &GlobalContext,
    registry: SourceId,
    request: &NewCrate,
    archive: &File,
    signer: &Signer,
) -> CargoResult<SignedFields> {
    let cksum = digest(archive)?;
    let tree = tree_of(&request.name, &request.vers, archive)
        .context("the package holds something that cannot be signed")?;
    let registry = registry_id(registry)?;
    let locator = Locator::new(
        signer.identity.provider(),
        signer.identity.user(),
        signer.account,
        consign_statement::Signer::public_key(&signer.key),
    )?;
    let request = statement_request(request);
    let release = Release::from_publish(&request, &cksum)?;
    let time = gctx.signing.signing_time(gctx, signer)?;
    let fields = consign_statement::sign(&release, &registry, &tree, locator, time, &signer.key)?;

    let line = index::Entry::from_request(&request, &cksum);
    consign_statement::verify(&Release::from_index(&line)?, &registry, &fields)
        .context("the signature does not fit the entry that a registry will make of the request")?;
    Ok(fields)
}

/// The variable that says when something is made, for builds that must come out the same; Unix seconds.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Now, or what [`EPOCH`] says, where that has been.
pub(super) fn time(gctx: &GlobalContext) -> CargoResult<u64> {
    let now = unix_now()?;
    if gctx.get_env_os(EPOCH).is_none() {
        return Ok(now);
    }
    let text = gctx.get_env(EPOCH)?;
    let time = text
        .parse()
        .with_context(|| format!("`{EPOCH}` is not a number of seconds: `{text}`"))?;
    if time > now {
        bail!(
            "`{EPOCH}` is in the future: {time}, where this machine's clock is at {now}\n\n\
             help: set it to a time that has been, or unset it"
        );
    }
    Ok(time)
}

/// An error where everybody would refuse what `signer` signs at `time`: who reads it goes by that time, and
/// not by when it was published.
pub(super) fn may_sign_at(gctx: &GlobalContext, signer: &Signer, time: u64) -> CargoResult<()> {
    // An SSH key does not say when it was made.
    let Some(key) = &signer.published else {
        return Ok(());
    };
    let Err(fault) = key.check(time, time) else {
        return Ok(());
    };
    let (fingerprint, created) = (&key.fingerprint, key.created);
    let help = match gctx.get_env_os(EPOCH) {
        Some(_) => {
            format!("unset `{EPOCH}`, or set it to {created}, when the key was made, or later")
        }
        None => "set the clock of this machine right".to_owned(),
    };
    let from = match gctx.get_env_os(EPOCH) {
        Some(_) => format!("which `{EPOCH}` sets"),
        None => "by the clock of this machine".to_owned(),
    };
    bail!(
        "nobody could verify what the key {fingerprint} signs at {time}, {from}: {fault}\n\nhelp: {help}"
    )
}

pub(super) fn statement_request(request: &NewCrate) -> publish::Request<'_> {
    publish::Request {
        name: request.name.as_str().into(),
        vers: request.vers.as_str().into(),
        deps: request.deps.iter().map(statement_dependency).collect(),
        features: request
            .features
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(|value| value.as_str().into());
                (name.as_str().into(), values.collect())
            })
            .collect(),
        links: request.links.as_deref().map(Into::into),
        rust_version: request.rust_version.as_deref().map(Into::into),
    }
}

fn statement_dependency(dep: &NewCrateDependency) -> publish::Dependency<'_> {
    let texts = |texts: &'_ [String]| texts.iter().map(|text| text.clone().into()).collect();
    publish::Dependency {
        optional: dep.optional,
        default_features: dep.default_features,
        name: dep.name.as_str().into(),
        features: texts(&dep.features),
        version_req: dep.version_req.as_str().into(),
        target: dep.target.as_deref().map(Into::into),
        kind: dep.kind.as_str().into(),
        registry: dep.registry.as_deref().map(Into::into),
        explicit_name_in_toml: dep.explicit_name_in_toml.as_deref().map(Into::into),
        artifact: dep.artifact.as_deref().map(texts),
        bindep_target: dep.bindep_target.as_deref().map(Into::into),
        lib: dep.lib,
    }
}
