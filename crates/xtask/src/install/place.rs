//! A folder in which things are put, and from which they can be taken again.
//!
//! What is somebody else's is neither replaced nor written to, nor taken away. So a list of what was put
//! there, [`LIST`], says of everything what it was: with what is there now it is known whether it still is.
//!
//! What is to be put there is gathered first. The list is written before anything else, whole or not at all,
//! with what an earlier time put there as well; each file is written beside the others, in [`COMING`], and
//! takes its place when it is complete. So whatever ends this, [`remove`] knows all that there can be, and
//! who does it again comes to the same end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use consign_statement::Digest;
use serde::{Deserialize, Serialize};

/// What was put there, as a JSON array of [`Entry`], in the order in which it is made.
const LIST: &str = "share/consign/installed";

/// Where files are before they are complete.
const COMING: &str = "share/consign/coming";

/// Something that was put there, or is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Where, relative to the folder; the folder itself is the empty path.
    path: PathBuf,
    what: What,
}

/// What was put somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// A new folder.
    Folder,
    /// A file with this content.
    File {
        /// The SHA-256, in hexadecimal digits.
        sha256: String,
    },
    /// A link to this.
    Link(PathBuf),
    /// The list of all this.
    List,
}

impl Entry {
    /// Whether that is what is there now.
    fn is_there(&self, root: &Path) -> anyhow::Result<bool> {
        let path = below(root, &self.path);
        let Ok(metadata) = path.symlink_metadata() else {
            return Ok(false);
        };
        Ok(match &self.what {
            What::Folder => metadata.is_dir(),
            What::File { sha256 } => metadata.is_file() && content(&path)? == *sha256,
            What::Link(target) => fs::read_link(&path).is_ok_and(|to| to == *target),
            What::List => metadata.is_file(),
        })
    }
}

/// A folder that is to be filled.
pub struct Place {
    root: PathBuf,
    /// What an earlier time put there, and what can be replaced.
    earlier: Vec<Entry>,
    /// In the order in which it can be made, a folder before what is in it; with the file of which a file is to
    /// be a copy.
    wanted: Vec<(Entry, Option<PathBuf>)>,
}

impl Place {
    /// Puts into `root` what `gather` asks for, in the place of what was put there before. Where that fails,
    /// what was there stays as far as it has not been replaced, and nothing is left where there was nothing.
    pub fn fill(
        root: &Path,
        gather: impl FnOnce(&mut Place) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut place = Place {
            root: root.to_owned(),
            earlier: listed(root)?.unwrap_or_default(),
            wanted: Vec::new(),
        };
        place.want(Path::new(LIST), What::List, None)?;
        gather(&mut place)?;
        let filled = place.make();
        if filled.is_err() {
            remove_coming(root)?;
            if place.earlier.is_empty() {
                remove(root)?;
            }
        }
        filled
    }

