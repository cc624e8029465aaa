//! Brings entry, signature, key and rules together.
//!
//! [`consign_policy::Finding::of`] decides; this finds it what it needs, for many entries at a
//! time: signatures are checked on all cores, then every identity that is wanted is asked for once.

use std::sync::Arc;

use consign_identity::Identity;
use consign_identity::account::{self, AccountNumber};
use consign_policy::{Choice, Expected, Finding, KeyStanding, Mismatch, Sighting, Verdict};
use consign_statement::{Claim, PublicKey, RegistryId, SignatureValid, SignedFields, verify};
use semver::Version;

use super::config::Policy;
use super::context::lock;
use super::cores::on_all_cores;
use super::entry::{Entry, SharedEntry};
use super::lookup::{Freshness, SignedBy};
use super::report::{self, Rule};
use super::signers::{Rules, Serving, registry_argument};
use crate::core::PackageId;
use crate::{CargoResult, GlobalContext};

/// An entry that has no finding yet.
struct Unchecked<'e> {
    id: PackageId,
    entry: &'e SharedEntry,
    rules: Arc<Rules>,
}

/// Makes sure that every one of `entries` has a finding.
pub(super) fn check_all(
    gctx: &GlobalContext,
    entries: &[(PackageId, SharedEntry)],
    freshness: Freshness,
) -> CargoResult<()> {
    let unchecked = entries
        .iter()
        .filter(|(_, entry)| entry.finding.get().is_none())
        .map(|(id, entry)| {
            let rules = gctx.signing.rules(gctx, id.source_id())?;
            Ok(Unchecked {
                id: *id,
                entry,
                rules,
            })
        })
        .collect::<CargoResult<Vec<_>>>()?;
    if unchecked.is_empty() {
        return Ok(());
    }
    let (policy, serving) = (gctx.signing.policy(gctx)?, gctx.signing.serving(gctx)?);
    let signatures = on_all_cores(&unchecked, |of| {
        signature(of.entry, &of.rules.registry, policy)
    });
    let mut signers = Vec::new();
    for (of, signature) in unchecked.iter().zip(&signatures) {
        if let Some(Ok(_)) = signature {
            signers.extend(of.signer(serving));
        }
    }
    let signed_by = |identity: &Identity| {
        let mut entries = gctx.signing.all_chosen();
        entries.extend(unchecked.iter().map(|of| (of.id, of.entry.clone())));
        signed_by(gctx, policy, &entries, identity)
    };
    ask(gctx, serving, &signers, freshness, &signed_by)?;

    let answers = &gctx.signing.answers;
    for (of, signature) in unchecked.iter().zip(signatures) {
        let checked = |_: &SignedFields| {
            signature.unwrap_or_else(|| Err(Mismatch::DoesNotFit("it was not checked".into())))
        };
        let ask = |identity: &Identity, fields: &SignedFields| {
            let answer = answers.key(identity, fields);
            let is_fresh = freshness == Freshness::Resolving;
            let locator = &fields.locator;
            let known = serving.account(identity);
            KeyStanding::of(known.as_ref(), locator.key(), answer, is_fresh, |known| {
                let number = answers.account(identity);
                account::judge(known.number, locator.account(), number.as_ref())
            })
        };
        let expected = of.expected(serving);
        let finding = Finding::of(&expected, of.id.version(), of.entry.claim(), checked, ask);
        // Another thread that was faster found the same.
        let _ = of.entry.finding.set(finding);
    }
    Ok(())
}

impl Unchecked<'_> {
    fn expected<'s>(&self, serving: &'s Serving) -> Expected<'s> {
        self.rules.expected(serving, &self.id.name())
    }

    /// Who claims to have signed, and with which key, where it matters: by whom nothing would be accepted,
    /// and what is accepted anyway, is not asked about.
    fn signer(&self, serving: &Serving) -> Option<(Identity, PublicKey)> {
        let expected = self.expected(serving);
        let vers = self.id.version();
        if Finding::at_a_glance(&expected, vers, self.entry.claim()).is_some() {
            return None;
        }
        let locator = &self.entry.fields()?.locator;
        if expected.keeps(vers, locator.key()) {
            return None;
        }
        let identity = Identity::new(locator.provider(), locator.user()).ok()?;
        Some((identity, *locator.key()))
    }
}

