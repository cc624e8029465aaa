//! The programs that are tried out: stock cargo, ours, and the registry.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The release of stock cargo that ours is made from.
pub const RELEASE: &str = "1.95.0";

/// Stock cargo: what `rustup which cargo` finds, or else the `cargo` on `PATH`.
///
/// Panics where that is another release, or is Consign itself.
pub fn stock() -> PathBuf {
    static STOCK: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let path = printed(Command::new("rustup").args(["which", "cargo"]))
            .map_or_else(|| PathBuf::from("cargo"), |path| path.trim().into());
        let version = printed(Command::new(&path).arg("-Vv"))
            .unwrap_or_else(|| panic!("`{} -Vv` does not run", path.display()));
        assert!(
            !version.contains("\nconsign:"),
            "`{}` is Consign; stock cargo is needed, to compare with",
            path.display()
        );
        assert!(
            version.contains(&format!("\nrelease: {RELEASE}\n")),
            "cargo {RELEASE} is needed, but `{}` is\n{version}\n\
             help: `rustup toolchain install {RELEASE}`, and `rustup override set {RELEASE}`",
            path.display()
        );
        path
    };
    STOCK.get_or_init(find).clone()
}

/// Our cargo: the one that `CONSIGN_CARGO` names, or else that of this workspace, in the profile of
/// the running program.
///
/// It is built first where that is needed. Not for a test: the cargo that runs a test of this
/// package has just built it.
pub fn consign() -> PathBuf {
    static CONSIGN: OnceLock<PathBuf> = OnceLock::new();
    let find = || match std::env::var_os("CONSIGN_CARGO") {
        // Absolute, since it is run in other folders too.
        Some(path) => Path::new(&path)
            .canonicalize()
            .unwrap_or_else(|error| panic!("CONSIGN_CARGO is `{}`: {error}", path.display())),
        None => {
            let path = profile_folder().join(executable("cargo"));
            if !(is_test() && path.is_file()) {
                build(&["--bin", "cargo"]);
            }
            path
        }
    };
    CONSIGN.get_or_init(find).clone()
}

/// The registry server of this workspace, built first where that is needed.
pub fn registry_program() -> PathBuf {
    static REGISTRY: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        build(&["--package", "consign-registry"]);
        profile_folder().join(executable("consign-registry"))
    };
    REGISTRY.get_or_init(find).clone()
}

/// The project's own chores, built first where that is needed.
pub fn xtask() -> PathBuf {
    static XTASK: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        build(&["--package", "xtask"]);
        profile_folder().join(executable("xtask"))
    };
    XTASK.get_or_init(find).clone()
}

/// A run of [`stock`], with the `rustc` that belongs to it. A proxy in its place would go by the files of each
/// package that is compiled, some of which name a toolchain.
pub fn run_stock() -> Command {
    let mut command = Command::new(stock());
    if let Some(rustc) = rustc() {
        command.env("RUSTC", rustc);
    }
    command
}

/// The `rustc` that belongs to [`stock`], so that no proxy has to guess the toolchain.
pub(crate) fn rustc() -> Option<PathBuf> {
    let rustc = stock().with_file_name(executable("rustc"));
    rustc.is_file().then_some(rustc)
}

/// `TARGET/debug`, or as the profile is called.
fn profile_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap();
    match is_test() {
        true => folder.parent().unwrap().to_owned(),
        false => folder.to_owned(),
    }
}

/// Tests lie in a folder of their own beside the programs.
fn is_test() -> bool {
    let program = std::env::current_exe().unwrap();
    program.parent().and_then(Path::file_name) == Some(OsStr::new("deps"))
}

fn build(what: &[&str]) {
    let folder = profile_folder();
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        None | Some("debug") => "dev",
        Some(profile) => profile,
    };
    let status = run_stock()
        .args(["build", "--quiet", "--profile", profile, "--target-dir"])
        .arg(folder.parent().unwrap())
        .args(what)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status()
        .unwrap();
    assert!(status.success(), "`cargo build {}` failed", what.join(" "));
}

fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// What a command prints; `None` where it is not there or fails.
fn printed(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}