    /// Whether there is something at `path` that is not ours to replace, or will be.
    pub fn has(&self, path: &Path) -> anyhow::Result<bool> {
        if self.wanted.iter().any(|(wanted, _)| wanted.path == path) {
            return Ok(true);
        }
        if below(&self.root, path).symlink_metadata().is_err() {
            return Ok(false);
        }
        let earlier = self.earlier.iter().filter(|entry| entry.path == path);
        for entry in earlier {
            if entry.is_there(&self.root)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A copy of `file` is to be at `path`.
    pub fn copy(&mut self, file: &Path, path: impl AsRef<Path>) -> anyhow::Result<()> {
        let sha256 = content(file)?;
        let what = What::File { sha256 };
        self.want(path.as_ref(), what, Some(file.to_owned()))
    }

    /// A link to `target` is to be at `path`.
    pub fn link(&mut self, target: &Path, path: &Path) -> anyhow::Result<()> {
        self.want(path, What::Link(target.to_owned()), None)
    }

    fn want(&mut self, path: &Path, what: What, source: Option<PathBuf>) -> anyhow::Result<()> {
        ensure!(
            !self.has(path)?,
            "there is `{}` already, and it is none of ours",
            self.root.join(path).display()
        );
        // The folders above it, as far as there are none yet.
        let above: Vec<_> = path.ancestors().skip(1).collect();
        for &folder in above.iter().rev() {
            if !self.has(folder)? {
                self.wanted.push((entry(folder, What::Folder), None));
            }
        }
        self.wanted.push((entry(path, what), source));
        Ok(())
    }

    fn make(&self) -> anyhow::Result<()> {
        // Something may be there of one that was interrupted.
        remove_coming(&self.root)?;
        let coming = self.root.join(COMING);
        // Those above the root are made too, and stay.
        fs::create_dir_all(&coming).with_context(|| not_made(&coming))?;
        let wanted = self.wanted.iter().map(|(entry, _)| entry);
        let news = wanted.clone().filter(|entry| !self.earlier.contains(entry));
        write_list(&self.root, self.earlier.iter().chain(news))?;
        for (entry, source) in &self.wanted {
            let new = below(&self.root, &entry.path);
            self.make_one(entry, source.as_deref(), &new)
                .with_context(|| not_made(&new))?;
        }
        let is_wanted = |path: &Path| wanted.clone().any(|entry| entry.path == path);
        let stale = self.earlier.iter().filter(|entry| !is_wanted(&entry.path));
        take_away(&self.root, stale)?;
        write_list(&self.root, wanted)?;
        remove_coming(&self.root)
    }

    fn make_one(&self, entry: &Entry, source: Option<&Path>, new: &Path) -> anyhow::Result<()> {
        if entry.is_there(&self.root)? {
            return Ok(());
        }
        let coming = self.root.join(COMING).join("file");
        match (&entry.what, source) {
            (What::Folder | What::List, _) => return Ok(fs::create_dir(new)?),
            (What::Link(target), _) => symlink(target, &coming)?,
            (What::File { .. }, source) => {
                let source = source.context("nothing is known of its content")?;
                let mut from = File::open(source).with_context(|| not_read(source))?;
                let mut to = File::create_new(&coming)?;
                io::copy(&mut from, &mut to)?;
                to.set_permissions(from.metadata()?.permissions())?;
                to.sync_all()?;
            }
        }
        Ok(fs::rename(&coming, new)?)
    }
}

/// What was put into `root`, in the order in which it was made. `None` where that is nothing.
fn listed(root: &Path) -> anyhow::Result<Option<Vec<Entry>>> {
    let list = root.join(LIST);
    let bytes = match fs::read(&list) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| not_read(&list)),
    };
    let entries = serde_json::from_slice(&bytes).with_context(|| {
        format!(
            "`{}` is no list of what was installed\n\nhelp: remove what is there by hand, and then this file",
            list.display()
        )
    })?;
    Ok(Some(entries))
}

fn write_list<'a>(root: &Path, entries: impl Iterator<Item = &'a Entry>) -> anyhow::Result<()> {
    let list = root.join(LIST);
    let entries: Vec<_> = entries.collect();
    let write = || {
        let mut coming = tempfile::NamedTempFile::new_in(root.join(COMING))?;
        serde_json::to_writer_pretty(&mut coming, &entries)?;
        coming.as_file().sync_all()?;
        coming.persist(&list)?;
        anyhow::Ok(())
    };
    write().with_context(|| not_made(&list))
}

/// Takes away what was put into `root`. `false` where that is nothing.
pub fn remove(root: &Path) -> anyhow::Result<bool> {
    let Some(entries) = listed(root)? else {
        return Ok(false);
    };
    remove_coming(root)?;
    take_away(root, entries.iter())?;
    Ok(true)
}

fn remove_coming(root: &Path) -> anyhow::Result<()> {
    let coming = root.join(COMING);
    match fs::remove_dir_all(&coming) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| not_removed(&coming)),
    }
}

