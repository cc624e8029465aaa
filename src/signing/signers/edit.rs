//! What `cargo signers` does to signers files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use consign_identity::Identity;
use consign_identity::account::AccountAnswer;
use consign_policy::{Finding, Sighting, Verdict};
use consign_signers::{
    Account, Changes, GIT_ATTRIBUTES, Package, Reason, Signer, Signers, SignersFile,
};
use consign_statement::{PublicKey, RegistryId};
use semver::{Version, VersionReq};

use super::store::Store;
use super::{SIGNERS_FILE, file_of, sightings_file, users_file, workspace_root};
use crate::core::Workspace;
use crate::signing::check::refused;
use crate::signing::look::Locked;
use crate::{CargoResult, GlobalContext};

/// The file that a command changes: the user's own, or what serves the workspace.
pub fn target(gctx: &GlobalContext, users: bool) -> CargoResult<Store> {
    if users {
        return Ok(Store::new(users_file(gctx)));
    }
    match workspace_root(gctx, gctx.signing.invocation())? {
        Some(root) => {
            let sightings = || sightings_file(gctx, &root);
            Ok(Store::new(file_of(gctx, &root)?.unwrap_or_else(sightings)))
        }
        None => bail!(
            "there is no workspace here, and so no signers file of one\n\n\
             help: go to one, or add `--user` to change your own file, which serves `cargo install`"
        ),
    }
}

/// What is to be accepted of a package from now on.
#[derive(Debug)]
pub enum Allow {
    /// These may sign the versions, or all of them.
    Signers {
        /// Who.
        identities: Vec<Identity>,
        /// With this key too, which was not seen before.
        key: Option<PublicKey>,
        /// Which versions.
        versions: Option<VersionReq>,
    },
    /// These versions need no signature.
    Unsigned(VersionReq),
    /// This version is good although its key was withdrawn.
    Keep(Version, PublicKey),
}

