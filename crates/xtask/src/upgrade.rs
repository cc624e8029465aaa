//! `cargo xtask upgrade VERSION`: the patches, carried to another release of cargo.
//!
//! Three things follow a release. The patches are merged ([`PatchSet::upgraded`]); the dependency
//! tables, which are upstream's own, get what upstream changed in its ([`table`]); and the places that
//! name the release get the new one. What cannot be carried is left as conflicts, which are a part of
//! the patches and are put right with `cargo xtask edit`.
//!
//! [`PatchSet::upgraded`]: consign_patchset::PatchSet::upgraded

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};
use semver::Version;
use serde_json::Value;
use toml_edit::DocumentMut;

use crate::queue::{PATCHED, Patched, fetch, read};
use crate::surroundings::{PROJECT, cargo, ended, printed};

/// What to do about conflicts.
const RESOLVE: &str = "help: put them right with `cargo xtask edit` and `cargo xtask edit --save`";

/// To which release.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A release of the crate `cargo`, such as 0.97.1
    #[arg(value_parser = release)]
    version: Version,
    /// The date of the release's commit, which cargo tells and the crate does not
    #[arg(long, value_name = "YYYY-MM-DD")]
    commit_date: jiff::civil::Date,
}

/// A release of the crate by its number, which is not the one that the program tells.
fn release(text: &str) -> Result<Version, String> {
    let version: Version = text.parse().map_err(|error| format!("{error}"))?;
    match version.major {
        0 if version.pre.is_empty() && version.build.is_empty() => Ok(version),
        0 => Err("only what was released is taken in".to_owned()),
        _ => {
            let (minor, patch) = (version.minor + 1, version.patch);
            Err(format!(
                "cargo {version} is the crate `cargo` 0.{minor}.{patch}"
            ))
        }
    }
}

/// Carries everything, and says what is left to do. Success only if that is nothing.
pub fn run(options: &Options) -> ExitCode {
    match upgrade(options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => ended(Err(error)),
    }
}

/// A crate in the release that it is carried from, and in the one that it is carried to.
struct Step {
    patched: Patched,
    from: (PathBuf, String),
    to: (PathBuf, String),
}

/// Gives the number of conflicts.
fn upgrade(options: &Options) -> anyhow::Result<usize> {
    ensure_ready(&options.version)?;
    let steps = steps(&options.version.to_string())?;
    let ours_before = locked(Path::new(PROJECT))?;
    let mut conflicts = 0;
    for step in &steps {
        let (from, to) = (&step.from, &step.to);
        let name = step.patched.name;
        println!("{name} {} to {}", from.1, to.1);
        let upgraded = step
            .patched
            .set()?
            .upgraded((&from.0, &from.1), (&to.0, &to.1))?;
        upgraded.set.write(&step.patched.patches())?;
        println!("  {} hunks carried", upgraded.carried);
        for (was, is) in &upgraded.moved {
            println!("  moved: {was} is {is} now");
        }
        for conflict in &upgraded.conflicts {
            let (patch, file) = (&conflict.patch, &conflict.file);
            match conflict.line {
                Some(line) => println!("  conflict: {patch}, at line {line} of {file}"),
                None => {
                    println!("  conflict: {patch}: upstream has no {file} any more");
                    println!("    what it did there: `git show HEAD:patches/{name}/{patch}`");
                }
            }
        }
        conflicts += upgraded.conflicts.len();
        let changed = carry_manifest(step)?;
        println!("  {changed} dependencies and features changed");
        replace(
            &Path::new(PROJECT).join(step.patched.build_script),
            &format!("\"{}\"", from.1),
            &format!("\"{}\"", to.1),
        )?;
    }
    name_release(&steps[0].to, &options.commit_date.to_string())?;
    lock(&steps[0].to.0, &ours_before)?;
    println!("{conflicts} conflicts");
    if conflicts > 0 {
        println!("{RESOLVE}");
    }
    Ok(conflicts)
}

/// Fails where something would be lost, or would not be told: what is not committed, and conflicts that are left
/// from before.
fn ensure_ready(version: &Version) -> anyhow::Result<()> {
    for patched in PATCHED {
        let set = patched.set()?;
        let conflict = set.patches().iter().find(|patch| patch.has_conflict());
        if let Some(patch) = conflict {
            bail!(
                "there are conflicts in `{}` still\n\n{RESOLVE}",
                patch.name()
            );
        }
    }
    let now: Version = PATCHED[0].version()?.parse()?;
    ensure!(
        *version > now,
        "the patches are for cargo {now}, and {version} is not newer"
    );
    let uncommitted = printed(
        Command::new("git")
            .args(["status", "--porcelain", "--untracked-files=all"])
            .current_dir(PROJECT),
    )?;
    ensure!(
        uncommitted.is_empty(),
        "there is something that is not committed:\n{uncommitted}\nhelp: commit it, or take it away, so that \
         what the upgrade changes stands by itself"
    );
    Ok(())
}

/// What a lockfile names: packages and their versions.
type Locked = BTreeSet<(String, Version)>;

/// What the lockfile in a folder names.
fn locked(folder: &Path) -> anyhow::Result<Locked> {
    let lock: toml::Table = read(&folder.join("Cargo.lock"))?.parse()?;
    let packages = lock["package"].as_array().into_iter().flatten();
    let package = |package: &toml::Value| {
        let text = |key: &str| package.get(key)?.as_str();
        Some((text("name")?.to_owned(), text("version")?.parse().ok()?))
    };
    Ok(packages.filter_map(package).collect())
}