/// Takes away what is as it is listed, and tells what is not.
fn take_away<'a>(
    root: &Path,
    entries: impl DoubleEndedIterator<Item = &'a Entry> + Clone,
) -> anyhow::Result<()> {
    for entry in entries.clone().rev() {
        let path = below(root, &entry.path);
        if !entry.is_there(root)? {
            continue;
        }
        let removed = match entry.what {
            What::Folder => fs::remove_dir(&path),
            What::File { .. } | What::Link(_) | What::List => fs::remove_file(&path),
        };
        match removed {
            // Somebody else has put something there.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            removed => removed.with_context(|| not_removed(&path))?,
        }
    }
    for entry in entries.filter(|entry| entry.what != What::Folder) {
        let path = below(root, &entry.path);
        if path.symlink_metadata().is_ok() {
            eprintln!(
                "warning: `{}` is not what was installed, and stays",
                path.display()
            );
        }
    }
    Ok(())
}

/// The SHA-256 of a file, in hexadecimal digits.
fn content(file: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(file).with_context(|| not_read(file))?;
    Ok(Digest::of(&bytes).to_string())
}

fn entry(path: &Path, what: What) -> Entry {
    let path = path.to_owned();
    Entry { path, what }
}

/// `path` in `root`, without a slash behind it where that is `root` itself.
fn below(root: &Path, path: &Path) -> PathBuf {
    match path.as_os_str().is_empty() {
        true => root.to_owned(),
        false => root.join(path),
    }
}

fn not_read(path: &Path) -> String {
    format!("failed to read `{}`", path.display())
}

fn not_made(path: &Path) -> String {
    format!("failed to make `{}`", path.display())
}

fn not_removed(path: &Path) -> String {
    format!("failed to remove `{}`", path.display())
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Windows wants to know what a link leads to, and lets not everybody make one.
#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    match target.is_dir() {
        true => std::os::windows::fs::symlink_dir(target, link),
        false => std::os::windows::fs::symlink_file(target, link),
    }
}

#[cfg(test)]
mod tests {
    use consign_testbed::below;

    use super::*;

    /// A root that is not there yet, and a file that may be put into it.
    struct Ground {
        folder: tempfile::TempDir,
        root: PathBuf,
        source: PathBuf,
    }

    impl Ground {
        fn new() -> anyhow::Result<Ground> {
            let folder = tempfile::tempdir()?;
            let source = folder.path().join("source");
            fs::write(&source, "ours")?;
            Ok(Ground {
                root: folder.path().join("root"),
                source,
                folder,
            })
        }

        /// Puts the file where a program would be.
        fn fill(&self) -> anyhow::Result<()> {
            Place::fill(&self.root, |place| place.copy(&self.source, "bin/cargo"))
        }

        /// Makes a file of somebody else's.
        fn theirs(&self, path: &str) -> anyhow::Result<()> {
            let path = self.root.join(path);
            fs::create_dir_all(path.parent().context("a file in no folder")?)?;
            Ok(fs::write(path, "theirs")?)
        }

        fn text(&self, path: &str) -> anyhow::Result<String> {
            Ok(fs::read_to_string(self.root.join(path))?)
        }

        /// What is in the root.
        fn all(&self) -> Vec<String> {
            let all = below(&self.root);
            let within = all
                .iter()
                .filter_map(|path| path.strip_prefix(&self.root).ok());
            within.map(|path| path.display().to_string()).collect()
        }
    }

