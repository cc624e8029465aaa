//! `cargo xtask edit`: upstream's source with the patches laid, to be worked on.
//!
//! Each patched crate is laid out as a git work tree with two commits, the crate as it was published
//! and the same with all patches; so `git diff` shows what is being changed, and `git diff published`
//! all that is ours. `cargo xtask edit --save` makes patches of it again, and keeps their headers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};
use consign_patchset::{About, NewPatch, PatchSet, SetError, Unowned, upstream};

use crate::queue::{PATCHED, Patched};
use crate::surroundings::{ended, target_folder};

/// What is to be done with the work trees.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Make patches of what was changed
    #[arg(long)]
    save: bool,
    /// The patch to which belongs what was changed next to no other
    #[arg(long, value_name = "NAME", requires = "save", conflicts_with = "new")]
    into: Option<String>,
    /// The name of a new patch, for what was changed next to no other
    #[arg(long, value_name = "NAME", requires_all = ["save", "purpose", "why_not_less", "fails_without"])]
    new: Option<String>,
    /// What the new patch makes possible
    #[arg(long = "for", id = "purpose", value_name = "TEXT", requires = "new")]
    purpose: Option<String>,
    /// Why the new patch cannot be a smaller one
    #[arg(long, value_name = "TEXT", requires = "new")]
    why_not_less: Option<String>,
    /// The test that fails without the new patch
    #[arg(long, value_name = "TEST", requires = "new")]
    fails_without: Option<String>,
    /// Where the patches are, in place of `patches`
    #[arg(long, value_name = "DIR")]
    patches: Option<PathBuf>,
    /// Where the source is laid out, in place of `target/edit`
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// Lay it out anew, whatever was changed since
    #[arg(long, conflicts_with = "save")]
    discard: bool,
}

/// Opens the source, or saves it.
pub fn run(options: &Options) -> ExitCode {
    ended(match options.save {
        true => save_all(options),
        false => PATCHED
            .into_iter()
            .try_for_each(|patched| open(patched, options)),
    })
}

impl Options {
    /// Where a crate is laid out.
    fn tree(&self, patched: Patched) -> anyhow::Result<PathBuf> {
        let folder = match &self.tree {
            Some(folder) => folder.clone(),
            None => target_folder()?.join("edit"),
        };
        Ok(folder.join(patched.name))
    }

    /// Where its patches are.
    fn patches(&self, patched: Patched) -> PathBuf {
        match &self.patches {
            Some(folder) => folder.join(patched.name),
            None => patched.patches(),
        }
    }
}

/// The patches that were laid. By these the changes are told apart.
fn laid(tree: &Path) -> PathBuf {
    tree.join(".git/patches")
}

/// The crate as it was published.
const PUBLISHED: &str = "refs/tags/published";

/// What patches were made of, or were laid to give.
const SAVED: &str = "refs/consign/saved";

fn open(patched: Patched, options: &Options) -> anyhow::Result<()> {
    let tree = options.tree(patched)?;
    if tree.exists() {
        ensure!(
            laid(&tree).is_dir(),
            "`{}` was not laid out by `cargo xtask edit`, and stays as it is",
            tree.display()
        );
        ensure!(
            options.discard || !is_changed(&tree)?,
            "`{}` has changes\n\nhelp: `cargo xtask edit --save` makes patches of them, and \
             `--discard` throws them away",
            tree.display()
        );
    }
    let version = patched.version()?;
    let set = PatchSet::read(&options.patches(patched))?;
    let published = patched.published()?;
    // It takes its place when it is complete, so that whatever ends this can be begun again.
    let folder = tree.parent().context("a work tree is in no folder")?;
    fs::create_dir_all(folder)?;
    let coming = tempfile::Builder::new()
        .prefix(".coming-")
        .tempdir_in(folder)?;
    let laid_out = coming.path().join("tree");
    lay_out(patched, &version, &published, &set, &laid_out)?;
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::rename(laid_out, &tree)?;
    println!("{} {version} is in `{}`", patched.name, tree.display());
    Ok(())
}

/// Makes the work tree of a crate.
fn lay_out(
    patched: Patched,
    version: &str,
    published: &Path,
    set: &PatchSet,
    tree: &Path,
) -> anyhow::Result<()> {
    upstream::copy(published, tree)?;
    git(tree, &["init", "--quiet"])?;
    commit(
        tree,
        &format!("{} {version}, as it was published", patched.name),
    )?;
    git(tree, &["update-ref", PUBLISHED, "HEAD"])?;
    set.lay(tree)?;
    let mut message = "With the patches\n".to_owned();
    for patch in set.patches() {
        message += &format!("\n{}: {}", patch.name(), patch.about().purpose);
    }
    commit(tree, &message)?;
    fs::create_dir(laid(tree))?;
    set.write(&laid(tree))?;
    git(tree, &["update-ref", SAVED, "HEAD"])?;
    Ok(())
}

/// What is saved of one crate.
struct Saving {
    patched: Patched,
    tree: PathBuf,
    before: PatchSet,
    after: PatchSet,
    /// Whether there is anything in it for which [`unowned`] was needed.
    took_unowned: bool,
}

