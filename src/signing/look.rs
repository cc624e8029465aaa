//! Looks at what `Cargo.lock` names, without judging it: `cargo verify` tells what is found, and `cargo
//! signers init` writes it down.
//!
//! The lockfile is read as a build reads it, so what is found is what a build would find. Nothing is
//! refused on the way, nothing recorded, and no lockfile written: the command is one that
//! [only looks](super::Invocation).

use std::sync::Arc;

use anyhow::{Context as _, bail};
use consign_policy::{Choice, Finding, Verdict};

use super::carried::{Doing, look_at, may_carry, says_nothing};
use super::check::{check_all, rule, without_entry};
use super::entry::SharedEntry;
use super::lookup::{Freshness, Unconfirmed};
use super::report;
use super::resolve::is_from_registry;
use super::signers::Rules;
use super::sources::packages;
use crate::core::resolver::{CliFeatures, HasDevUnits};
use crate::core::{PackageId, Workspace};
use crate::{CargoResult, GlobalContext, ops};

/// A package of a registry, and what was found of it.
#[derive(Debug)]
pub struct Looked {
    /// Which.
    pub id: PackageId,
    /// What was found.
    pub finding: Finding,
    /// What holds for its registry.
    pub rules: Arc<Rules>,
    /// What `Cargo.lock` says of its archive.
    pub cksum: Option<String>,
    /// Its signed entry.
    pub(super) entry: Option<SharedEntry>,
}

impl Looked {
    /// What follows in a build.
    pub fn verdict(&self) -> Verdict {
        // What `Cargo.lock` names was accepted before.
        Verdict::of(&self.finding, &self.rules.levels(), Choice::NotNew)
    }

    /// What is wrong with it, as the rest of a sentence that begins with its name, and what can be done.
    pub fn words(&self, ws: &Workspace<'_>) -> (String, String) {
        let rule = rule(ws.gctx(), self.id, &self.rules);
        let reason = report::not_admitted(&self.finding, &rule);
        (reason, report::help(&self.finding, &rule))
    }
}

/// Everything that `Cargo.lock` names.
#[derive(Debug)]
pub struct Locked {
    /// What comes from registries.
    pub packages: Vec<Looked>,
    /// What comes from git, or is the user's own.
    pub others: Vec<PackageId>,
}

/// Looks at what the lockfile of `ws` names, and is `wanted`. Keys are asked for anew where `refresh` is
/// given.
pub fn look(
    ws: &Workspace<'_>,
    refresh: bool,
    wanted: impl Fn(PackageId) -> bool,
) -> CargoResult<Locked> {
    let gctx = ws.gctx();
    gctx.signing.prepare(gctx)?;
    let Some(previous) = ops::load_pkg_lockfile(ws)? else {
        bail!(
            "there is no `Cargo.lock` in `{}`\n\n\
             help: `cargo generate-lockfile` makes one",
            ws.lock_root().as_path_unlocked().display()
        );
    };
    let mut registry = ws.package_registry()?;
    let resolved = ops::resolve_with_previous(
        &mut registry,
        ws,
        &CliFeatures::new_all(true),
        HasDevUnits::Yes,
        Some(&previous),
        None,
        &[],
        true,
    )?;
    let is_as_locked = previous.iter().all(|id| resolved.contains(&id))
        && resolved.iter().all(|id| previous.contains(&id));
    if !is_as_locked {
        bail!(
            "`Cargo.lock` is not up to date with what the workspace depends on\n\n\
             help: `cargo generate-lockfile` makes it anew; so does any build without `--locked`, with \
             as few changes as there can be"
        );
    }

    let mut entries = Vec::new();
    let mut found = Vec::new();
    let mut others = Vec::new();
    let ids: Vec<_> = resolved.iter().filter(|id| wanted(*id)).collect();
    // What the index says nothing of may carry its signature.
    let silent = ids.iter().copied();
    let silent: Vec<_> = silent
        .filter(|id| may_carry(resolved.summary(*id)))
        .collect();
    look_at(gctx, &packages(gctx, &silent)?, &silent, Doing::Look)?;
    for id in ids {
        if !is_from_registry(id) {
            others.push(id);
            continue;
        }
        let carried = gctx.signing.chosen(id).filter(|entry| !says_nothing(entry));
        let entry = carried.or_else(|| resolved.summary(id).signed().cloned());
        entries.extend(entry.clone().map(|entry| (id, entry)));
        let cksum = previous.checksums().get(&id).cloned().flatten();
        found.push((id, entry, cksum));
    }
    let freshness = match refresh {
        true => Freshness::Anew,
        false => Freshness::AsStored,
    };
    check_all(gctx, &entries, freshness)?;
    let packages = found.into_iter().map(|(id, entry, cksum)| {
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        let finding = match &entry {
            Some(entry) => entry
                .finding
                .get()
                .cloned()
                .context("an entry without a finding")?,
            None => without_entry(gctx, id, &rules)?,
        };
        let finding = match refresh {
            true => confirmed(gctx, id, finding, &rules)?,
            false => finding,
        };
        Ok(Looked {
            id,
            finding,
            rules,
            cksum,
            entry,
        })
    });
    Ok(Locked {
        packages: packages.collect::<CargoResult<_>>()?,
        others,
    })
}

/// What is left of a finding after everybody was asked again: what nobody answered for is unchecked. Of an
/// account that is gone, what is recorded stays good, with a warning.
fn confirmed(
    gctx: &GlobalContext,
    id: PackageId,
    finding: Finding,
    rules: &Rules,
) -> CargoResult<Finding> {
    let Some(published) = finding.published() else {
        return Ok(finding);
    };
    let expected = rules.expected(gctx.signing.serving(gctx)?, &id.name());
    // Who keeps a release asks nobody about its key.
    if expected.keeps(id.version(), published.signature().locator().key()) {
        return Ok(finding);
    }
    let signer = published.signer();
    match gctx.signing.answers.unconfirmed(signer) {
        Some(Unconfirmed::NoAnswer(why)) => Ok(finding.unconfirmed(&expected, why)),
        Some(Unconfirmed::NoSuchAccount) => {
            let warning = report::account_is_gone(signer);
            gctx.signing
                .warn_once(gctx, format!("gone: {signer}"), warning)?;
            Ok(finding)
        }
        None => Ok(finding),
    }
}
