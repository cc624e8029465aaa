//! What lies in wait in a cache that was restored from somewhere.
//!
//! Index entries and archives are only read, and are checked before anything comes of them. But cargo
//! also writes to its cache, and runs git in the clones that are there. A link in the place of a file
//! makes it write elsewhere what a registry sends; a hook, or a setting, in a clone has git run a
//! program. Cargo itself puts none of these there: so they are removed before they can do anything,
//! and nothing is lost.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::{CargoResult, GlobalContext};

/// Files of an index that cargo writes whenever it asks the registry.
const WRITTEN: [&str; 3] = ["config.json", ".last-updated", ".cache"];

/// Where git looks for settings besides `config`, in a clone with several work trees, which cargo does not
/// make.
const OF_WORK_TREES: [&str; 2] = ["config.worktree", "commondir"];

/// Removes every link on the way from the folder `top`, which may be one, to the path `below` it.
///
/// What is not there is no link. One that cannot be removed is an error.
pub fn remove_links(top: &Path, below: impl AsRef<Path>) -> CargoResult<()> {
    let mut at = top.to_owned();
    for component in below.as_ref().components() {
        at.push(component);
        if at.is_symlink() {
            remove(&at)?;
        }
    }
    Ok(())
}

/// Removes from the indexes and clones of the cache what cargo did not put there, once a command, with a
/// warning.
pub fn clean(gctx: &GlobalContext) -> CargoResult<()> {
    if !gctx.signing.cleans() {
        return Ok(());
    }
    let home = gctx.home().as_path_unlocked();
    let mut removed = Vec::new();
    for index in children(&home.join("registry/index"))? {
        for file in WRITTEN.map(|name| index.join(name)) {
            if file.is_symlink() {
                remove(&file)?;
                removed.push(file);
            }
        }
        clean_clone(&index.join(".git"), &mut removed)?;
    }
    for clone in children(&home.join("git/db"))? {
        clean_clone(&clone, &mut removed)?;
    }
    for path in removed {
        gctx.shell().warn(format!(
            "`{}` was removed from the cache: cargo puts nothing of the kind there",
            path.display()
        ))?;
    }
    Ok(())
}

fn clean_clone(clone: &Path, removed: &mut Vec<PathBuf>) -> CargoResult<()> {
    let Ok(metadata) = clone.symlink_metadata() else {
        return Ok(());
    };
    if metadata.is_file() && !says_where(clone) {
        return Ok(());
    }
    // A link, or a file that says where the clone is.
    if !metadata.is_dir() {
        remove(clone)?;
        removed.push(clone.to_owned());
        return Ok(());
    }
    let hooks = clone.join("hooks");
    let mut others: Vec<_> = OF_WORK_TREES.map(|name| clone.join(name)).into();
    match hooks.is_symlink() {
        true => others.push(hooks),
        // Samples are not run, and are there in every clone.
        false => others.extend(children(&hooks)?.into_iter().filter(|hook| {
            hook.extension()
                .is_none_or(|extension| extension != "sample")
        })),
    }
    for path in others {
        if path.symlink_metadata().is_ok() {
            remove(&path)?;
            removed.push(path);
        }
    }
    let config = clone.join("config");
    let text = match fs::read_to_string(&config) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        // What is not text, or cannot be read, is none of cargo's.
        Err(_) => String::from("?"),
    };
    let kept = cargos_own(&text);
    if kept.lines().ne(text.lines()) || config.is_symlink() {
        remove(&config)?;
        fs::write(&config, kept)
            .with_context(|| format!("failed to write `{}`", config.display()))?;
        removed.push(config);
    }
    Ok(())
}

/// Whether a file in the place of a clone says where it is, as git reads it. What cannot be read may.
fn says_where(file: &Path) -> bool {
    let text = fs::read(file);
    text.map_or(true, |text| text.trim_ascii_start().starts_with(b"gitdir:"))
}

/// The lines of a clone's configuration that cargo writes, or git for it.
fn cargos_own(config: &str) -> String {
    let mut kept = String::new();
    let mut section = None;
    for line in config.lines() {
        let setting = line
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()));
        let is_ours = match (line.trim(), setting) {
            (header @ ("[core]" | "[extensions]"), _) => {
                section = Some(header.to_owned());
                true
            }
            (other, None) if other.starts_with('[') => {
                section = None;
                false
            }
            (_, Some((key, "true" | "false" | "0" | "1"))) => {
                section.as_deref() == Some("[core]") && CORE.contains(&key)
            }
            (_, Some(("objectformat", "sha1" | "sha256"))) => {
                section.as_deref() == Some("[extensions]")
            }
            _ => false,
        };
        if is_ours {
            kept += line;
            kept += "\n";
        }
    }
    kept
}

/// What git notes of a clone when it is made.
const CORE: [&str; 7] = [
    "bare",
    "filemode",
    "ignorecase",
    "logallrefupdates",
    "precomposeunicode",
    "repositoryformatversion",
    "symlinks",
];

fn remove(path: &Path) -> CargoResult<()> {
    let is_folder = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir());
    match is_folder {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
    .with_context(|| format!("failed to remove `{}`", path.display()))
}

/// What is in a folder; nothing where it cannot be read, as where it is not there.
fn children(folder: &Path) -> CargoResult<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(_) => return Ok(Vec::new()),
    };
    entries
        .map(|entry| Ok(entry?.path()))
        .collect::<CargoResult<_>>()
        .with_context(|| format!("failed to read `{}`", folder.display()))
}