/// Saves all crates, or none where that cannot be done for one of them.
fn save_all(options: &Options) -> anyhow::Result<()> {
    let all: anyhow::Result<Vec<_>> = PATCHED
        .into_iter()
        .map(|patched| saving(patched, options))
        .collect();
    let all = all?;
    let name = options.into.as_ref().or(options.new.as_ref());
    if let Some(name) = name.filter(|_| all.iter().all(|saving| !saving.took_unowned)) {
        bail!(
            "everything that was changed stands beside a patch, and nothing is left for `{name}`\n\nhelp: leave \
             it out, and each patch gets what stands beside it"
        );
    }
    all.into_iter()
        .try_for_each(|saving| save(&saving, options))
}

fn saving(patched: Patched, options: &Options) -> anyhow::Result<Saving> {
    let tree = options.tree(patched)?;
    if !tree.exists() {
        bail!("nothing was laid out\n\nhelp: `cargo xtask edit` does that");
    }
    let before = PatchSet::read(&laid(&tree))?;
    ensure!(
        texts(&before) == texts(&PatchSet::read(&options.patches(patched))?),
        "`{}` is not as it was when `{}` was laid out, and saving would undo that\n\nhelp: lay out what is \
         there with `--tree DIR`, and make the change in it",
        options.patches(patched).display(),
        tree.display()
    );
    let published = patched.published()?;
    // It is for one of the crates: the one that has something to show for it.
    let (after, took_unowned) = match (
        before.saved(&published, &tree, Unowned::Refused),
        unowned(options),
    ) {
        (Err(SetError::Unowned { .. }), Some(unowned)) => {
            (before.saved(&published, &tree, unowned)?, true)
        }
        (Err(error @ SetError::Unowned { .. }), None) => bail!(
            "{error}\n\nhelp: `--into NAME` makes it a part of a patch, such as one whose seam has \
             moved, and `--new NAME` a new patch"
        ),
        (saved, _) => (saved?, false),
    };
    Ok(Saving {
        patched,
        tree,
        before,
        after,
        took_unowned,
    })
}

fn save(saving: &Saving, options: &Options) -> anyhow::Result<()> {
    let Saving {
        patched,
        tree,
        before,
        after: saved,
        ..
    } = saving;
    saved.write(&options.patches(*patched))?;
    saved.write(&laid(tree))?;
    commit(tree, "Saved")?;
    git(tree, &["update-ref", SAVED, "HEAD"])?;
    let figures = saved.figures();
    println!(
        "{}: {} patches, {} lines added, {} removed, in {} files",
        patched.name,
        saved.patches().len(),
        figures.added,
        figures.removed,
        figures.files
    );
    let is_left = |name: &str| saved.patches().iter().any(|patch| patch.name() == name);
    for patch in before.patches() {
        if !is_left(patch.name()) {
            println!(
                "{}: {} does nothing any more, and is removed",
                patched.name,
                patch.name()
            );
        }
    }
    for patch in saved.patches().iter().filter(|patch| patch.has_conflict()) {
        println!(
            "{}: there are conflicts in {} still",
            patched.name,
            patch.name()
        );
    }
    Ok(())
}

/// Whether there is anything in a work tree of which no patches were made, committed or not.
fn is_changed(tree: &Path) -> anyhow::Result<bool> {
    let uncommitted = git(tree, &["status", "--porcelain"])?;
    let committed = git(tree, &["diff", "--name-only", SAVED, "HEAD"])?;
    Ok(!uncommitted.is_empty() || !committed.is_empty())
}

/// The patches as they are written.
fn texts(set: &PatchSet) -> Vec<(&str, String)> {
    let patches = set.patches().iter();
    patches
        .map(|patch| (patch.name(), patch.to_string()))
        .collect()
}

/// Where a change goes that is next to no patch, if somebody said so.
fn unowned(options: &Options) -> Option<Unowned> {
    let file_name = |name: &String| format!("{}.patch", name.trim_end_matches(".patch"));
    if let Some(name) = &options.into {
        return Some(Unowned::Into(file_name(name)));
    }
    Some(Unowned::New(NewPatch {
        name: file_name(options.new.as_ref()?),
        about: About {
            purpose: options.purpose.clone()?,
            why_not_less: options.why_not_less.clone()?,
            fails_without: options.fails_without.clone()?,
        },
    }))
}

fn commit(tree: &Path, message: &str) -> anyhow::Result<()> {
    git(tree, &["add", "--all", "--force", "."])?;
    git(
        tree,
        &[
            "commit",
            "--quiet",
            "--allow-empty",
            "--no-verify",
            "--message",
            message,
        ],
    )?;
    Ok(())
}

/// Runs git in a work tree, without the user's own settings, and gives what it prints.
fn git(tree: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Consign",
            "-c",
            "user.email=consign@localhost",
        ])
        .args(["-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(tree)
        .env_remove("GIT_DIR")
        .output()
        .context("git does not run")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`git {}` failed: {stderr}",
        args[0]
    );
    Ok(String::from_utf8(output.stdout)?)
}
