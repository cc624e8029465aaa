//! Consign beside the cargo that is there: `cargo xtask install` and `uninstall`, with a rustup that has
//! a home of its own and this machine's toolchain, and without rustup.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use consign_testbed::{Sandbox, below, consign, skipped, stock, xtask};

use crate::World;

/// A user with a rustup of his own, whose default toolchain is called `stock`.
struct Rustup {
    folder: PathBuf,
    cargo_home: PathBuf,
}

impl Rustup {
    /// Nothing where this machine has no rustup, which is said.
    fn new(folder: &Path, cargo_home: &Path) -> Option<Rustup> {
        let Ok(which) = Command::new("rustup").args(["which", "cargo"]).output() else {
            skipped("there is no rustup");
            return None;
        };
        assert!(which.status.success());
        let proxies = folder.join("bin");
        fs::create_dir_all(&proxies).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let rustup = std::env::split_paths(&path)
            .map(|folder| folder.join("rustup"))
            .find(|rustup| rustup.is_file())
            .unwrap();
        for name in [
            "rustup",
            "cargo",
            "rustc",
            "rustfmt",
            "cargo-fmt",
            "cargo-clippy",
        ] {
            std::os::unix::fs::symlink(rustup.canonicalize().unwrap(), proxies.join(name)).unwrap();
        }
        let user = Rustup {
            folder: folder.to_owned(),
            cargo_home: cargo_home.to_owned(),
        };
        let toolchain = stock().ancestors().nth(2).unwrap().to_owned();
        user.does(
            folder,
            "rustup",
            ["toolchain", "link", "stock", toolchain.to_str().unwrap()],
        );
        user.does(folder, "rustup", ["default", "stock"]);
        Some(user)
    }

    fn home(&self) -> PathBuf {
        self.folder.join("rustup")
    }

    fn run<const N: usize>(
        &self,
        cwd: &Path,
        program: impl AsRef<OsStr>,
        args: [&str; N],
    ) -> Output {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["CARGO", "RUST"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
                command.env_remove(&*name);
            }
        }
        let machine = std::env::var_os("PATH").unwrap();
        let mut path = vec![self.folder.join("bin")];
        path.extend(std::env::split_paths(&machine));
        command
            .args(args)
            .current_dir(cwd)
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("RUSTUP_HOME", self.home())
            .env("CARGO_HOME", &self.cargo_home)
            .env("no_proxy", "127.0.0.1")
            .env("CONSIGN_CARGO", consign())
            .output()
            .unwrap()
    }

    /// Runs what has to succeed, and gives what it prints, messages first.
    #[track_caller]
    fn does<const N: usize>(&self, cwd: &Path, program: &str, args: [&str; N]) -> String {
        let program = match program {
            "xtask" => xtask(),
            other => self.folder.join("bin").join(other),
        };
        let output = self.run(cwd, program, args);
        let told = [output.stderr, output.stdout].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{args:?}: {}", told.concat());
        told.concat()
    }
}

#[test]
fn installed_toolchain_has_our_cargo_and_the_compiler_in_use() {
    let world = World::with_foo(["1.0.0"]);
    let folder = world.sandbox.path().join("machine");
    let Some(user) = Rustup::new(&folder, world.user.path()) else {
        return;
    };
    let app = world.app();
    user.does(&app, "xtask", ["install"]);

    let ours = user.does(&app, "cargo", ["+consign", "-Vv"]);
    assert!(ours.contains("\nconsign: "), "{ours}");
    let default = user.does(&app, "cargo", ["-Vv"]);
    assert!(!default.contains("\nconsign: "), "{default}");
    assert_eq!(
        user.does(&app, "rustc", ["+consign", "-Vv"]),
        user.does(&app, "rustc", ["-Vv"])
    );

    let built = user.does(&app, "cargo", ["+consign", "run", "--require-signatures"]);
    assert!(
        built.contains("(published by GitHub user @octocat)"),
        "{built}"
    );
    assert!(built.ends_with("foo 1.0.0\n"), "{built}");
    // Clippy has the cargo that runs it check, and rustfmt comes from the same toolchain.
    user.does(
        &app,
        "cargo",
        ["+consign", "clippy", "--require-signatures"],
    );
    user.does(&app, "cargo", ["+consign", "fmt"]);
    let toolchain = user.home().join("toolchains/consign");
    assert!(toolchain.join("share/man/man1/cargo-key.1").is_file());
}

