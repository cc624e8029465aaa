//! The signers files of a command: which serve, what they say together, and what is recorded in them.
//!
//! | command | read | first sights are recorded in |
//! |---|---|---|
//! | in a workspace with a `Cargo.signers` | that file | the same |
//! | in a workspace without one | the workspace's sightings, then the user's own file | the sightings |
//! | `install` of what is no workspace's, a script | the user's own file | the same, by `cargo install` |
//!
//! The user's own file is `$CARGO_HOME/signing/Cargo.signers`. Sightings lie in
//! `$CARGO_HOME/signing/workspaces`, each under a digest of the path of the workspace that alone reads them.
//! No file appears in a repository unasked.
//!
//! Which workspace it is is decided once, by where the user stands ([`Invocation`]): a `Cargo.signers` in
//! a package that was downloaded, vendored or cloned says what its author expects, and nobody asked him.

pub mod edit;
pub mod store;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cargo_util::paths;
use consign_identity::Identity;
use consign_policy::{Effective, Expected, Level, Levels};
use consign_signers::{Account, Package, Signers};
use consign_statement::{Digest, RegistryId};

use self::store::Store;
use super::config::Setting;
use super::files::CHECKSUMS;
use super::invocation::Invocation;
use super::report;
use crate::core::{SourceId, WorkspaceConfig, find_workspace_root};
use crate::util::important_paths::find_root_manifest_for_wd;
use crate::util::toml::read_manifest;
use crate::{CargoResult, GlobalContext};

/// The name of a signers file.
pub const SIGNERS_FILE: &str = "Cargo.signers";

/// The signers files that serve in one command. They are read once, and what the command itself records
/// does not change what it goes by.
#[derive(Debug)]
pub struct Serving {
    /// In the order in which they count.
    stores: Vec<(Store, Signers)>,
    /// Which of them is written to, at first sight.
    records_in: Option<usize>,
    /// Whether the first is one that the workspace brings.
    is_workspaces: bool,
}

impl Serving {
    /// Reads those that serve in the command that `invocation` is.
    pub(super) fn read(gctx: &GlobalContext, invocation: &Invocation) -> CargoResult<Serving> {
        let users = Store::new(users_file(gctx));
        let root = workspace_root(gctx, invocation)?;
        let (stores, records_in, is_workspaces) = match root {
            None => (vec![users], invocation.installs().then_some(0), false),
            Some(root) => match file_of(gctx, &root)? {
                Some(file) => (vec![Store::new(file)], Some(0), true),
                // What was seen here goes before what some program was installed with.
                None => {
                    let sightings = Store::new(sightings_file(gctx, &root));
                    (vec![sightings, users], Some(0), false)
                }
            },
        };
        let stores = stores.into_iter().map(|store| {
            let signers = store.read()?;
            Ok((store, signers))
        });
        Ok(Serving {
            stores: stores.collect::<CargoResult<_>>()?,
            records_in,
            is_workspaces,
        })
    }

    /// What is said of a package: by the first file that names it.
    pub fn package(&self, registry: &RegistryId, name: &str) -> Option<&Package> {
        let mut files = self.stores.iter();
        files.find_map(|(_, signers)| signers.package(registry, name))
    }

    /// The file that says it.
    pub fn says(&self, registry: &RegistryId, name: &str) -> Option<&Path> {
        let mut files = self.stores.iter();
        let named = files.find(|(_, signers)| signers.package(registry, name).is_some());
        Some(named?.0.path())
    }

    /// What is known of an account: by all of them.
    pub fn account(&self, identity: &Identity) -> Option<Account> {
        let files = self.stores.iter();
        let known = files.filter_map(|(_, signers)| signers.identities.get(identity));
        known.cloned().reduce(|mut all, more| {
            all.number = all.number.or(more.number);
            all.keys.extend(more.keys);
            all
        })
    }

    /// Which registry an address is of.
    fn original<'a>(&'a self, address: &'a RegistryId) -> &'a RegistryId {
        let mut files = self.stores.iter();
        let original = files.find_map(|(_, signers)| signers.original(address));
        original.unwrap_or(address)
    }

    /// The file that the workspace brings, if it does.
    pub fn workspaces_own(&self) -> Option<&Path> {
        let first = self.stores.first().filter(|_| self.is_workspaces);
        first.map(|(store, _)| store.path())
    }

    /// Each file that serves, and what it says.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Signers)> {
        self.stores
            .iter()
            .map(|(store, signers)| (store.path(), signers))
    }

    /// Where first sights are recorded, if they are at all.
    pub(super) fn records(&self) -> Option<(&Store, &Signers)> {
        let (store, signers) = self.stores.get(self.records_in?)?;
        Some((store, signers))
    }
}

/// The user's own file.
pub fn users_file(gctx: &GlobalContext) -> PathBuf {
    signing_folder(gctx).join(SIGNERS_FILE)
}

/// Where the sightings of a workspace are kept that has no file of its own.
pub fn sightings_file(gctx: &GlobalContext, root: &Path) -> PathBuf {
    let name = Digest::of(root.as_os_str().as_encoded_bytes());
    signing_folder(gctx)
        .join("workspaces")
        .join(format!("{name}.signers"))
}

fn signing_folder(gctx: &GlobalContext) -> PathBuf {
    gctx.home().as_path_unlocked().join("signing")
}

