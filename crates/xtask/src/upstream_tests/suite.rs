//! The testsuite as a program, and the place where it looks for the cargo that it tests.
//!
//! The published crate is copied, and built with its own lockfile: upstream's tests compile only
//! with the versions that are pinned there. The test program has the path of the cargo that was
//! built beside it compiled in. So one and the same program tests stock cargo and Consign: it is a
//! [`Seat`] that says who sits at that path.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use consign_patchset::upstream;
use consign_testbed::stock;

use super::libtest::{self, Outcome};
use crate::surroundings::{is_consign, printed};

/// With `1`, upstream's tests build for no other platform.
const CROSS: &str = "CFG_DISABLE_CROSS_TESTS";

/// How tests ended, by name.
pub type Outcomes = BTreeMap<String, Outcome>;

/// The published crate's own lockfile pins what its tests need; ours says which crate that is.
pub struct Pin {
    pub version: String,
    pub checksum: String,
}

impl Pin {
    /// What `Cargo.lock` in the folder `root` says of the crate `cargo`.
    pub fn read(root: &Path) -> anyhow::Result<Pin> {
        let path = root.join("Cargo.lock");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("failed to read `{}`", path.display()))?;
        let lock: toml::Table = text.parse()?;
        let text = |package: &toml::Value, key| Some(package.get(key)?.as_str()?.to_owned());
        lock["package"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|package| text(package, "name").as_deref() == Some("cargo"))
            .find_map(|package| {
                Some(Pin {
                    version: text(package, "version")?,
                    checksum: text(package, "checksum")?,
                })
            })
            .with_context(|| format!("`{}` does not pin the crate `cargo`", path.display()))
    }
}

/// Upstream's testsuite, built.
pub struct Suite {
    /// The copy of the published crate.
    source: PathBuf,
    /// The test program.
    program: PathBuf,
    /// Where the test program looks for cargo.
    cargo: PathBuf,
}

impl Suite {
    /// Copies the crate that the workspace at `root` pins into `folder`, and builds its tests.
    pub fn build(root: &Path, pin: &Pin, folder: &Path) -> anyhow::Result<Suite> {
        let source = folder.join(format!("cargo-{}", pin.version));
        if !source.is_dir() {
            copy(root, pin, &source)?;
        }
        let mut build = Command::new(stock());
        build
            .args(["test", "--locked", "--test", "testsuite", "--no-run"])
            .arg("--message-format=json-render-diagnostics")
            .arg("--target-dir")
            .arg(folder.join("build"))
            // The crate brings a `.cargo/config.toml` that its tests need.
            .current_dir(&source)
            // For time and room: nobody debugs these.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0")
            .stderr(Stdio::inherit());
        let output = build.output().context("failed to run cargo")?;
        ensure!(output.status.success(), "upstream's tests do not build");

        let (mut program, mut cargo) = (None, None);
        for line in output.stdout.split(|byte| *byte == b'\n') {
            let Ok(message) = serde_json::from_slice::<serde_json::Value>(line) else {
                continue;
            };
            let (target, executable) = (&message["target"], message["executable"].as_str());
            match (target["kind"][0].as_str(), target["name"].as_str()) {
                (Some("test"), Some("testsuite")) => program = executable.map(PathBuf::from),
                (Some("bin"), Some("cargo")) => cargo = executable.map(PathBuf::from),
                _ => {}
            }
        }
        Ok(Suite {
            source,
            program: program.context("the build made no test program")?,
            cargo: cargo.context("the build made no cargo")?,
        })
    }

    /// The names of all tests.
    pub fn names(&self) -> anyhow::Result<Vec<String>> {
        let output = self.command()?.arg("--list").output()?;
        ensure!(output.status.success(), "the test program lists no tests");
        Ok(libtest::names(&String::from_utf8(output.stdout)?))
    }

