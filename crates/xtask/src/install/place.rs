//! A folder in which things are put, and from which they can be taken again.
//!
//! Whatever is put there is new: what is there already is neither replaced nor written to. What is to be put
//! there is gathered first, and a list of it, [`LIST`], is written before anything else, the folders among
//! it that have to be made. [`remove`] goes by that list backwards, also where not all of it came to be, and
//! leaves a folder in which somebody else has put something meanwhile.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

/// One path a line, relative to the folder, in the order in which they are made. The folder itself
/// is the empty line.
const LIST: &str = "share/consign/installed";

/// A folder that is to be filled.
pub struct Place {
    root: PathBuf,
    /// In the order in which it can be made: a folder stands before what is in it.
    wanted: Vec<(PathBuf, What)>,
}

/// What is to be put somewhere.
enum What {
    /// A new folder.
    Folder,
    /// A copy of this file.
    Copy(PathBuf),
    /// A link to this.
    Link(PathBuf),
    /// The list of all this.
    List,
}

impl Place {
    /// Puts into `root` what `gather` asks for. Where that fails, it is taken away again.
    pub fn fill(
        root: &Path,
        gather: impl FnOnce(&mut Place) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut place = Place {
            root: root.to_owned(),
            wanted: Vec::new(),
        };
        place.want(Path::new(LIST), What::List)?;
        gather(&mut place)?;
        let filled = place.make();
        if filled.is_err() {
            remove(root)?;
        }
        filled
    }

    /// Whether there is something at `path`, or will be.
    pub fn has(&self, path: &Path) -> bool {
        is_there(&self.root.join(path)) || self.wanted.iter().any(|(wanted, _)| wanted == path)
    }

    /// A copy of `file` is to be at `path`.
    pub fn copy(&mut self, file: &Path, path: impl AsRef<Path>) -> anyhow::Result<()> {
        self.want(path.as_ref(), What::Copy(file.to_owned()))
    }

    /// A link to `target` is to be at `path`.
    pub fn link(&mut self, target: &Path, path: &Path) -> anyhow::Result<()> {
        self.want(path, What::Link(target.to_owned()))
    }

    fn want(&mut self, path: &Path, what: What) -> anyhow::Result<()> {
        let there = self.root.join(path);
        ensure!(
            !self.has(path),
            "there is `{}` already, and it is none of ours",
            there.display()
        );
        self.want_folders(path);
        self.wanted.push((path.to_owned(), what));
        Ok(())
    }

    /// The folders above `path`, as far as there are none yet.
    fn want_folders(&mut self, path: &Path) {
        let above: Vec<_> = path.ancestors().skip(1).collect();
        for &folder in above.iter().rev() {
            if !self.has(folder) {
                self.wanted.push((folder.to_owned(), What::Folder));
            }
        }
    }

    fn make(&self) -> anyhow::Result<()> {
        let mut text = String::new();
        for (path, _) in &self.wanted {
            let path = path.to_str().context("a path is not UTF-8")?;
            text += &format!("{path}\n");
        }
        let list = self.root.join(LIST);
        // Those above the root are made too, and stay.
        if let Some(folder) = list.parent() {
            fs::create_dir_all(folder).with_context(|| not_made(folder))?;
        }
        fs::write(&list, text).with_context(|| not_made(&list))?;
        for (path, what) in &self.wanted {
            let new = self.root.join(path);
            what.make(&new).with_context(|| not_made(&new))?;
        }
        Ok(())
    }
}

impl What {
    fn make(&self, new: &Path) -> anyhow::Result<()> {
        match self {
            // The list comes before all that is in it, and so do its folders.
            What::List => {}
            What::Folder if new.is_dir() => {}
            What::Folder => fs::create_dir(new)?,
            What::Link(target) => symlink(target, new)?,
            What::Copy(file) => {
                let reading = || format!("failed to read `{}`", file.display());
                let mut from = File::open(file).with_context(reading)?;
                let mut to = File::create_new(new)?;
                io::copy(&mut from, &mut to)?;
                to.set_permissions(from.metadata()?.permissions())?;
            }
        }
        Ok(())
    }
}