    #[test]
    fn what_was_put_there_is_taken_away_and_nothing_else() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        ground.theirs("share/theirs")?;
        let before = below(ground.folder.path());
        Place::fill(&ground.root, |place| {
            place.copy(&ground.root.join("share/theirs"), "share/man/ours")?;
            place.link(ground.folder.path(), Path::new("lib/all"))
        })?;
        assert_eq!(
            ground.all(),
            [
                "lib",
                "lib/all",
                "share",
                "share/consign",
                "share/consign/installed",
                "share/man",
                "share/man/ours",
                "share/theirs"
            ]
        );
        assert!(remove(&ground.root)?);
        assert_eq!(below(ground.folder.path()), before);
        assert!(!remove(&ground.root)?);
        Ok(())
    }

    #[test]
    fn what_is_there_is_not_touched_and_nothing_is_left_half_done() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        ground.theirs("bin/cargo")?;
        let filled = Place::fill(&ground.root, |place| {
            place.copy(&ground.source, "share/man/page")?;
            place.copy(&ground.source, "bin/cargo")
        });
        assert!(filled.is_err());
        let filled = Place::fill(&ground.root, |place| {
            place.copy(&ground.source, "share/man/page")?;
            place.copy(&ground.source, "bin/other")?;
            Ok(fs::remove_file(&ground.source)?)
        });
        assert!(filled.is_err());
        assert_eq!(ground.all(), ["bin", "bin/cargo"]);
        assert_eq!(ground.text("bin/cargo")?, "theirs");
        Ok(())
    }

    #[test]
    fn what_was_put_there_before_is_replaced_once_all_is_there() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        fs::write(&ground.source, "before")?;
        Place::fill(&ground.root, |place| {
            place.copy(&ground.source, "bin/cargo")?;
            place.link(&ground.source, Path::new("lib"))
        })?;
        let before = ground.all();
        fs::write(&ground.source, "after")?;
        let filled = Place::fill(&ground.root, |place| {
            place.copy(&ground.source, "bin/cargo")?;
            place.copy(&ground.folder.path().join("not there"), "bin/other")
        });
        assert!(filled.is_err());
        assert_eq!(ground.all(), before);
        assert_eq!(ground.text("bin/cargo")?, "before");
        ground.fill()?;
        assert_eq!(ground.text("bin/cargo")?, "after");
        assert!(!ground.root.join("lib").exists());
        assert!(remove(&ground.root)?);
        assert!(!ground.root.exists());
        Ok(())
    }

    #[test]
    fn what_was_interrupted_can_be_taken_away() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        Place::fill(&ground.root, |place| {
            place.copy(&ground.source, "bin/cargo")?;
            place.link(&ground.source, Path::new("lib/all"))
        })?;
        // As if the end had come before this was made, and while a file was.
        fs::remove_file(ground.root.join("lib/all"))?;
        fs::remove_dir(ground.root.join("lib"))?;
        fs::create_dir(ground.root.join(COMING))?;
        fs::write(ground.root.join(COMING).join("file"), "ou")?;
        assert!(remove(&ground.root)?);
        assert!(!ground.root.exists());
        Ok(())
    }

    #[test]
    fn folder_that_was_made_goes_too_but_not_what_others_put_there() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        ground.fill()?;
        remove(&ground.root)?;
        assert!(!ground.root.exists());
        ground.fill()?;
        ground.theirs("bin/theirs")?;
        remove(&ground.root)?;
        assert_eq!(ground.all(), ["bin", "bin/theirs"]);
        Ok(())
    }

    #[test]
    fn what_somebody_put_in_its_place_is_neither_replaced_nor_taken_away() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        ground.fill()?;
        ground.theirs("bin/cargo")?;
        let refused = ground.fill().err().map(|error| error.to_string());
        let refused = refused.unwrap_or_default();
        assert!(
            refused.ends_with("already, and it is none of ours"),
            "{refused}"
        );
        assert!(remove(&ground.root)?);
        assert_eq!(ground.all(), ["bin", "bin/cargo"]);
        assert_eq!(ground.text("bin/cargo")?, "theirs");
        Ok(())
    }

    #[test]
    fn what_is_put_there_may_be_a_copy_of_what_is_there() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        ground.fill()?;
        let cargo = ground.root.join("bin/cargo");
        Place::fill(&ground.root, |place| {
            place.copy(&cargo, "bin/cargo")?;
            place.copy(&cargo, "bin/cargo-too")
        })?;
        assert_eq!(ground.text("bin/cargo-too")?, "ours");
        assert!(remove(&ground.root)?);
        assert!(!ground.root.exists());
        Ok(())
    }

    #[test]
    fn list_that_cannot_be_read_is_an_error_and_not_an_empty_one() -> anyhow::Result<()> {
        let ground = Ground::new()?;
        ground.fill()?;
        let list = ground.root.join(LIST);
        let text = fs::read_to_string(&list)?;
        for cut in ["", &text[..text.len() / 2]] {
            fs::write(&list, cut)?;
            assert!(remove(&ground.root).is_err());
            assert!(ground.fill().is_err());
            assert!(ground.root.join("bin/cargo").is_file());
        }
        Ok(())
    }
}
