//! A toolchain that is another one but for what is ours.

use std::path::Path;

use super::place::Place;
use super::{files, name};

/// Programs that rustup may add to a toolchain later. They are linked to though they are not there
/// yet: such a link leads nowhere, and so says what is true.
const MAY_COME: &[&str] = &[
    "cargo-clippy",
    "cargo-fmt",
    "cargo-miri",
    "clippy-driver",
    "miri",
    "rls",
    "rust-analyzer",
    "rust-gdb",
    "rust-gdbgui",
    "rust-lldb",
    "rustdoc",
    "rustfmt",
];

/// Links to everything in `toolchain` that `place` does not have itself.
pub fn link(place: &mut Place, toolchain: &Path) -> anyhow::Result<()> {
    link_folder(place, toolchain, Path::new(""))?;
    for program in MAY_COME {
        let program = Path::new("bin").join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
        if !place.has(&program)? {
            place.link(&toolchain.join(&program), &program)?;
        }
    }
    Ok(())
}

fn link_folder(place: &mut Place, toolchain: &Path, folder: &Path) -> anyhow::Result<()> {
    for entry in files(&toolchain.join(folder))? {
        let ours = folder.join(name(&entry));
        if !place.has(&ours)? {
            place.link(&entry, &ours)?;
        } else if entry.is_dir() {
            link_folder(place, toolchain, &ours)?;
        }
    }
    Ok(())
}