/// Makes the lockfile follow: what is new in it becomes what upstream has locked, where that fits, and
/// the rest stays. Nothing is built.
fn lock(upstream: &Path, before: &Locked) -> anyhow::Result<()> {
    println!("locking, which takes some minutes");
    let run = |args: &[&str]| {
        Command::new(cargo())
            .args(args)
            .current_dir(PROJECT)
            // What the compiler in use cannot compile is of no use.
            .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback")
            .output()
    };
    let output = run(&["update", "--workspace", "--quiet"])?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`Cargo.lock` cannot follow: {stderr}"
    );
    let theirs = locked(upstream)?;
    for (name, version) in locked(Path::new(PROJECT))?.difference(before) {
        let compatible = |(other, theirs): &&(String, Version)| {
            other == name && theirs != version && is_compatible(theirs, version)
        };
        if let Some((_, theirs)) = theirs.iter().find(compatible) {
            // One that another package of ours needs newer stays as it is.
            run(&[
                "update",
                "--quiet",
                &format!("{name}@{version}"),
                "--precise",
                &theirs.to_string(),
            ])?;
        }
    }
    let now = locked(Path::new(PROJECT))?;
    let same = now.intersection(before).count();
    println!(
        "{} packages are locked as before, {} are not",
        same,
        now.len() - same
    );
    Ok(())
}

/// Whether cargo takes one version for the other.
fn is_compatible(one: &Version, other: &Version) -> bool {
    let line = |version: &Version| match (version.major, version.minor) {
        (0, 0) => (0, 0, version.patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    };
    line(one) == line(other)
}

/// What the new cargo was built with is said by its own lockfile, which it brings along.
fn steps(version: &str) -> anyhow::Result<Vec<Step>> {
    let found = fetch(&[("cargo", version)])?;
    let locked = locked(&found[0])?;
    let mut steps = Vec::new();
    for patched in PATCHED {
        let to = locked.iter().find(|(name, _)| name == patched.name);
        let to = to.with_context(|| format!("cargo {version} does not lock {}", patched.name))?;
        let to = to.1.to_string();
        let folder = fetch(&[(patched.name, &to)])?.remove(0);
        steps.push(Step {
            patched,
            from: (patched.published()?, patched.version()?),
            to: (folder, to),
        });
    }
    Ok(steps)
}

/// Does to our manifest what upstream did to its own, and gives how much that was.
fn carry_manifest(step: &Step) -> anyhow::Result<usize> {
    let manifest =
        |folder: &Path| anyhow::Ok(read(&folder.join("Cargo.toml"))?.parse::<DocumentMut>()?);
    let mut ours = step.patched.read_manifest()?;
    let changed = table::carry(&manifest(&step.from.0)?, &manifest(&step.to.0)?, &mut ours);
    let pin = &mut ours["target"]["cfg(any())"]["dependencies"][&step.patched.alias()]["version"];
    *pin = toml_edit::value(format!("={}", step.to.1));
    let path = Path::new(PROJECT).join(step.patched.manifest);
    fs::write(&path, ours.to_string())?;
    Ok(changed)
}

/// The build script tells what stock cargo of this release tells of itself.
fn name_release((folder, version): &(PathBuf, String), date: &str) -> anyhow::Result<()> {
    let vcs: Value = serde_json::from_str(&read(&folder.join(".cargo_vcs_info.json"))?)?;
    let commit = vcs["git"]["sha1"].as_str();
    let commit = commit.context("the crate does not tell its commit")?;
    // The program's minor version is one behind the crate's: cargo 0.96.0 is cargo 1.95.0.
    let mut parts = version.split('.').map(str::parse::<u32>);
    let (Some(Ok(0)), Some(Ok(minor)), Some(Ok(patch))) =
        (parts.next(), parts.next(), parts.next())
    else {
        bail!("`{version}` is no release of cargo");
    };
    let release = format!("1.{}.{patch}", minor.saturating_sub(1));
    let path = Path::new(PROJECT).join("build.rs");
    for (name, value) in [
        ("RELEASE", release.as_str()),
        ("COMMIT", commit),
        ("COMMIT_DATE", date),
    ] {
        let start = format!("const {name}: &str = \"");
        let text = read(&path)?;
        let old = text
            .split_once(&start)
            .and_then(|(_, rest)| rest.split_once('"'));
        let (old, _) = old.with_context(|| format!("`build.rs` has no `{name}`"))?;
        replace(
            &path,
            &format!("{start}{old}\""),
            &format!("{start}{value}\""),
        )?;
    }
    Ok(())
}

/// Replaces the one place in a file where `old` stands.
fn replace(path: &Path, old: &str, new: &str) -> anyhow::Result<()> {
    let text = read(path)?;
    let count = text.matches(old).count();
    ensure!(count == 1, "`{}` has {count} times `{old}`", path.display());
    fs::write(path, text.replace(old, new))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_is_told_by_the_number_of_the_crate() {
        let refused = |text: &str| release(text).err().unwrap_or_default();
        assert_eq!(release("0.97.1"), Ok(Version::new(0, 97, 1)));
        assert_eq!(
            refused("1.96.1"),
            "cargo 1.96.1 is the crate `cargo` 0.97.1"
        );
        for pre in ["0.97.1+x", "0.98.0-rc.1"] {
            assert_eq!(refused(pre), "only what was released is taken in");
        }
        assert!(refused("garbage").contains("unexpected character"));
        assert!(release("").is_err());
    }
}
