//! What the cargos work on: this project without its own code, or a well-known program.
//!
//! Every manifest of this workspace is taken as it is, and so is `Cargo.lock`; of the code there is
//! only what makes them targets. So what is resolved, fetched and compiled is what this project is
//! built from, and nothing else. A [`Program`] is taken whole, as it was published.
//!
//! A registry serves these packages in the place of crates.io (source replacement), signed for
//! crates.io by [`IDENTITIES`](mirror::IDENTITIES) accounts in turn, whose keys a key server has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::Context as _;
use consign_patchset::upstream;
use consign_testbed::{Home, KeyServer, Registry, Sandbox};
use serde_json::Value;

#[cfg(test)]
use super::made;
use super::size::Index;
use crate::mirror::{self, registry_packages};
use crate::queue::fetch;
use crate::surroundings::{PROJECT, printed};

/// A program from crates.io with many dependencies: its package, and the version.
pub type Program = (&'static str, &'static str);

/// Those that are measured beside this project.
pub const PROGRAMS: &[Program] = &[
    ("starship", "1.27.0"),
    ("cargo-nextest", "0.9.151"),
    ("rustic-rs", "0.11.4"),
];

/// Everything there is to measure with. What it holds is stopped and removed when it is dropped.
pub struct Workload {
    /// For stock cargo.
    pub stock: Place,
    /// For ours.
    pub consign: Place,
    /// Ours again, where signatures are required: it would compile anew what it compiled without that.
    pub requiring: Place,
    /// What is worked on, where it is not this project.
    pub program: Option<String>,
    /// How many packages there are, all of them signed.
    pub packages: usize,
    /// How large the index is, with their signatures and without.
    pub index: Index,
    // Dropped before the folder that it keeps its files in.
    _registry: Registry,
    _keys: KeyServer,
    _sandbox: Sandbox,
}

/// Where signatures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// In the index.
    InIndex,
    /// In the packages, and the index says nothing of them.
    InPackages,
}

impl Workload {
    /// Imports and signs the packages, and writes what is to be built.
    pub fn prepare(stock: PathBuf, consign: PathBuf, signed: Signed) -> anyhow::Result<Workload> {
        let workspace = metadata(&stock, Path::new(PROJECT))?;
        let packages = registry_packages(&workspace);
        let sandbox = Sandbox::new();
        let registry = Registry::start(&sandbox);
        let keys = KeyServer::start();
        mirror::import(&registry, &packages)?;
        let lockfile = fs::read_to_string(Path::new(PROJECT).join("Cargo.lock"))?;
        let lockfile = match signed {
            Signed::InIndex => {
                mirror::sign(&registry, &keys, &packages)?;
                lockfile
            }
            // The packages are others then, and so are their checksums.
            Signed::InPackages => mirror::carry(&registry, &keys, &packages)?
                .into_iter()
                .fold(lockfile, |text, (old, new)| text.replace(&old, &new)),
        };
        let write = |project: &Path| write_project(project, &workspace);
        Workload::of(
            [stock, consign],
            (sandbox, registry, keys),
            &packages,
            lockfile,
            write,
        )
    }

    /// The same of a program, with its packages signed in the index.
    pub fn of_program(
        stock: PathBuf,
        consign: PathBuf,
        program: Program,
    ) -> anyhow::Result<Workload> {
        let published = fetch(&[program])?;
        let published = published.first().context("nothing was fetched")?;
        let sandbox = Sandbox::new();
        let sources = sandbox.path().join("sources");
        upstream::copy(published, &sources)?;
        let packages = registry_packages(&metadata(&stock, &sources)?);
        let registry = Registry::start(&sandbox);
        let keys = KeyServer::start();
        mirror::import(&registry, &packages)?;
        mirror::sign(&registry, &keys, &packages)?;
        let lockfile = fs::read_to_string(sources.join("Cargo.lock"))?;
        let write = |project: &Path| Ok(upstream::copy(&sources, project)?);
        let all = (sandbox, registry, keys);
        let workload = Workload::of([stock, consign], all, &packages, lockfile, write)?;
        let (name, version) = program;
        Ok(Workload {
            program: Some(format!("{name} {version} ({} packages)", packages.len())),
            ..workload
        })
    }