    /// The unpatched cargo that was built with the tests, at the place where they look for it.
    pub fn stock(&self) -> anyhow::Result<Seat<'_>> {
        // Cargo puts it there at each build, whatever was left there before.
        let seat = Seat {
            suite: self,
            aside: None,
        };
        ensure!(
            !is_consign(&self.cargo)?,
            "`{}` is Consign, and stock cargo should be there",
            self.cargo.display()
        );
        Ok(seat)
    }

    /// The cargo `consign`, put where the tests look for cargo, until the seat is dropped.
    pub fn consign(&self, consign: &Path) -> anyhow::Result<Seat<'_>> {
        let coming = self.cargo.with_extension("coming");
        // By the same name: cargo tells the name that it was called by.
        let aside = self.cargo.with_file_name("aside");
        fs::create_dir_all(&aside).context("failed to make room for stock cargo")?;
        let aside = aside.join(self.cargo.file_name().unwrap_or_default());
        fs::copy(consign, &coming)
            .with_context(|| format!("failed to copy `{}`", consign.display()))?;
        fs::rename(&self.cargo, &aside).context("failed to put stock cargo aside")?;
        let seat = Seat {
            suite: self,
            aside: Some(aside),
        };
        // Renamed, and not written over: it shares its bytes with cargo's record of the build.
        fs::rename(&coming, &self.cargo).context("failed to put Consign in its place")?;
        ensure!(
            is_consign(&self.cargo)?,
            "`{}` is not Consign, so stock would be compared with stock",
            self.cargo.display()
        );
        Ok(seat)
    }

    /// Whether the folder of a test lacks files that its source names. Cargo leaves out of a package
    /// whatever looks like another package, and with it the fixtures of many tests.
    pub fn lacks_files(&self, test: &str) -> bool {
        let Some((modules, _)) = test.rsplit_once("::") else {
            return false;
        };
        let folder = self.source.join("tests/testsuite");
        let folder = folder.join(modules.replace("::", "/"));
        let source = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
        source
            .split(r#"current_dir!().join(""#)
            .skip(1)
            .filter_map(|rest| rest.split_once('"'))
            .any(|(name, _)| !folder.join(name).exists())
    }

    /// The test program, with nothing in its environment that speaks of this workspace.
    fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.source);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let is_cargos = ["CARGO", "RUST", "CONSIGN", "SOURCE_DATE_EPOCH"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            if is_cargos && !name.starts_with("RUSTUP") {
                command.env_remove(&*name);
            }
        }
        // Where no other platform can be built for, the first test that needs one fails, whichever
        // that is. Who can build for one may set this to 0.
        if std::env::var_os(CROSS).is_none() {
            command.env(CROSS, "1");
        }
        // The tests have a home of their own, where rustup would find nothing.
        for (name, args) in [
            ("RUSTUP_HOME", ["show", "home"]),
            ("RUSTUP_TOOLCHAIN", ["show", "active-toolchain"]),
        ] {
            if let Ok(shown) = printed(Command::new("rustup").args(args)) {
                let value = shown.split(" (").next().unwrap_or_default();
                command.env(name, value.trim());
            }
        }
        Ok(command)
    }
}

/// Copies the published crate to `to`, which is there only when it is complete.
fn copy(root: &Path, pin: &Pin, to: &Path) -> anyhow::Result<()> {
    let ours = root.join("Cargo.toml");
    let published = upstream::find(&stock(), &ours, "cargo", &pin.version)?;
    let coming = to.with_extension("coming");
    upstream::copy(&published, &coming)?;
    fs::rename(&coming, to).with_context(|| format!("failed to make `{}`", to.display()))
}

/// The testsuite, with one of the two cargos at the place where it looks for one.
pub struct Seat<'a> {
    suite: &'a Suite,
    /// Where stock cargo is meanwhile, if this is not its seat.
    aside: Option<PathBuf>,
}

impl Seat<'_> {
    /// Runs `tests`. Everything that is printed goes to `log` too.
    pub fn run(&self, tests: &[&str], mut log: &File) -> anyhow::Result<Outcomes> {
        let mut child = self
            .suite
            .command()?
            .arg("--exact")
            .args(tests)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .spawn()
            .context("failed to start the test program")?;
        let stdout = child.stdout.take().context("it was piped")?;

        let mut outcomes = Outcomes::new();
        // Lines of programs that the tests start may be among these, in whatever encoding.
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            log.write_all(&line)?;
            log.write_all(b"\n")?;
            let line = String::from_utf8_lossy(&line);
            if let Some((test, outcome)) = libtest::outcome(&line) {
                outcomes.insert(test.to_owned(), outcome);
                if outcomes.len().is_multiple_of(250) {
                    println!("  {} of {}", outcomes.len(), tests.len());
                }
            }
        }
        child.wait()?;
        if let Some(test) = tests.iter().find(|test| !outcomes.contains_key(**test)) {
            bail!("the test program ended, and did not say how `{test}` did");
        }
        Ok(outcomes)
    }

    /// Runs one test with no other beside it, and says whether it passes, and what it prints.
    pub fn run_alone(&self, test: &str) -> anyhow::Result<(bool, String)> {
        let output = self
            .suite
            .command()?
            .args(["--exact", test])
            .stdin(Stdio::null())
            .output()?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let passes = output.status.success() && stdout.contains("\ntest result: ok. 1 passed;");
        Ok((passes, format!("{stdout}{stderr}")))
    }

    /// What stock cargo and the one in the seat print for `cargo COMMAND --help`.
    pub fn help(&self, command: &str) -> anyhow::Result<(String, String)> {
        let args: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let stock = self.aside.as_deref().unwrap_or(&self.suite.cargo);
        let help = |cargo: &Path| printed(Command::new(cargo).args(&args));
        Ok((help(stock)?, help(&self.suite.cargo)?))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(aside) = &self.aside {
            // Where this fails, the next build puts it back.
            let _ = fs::rename(aside, &self.suite.cargo);
        }
    }
}