fn is_there(path: &Path) -> bool {
    path.exists() || path.is_symlink()
}

/// Takes away what was put into `root`. `false` where that is nothing.
pub fn remove(root: &Path) -> anyhow::Result<bool> {
    let list = root.join(LIST);
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => bail!("failed to read `{}`: {error}", list.display()),
    };
    for path in text.lines().rev() {
        let path = match path {
            "" => root.to_owned(),
            path => root.join(path),
        };
        let is_folder = path.is_dir() && !path.is_symlink();
        let removed = match is_folder {
            true => fs::remove_dir(&path),
            false => fs::remove_file(&path),
        };
        match removed {
            Ok(()) => {}
            // Somebody has taken it away already, or has put something there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("failed to remove `{}`", path.display()));
            }
        }
    }
    Ok(true)
}

fn not_made(path: &Path) -> String {
    format!("failed to make `{}`", path.display())
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
    use super::*;

    /// Every path below a folder, sorted.
    fn below(folder: &Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut left = vec![folder.to_owned()];
        while let Some(next) = left.pop() {
            for entry in fs::read_dir(next).into_iter().flatten().flatten() {
                let path = entry.path();
                let relative = path.strip_prefix(folder).unwrap_or(&path);
                all.push(relative.display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    left.push(path);
                }
            }
        }
        all.sort();
        all
    }

    #[test]
    fn what_was_put_there_is_taken_away_and_nothing_else() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("share"))?;
        fs::write(root.join("share/theirs"), "theirs")?;
        let before = below(folder.path());
        Place::fill(&root, |place| {
            place.copy(&root.join("share/theirs"), "share/man/ours")?;
            place.link(folder.path(), Path::new("lib/all"))
        })?;
        assert_eq!(
            below(&root),
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
        assert!(remove(&root)?);
        assert_eq!(below(folder.path()), before);
        assert!(!remove(&root)?);
        Ok(())
    }

    #[test]
    fn what_is_there_is_not_touched_and_nothing_is_left_half_done() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("bin"))?;
        fs::write(root.join("bin/cargo"), "theirs")?;
        let source = folder.path().join("source");
        fs::write(&source, "ours")?;
        let filled = Place::fill(&root, |place| {
            place.copy(&source, "share/man/page")?;
            place.copy(&source, "bin/cargo")
        });
        assert!(filled.is_err());
        let filled = Place::fill(&root, |place| {
            place.copy(&source, "share/man/page")?;
            place.copy(&folder.path().join("not there"), "bin/other")
        });
        assert!(filled.is_err());
        assert_eq!(below(&root), ["bin", "bin/cargo"]);
        assert_eq!(fs::read_to_string(root.join("bin/cargo"))?, "theirs");
        Ok(())
    }

    #[test]
    fn what_was_interrupted_can_be_taken_away() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        let source = folder.path().join("source");
        fs::write(&source, "ours")?;
        Place::fill(&root, |place| {
            place.copy(&source, "bin/cargo")?;
            place.link(&source, Path::new("lib/all"))
        })?;
        // As if the end had come before this was made.
        fs::remove_file(root.join("lib/all"))?;
        fs::remove_dir(root.join("lib"))?;
        assert!(remove(&root)?);
        assert!(!root.exists());
        Ok(())
    }

    #[test]
    fn folder_that_was_made_goes_too_but_not_what_others_put_there() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        let source = folder.path().join("source");
        fs::write(&source, "ours")?;
        Place::fill(&root, |place| place.copy(&source, "bin/cargo"))?;
        remove(&root)?;
        assert!(!root.exists());
        Place::fill(&root, |place| place.copy(&source, "bin/cargo"))?;
        fs::write(root.join("bin/theirs"), "theirs")?;
        remove(&root)?;
        assert_eq!(below(&root), ["bin", "bin/theirs"]);
        Ok(())
    }
}
