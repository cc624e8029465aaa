//! Brings entry, signature and key together.
//!
//! [`consign_policy::Finding::of`] decides; this finds it what it needs, for many entries at a
//! time: signatures are checked on all cores, then every identity that is wanted is asked for once.

use consign_identity::Identity;
use consign_policy::{Choice, Effective, Finding, Level, Mismatch, Verdict};
use consign_statement::{RegistryId, SignatureValid, SignedFields, verify};

use super::config::Policy;
use super::context::registry_id;
use super::cores::on_all_cores;
use super::entry::{Entry, SharedEntry};
use super::lookup::Freshness;
use super::report::{self, Rule};
use crate::core::{PackageId, SourceId};
use crate::sources::CRATES_IO_REGISTRY;
use crate::{CargoResult, GlobalContext};

/// Makes sure that every one of `entries`, each with the source that it came from, has a finding.
pub(super) fn check_all(
    gctx: &GlobalContext,
    entries: &[(SourceId, SharedEntry)],
    freshness: Freshness,
) -> CargoResult<()> {
    let unchecked = entries
        .iter()
        .filter(|(_, entry)| entry.finding.get().is_none())
        .map(|(source, entry)| Ok((entry, registry_id(*source)?)))
        .collect::<CargoResult<Vec<_>>>()?;
    if unchecked.is_empty() {
        return Ok(());
    }
    let policy = gctx.signing.policy(gctx)?;
    let signatures = on_all_cores(&unchecked, |(entry, registry)| {
        signature(entry, registry, policy)
    });

    let mut wanted = Vec::new();
    for ((entry, _), signature) in unchecked.iter().zip(&signatures) {
        if let (Some(fields), Some(Ok(_))) = (entry.fields(), signature) {
            let locator = &fields.locator;
            if let Ok(identity) = Identity::new(locator.provider(), locator.user()) {
                wanted.push((identity, *locator.key()));
            }
        }
    }
    let answers = &gctx.signing.answers;
    answers.fetch(gctx, &wanted, freshness)?;

    for ((entry, _), signature) in unchecked.iter().zip(signatures) {
        let checked = |_: &SignedFields| {
            signature.unwrap_or_else(|| Err(Mismatch::DoesNotFit("it was not checked".into())))
        };
        let ask = |identity: &Identity, fields: &SignedFields| answers.key(identity, fields);
        let finding = Finding::of(entry.claim(), checked, ask);
        // Another thread that was faster found the same.
        let _ = entry.finding.set(finding);
    }
    Ok(())
}

/// The finding of one entry, which is what [`check_all`] leaves behind.
pub(super) fn check<'e>(
    gctx: &GlobalContext,
    source: SourceId,
    entry: &'e SharedEntry,
) -> CargoResult<&'e Finding> {
    check_all(gctx, &[(source, entry.clone())], Freshness::AsStored)?;
    entry
        .finding
        .get()
        .ok_or_else(|| crate::util::internal("an entry that was checked has no finding"))
}

/// Checks what the resolver chose in this command, all of it.
///
/// Where one package has to be checked, the others will have to be too: together they cost one
/// round of questions instead of one each.
pub(super) fn check_chosen(gctx: &GlobalContext) -> CargoResult<()> {
    check_all(gctx, &gctx.signing.unchecked(), Freshness::AsStored)
}

/// Accepts the package `id`, which `Cargo.lock` or the user names and which is asked for from the registry
/// `source`, with this `entry`, or says why not. No other version is looked for.
///
/// Returns the signature that its bytes must fit, where there is one.
pub(super) fn demand<'e>(
    gctx: &GlobalContext,
    id: PackageId,
    source: SourceId,
    entry: Option<&'e SharedEntry>,
) -> CargoResult<Option<&'e SignatureValid>> {
    const UNSIGNED: &Finding = &Finding::Unsigned { version: None };
    let finding = match entry {
        Some(entry) => check(gctx, source, entry)?,
        None => UNSIGNED,
    };
    let required = gctx.signing.required(gctx, source)?;
    // What the resolver chose is in `Cargo.lock`, or was found not to be new.
    let choice = match gctx.signing.chosen(id) {
        Some(_) => Choice::NotNew,
        None => Choice::Named,
    };
    match Verdict::of(finding, required.level, choice) {
        Verdict::Accept => {}
        // Of those without a signature, one line tells when the resolver is done.
        Verdict::AcceptAndSay => say_unchecked(gctx, finding)?,
        Verdict::PassOver | Verdict::Refuse => {
            return Err(refused(gctx, id, finding, &required));
        }
    }
    Ok(finding.signature())
}

/// The error for a package that is refused.
pub(super) fn refused(
    gctx: &GlobalContext,
    id: PackageId,
    finding: &Finding,
    required: &Effective,
) -> anyhow::Error {
    report::refused(id, finding, &rule(gctx, id.source_id(), required))
}

/// The rule for what comes from `source`, in words.
pub(super) fn rule(gctx: &GlobalContext, source: SourceId, required: &Effective) -> Rule {
    let name = match source.is_crates_io() {
        true => Some(CRATES_IO_REGISTRY),
        false => source.alt_registry_key(),
    };
    Rule {
        required_by: (required.level == Level::Deny)
            .then(|| required.origin.clone())
            .flatten(),
        setting: match name {
            Some(name) => format!("signing.registries.{name}.unsigned"),
            None => "signing.unsigned".to_owned(),
        },
        file: gctx.diagnostic_home_config(),
        vendored: gctx.signing.is_vendored(source),
    }
}

/// One warning for each host that could not be asked.
pub(super) fn say_unchecked(gctx: &GlobalContext, finding: &Finding) -> CargoResult<()> {
    let Finding::Unchecked { signer, why, .. } = finding else {
        return Ok(());
    };
    let warning = report::unanswered(signer, why);
    let host = gctx.signing.answers.host(signer);
    gctx.signing.warn_once(gctx, host, warning)
}

/// `None` where there is no signature to be checked.
fn signature(
    entry: &Entry,
    registry: &RegistryId,
    policy: &Policy,
) -> Option<Result<SignatureValid, Mismatch>> {
    let fields = entry.fields()?;
    tracing::trace!("checking the signature of `{}`", entry.entry().name);
    // A name that no account can have is malformed. What is a name, the provider's rule says.
    let locator = &fields.locator;
    if let Some(provider) = policy.providers().get(locator.provider())
        && let Err(invalid) = provider.check_user(locator.user())
    {
        return Some(Err(Mismatch::DoesNotFit(invalid.to_string())));
    }
    Some(entry.release().map_err(Mismatch::from).and_then(|release| {
        let valid = verify(&release, registry, fields)?;
        match entry.difference(&release, registry) {
            None => Ok(valid),
            Some(how) => Err(Mismatch::DoesNotFit(how)),
        }
    }))
}
