//! A folder in which things are put, and from which they can be taken again.
//!
//! Whatever is put there is new: what is there already is neither replaced nor written to. A list of
//! it, [`LIST`], lies with it, the folders among it that had to be made. [`remove`] goes by that list
//! backwards, and leaves a folder in which somebody else has put something meanwhile.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// One path a line, relative to the folder, in the order in which they were made. The folder itself
/// is the empty line.
const LIST: &str = "share/consign/installed";

/// A folder that is being filled.
pub struct Place {
    root: PathBuf,
    made: Vec<PathBuf>,
}

impl Place {
    /// Has `fill` put things into `root`. Where it fails, they are taken away again.
    pub fn fill(
        root: &Path,
        fill: impl FnOnce(&mut Place) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut place = Place {
            root: root.to_owned(),
            made: Vec::new(),
        };
        let filled = fill(&mut place).and_then(|()| place.write_list());
        if filled.is_err() {
            take(&place.root, &place.made)?;
        }
        filled
    }

    /// Whether there is something at `path`, ours or not.
    pub fn has(&self, path: &Path) -> bool {
        let path = self.root.join(path);
        path.exists() || path.is_symlink()
    }

    /// Puts a copy of `file` at `path`.
    pub fn copy(&mut self, file: &Path, path: impl AsRef<Path>) -> anyhow::Result<()> {
        let new = self.make_room(path.as_ref())?;
        let reading = || format!("failed to read `{}`", file.display());
        let mut from = File::open(file).with_context(reading)?;
        let mut to = File::create_new(&new).with_context(|| not_made(&new))?;
        self.made.push(path.as_ref().to_owned());
        io::copy(&mut from, &mut to).with_context(|| not_made(&new))?;
        to.set_permissions(from.metadata()?.permissions())?;
        Ok(())
    }

    /// Puts a link to `target` at `path`.
    pub fn link(&mut self, target: &Path, path: &Path) -> anyhow::Result<()> {
        let new = self.make_room(path)?;
        symlink(target, &new).with_context(|| not_made(&new))?;
        self.made.push(path.to_owned());
        Ok(())
    }

    /// Makes the folders above `path`, and says where that is.
    fn make_room(&mut self, path: &Path) -> anyhow::Result<PathBuf> {
        let above: Vec<_> = path.ancestors().skip(1).collect();
        for &folder in above.iter().rev() {
            let new = self.root.join(folder);
            if folder.as_os_str().is_empty() {
                // Those above the root are made too, and stay.
                fs::create_dir_all(new.parent().unwrap_or(&new))?;
            }
            match fs::create_dir(&new) {
                Ok(()) => self.made.push(folder.to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| not_made(&new)),
            }
        }
        Ok(self.root.join(path))
    }

    fn write_list(&mut self) -> anyhow::Result<()> {
        let list = self.make_room(Path::new(LIST))?;
        let mut text = String::new();
        for path in &self.made {
            let path = path.to_str().context("a path is not UTF-8")?;
            text += &format!("{path}\n");
        }
        self.made.push(LIST.into());
        fs::write(&list, text).with_context(|| not_made(&list))
    }
}

/// Takes away what was put into `root`. `false` where that is nothing.
pub fn remove(root: &Path) -> anyhow::Result<bool> {
    let list = root.join(LIST);
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => bail!("failed to read `{}`: {error}", list.display()),
    };
    let mut made: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    made.push(LIST.into());
    take(root, &made)?;
    Ok(true)
}

fn take(root: &Path, made: &[PathBuf]) -> anyhow::Result<()> {
    for path in made.iter().rev() {
        let path = match path.as_os_str().is_empty() {
            true => root.to_owned(),
            false => root.join(path),
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
    Ok(())
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
        assert_eq!(below(&root), ["bin", "bin/cargo"]);
        assert_eq!(fs::read_to_string(root.join("bin/cargo"))?, "theirs");
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