/// The root of the workspace that the user stands in, if any, and if it is not a program to be installed
/// that is asked about.
pub fn workspace_root(
    gctx: &GlobalContext,
    invocation: &Invocation,
) -> CargoResult<Option<PathBuf>> {
    if invocation.installs() || invocation.runs_a_script() {
        return Ok(None);
    }
    let manifest = match &invocation.manifest {
        Some(manifest) if manifest.is_dir() => manifest.join("Cargo.toml"),
        Some(manifest) => manifest.clone(),
        None => match find_root_manifest_for_wd(gctx.cwd()) {
            Ok(manifest) => manifest,
            Err(_) => return Ok(None),
        },
    };
    let root = root_manifest(gctx, &manifest)?;
    let root = root.parent().context("a manifest without a folder")?;
    Ok(Some(root.to_owned()))
}

/// The manifest of the workspace that a manifest belongs to, as upstream's `Workspace` finds it.
fn root_manifest(gctx: &GlobalContext, manifest: &Path) -> CargoResult<PathBuf> {
    let source = SourceId::for_manifest_path(manifest)?;
    let read = read_manifest(manifest, source, gctx)?;
    match read.workspace_config() {
        WorkspaceConfig::Root(_) => Ok(manifest.to_owned()),
        WorkspaceConfig::Member {
            root: Some(pointer),
        } => {
            let folder = manifest.parent().context("a manifest without a folder")?;
            let root = folder.join(pointer).join("Cargo.toml");
            Ok(paths::normalize_path(&root))
        }
        WorkspaceConfig::Member { root: None } => {
            let root = find_workspace_root(manifest, gctx)?;
            Ok(root.unwrap_or_else(|| manifest.to_owned()))
        }
    }
}

/// The file of the workspace with this root, if it has one that is its own. Whatever has its name is it:
/// what cannot be read is an error, and never a workspace without one.
pub fn file_of(gctx: &GlobalContext, root: &Path) -> CargoResult<Option<PathBuf>> {
    let file = root.join(SIGNERS_FILE);
    let home = gctx.home().as_path_unlocked();
    let is_cargos = ["registry", "git"]
        .iter()
        .any(|cache| root.starts_with(home.join(cache)));
    let found = fs::symlink_metadata(&file);
    let is_missing = matches!(found, Err(error) if error.kind() == ErrorKind::NotFound);
    if is_cargos || is_missing {
        return Ok(None);
    }
    if fs::symlink_metadata(root.join(CHECKSUMS)).is_ok() {
        bail!(report::signers_of_a_vendored_package(&file, CHECKSUMS));
    }
    Ok(Some(file))
}

/// What holds for the packages of one registry.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Which registry it is, by whatever address it is used.
    pub registry: RegistryId,
    /// For a release without a signature.
    pub unsigned: Effective,
    /// For a signer that was not seen before.
    pub new_signer: Effective,
    /// For a key that was not seen before.
    pub new_key: Effective,
}

impl Rules {
    /// Those for what comes from `source`, whose address is of `address`.
    pub(super) fn of(gctx: &GlobalContext, address: RegistryId) -> CargoResult<Rules> {
        let (policy, serving) = (gctx.signing.policy(gctx)?, gctx.signing.serving(gctx)?);
        let registry = serving.original(&address).clone();
        // Whatever is said of one address holds for the registry that it is.
        let level = |setting| {
            let own = policy.level(setting, &registry);
            match registry == address {
                true => own,
                false => stricter(own, policy.level(setting, &address)),
            }
        };
        // Where a workspace says who signs what, a locked build goes by that, as it does by the lockfile;
        // and so does who asks whether all is as it should be.
        let invocation = gctx.signing.invocation();
        let goes_by_the_file = match invocation.only_looks() {
            true => invocation.verifies().then_some("cargo verify"),
            false => gctx.locked_flag(),
        };
        let newcomer = |setting| {
            let set = level(setting);
            match goes_by_the_file.filter(|_| serving.is_workspaces) {
                Some(what) if set.level != Level::Deny => Effective {
                    level: Level::Deny,
                    origin: Some(format!("`{what}`")),
                },
                _ => set,
            }
        };
        Ok(Rules {
            unsigned: level(Setting::Unsigned),
            new_signer: newcomer(Setting::NewSigner),
            new_key: newcomer(Setting::NewKey),
            registry,
        })
    }

    /// The levels alone.
    pub fn levels(&self) -> Levels {
        Levels {
            unsigned: self.unsigned.level,
            new_signer: self.new_signer.level,
            new_key: self.new_key.level,
        }
    }

    /// What is expected of the releases of a package.
    pub(super) fn expected<'s>(&self, serving: &'s Serving, name: &str) -> Expected<'s> {
        Expected {
            package: serving.package(&self.registry, name),
            levels: self.levels(),
        }
    }
}

fn stricter(one: Effective, other: Effective) -> Effective {
    match other.level > one.level {
        true => other,
        false => one,
    }
}

/// How a registry is named on the command line, for a command that is to be typed.
pub(super) fn registry_argument(source: SourceId) -> String {
    if source.is_crates_io() {
        return String::new();
    }
    match source.alt_registry_key() {
        Some(name) => format!(" --registry {name}"),
        None => format!(" --index {}", source.url()),
    }
}
