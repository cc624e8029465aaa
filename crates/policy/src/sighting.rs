//! What is recorded of a release that was accepted.
//!
//! The first signer of a package that is seen is expected from then on, with the key; and so is a
//! signature, from this version on, but of what was accepted without one at the same time. Nothing that is recorded is ever taken back here: who may sign is
//! added to, and `since` is lowered.

use consign_identity::Identity;
use consign_identity::account::AccountNumber;
use consign_signers::{Account, Changes, Package, Signer, Signers};
use consign_statement::{PublicKey, RegistryId};
use semver::Version;

use crate::rules::{Expected, Without};
use crate::{Levels, Published};

/// Why a version is exempt that was accepted when its package was first seen.
const IN_USE: &str = "in use, unsigned, when it was first seen";

/// A release that was accepted, by somebody whose key counts.
#[derive(Debug, Clone)]
pub struct Sighting<'a> {
    /// The registry that it came from.
    pub registry: &'a RegistryId,
    /// Its package.
    pub name: &'a str,
    /// Its version.
    pub version: &'a Version,
    /// Who signed it.
    pub published: &'a Published,
    /// The number of the signer's account, where the provider gave it in this command.
    pub number: Option<AccountNumber>,
    /// Other versions of the package that were accepted with it, and nobody signed.
    pub beside: Vec<Version>,
}

impl Sighting<'_> {
    /// Whether `signers` lets it be recorded. Where somebody else has recorded another signer, or another
    /// account, since it was judged, it does not.
    pub fn fits(&self, signers: &Signers) -> bool {
        let signer = self.published.signer();
        let package = signers.package(self.registry, self.name);
        let is_expected = package.is_none_or(|package| {
            let mut may_sign = package.signers.iter();
            package.signers.is_empty()
                || may_sign.any(|may| may.identity == *signer && may.may_sign(self.version))
        });
        let known = signers.identities.get(signer);
        let same_account = match (known.and_then(|account| account.number), self.number) {
            (Some(known), Some(number)) => known == number,
            _ => true,
        };
        is_expected && same_account
    }

    /// Whether there is anything to record beside what `signers` says.
    pub fn is_new(&self, signers: &Signers) -> bool {
        let mut changes = Changes::default();
        self.record(signers, &mut changes);
        !changes.is_empty()
    }

    /// Adds to `changes` what is new in this sighting beside what `signers` says, and what was changed
    /// already.
    pub fn record(&self, signers: &Signers, changes: &mut Changes) {
        let signer = self.published.signer();
        let key = self.published.signature().locator().key();
        self.record_account(signer, key, signers, changes);
        self.record_package(signer, signers, changes);
    }

    fn record_account(
        &self,
        signer: &Identity,
        key: &PublicKey,
        signers: &Signers,
        changes: &mut Changes,
    ) {
        let changed = changes.identities.get(signer).and_then(Option::as_ref);
        let known = changed.or_else(|| signers.identities.get(signer));
        let mut account: Account = known.cloned().unwrap_or_default();
        account.keys.insert(*key);
        account.number = account.number.or(self.number);
        if known != Some(&account) {
            changes.identities.insert(signer.clone(), Some(account));
        }
    }

    fn record_package(&self, signer: &Identity, signers: &Signers, changes: &mut Changes) {
        let name = (self.registry.clone(), self.name.to_owned());
        let changed = changes.packages.get(&name).and_then(Option::as_ref);
        let known = changed.or_else(|| signers.package(self.registry, self.name));
        let is_first = known.is_none();
        let mut package: Package = known.cloned().unwrap_or_default();
        let all_are_due = package.since.is_empty() && !package.signers.is_empty();
        let mut may_sign = package.signers.iter().filter(|may| may.identity == *signer);
        if !may_sign.any(|may| may.may_sign(self.version)) {
            package.signers.insert(Signer::new(signer.clone(), None));
        }
        // Where every version has to be signed, that one is says nothing new.
        if !all_are_due {
            package.note_signed(self.version);
        }
        if is_first {
            self.exempt_what_is_in_use(&mut package);
        }
        if known != Some(&package) {
            changes.packages.insert(name, Some(package));
        }
    }

    /// What was in use before the package was first seen to be signed stays so: such as a newer major
    /// version, of a package whose author began to sign with a backport.
    fn exempt_what_is_in_use(&self, package: &mut Package) {
        for version in &self.beside {
            let expected = Expected {
                package: Some(package),
                levels: Levels::default(),
            };
            if !matches!(expected.without_signature(version), Without::Lost { .. }) {
                continue;
            }
            package.exempt(version);
            package.reason = package.reason.take().or_else(|| IN_USE.parse().ok());
        }
    }
}