/// Asks about the keys of all `signers`, and then, of those who show a key that is not recorded, for the
/// numbers of their accounts.
fn ask(
    gctx: &GlobalContext,
    serving: &Serving,
    signers: &[(Identity, PublicKey)],
    freshness: Freshness,
    signed_by: SignedBy<'_>,
) -> CargoResult<()> {
    let answers = &gctx.signing.answers;
    let mut wanted = Vec::new();
    let mut unrecorded = Vec::new();
    for (identity, key) in signers {
        let known = serving.account(identity);
        let is_recorded = known
            .as_ref()
            .is_some_and(|account| account.keys.contains(key));
        if known.is_some() && !is_recorded {
            unrecorded.push(identity);
        }
        // A recorded key needs nobody to confirm it, unless somebody said otherwise since.
        if !is_recorded || freshness != Freshness::AsStored || answers.lacks(gctx, identity, key)? {
            wanted.push((identity.clone(), *key));
        }
    }
    answers.fetch(gctx, &wanted, freshness, signed_by)?;
    answers.fetch_accounts(gctx, &unrecorded)
}

/// What of `entries` was signed as `identity` by whoever holds the keys: with which, and as which account.
fn signed_by(
    gctx: &GlobalContext,
    policy: &Policy,
    entries: &[(PackageId, SharedEntry)],
    identity: &Identity,
) -> CargoResult<Vec<(PublicKey, AccountNumber)>> {
    let mut signed = Vec::new();
    for (id, entry) in entries {
        let Some(locator) = entry.fields().map(|fields| &fields.locator) else {
            continue;
        };
        let number = locator.account().and_then(|number| number.try_into().ok());
        let is_theirs =
            (locator.provider(), locator.user()) == (identity.provider(), identity.user());
        if let Some(number) = number.filter(|_| is_theirs) {
            let rules = gctx.signing.rules(gctx, id.source_id())?;
            if let Some(Ok(_)) = signature(entry, &rules.registry, policy) {
                signed.push((*locator.key(), number));
            }
        }
    }
    Ok(signed)
}

/// The finding of one entry, which is what [`check_all`] leaves behind.
pub(super) fn check<'e>(
    gctx: &GlobalContext,
    id: PackageId,
    entry: &'e SharedEntry,
) -> CargoResult<&'e Finding> {
    check_all(gctx, &[(id, entry.clone())], Freshness::AsStored)?;
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
    let unchecked = gctx.signing.unchecked();
    if unchecked.is_empty() {
        return Ok(());
    }
    check_all(gctx, &unchecked, Freshness::AsStored)?;
    record(gctx, &unchecked)
}

/// Records what is new in `entries`, which were checked, where the command may do that: not before all
/// of them are accepted (so a key that has ended was found to be of something that is not new), and only where it may write a lockfile too.
pub(super) fn record(
    gctx: &GlobalContext,
    entries: &[(PackageId, SharedEntry)],
) -> CargoResult<()> {
    let invocation = gctx.signing.invocation();
    let may_write = gctx.lock_update_allowed() && !invocation.dry_run && !gctx.signing.only_looks();
    let Some((store, known)) = gctx.signing.serving(gctx)?.records().filter(|_| may_write) else {
        return Ok(());
    };
    let mut rules = Vec::new();
    for (id, entry) in entries {
        let of = gctx.signing.rules(gctx, id.source_id())?;
        let accepted = entry.finding.get().is_some_and(|finding| {
            let verdict = Verdict::of(finding, &of.levels(), Choice::NotNew);
            matches!(verdict, Verdict::Accept | Verdict::AcceptAndSay)
        });
        if !accepted {
            return Ok(());
        }
        rules.push(of);
    }
    let serving = gctx.signing.serving(gctx)?;
    let mut sightings = Vec::new();
    for ((id, entry), rules) in entries.iter().zip(&rules) {
        let Some(published) = entry.finding.get().and_then(Finding::published) else {
            continue;
        };
        // What another file says of the package is not added to here.
        let said_by = serving.says(&rules.registry, &id.name());
        if said_by.is_some_and(|file| file != store.path()) {
            continue;
        }
        let number = match gctx.signing.answers.account(published.signer()) {
            Some(account::AccountAnswer::Number(number))
                if !gctx.signing.answers.is_doubted(published.signer()) =>
            {
                Some(number)
            }
            _ => None,
        };
        let sighting = Sighting {
            registry: &rules.registry,
            name: id.name().as_str(),
            version: id.version(),
            published,
            number,
            beside: accepted_beside(gctx, *id, rules)?,
        };
        if sighting.is_new(known) {
            sightings.push(sighting);
        }
    }
    if sightings.is_empty() {
        return Ok(());
    }
    match store.record(gctx, &sightings, &mut lock(&gctx.signing.recorded)) {
        Ok(_) => Ok(()),
        // A workspace's own file is a part of what a command is to leave behind, like the lockfile. What
        // was only seen is seen again: on a disk that cannot be written to, say.
        Err(error) if serving.workspaces_own().is_none() => {
            let warning = format!("failed to record who signs what\n{error:#}");
            gctx.signing
                .warn_once(gctx, "recording".to_owned(), warning)
        }
        Err(error) => Err(error),
    }
}