    /// Of `packages`, which the registry serves, and of what `write` puts into the folder of each project.
    fn of(
        [stock, consign]: [PathBuf; 2],
        (sandbox, registry, keys): (Sandbox, Registry, KeyServer),
        packages: &[(String, String)],
        lockfile: String,
        write: impl Fn(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Workload> {
        let place = |name: &str, cargo| {
            let home = |name: &str| {
                let home = sandbox.home(name);
                mirror::configure(&home, &registry, &keys);
                home
            };
            let project = sandbox.path().join(name);
            write(&project)?;
            anyhow::Ok(Place {
                cargo,
                home: home(name),
                empty_home: home(&format!("empty-{name}")),
                project,
                lockfile: lockfile.clone(),
            })
        };
        Ok(Workload {
            stock: place("stock", stock)?,
            consign: place("consign", consign.clone())?,
            requiring: place("requiring", consign)?,
            program: None,
            packages: packages.len(),
            index: Index::weigh(&registry, packages)?,
            _registry: registry,
            _keys: keys,
            _sandbox: sandbox,
        })
    }

    /// A few packages that are made for it, to see that everything runs.
    #[cfg(test)]
    pub fn small() -> anyhow::Result<Workload> {
        const PACKAGES: usize = 2;
        let [stock, consign] = [consign_testbed::stock(), consign_testbed::consign()];
        let sandbox = Sandbox::new();
        let registry = Registry::start(&sandbox);
        let keys = KeyServer::start();
        let made = made::make(&sandbox.path().join("made"), PACKAGES, 1)?;
        let names: Vec<_> = (0..PACKAGES).map(made::name).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        registry.import(&sandbox.path().join("made"), &names);
        mirror::sign_by(&registry, &keys, &made, 1)?;
        let package = |folder: &str| {
            let package = sandbox.package("app").folder(folder);
            let needs = format!("{} = \"1\"", made::name(PACKAGES - 1));
            package.dependency_line(&needs).write()
        };
        let locked = package("locked");
        let home = sandbox.home("locking");
        mirror::configure(&home, &registry, &keys);
        let run = home.cargo(&stock, &locked);
        run.args(["generate-lockfile"]).run().succeeded();
        for name in ["stock", "consign", "requiring"] {
            package(name);
        }
        let lockfile = fs::read_to_string(locked.join("Cargo.lock"))?;
        let all = (sandbox, registry, keys);
        Workload::of([stock, consign], all, &made, lockfile, |_| Ok(()))
    }
}

/// A cargo with homes and a copy of the project, which no other cargo touches.
pub struct Place {
    /// The program.
    pub cargo: PathBuf,
    /// A home in which everything is kept.
    pub home: Home,
    /// A home that is emptied, but for its configuration.
    pub empty_home: Home,
    /// The folder of the project.
    pub project: PathBuf,
    /// The text of its lockfile.
    lockfile: String,
}

impl Place {
    /// Puts the lockfile back as it was, or takes it away.
    pub fn set_lockfile(&self, there: bool) -> anyhow::Result<()> {
        let lockfile = self.project.join("Cargo.lock");
        match there {
            true => fs::write(lockfile, &self.lockfile)?,
            false if lockfile.exists() => fs::remove_file(lockfile)?,
            false => {}
        }
        Ok(())
    }

    /// Removes the signers file, if there is one.
    pub fn remove_signers(&self) -> anyhow::Result<()> {
        let file = self.project.join("Cargo.signers");
        if file.exists() {
            fs::remove_file(file)?;
        }
        Ok(())
    }

    /// Has a file of the root package be newer than what was compiled of it.
    pub fn touch(&self) -> anyhow::Result<()> {
        let targets = ["src/lib.rs", "src/main.rs"].map(|target| self.project.join(target));
        let file = targets.iter().find(|target| target.exists());
        let file = file.context("the root package has no code")?;
        let file = fs::File::options().append(true).open(file)?;
        Ok(file.set_modified(SystemTime::now())?)
    }

    /// Removes what was vendored.
    pub fn remove_vendored(&self) -> anyhow::Result<()> {
        removed(&self.project.join("vendor"))
    }

    /// Removes everything that was compiled.
    pub fn remove_target(&self) -> anyhow::Result<()> {
        removed(&self.project.join("target"))
    }

    /// Removes all but the configuration from [`Self::empty_home`].
    pub fn empty(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.empty_home.path())? {
            let path = entry?.path();
            if path.is_dir() {
                removed(&path)?;
            } else if !path.ends_with("config.toml") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn removed(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    Ok(())
}

/// What `cargo metadata` says of the workspace in this folder. All its packages are downloaded then.
fn metadata(stock: &Path, workspace: &Path) -> anyhow::Result<Value> {
    let metadata = ["metadata", "--format-version=1"];
    let metadata = printed(
        Command::new(stock)
            .args(metadata)
            .args(["--locked", "--all-features"])
            .current_dir(workspace),
    )?;
    Ok(serde_json::from_str(&metadata)?)
}

/// Writes the manifests of the workspace, and an empty file for each target.
fn write_project(folder: &Path, workspace: &Value) -> anyhow::Result<()> {
    let root = Path::new(PROJECT).canonicalize()?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for package in list(&workspace["packages"]) {
        if !package["source"].is_null() {
            continue;
        }
        let manifest = within(&root, folder, &package["manifest_path"])?;
        let parent = manifest.parent().context("a manifest in no folder")?;
        fs::create_dir_all(parent)?;
        fs::copy(text(&package["manifest_path"])?, &manifest)?;
        for target in list(&package["targets"]) {
            let file = within(&root, folder, &target["src_path"])?;
            fs::create_dir_all(file.parent().context("a target in no folder")?)?;
            let code = match list(&target["kind"]).iter().any(|kind| kind == "lib") {
                true => "//! Left out.\n",
                false => "//! Left out.\nfn main() {}\n",
            };
            fs::write(file, code)?;
        }
    }
    Ok(())
}

/// Where below `folder` a file is that is below `root`.
fn within(root: &Path, folder: &Path, path: &Value) -> anyhow::Result<PathBuf> {
    let path = Path::new(text(path)?);
    Ok(folder.join(path.strip_prefix(root)?))
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value
        .as_str()
        .context("`cargo metadata` is not as expected")
}
