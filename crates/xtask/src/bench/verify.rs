//! `cargo verify`, beside what somebody would do without it: `gpg --verify` once a package, and
//! `sha256sum` over the same files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use consign_testbed::{Home, Sandbox};

use super::series::{Times, in_turns};
use super::workload::Workload;

/// How long signatures, keys and policy of one package may take: 100 ms for 400 of them.
const A_PACKAGE: Duration = Duration::from_micros(250);

/// How many times as long `gpg` has to take.
const GPG_BOUND: f64 = 20.0;

/// How many times as long as `sha256sum` it may take with the files.
const FILES_BOUND: f64 = 1.5;

/// What is verified: a project whose packages are all here, and whose signers were all asked about.
pub struct Subject<'a> {
    cargo: &'a Path,
    home: &'a Home,
    project: &'a Path,
    packages: usize,
}

/// Who takes part, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contestant {
    WithoutFiles,
    Gpg,
    WithFiles,
    Sha256sum,
}

const ALL: [Contestant; 4] = [
    Contestant::WithoutFiles,
    Contestant::Gpg,
    Contestant::WithFiles,
    Contestant::Sha256sum,
];

/// What was measured.
#[derive(Debug)]
pub struct Verified {
    packages: usize,
    rounds: u32,
    /// The shortest time of each.
    times: [Duration; 4],
}

impl<'a> Subject<'a> {
    /// What everything else is measured on.
    pub fn of(workload: &'a Workload) -> anyhow::Result<Subject<'a>> {
        let place = &workload.consign;
        place.set_lockfile(true)?;
        place.remove_signers()?;
        let run = place.home.cargo(&place.cargo, &place.project);
        run.args(["fetch", "--locked"]).run().succeeded();
        Ok(Subject {
            cargo: &place.cargo,
            home: &place.home,
            project: &place.project,
            packages: workload.packages,
        })
    }

    /// Has everyone run once a round.
    pub fn measure(&self, rounds: u32) -> anyhow::Result<Verified> {
        let gpg = Gpg::with_a_signature()?;
        // What is to be asked and read the first time is known and at hand from then on.
        for contestant in ALL {
            self.time(contestant, &gpg)?;
        }
        let mut begun = 0;
        let times = in_turns(rounds, ALL.len(), |round, number| {
            if round == begun {
                begun += 1;
                eprintln!("`cargo verify`: round {begun} of {rounds}");
            }
            self.time(ALL[number], &gpg)
        })?;
        let times: Vec<_> = times.iter().map(Times::minimum).collect();
        Ok(Verified {
            packages: self.packages,
            rounds,
            times: [times[0], times[1], times[2], times[3]],
        })
    }

    fn time(&self, contestant: Contestant, gpg: &Gpg) -> anyhow::Result<Duration> {
        let verify = |args: &[&str]| {
            let run = self.home.cargo(self.cargo, self.project);
            let run = run.args(["verify", "--locked"]).args(args);
            let since = Instant::now();
            let output = run.run();
            let took = since.elapsed();
            output.succeeded();
            took
        };
        match contestant {
            Contestant::WithoutFiles => Ok(verify(&["--no-files"])),
            Contestant::WithFiles => Ok(verify(&[])),
            Contestant::Gpg => gpg.verify(self.packages),
            Contestant::Sha256sum => {
                let mut all = Command::new("find");
                all.args([
                    "src",
                    "cache",
                    "-type",
                    "f",
                    "-exec",
                    "sha256sum",
                    "{}",
                    "+",
                ])
                .current_dir(self.home.path().join("registry"));
                let since = Instant::now();
                run(&mut all)?;
                Ok(since.elapsed())
            }
        }
    }
}

/// A GnuPG with a key, and something that it signed.
struct Gpg {
    home: PathBuf,
    // Dropped after the agent that lives in it.
    _sandbox: Sandbox,
}

impl Gpg {
    fn with_a_signature() -> anyhow::Result<Gpg> {
        let sandbox = Sandbox::new();
        let home = sandbox.path().join("gnupg");
        fs::create_dir(&home)?;
        #[cfg(unix)]
        fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        // As long as the statement of a package with some dependencies.
        fs::write(
            home.join("text"),
            "a line of forty bytes, end of line too\n".repeat(40),
        )?;
        let gpg = Gpg {
            home,
            _sandbox: sandbox,
        };
        let unlocked = ["--passphrase", "", "--pinentry-mode", "loopback"];
        let make = ["--quick-generate-key", "bench", "ed25519", "sign", "never"];
        run(gpg.command().args(unlocked).args(make))?;
        run(gpg.command().args(unlocked).args(["--detach-sign", "text"]))?;
        Ok(gpg)
    }