#[test]
fn nothing_is_left_of_an_uninstalled_toolchain() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path();
    let Some(user) = Rustup::new(folder, &folder.join("cargo")) else {
        return;
    };
    let settings = fs::read(user.home().join("settings.toml")).unwrap();
    let before = below(&user.home());
    // Once more is an update.
    user.does(folder, "xtask", ["install"]);
    user.does(folder, "xtask", ["install"]);
    assert_ne!(below(&user.home()), before);
    user.does(folder, "xtask", ["uninstall"]);
    assert_eq!(below(&user.home()), before);
    assert_eq!(
        fs::read(user.home().join("settings.toml")).unwrap(),
        settings
    );
    // Also where rustup has been told to take it away.
    user.does(folder, "xtask", ["install"]);
    user.does(folder, "rustup", ["toolchain", "uninstall", "consign"]);
    user.does(folder, "xtask", ["uninstall"]);
    assert_eq!(below(&user.home()), before);
}

#[test]
fn consign_is_updated_where_it_is_the_toolchain_in_use() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path();
    let Some(user) = Rustup::new(folder, &folder.join("cargo")) else {
        return;
    };
    user.does(folder, "xtask", ["install"]);
    let compiler = user.does(folder, "rustc", ["-Vv"]);
    user.does(folder, "rustup", ["default", "consign"]);
    let installed = below(&user.home());
    user.does(folder, "xtask", ["install"]);
    assert_eq!(below(&user.home()), installed);
    assert_eq!(user.does(folder, "rustc", ["-Vv"]), compiler);
    let ours = user.does(folder, "cargo", ["-Vv"]);
    assert!(ours.contains("\nconsign: "), "{ours}");
}

#[test]
fn toolchain_of_somebody_else_is_not_replaced() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path();
    let Some(user) = Rustup::new(folder, &folder.join("cargo")) else {
        return;
    };
    let toolchain = stock().ancestors().nth(2).unwrap().to_owned();
    user.does(
        folder,
        "rustup",
        ["toolchain", "link", "consign", toolchain.to_str().unwrap()],
    );
    let before = below(&user.home());
    for chore in ["install", "uninstall"] {
        let output = user.run(folder, xtask(), [chore]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(told.contains("is none of ours"), "{told}");
        assert_eq!(below(&user.home()), before);
    }
}

#[test]
fn without_rustup_a_folder_is_filled_and_emptied() {
    let sandbox = Sandbox::new();
    let prefix = sandbox.path().join("prefix");
    let (stock, cargo) = (stock(), prefix.join("bin/cargo"));
    let chore = |chore, by: &Path| {
        let output = Command::new(xtask())
            .args([chore, "--prefix"])
            .arg(&prefix)
            .env("CONSIGN_CARGO", consign())
            .env("CARGO", by)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(chore("install", &stock), (true, String::new()));
    let version = Command::new(&cargo).arg("-Vv").output();
    let version = String::from_utf8(version.unwrap().stdout).unwrap();
    assert!(version.contains("\nconsign: "), "{version}");
    for file in [
        "share/man/man1/cargo-key.1",
        "share/man/man1/cargo-build.1",
        "share/zsh/site-functions/_cargo",
        "etc/bash_completion.d/cargo",
    ] {
        assert!(prefix.join(file).is_file(), "{file}");
    }
    // Once more is an update, also by the cargo that is replaced by it.
    let all = below(&prefix);
    assert_eq!(chore("install", &cargo), (true, String::new()));
    assert_eq!(below(&prefix), all);
    assert_eq!(chore("uninstall", &stock), (true, String::new()));
    assert!(!prefix.exists());

    // A cargo that is there already stays.
    fs::create_dir_all(prefix.join("bin")).unwrap();
    fs::write(&cargo, "theirs").unwrap();
    let (installed, told) = chore("install", &stock);
    assert!(!installed && told.contains("bin/cargo"), "{told}");
    assert_eq!(below(&prefix), [prefix.join("bin"), cargo.clone()]);
    assert_eq!(fs::read_to_string(&cargo).unwrap(), "theirs");
}
