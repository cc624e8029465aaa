//! Attacks: one test for each row of `docs/attacks.md`, run against stock cargo and against ours.
//!
//! A [`Scene`] is a [`World`] with two victims who are alike in all but their cargo. What an attacker
//! can do is done to both, then both run the same command:
//!
//! ```text
//! let scene = Scene::with_foo().fetched();
//! scene.attack(|victim| victim.edit("foo-1.0.0", "src/lib.rs", EVIL));
//! let (stock, consign) = scene.run(["run", "--locked"]);
//! stock.is_hit();
//! consign.repairs("was unpacked again");
//! ```
//!
//! An attack that succeeds leaves a trace: the victim's program prints `evil`, or code of the
//! attacker's ran and wrote a file into the victim's home ([`EVIL_SCRIPT`]). So [`Ran::is_hit`] does
//! not depend on how it was done, and whatever is said to be refused or repaired must not show that
//! trace.
//!
//! The modules are the classes of attack, and the headings of the table. [`table`] sees to it that the
//! table and the tests say the same.

mod arbitrary;
mod archives;
mod caches;
mod carrier;
mod commands;
mod endless;
mod extraneous;
mod fast_forward;
mod freeze;
mod keys;
mod mirrors;
mod mix_and_match;
mod policy;
mod rollback;
mod table;
mod unpacked;
mod vendored;
mod wrong_software;

use std::fs;
use std::path::{Path, PathBuf};

use consign_testbed::{Home, Output, PackageBuilder, consign, stock};

use crate::World;

/// A library that gives itself away when it is compiled and called.
pub const EVIL: &str = "pub fn name() -> &'static str { \"evil\" }";