    fn command(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--quiet", "--homedir"])
            .arg(&self.home)
            .current_dir(&self.home);
        gpg
    }

    /// Verifies so many times, one after the other.
    fn verify(&self, times: usize) -> anyhow::Result<Duration> {
        let since = Instant::now();
        for _ in 0..times {
            run(self.command().args(["--verify", "text.sig", "text"]))?;
        }
        Ok(since.elapsed())
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut end = Command::new("gpgconf");
        end.arg("--homedir").arg(&self.home);
        // One that does not end will, when its folder is gone.
        let _ = end.args(["--kill", "all"]).output();
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("`{name}` cannot be run"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{name}` failed: {stderr}");
    Ok(())
}

impl Verified {
    fn seconds(&self, contestant: Contestant) -> f64 {
        self.times[contestant as usize].as_secs_f64()
    }

    /// How long it may take without the files, in seconds.
    fn bound(&self) -> f64 {
        A_PACKAGE.as_secs_f64() * self.packages as f64
    }

    fn gpg(&self) -> f64 {
        self.seconds(Contestant::Gpg) / self.seconds(Contestant::WithoutFiles)
    }

    fn files(&self) -> f64 {
        self.seconds(Contestant::WithFiles) / self.seconds(Contestant::Sha256sum)
    }

    /// Whether every bound is met.
    pub fn is_met(&self) -> bool {
        self.seconds(Contestant::WithoutFiles) <= self.bound()
            && self.gpg() >= GPG_BOUND
            && self.files() <= FILES_BOUND
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judged = |is_met: bool| match is_met {
            true => "met",
            false => "**missed**",
        };
        let Verified {
            packages, rounds, ..
        } = self;
        let [without, gpg, with, sums] = ALL.map(|contestant| self.seconds(contestant));
        writeln!(
            f,
            "| {packages} packages, {rounds} rounds | minimum | ratio | bound |"
        )?;
        writeln!(f, "|---|---:|---:|---|")?;
        writeln!(
            f,
            "| `cargo verify --no-files` | {without:.3} s | | {:.3} s, {} |",
            self.bound(),
            judged(without <= self.bound())
        )?;
        writeln!(
            f,
            "| `gpg --verify`, once a package | {gpg:.3} s | {:.1} | at least {GPG_BOUND:.0}, {} |",
            self.gpg(),
            judged(self.gpg() >= GPG_BOUND)
        )?;
        writeln!(f, "| `sha256sum` of the same files | {sums:.3} s | | |")?;
        writeln!(
            f,
            "| `cargo verify` | {with:.3} s | {:.2} | {FILES_BOUND:.2}, {} |",
            self.files(),
            judged(self.files() <= FILES_BOUND)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_verifies_a_few_packages() -> anyhow::Result<()> {
        let workload = Workload::small()?;
        let verified = Subject::of(&workload)?.measure(1)?;
        assert!(verified.times.iter().all(|time| !time.is_zero()));
        assert_eq!(verified.to_string().lines().count(), 6);
        Ok(())
    }

    #[test]
    fn each_bound_has_to_be_met() {
        let verified = |times: [u64; 4]| Verified {
            packages: 400,
            rounds: 1,
            times: times.map(Duration::from_millis),
        };
        assert!(verified([100, 2000, 150, 100]).is_met());
        for missed in [
            [101, 3000, 150, 100],
            [100, 1999, 150, 100],
            [100, 2000, 151, 100],
        ] {
            let missed = verified(missed);
            assert!(!missed.is_met());
            let told = missed.to_string();
            assert_eq!(told.matches("**missed**").count(), 1, "{told}");
        }
    }
}
