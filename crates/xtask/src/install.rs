//! `cargo xtask install` and `cargo xtask uninstall`: Consign beside the cargo that is there.
//!
//! With rustup it is a toolchain called [`TOOLCHAIN`], for `cargo +consign build`. A toolchain is a
//! folder: ours holds our cargo, and links to everything else of the toolchain in use ([`links`]),
//! so that `rustc`, `clippy` and `rustfmt` are that one's, also after `rustup update`. Without rustup
//! it is a folder that the user names, with the program, the man pages and the completions.
//!
//! Either way nothing of somebody else's is overwritten, and what was put where is written down ([`place`]), so
//! that uninstalling takes away just that.

mod links;
mod place;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};

use crate::queue::PATCHED;
use crate::surroundings::{PROJECT, cargo, ended, is_consign, printed, target_folder};
use place::Place;

/// What rustup knows it by.
const TOOLCHAIN: &str = "consign";

/// What names a fork that is there already, and need not be built.
const FORK: &str = "CONSIGN_CARGO";

/// Where the man pages of our own commands are.
const OUR_PAGES: &str = "docs/man";

/// Where it is put.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A folder to put it in, without a word to rustup; the program is in `DIR/bin` then
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
}

/// Builds Consign and puts it beside the cargo that is there.
pub fn install(options: &Options) -> ExitCode {
    ended(try_install(options).map(|what| println!("{what}")))
}

/// Takes away what [`install`] put there.
pub fn uninstall(options: &Options) -> ExitCode {
    ended(try_uninstall(options).map(|what| println!("{what}")))
}

/// Where it goes.
enum Target {
    /// A toolchain of the rustup with this home.
    Toolchain { rustup_home: PathBuf },
    /// A folder.
    Prefix(PathBuf),
}

impl Target {
    fn choose(options: &Options) -> anyhow::Result<Target> {
        if let Some(prefix) = &options.prefix {
            return Ok(Target::Prefix(std::path::absolute(prefix)?));
        }
        let rustup_home = told(Command::new("rustup").args(["show", "home"])).context(
            "rustup is not there, or does not tell its home\n\nhelp: name a folder: `cargo xtask install --prefix ~/consign`",
        )?;
        Ok(Target::Toolchain { rustup_home })
    }

    /// The folder that is filled.
    fn folder(&self) -> PathBuf {
        match self {
            Target::Toolchain { rustup_home } => rustup_home.join(TOOLCHAIN),
            Target::Prefix(folder) => folder.clone(),
        }
    }
}

fn try_install(options: &Options) -> anyhow::Result<String> {
    let target = Target::choose(options)?;
    let folder = target.folder();
    if let Target::Toolchain { rustup_home } = &target {
        ensure_ours(rustup_home, &folder)?;
    }
    let program = match env::var_os(FORK) {
        Some(program) => PathBuf::from(program),
        None => build()?,
    };
    ensure!(
        is_consign(&program).unwrap_or(false),
        "`{}` is not Consign",
        program.display()
    );
    // Asked for first: the toolchain in use may be the one that is removed next.
    let toolchain = match &target {
        Target::Toolchain { .. } => Some(toolchain_in_use()?),
        Target::Prefix(_) => None,
    };
    Place::fill(&folder, |place| {
        let program_name = format!("bin/cargo{}", env::consts::EXE_SUFFIX);
        place.copy(&program, &program_name)?;
        pages(place, &Path::new(PROJECT).join(OUR_PAGES))?;
        match &toolchain {
            Some(toolchain) => links::link(place, toolchain),
            None => upstreams_own(place),
        }
    })?;
    match target {
        Target::Toolchain { rustup_home } => {
            let linked = link_toolchain(&folder);
            if linked.is_err() && !linked_toolchain(&rustup_home).is_symlink() {
                place::remove(&folder)?;
            }
            linked?;
            Ok(format!(
                "installed the toolchain `{TOOLCHAIN}`: try `cargo +{TOOLCHAIN} --version --verbose`"
            ))
        }
        Target::Prefix(folder) => Ok(format!(
            "installed `{}`: put that folder first on your `PATH`, or call it by its path",
            folder.join("bin/cargo").display()
        )),
    }
}

