//! The patch queue as the chores see it: which crates are patched, in which release, and where the
//! patches and the published sources are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use consign_patchset::{PatchSet, upstream};
use toml_edit::DocumentMut;

use crate::surroundings::{PROJECT, cargo};

/// A published crate of which we compile a patched copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patched {
    /// Its name, and that of the folder below `patches`.
    pub name: &'static str,
    /// The manifest that pins it, relative to the project.
    pub manifest: &'static str,
    /// The build script that names its release too.
    pub build_script: &'static str,
}

/// Both crates.
pub const PATCHED: [Patched; 2] = [
    Patched {
        name: "cargo",
        manifest: "Cargo.toml",
        build_script: "build.rs",
    },
    Patched {
        name: "crates-io",
        manifest: "crates/crates-io/Cargo.toml",
        build_script: "crates/crates-io/build.rs",
    },
];

impl Patched {
    /// The folder of its patches.
    pub fn patches(&self) -> PathBuf {
        Path::new(PROJECT).join("patches").join(self.name)
    }

    /// Its patches, read.
    pub fn set(&self) -> anyhow::Result<PatchSet> {
        Ok(PatchSet::read(&self.patches())?)
    }

    /// Which release is pinned.
    pub fn version(&self) -> anyhow::Result<String> {
        let manifest = self.read_manifest()?;
        let dependencies = &manifest["target"]["cfg(any())"]["dependencies"];
        let pin = dependencies[&self.alias()]["version"].as_str();
        let exact = pin.and_then(|pin| pin.strip_prefix('='));
        let missing = || format!("`{}` does not pin `{}`", self.manifest, self.name);
        Ok(exact.with_context(missing)?.to_owned())
    }

    /// What it is called among the dependencies.
    pub fn alias(&self) -> String {
        format!("upstream-{}", self.name)
    }

    /// The manifest that pins it.
    pub fn read_manifest(&self) -> anyhow::Result<DocumentMut> {
        let text = read(&Path::new(PROJECT).join(self.manifest))?;
        text.parse()
            .with_context(|| format!("in `{}`", self.manifest))
    }

    /// The folder of the pinned release, as it was published.
    pub fn published(&self) -> anyhow::Result<PathBuf> {
        let manifest = Path::new(PROJECT).join(self.manifest);
        Ok(upstream::find(
            Path::new(&cargo()),
            &manifest,
            self.name,
            &self.version()?,
        )?)
    }
}

/// The folders of crates in these releases, which are downloaded where they have to be.
pub fn fetch(crates: &[(&str, &str)]) -> anyhow::Result<Vec<PathBuf>> {
    let scratch = tempfile::tempdir()?;
    let mut manifest = "[package]\nname = \"fetch\"\n[lib]\npath = \"lib.rs\"\n\
                        [workspace]\n[dependencies]\n"
        .to_owned();
    for (name, version) in crates {
        manifest += &format!("{name} = \"={version}\"\n");
    }
    let path = scratch.path().join("Cargo.toml");
    fs::write(&path, manifest)?;
    fs::write(scratch.path().join("lib.rs"), "")?;
    let fetched = Command::new(cargo())
        .args(["fetch", "--quiet", "--manifest-path"])
        .arg(&path)
        .output()?;
    let stderr = String::from_utf8_lossy(&fetched.stderr);
    let named: Vec<_> = crates.iter().map(|(n, v)| format!("`{n}` {v}")).collect();
    ensure!(
        fetched.status.success(),
        "failed to download {}: {stderr}",
        named.join(" and ")
    );
    // `cargo metadata` tells nothing of a package without a library. All that is from crates.io lies side
    // by side.
    let beside = PATCHED[0].published()?;
    let unpacked = beside.parent().context("a crate is in a folder")?;
    let find = |(name, version): &(&str, &str)| {
        let folder = unpacked.join(format!("{name}-{version}"));
        ensure!(folder.is_dir(), "`{}` is not there", folder.display());
        Ok(folder)
    };
    crates.iter().map(find).collect()
}

/// The content of a file.
pub fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))
}