/// What came of it, to be told.
#[derive(Debug, Default)]
pub struct Allowed {
    /// Whether anything was changed.
    pub changed: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Accepts `allow` of the package `name` in `registry`.
pub fn allow(
    gctx: &GlobalContext,
    store: &Store,
    registry: &RegistryId,
    name: &str,
    allow: &Allow,
    reason: Option<&Reason>,
) -> CargoResult<Allowed> {
    let mut notes = Vec::new();
    let mut numbers = BTreeMap::new();
    if let Allow::Signers { identities, .. } = allow {
        let wanted: Vec<_> = identities.iter().collect();
        gctx.signing.answers.fetch_accounts(gctx, &wanted)?;
        for identity in identities {
            let answer = gctx.signing.answers.account(identity);
            numbers.insert(identity, answer);
        }
    }
    let serving = gctx.signing.serving(gctx)?;
    let changed = store.change(gctx, |signers| {
        let mut changes = Changes::default();
        // What another file says of the package is said here too from now on, where this one goes before it.
        let known = signers.package(registry, name);
        let known = known.or_else(|| serving.package(registry, name));
        let mut package = known.cloned().unwrap_or_default();
        match allow {
            Allow::Signers {
                identities,
                key,
                versions,
            } => {
                for identity in identities {
                    let signer = Signer::new(identity.clone(), versions.as_ref());
                    package.signers.insert(signer);
                    let answer = numbers.get(identity).cloned().flatten();
                    let known = signers.identities.get(identity);
                    let account = account(identity, known, answer, *key, signers, &mut notes);
                    if known != Some(&account) && account != Account::default() {
                        changes.identities.insert(identity.clone(), Some(account));
                    }
                }
            }
            Allow::Unsigned(versions) => {
                if !package.unsigned.contains(versions) {
                    package.unsigned.push(versions.clone());
                }
            }
            Allow::Keep(version, key) => {
                package.keep.insert(version.clone(), *key);
            }
        }
        if let Some(reason) = reason {
            package.reason = Some(reason.clone());
        }
        if signers.package(registry, name) != Some(&package) {
            let name = (registry.clone(), name.to_owned());
            changes.packages.insert(name, Some(package));
        }
        Ok(changes)
    })?;
    Ok(Allowed { changed, notes })
}

/// What is recorded of an account that is accepted, given what was `known` of it.
fn account(
    identity: &Identity,
    known: Option<&Account>,
    answer: Option<AccountAnswer>,
    key: Option<PublicKey>,
    signers: &Signers,
    notes: &mut Vec<String>,
) -> Account {
    let mut account = known.cloned().unwrap_or_default();
    match answer {
        Some(AccountAnswer::Number(number)) => {
            match account.number {
                Some(before) if before != number => {
                    let others = packages_of(signers, identity);
                    let others = match others.is_empty() {
                        true => String::new(),
                        false => format!(", for {} as well", others.join(", ")),
                    };
                    notes.push(format!(
                        "`{identity}` was account {before} and is account {number} now: the keys of the \
                         other one do not count any more{others}"
                    ));
                    account.keys.clear();
                }
                _ => {}
            }
            account.number = Some(number);
            let mut others = signers.identities.iter();
            let renamed = others.find(|(other, known)| {
                *other != identity
                    && other.provider() == identity.provider()
                    && known.number == Some(number)
            });
            if let Some((before, _)) = renamed {
                notes.push(format!(
                    "`{identity}` is account {number}, which was `{before}` before: the same account, under \
                     a new name"
                ));
            }
        }
        Some(AccountAnswer::NoSuchAccount) => {
            notes.push(format!("there is no account `{identity}`"));
        }
        Some(AccountAnswer::NoAnswer(why)) => notes.push(format!(
            "the number of the account `{identity}` is not recorded ({why}): a new key will count as a new \
             signer"
        )),
        None => {}
    }
    account.keys.extend(key);
    account
}

/// The packages that an identity may sign, quoted.
fn packages_of(signers: &Signers, identity: &Identity) -> Vec<String> {
    let registries = signers.registries.values();
    let packages = registries.flat_map(|registry| &registry.packages);
    packages
        .filter(|(_, package)| {
            let mut may = package.signers.iter();
            may.any(|signer| signer.identity == *identity)
        })
        .map(|(name, _)| format!("`{name}`"))
        .collect()
}

/// What is to be taken back of a package.
#[derive(Debug)]
pub enum Remove {
    /// All that is said of it.
    Everything,
    /// That these may sign it, or these versions of it.
    Signers(Vec<Identity>, Option<VersionReq>),
    /// That versions need no signature: this requirement, or all there are.
    Unsigned(Option<VersionReq>),
    /// This key: of these signers, or of the versions that are kept with it.
    Key(Vec<Identity>, PublicKey),
}

/// Takes back what is said of the package `name`. Returns whether there was anything to take back. The last
/// signer stays: who signs next would be trusted at first sight, and nobody asked for that.
pub fn remove(
    gctx: &GlobalContext,
    store: &Store,
    registry: &RegistryId,
    name: &str,
    what: &Remove,
) -> CargoResult<bool> {
    store.change(gctx, |signers| {
        let mut changes = Changes::default();
        let Some(known) = signers.package(registry, name) else {
            return Ok(changes);
        };
        let mut package = known.clone();
        match what {
            Remove::Everything => package = Package::default(),
            Remove::Signers(identities, versions) => {
                package.signers.retain(|signer| {
                    let is_meant = versions.is_none() || signer.versions() == *versions;
                    !(identities.contains(&signer.identity) && is_meant)
                });
                if package.signers.is_empty() && !known.signers.is_empty() {
                    bail!(
                        "nobody would be left who may sign `{name}`, and whoever signs it next would be \
                         trusted at first sight\n\n\
                         help: first say who may, with `cargo signers allow {name} IDENTITY`; or have all that \
                         is said of it forgotten, with `cargo signers remove {name}`"
                    );
                }
            }
            Remove::Unsigned(None) => package.unsigned.clear(),
            Remove::Unsigned(Some(versions)) => package.unsigned.retain(|req| req != versions),
            Remove::Key(identities, key) if identities.is_empty() => {
                package.keep.retain(|_, kept| kept != key);
            }
            Remove::Key(identities, key) => {
                for identity in identities {
                    let Some(mut account) = signers.identities.get(identity).cloned() else {
                        continue;
                    };
                    if account.keys.remove(key) {
                        changes.identities.insert(identity.clone(), Some(account));
                    }
                }
            }
        }
        let rest = (!package.is_empty()).then_some(package);
        if rest.as_ref() != Some(known) {
            let name = (registry.clone(), name.to_owned());
            changes.packages.insert(name, rest);
        }
        Ok(changes)
    })
}

/// What `cargo signers init` made.
#[derive(Debug)]
pub struct Made {
    /// The file.
    pub path: PathBuf,
    /// How many packages it names, by how many signers.
    pub packages: usize,
    /// How many people sign them.
    pub signers: usize,
    /// How many of the packages are accepted without a signature.
    pub unsigned: usize,
    /// Of whom no account number is known, though there is one.
    pub without_number: Vec<Identity>,
    /// `.gitattributes`, where a line was added to it.
    pub attributes: Option<PathBuf>,
}

/// Makes the `Cargo.signers` of a workspace, of what was seen in it before and of what it is built from
/// now. What a build would refuse is an error: such a file would either accept it or be of no use.
pub fn init(ws: &Workspace<'_>, locked: &Locked) -> CargoResult<Made> {
    let gctx = ws.gctx();
    let root = ws.root();
    let path = root.join(SIGNERS_FILE);
    if path.exists() {
        bail!(
            "`{}` is there already\n\n\
             help: `cargo signers allow` and `cargo signers remove` change it",
            path.display()
        );
    }
    for looked in &locked.packages {
        let is_unsigned = matches!(looked.finding, Finding::Unsigned { .. });
        let unchecked = matches!(looked.finding, Finding::Unchecked { .. });
        let accepted = matches!(looked.verdict(), Verdict::Accept | Verdict::AcceptAndSay);
        if unchecked || !(is_unsigned || accepted) {
            return Err(refused(gctx, looked.id, &looked.finding, &looked.rules));
        }
    }
    let published = locked
        .packages
        .iter()
        .filter_map(|looked| looked.finding.published());
    let identities: Vec<_> = published.map(|published| published.signer()).collect();
    let answers = &gctx.signing.answers;
    answers.fetch_accounts(gctx, &identities)?;

    let sightings = Store::new(sightings_file(gctx, root));
    let file = sightings
        .file()?
        .map(|file| in_a_new_one(&file))
        .transpose()?;
    let file = file.unwrap_or_default();
    let mut changes = Changes::default();
    let mut without_number = Vec::new();
    for looked in &locked.packages {
        let (registry, name) = (&looked.rules.registry, looked.id.name().as_str());
        let Some(published) = looked.finding.published() else {
            exempt(
                looked.id.version(),
                registry,
                name,
                file.signers(),
                &mut changes,
            )?;
            continue;
        };
        let number = match answers.account(published.signer()) {
            Some(AccountAnswer::Number(number)) => Some(number),
            Some(_) => {
                if !without_number.contains(published.signer()) {
                    without_number.push(published.signer().clone());
                }
                None
            }
            None => None,
        };
        let sighting = Sighting {
            registry,
            name,
            version: looked.id.version(),
            published,
            number,
            beside: Vec::new(),
        };
        sighting.record(file.signers(), &mut changes);
    }
    let file = file.with(&changes)?;
    let all = file.signers().registries.values();
    let all: Vec<&Package> = all
        .flat_map(|registry| registry.packages.values())
        .collect();
    let made = Made {
        packages: all.len(),
        signers: file.signers().identities.len(),
        unsigned: all
            .iter()
            .filter(|package| !package.unsigned.is_empty())
            .count(),
        without_number,
        attributes: attributes(root)?,
        path: path.clone(),
    };
    Store::new(path).create(gctx, &file)?;
    // They are in the file now, which alone is read from now on.
    let _ = fs::remove_file(sightings.path());
    Ok(made)
}

/// What a file says, in a new one.
fn in_a_new_one(file: &SignersFile) -> CargoResult<SignersFile> {
    let mut changes = Changes::default();
    for (identity, account) in &file.signers().identities {
        changes
            .identities
            .insert(identity.clone(), Some(account.clone()));
    }
    for (id, registry) in &file.signers().registries {
        for (name, package) in &registry.packages {
            let name = (id.clone(), name.clone());
            changes.packages.insert(name, Some(package.clone()));
        }
    }
    Ok(SignersFile::new().with(&changes)?)
}

/// Accepts one version without a signature.
fn exempt(
    version: &Version,
    registry: &RegistryId,
    name: &str,
    signers: &Signers,
    changes: &mut Changes,
) -> CargoResult<()> {
    let key = (registry.clone(), name.to_owned());
    let changed = changes.packages.get(&key).and_then(Option::as_ref);
    let known = changed.or_else(|| signers.package(registry, name));
    let mut package = known.cloned().unwrap_or_default();
    package.exempt(version);
    if package.reason.is_none() {
        package.reason = Some("not signed when this file was made".parse()?);
    }
    changes.packages.insert(key, Some(package));
    Ok(())
}

/// Has git merge what two branches add, where the workspace is in a repository.
fn attributes(root: &Path) -> CargoResult<Option<PathBuf>> {
    let is_in_git = root.ancestors().any(|folder| folder.join(".git").exists());
    if !is_in_git {
        return Ok(None);
    }
    let path = root.join(".gitattributes");
    let context = || format!("failed to change `{}`", path.display());
    let mut text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(context),
    };
    let is_there = |line: &str| line.split_whitespace().next() == Some(SIGNERS_FILE);
    if text.lines().any(is_there) {
        return Ok(None);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text += &format!("{GIT_ATTRIBUTES}\n");
    fs::write(&path, text).with_context(context)?;
    Ok(Some(path))
}