fn try_uninstall(options: &Options) -> anyhow::Result<String> {
    let target = Target::choose(options)?;
    let folder = target.folder();
    if let Target::Toolchain { rustup_home } = &target {
        ensure_ours(rustup_home, &folder)?;
        if linked_toolchain(rustup_home).is_symlink() {
            rustup(&["toolchain".into(), "uninstall".into(), TOOLCHAIN.into()])?;
        }
    }
    match place::remove(&folder)? {
        true => Ok(format!("removed what was in `{}`", folder.display())),
        false => bail!("nothing was installed in `{}`", folder.display()),
    }
}

/// Where rustup keeps the link to our folder.
fn linked_toolchain(rustup_home: &Path) -> PathBuf {
    rustup_home.join("toolchains").join(TOOLCHAIN)
}

/// Fails where there is a toolchain by our name that is another one's.
fn ensure_ours(rustup_home: &Path, folder: &Path) -> anyhow::Result<()> {
    let there = linked_toolchain(rustup_home);
    let is_ours = std::fs::read_link(&there).is_ok_and(|leads_to| leads_to == folder);
    ensure!(
        is_ours || !(there.exists() || there.is_symlink()),
        "there is a toolchain `{TOOLCHAIN}` already, and `{}` is none of ours",
        there.display()
    );
    Ok(())
}

/// Builds the fork with the release profile, and gives its path.
fn build() -> anyhow::Result<PathBuf> {
    eprintln!("building Consign, which takes some minutes");
    let mut build = Command::new(cargo());
    build
        .args(["build", "--release", "--locked", "--bin=cargo"])
        .arg("--target-dir")
        .arg(target_folder()?)
        .current_dir(PROJECT);
    if !has_openssl() {
        eprintln!("OpenSSL's headers are not there: it is built too, and linked in");
        build.arg("--features=all-static");
    }
    ensure!(build.status()?.success(), "Consign cannot be built");
    let program = format!("release/cargo{}", env::consts::EXE_SUFFIX);
    Ok(target_folder()?.join(program))
}

/// Whether OpenSSL can be linked to; as the crate `openssl-sys` looks for it.
fn has_openssl() -> bool {
    let is_told = ["OPENSSL_DIR", "OPENSSL_INCLUDE_DIR"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    is_told
        || printed(Command::new("pkg-config").args(["--exists", "--print-errors", "openssl"]))
            .is_ok()
}

/// The man pages in `folder`.
fn pages(place: &mut Place, folder: &Path) -> anyhow::Result<()> {
    for page in files(folder)? {
        if page.extension().is_some_and(|extension| extension == "1") {
            place.copy(&page, Path::new("share/man/man1").join(name(&page)))?;
        }
    }
    Ok(())
}

/// Upstream's man pages and completions, which a toolchain brings along.
fn upstreams_own(place: &mut Place) -> anyhow::Result<()> {
    let upstream = PATCHED[0].published()?;
    let etc = upstream.join("src/etc");
    pages(place, &etc.join("man"))?;
    place.copy(
        &etc.join("cargo.bashcomp.sh"),
        "etc/bash_completion.d/cargo",
    )?;
    place.copy(&etc.join("_cargo"), "share/zsh/site-functions/_cargo")
}

/// Where the compiler that is in use belongs to.
fn toolchain_in_use() -> anyhow::Result<PathBuf> {
    // Not its real path: `stable` stays where it is, whatever it is updated to.
    let sysroot =
        told(Command::new("rustc").args(["--print", "sysroot"])).context("`rustc` does not run")?;
    ensure!(
        sysroot.join("bin").is_dir() && sysroot.join("lib").is_dir(),
        "`{}` is no toolchain",
        sysroot.display()
    );
    Ok(sysroot)
}

fn link_toolchain(folder: &Path) -> anyhow::Result<()> {
    rustup(&[
        "toolchain".into(),
        "link".into(),
        TOOLCHAIN.into(),
        folder.into(),
    ])
}

/// Has rustup do something, and passes on what it warns of, such as that the default toolchain is removed.
fn rustup(args: &[OsString]) -> anyhow::Result<()> {
    let output = Command::new("rustup").args(args).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "rustup says: {}", stderr.trim());
    for warning in stderr.lines().filter(|line| line.starts_with("warn")) {
        eprintln!("{warning}");
    }
    Ok(())
}

/// The path that a program prints; nothing where it is not there or fails.
fn told(command: &mut Command) -> Option<PathBuf> {
    let text = printed(command).ok()?;
    Some(PathBuf::from(text.trim_end()))
}

/// The paths of all that is in a folder.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = folder.read_dir();
    let entries = entries.with_context(|| format!("failed to read `{}`", folder.display()))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    Ok(paths?)
}

fn name(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}