/// A build script that gives itself away when it runs.
pub const EVIL_SCRIPT: &str = "fn main() {
    let home = std::env::var_os(\"CARGO_HOME\").unwrap();
    std::fs::write(std::path::Path::new(&home).join(\"evil\"), \"\").unwrap();
}";

/// A world, and two who build the same program in it.
pub struct Scene {
    pub world: World,
    pub stock: Victim,
    pub consign: Victim,
}

/// One who builds a program, with a cargo, a home and a folder of his own.
pub struct Victim {
    cargo: PathBuf,
    pub home: Home,
    /// The program that he builds.
    pub app: PathBuf,
}

impl Scene {
    /// The victims build a program that prints the name of `foo`, which octocat published as 1.0.0.
    pub fn with_foo() -> Scene {
        Scene::of(World::with_foo(["1.0.0"]))
    }

    /// The same with a `foo` that has a build script.
    pub fn with_foo_that_has_a_build_script() -> Scene {
        let world = World::new();
        let package = world.library("foo", "1.0.0");
        world.publish(package.file("build.rs", "fn main() {}"));
        Scene::of(world)
    }

    /// The victims build a program that prints the name of `foo`.
    pub fn of(world: World) -> Scene {
        Scene::building(world, |app| {
            app.dependency("foo", "1")
                .program("println!(\"{}\", foo::name());")
        })
    }

    /// The victims will install the program `tool`.
    pub fn installing(world: World) -> Scene {
        // It is a dependency so that it can be fetched before.
        Scene::building(world, |app| app.dependency("tool", "1").program(""))
    }

    /// The victims build what `app` makes of an empty package.
    pub fn building(world: World, app: impl Fn(PackageBuilder) -> PackageBuilder) -> Scene {
        let home = world.sandbox.home("stock-user");
        home.use_registry(&world.registry, None);
        home.use_keys(&world.keys);
        let stock = Victim {
            cargo: stock(),
            home,
            app: app(world.sandbox.package("app").folder("stock/app")).write(),
        };
        let consign = Victim {
            cargo: consign(),
            home: world.user.clone(),
            app: app(world.sandbox.package("app")).write(),
        };
        Scene {
            world,
            stock,
            consign,
        }
    }

    /// Both have fetched what they need, which was good then.
    pub fn fetched(self) -> Scene {
        self.having_run(["fetch"])
    }

    /// Both have run a command, and it went well.
    pub fn having_run<const N: usize>(self, args: [&str; N]) -> Scene {
        for victim in [&self.stock, &self.consign] {
            victim.run(args).output.succeeded();
        }
        self
    }

    /// Does something to both. What is done to the registry needs no such call: it is one for both.
    pub fn attack(&self, attack: impl Fn(&Victim)) {
        attack(&self.stock);
        attack(&self.consign);
    }

    /// What both get from the same command. Ours is run with `--require-signatures`, the one thing
    /// that stock cargo does not know.
    pub fn run<const N: usize>(&self, args: [&str; N]) -> (Ran, Ran) {
        (self.stock.run(args), self.consign.run_strictly(args))
    }

    /// What both get from `cargo install tool`, and from the program that they then have.
    pub fn install<const N: usize>(&self, args: [&str; N]) -> (Ran, Ran) {
        (self.stock.install(args), self.consign.install(args))
    }

    /// What both get where nothing is required.
    pub fn run_without_a_rule<const N: usize>(&self, args: [&str; N]) -> (Ran, Ran) {
        (self.stock.run(args), self.consign.run(args))
    }
}

impl Victim {
    /// What his home is called.
    pub fn name(&self) -> String {
        let name = self.home.path().file_name().unwrap();
        name.to_str().unwrap().to_owned()
    }

    /// What he gets from his cargo.
    pub fn run<const N: usize>(&self, args: [&str; N]) -> Ran {
        self.run_in(&self.app, args)
    }

    /// The same in another folder than that of the program.
    fn run_in<const N: usize>(&self, folder: &Path, args: [&str; N]) -> Ran {
        self.ran(self.home.cargo(&self.cargo, folder).args(args))
    }

    /// What he gets where signatures are required. His cargo is ours.
    fn run_strictly<const N: usize>(&self, args: [&str; N]) -> Ran {
        let cargo = self.home.cargo(&self.cargo, &self.app);
        self.ran(cargo.args(["--require-signatures"]).args(args))
    }

    /// What he gets from `cargo install tool`; ours is told that signatures are required. Then he runs
    /// what was installed, and what it prints is part of the output.
    pub fn install<const N: usize>(&self, args: [&str; N]) -> Ran {
        let home = self.home.path();
        let mut ran = match self.cargo == consign() {
            true => self.ran(self.installation(args).args(["--require-signatures"])),
            false => self.ran(self.installation(args)),
        };
        let tool = home
            .join("bin")
            .join(format!("tool{}", std::env::consts::EXE_SUFFIX));
        if ran.output.status == Some(0) {
            let printed = std::process::Command::new(tool).output().unwrap().stdout;
            ran.output.stdout += &String::from_utf8(printed).unwrap();
        }
        ran
    }

    fn installation<const N: usize>(&self, args: [&str; N]) -> consign_testbed::Run {
        let cargo = self.home.cargo(&self.cargo, self.home.path());
        cargo.args(["install", "tool", "--debug"]).args(args)
    }

    fn ran(&self, run: consign_testbed::Run) -> Ran {
        let output = run.run();
        let script_ran = self.home.path().join("evil").exists();
        Ran { output, script_ran }
    }

    /// The folder into which a package was unpacked: `foo-1.0.0`.
    pub fn unpacked(&self, package: &str) -> PathBuf {
        self.below("registry/src", package)
    }

    /// The archive of a package in the cache.
    pub fn cached(&self, package: &str) -> PathBuf {
        self.below("registry/cache", &format!("{package}.crate"))
    }

    /// What is called `name` in the one folder that this part of the cache has, for the one registry
    /// that is used.
    fn below(&self, part: &str, name: &str) -> PathBuf {
        let folder = self.home.path().join(part);
        let registries = fs::read_dir(&folder).unwrap();
        let found = registries
            .map(|registry| registry.unwrap().path().join(name))
            .find(|path| path.exists());
        found.unwrap_or_else(|| panic!("there is no `{name}` in `{}`", folder.display()))
    }

    /// Writes a file of an unpacked package.
    pub fn edit(&self, package: &str, file: &str, content: &str) {
        fs::write(self.unpacked(package).join(file), content).unwrap();
    }

    /// Changes the manifest of an unpacked package.
    pub fn edit_manifest(&self, package: &str, from: &str, to: &str) {
        replace_in(&self.unpacked(package).join("Cargo.toml"), from, to);
    }
}

/// Replaces a text that must be in a file.
pub fn replace_in(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "no `{from}` in\n{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

/// Writes a program that gives itself away when it runs, and then does what `script` says.
#[cfg(unix)]
pub fn write_program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let script = format!("#!/bin/sh\ntouch \"$CARGO_HOME/evil\"\n{script}\n");
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs git in a folder.
pub fn git(folder: &Path, args: &[&str]) {
    let mut git = std::process::Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@t"])
        .args(args);
    let status = git.current_dir(folder).status();
    assert!(status.unwrap().success(), "git {args:?}");
}

/// What came of a command that a victim ran.
///
/// Its methods are the words of the table.
pub struct Ran {
    pub output: Output,
    script_ran: bool,
}

impl Ran {
    /// What the attacker wanted to run, ran.
    #[track_caller]
    pub fn is_hit(&self) -> Told {
        assert!(self.shows_the_trace(), "{}", self.all());
        self.told()
    }

    /// The command failed with these words, and nothing of the attacker's ran.
    #[track_caller]
    pub fn refuses(&self, words: &str) -> Told {
        assert!(!self.shows_the_trace(), "{}", self.all());
        assert_eq!(self.output.status, Some(101), "{}", self.all());
        self.says(words)
    }

    /// The command did what it should, said these words, and nothing of the attacker's ran.
    #[track_caller]
    pub fn repairs(&self, words: &str) -> Told {
        assert!(!self.shows_the_trace(), "{}", self.all());
        assert_eq!(self.output.status, Some(0), "{}", self.all());
        self.says(words)
    }

    /// The command did what it should, printed this, and nothing of the attacker's ran.
    #[track_caller]
    pub fn is_unharmed(&self, stdout: &str) -> Told {
        assert!(!self.shows_the_trace(), "{}", self.all());
        assert_eq!(self.output.status, Some(0), "{}", self.all());
        assert_eq!(self.output.stdout, stdout, "{}", self.all());
        self.told()
    }

    /// The command ended well and printed what the attacker wanted, of which nothing is code.
    #[track_caller]
    pub fn is_misled(&self, stdout: &str) -> Told {
        assert_eq!(self.output.status, Some(0), "{}", self.all());
        assert!(self.output.stdout.contains(stdout), "{}", self.all());
        self.told()
    }

    /// This secret of the victim's is in what the attacker has `seen`.
    #[track_caller]
    pub fn gives_away(&self, secret: &str, seen: &str) -> Told {
        assert!(seen.contains(secret), "{seen}\n{}", self.all());
        self.told()
    }

    #[track_caller]
    fn says(&self, words: &str) -> Told {
        assert!(&self.output.stderr.contains(words), "{}", self.all());
        self.told()
    }

    fn shows_the_trace(&self) -> bool {
        self.script_ran || self.output.stdout.contains("evil")
    }

    fn all(&self) -> String {
        let Output {
            command,
            status,
            stdout,
            stderr,
            ..
        } = &self.output;
        let ran = self.script_ran;
        format!(
            "`{command}`: {status:?}, evil ran: {ran}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }

    fn told(&self) -> Told {
        let Output { stdout, stderr, .. } = self.output.clone().normalised();
        Told { stdout, stderr }
    }
}

/// What a command printed, normalised, for whoever wants to see all of it.
pub struct Told {
    pub stdout: String,
    pub stderr: String,
}

impl Told {
    /// These words are among the messages too.
    #[track_caller]
    pub fn says(self, words: &str) -> Told {
        assert!(self.stderr.contains(words), "{}", self.stderr);
        self
    }
}