/// The other versions of a package that were chosen with it, are known to have no signature, and are accepted.
fn accepted_beside(
    gctx: &GlobalContext,
    id: PackageId,
    rules: &Rules,
) -> CargoResult<Vec<Version>> {
    let mut beside = Vec::new();
    for other in gctx.signing.carried.unsigned_beside(id) {
        let finding = without_entry(gctx, other, rules)?;
        let verdict = Verdict::of(&finding, &rules.levels(), Choice::Named);
        if matches!(verdict, Verdict::Accept | Verdict::AcceptAndSay) {
            beside.push(other.version().clone());
        }
    }
    Ok(beside)
}

/// Accepts the package `id`, which `Cargo.lock` or the user names, with this `entry`, or says why not. No
/// other version is looked for.
///
/// Returns the signature that its bytes must fit, where there is one.
pub(super) fn demand<'e>(
    gctx: &GlobalContext,
    id: PackageId,
    entry: Option<&'e SharedEntry>,
) -> CargoResult<Option<&'e SignatureValid>> {
    let rules = gctx.signing.rules(gctx, id.source_id())?;
    let unsigned;
    let finding = match entry {
        Some(entry) => check(gctx, id, entry)?,
        None => {
            unsigned = without_entry(gctx, id, &rules)?;
            &unsigned
        }
    };
    if !gctx.signing.only_looks() {
        // What the resolver chose is in `Cargo.lock`, or was found not to be new.
        let choice = match gctx.signing.chosen(id) {
            Some(_) => Choice::NotNew,
            None => Choice::Named,
        };
        match Verdict::of(finding, &rules.levels(), choice) {
            Verdict::Accept => {}
            // Of those without a signature, one line tells when the resolver is done.
            Verdict::AcceptAndSay => say(gctx, id, finding)?,
            Verdict::PassOver | Verdict::Refuse => return Err(refused(gctx, id, finding, &rules)),
        }
    }
    Ok(entry.and_then(|entry| entry.finding.get()?.signature()))
}

/// The finding of a package that has no entry which says anything of a signature.
pub(super) fn without_entry(
    gctx: &GlobalContext,
    id: PackageId,
    rules: &Rules,
) -> CargoResult<Finding> {
    let expected = rules.expected(gctx.signing.serving(gctx)?, &id.name());
    Ok(
        Finding::at_a_glance(&expected, id.version(), Ok(&Claim::Unsigned)).unwrap_or(
            Finding::Unsigned {
                version: None,
                exempt: false,
            },
        ),
    )
}

/// The error for a package that is refused.
pub(super) fn refused(
    gctx: &GlobalContext,
    id: PackageId,
    finding: &Finding,
    rules: &Rules,
) -> anyhow::Error {
    report::refused(id, finding, &rule(gctx, id, rules))
}

/// The rule for the package `id`, in words.
pub(super) fn rule(gctx: &GlobalContext, id: PackageId, rules: &Rules) -> Rule {
    let source = id.source_id();
    let serving = gctx.signing.serving(gctx).ok();
    let says = serving.and_then(|serving| serving.says(&rules.registry, &id.name()));
    Rule {
        unsigned: rules.unsigned.clone(),
        new_signer: rules.new_signer.clone(),
        new_key: rules.new_key.clone(),
        setting: match report::registry_name(&source) {
            Some(name) => format!("signing.registries.{name}"),
            None => "signing".to_owned(),
        },
        file: gctx.diagnostic_home_config(),
        vendored: gctx.signing.is_vendored(source),
        name: id.name().to_string(),
        version: id.version().clone(),
        allow: format!(
            "cargo signers allow{}{}",
            if gctx.signing.invocation().installs() {
                " --user"
            } else {
                ""
            },
            registry_argument(source)
        ),
        said_by: says.map(|file| file.display().to_string()),
    }
}

/// The warning for a release that is accepted with one.
pub(super) fn say(gctx: &GlobalContext, id: PackageId, finding: &Finding) -> CargoResult<()> {
    match finding {
        Finding::Unchecked { signer, why, .. } => {
            let warning = report::unanswered(signer, why);
            // One for each host.
            let host = gctx.signing.answers.host(signer);
            gctx.signing.warn_once(gctx, host, warning)
        }
        Finding::UnknownSigner(newcomer) => {
            let warning = report::newcomer(id, newcomer);
            gctx.signing.warn_once(gctx, format!("new: {id}"), warning)
        }
        Finding::EndedKey { otherwise, .. } => say(gctx, id, otherwise),
        _ => Ok(()),
    }
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
