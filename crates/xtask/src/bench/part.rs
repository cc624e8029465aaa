//! The commands that are measured, and who takes part.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fmt, fs};

use anyhow::Context as _;
use consign_testbed::Home;

use super::series::{Times, in_turns};
use super::workload::{Place, Signed, Workload};

/// Where the program is that tells how much memory another one took. (GNU time; `wait4`, which it
/// calls, is out of reach of safe code.)
const TIME: &str = "/usr/bin/time";

/// A command that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// `cargo fetch` from an empty home, without a lockfile, where only the packages carry signatures.
    CarriedFetch,
    /// `cargo generate-lockfile` and `cargo fetch` for this platform, the same.
    CarriedLock,
    /// `cargo check` of everything, from unpacked sources.
    Check,
    /// `cargo fetch` from an empty home, without a lockfile.
    Fetch,
    /// `cargo fetch` from an empty home, by the lockfile.
    FetchLocked,
    /// `cargo generate-lockfile` from an empty home.
    Lockfile,
    /// `cargo check` in which nothing is to be done.
    NoOp,
    /// The same, in a workspace that has a `Cargo.signers`.
    NoOpSigners,
    /// `cargo generate-lockfile`, with everything downloaded.
    Resolve,
    /// `cargo check` after a file of the root package was touched.
    Touched,
    /// `cargo tree`.
    Tree,
    /// `cargo vendor`, with everything downloaded.
    Vendor,
}

/// From where a command starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Everything is built.
    Built,
    /// The same, and then a file of the root package was touched.
    Touched,
    /// Everything is fetched, and nothing built.
    Unbuilt,
    /// Everything is fetched.
    Fetched { lockfile: bool },
    /// The home has nothing but its configuration.
    Nothing { lockfile: bool },
}

/// What there is to know of a command.
#[derive(Debug)]
pub struct Part {
    /// The arguments, without `--require-signatures`.
    pub args: &'static [&'static str],
    /// Those of a second command, which goes on where the first ended.
    then: Option<Then>,
    /// Where the signatures are.
    pub signed: Signed,
    /// What it is, in words.
    pub about: &'static str,
    /// What the ratio of our minimum to stock cargo's may be.
    pub bound: Option<f64>,
    start: Start,
    /// Whether the workspace has a `Cargo.signers`. (Stock cargo's has none: it would not read it.)
    signers: bool,
    rounds: u32,
}

/// A second command.
#[derive(Debug)]
struct Then {
    args: &'static [&'static str],
    /// What those do who looked into all packages already: they unpack what this platform needs. The others
    /// download as many packages here as these did before.
    requiring: &'static [&'static str],
}

/// The platform of this machine, as an argument.
const HOST: &str = "--target=host-tuple";

impl Which {
    /// All of them, in order.
    pub const ALL: &[Which] = &[
        Which::NoOp,
        Which::NoOpSigners,
        Which::Touched,
        Which::Tree,
        Which::Resolve,
        Which::Lockfile,
        Which::Fetch,
        Which::FetchLocked,
        Which::CarriedFetch,
        Which::CarriedLock,
        Which::Vendor,
        Which::Check,
    ];

    /// Those that are measured of well-known programs too.
    pub const OF_PROGRAMS: &[Which] = &[
        Which::NoOp,
        Which::Touched,
        Which::Resolve,
        Which::Fetch,
        Which::Vendor,
    ];

    /// What there is to know of it.
    pub const fn part(self) -> &'static Part {
        match self {
            Which::CarriedFetch => &Part {
                args: &["fetch"],
                then: None,
                signed: Signed::InPackages,
                about: "from an empty home, no lockfile, signed in the packages alone",
                bound: Some(1.05),
                start: Start::Nothing { lockfile: false },
                signers: false,
                rounds: 12,
            },
            Which::CarriedLock => &Part {
                args: &["generate-lockfile"],
                then: Some(Then {
                    args: &["fetch"],
                    requiring: &["fetch", HOST],
                }),
                signed: Signed::InPackages,
                about: "and `cargo fetch`, from an empty home, signed in the packages alone; where signatures \
                        are required, `fetch --target` of this platform",
                bound: Some(1.10),
                start: Start::Nothing { lockfile: false },
                signers: false,
                rounds: 12,
            },
            Which::Check => &Part {
                args: &["check", "--locked"],
                then: None,
                signed: Signed::InIndex,
                about: "everything, from unpacked sources",
                bound: Some(1.02),
                start: Start::Unbuilt,
                signers: false,
                rounds: 2,
            },
            Which::Fetch => &Part {
                args: &["fetch"],
                then: None,
                signed: Signed::InIndex,
                about: "from an empty home, no lockfile",
                bound: Some(1.05),
                start: Start::Nothing { lockfile: false },
                signers: false,
                rounds: 12,
            },
            Which::FetchLocked => &Part {
                args: &["fetch", "--locked"],
                then: None,
                signed: Signed::InIndex,
                about: "from an empty home",
                bound: Some(1.05),
                start: Start::Nothing { lockfile: true },
                signers: false,
                rounds: 12,
            },
            Which::NoOp => &Part {
                args: &["check", "--locked"],
                then: None,
                signed: Signed::InIndex,
                about: "nothing to do",
                bound: Some(1.00),
                start: Start::Built,
                signers: false,
                rounds: 60,
            },
            Which::Lockfile => &Part {
                args: &["generate-lockfile"],
                then: None,
                signed: Signed::InIndex,
                about: "from an empty home",
                bound: Some(1.05),
                start: Start::Nothing { lockfile: false },
                signers: false,
                rounds: 12,
            },
            Which::NoOpSigners => &Part {
                args: &["check", "--locked"],
                then: None,
                signed: Signed::InIndex,
                about: "nothing to do, with a `Cargo.signers`",
                bound: Some(1.00),
                start: Start::Built,
                signers: true,
                rounds: 60,
            },
            Which::Resolve => &Part {
                args: &["generate-lockfile"],
                then: None,
                signed: Signed::InIndex,
                about: "everything is downloaded",
                bound: None,
                start: Start::Fetched { lockfile: false },
                signers: false,
                rounds: 60,
            },
            Which::Touched => &Part {
                args: &["check", "--locked"],
                then: None,
                signed: Signed::InIndex,
                about: "one file touched",
                bound: None,
                start: Start::Touched,
                signers: false,
                rounds: 10,
            },
            Which::Tree => &Part {
                args: &["tree", "--locked"],
                then: None,
                signed: Signed::InIndex,
                about: "everything is downloaded",
                bound: None,
                start: Start::Fetched { lockfile: true },
                signers: false,
                rounds: 60,
            },
            Which::Vendor => &Part {
                args: &["vendor", "--locked", "--respect-source-config"],
                then: None,
                signed: Signed::InIndex,
                about: "everything is downloaded",
                bound: None,
                start: Start::Fetched { lockfile: true },
                signers: false,
                rounds: 10,
            },
        }
    }
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// Stock cargo, by which the others are measured.
    Stock,
    /// The very same once more.
    StockAgain,
    /// Ours.
    Consign,
    /// Ours, refusing what is not signed.
    Requiring,
}

impl Contestant {
    /// All of them.
    pub const ALL: [Contestant; 4] = [
        Contestant::Stock,
        Contestant::StockAgain,
        Contestant::Consign,
        Contestant::Requiring,
    ];

    fn place(self, workload: &Workload) -> &Place {
        match self {
            Contestant::Stock | Contestant::StockAgain => &workload.stock,
            Contestant::Consign => &workload.consign,
            Contestant::Requiring => &workload.requiring,
        }
    }

    /// Whether it is held to the bounds.
    pub fn is_ours(self) -> bool {
        matches!(self, Contestant::Consign | Contestant::Requiring)
    }

    fn args(self) -> &'static [&'static str] {
        match self {
            Contestant::Requiring => &["--require-signatures"],
            _ => &[],
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Contestant::Stock => "stock",
            Contestant::StockAgain => "stock again",
            Contestant::Consign => "Consign",
            Contestant::Requiring => "Consign, signatures required",
        })
    }
}

/// What was measured of a command. The lists are in the order of [`Contestant::ALL`].
#[derive(Debug)]
pub struct Measured {
    /// The command.
    pub part: &'static Part,
    /// Of which well-known program; nothing where it is of this project.
    pub program: Option<String>,
    /// How often each ran.
    pub rounds: u32,
    /// How long each took.
    pub times: Vec<Times>,
    /// The most memory that each had, in MiB; nothing where that is not known, or would be that of
    /// `rustc`.
    pub memory: Option<Vec<f64>>,
}

/// How many packages are downloaded to find out who signed them, and how many of them this platform needs.
pub fn downloads(workload: &Workload) -> anyhow::Result<String> {
    let count = |contestant: Contestant, args: &[&str]| {
        let place = contestant.place(workload);
        let home = Which::CarriedLock.part().start(place)?;
        let run = home.cargo(&place.cargo, &place.project);
        run.args(args).args(contestant.args()).run().succeeded();
        let mut packages = 0;
        for registry in fs::read_dir(home.path().join("registry/cache"))? {
            packages += fs::read_dir(registry?.path())?.count();
        }
        anyhow::Ok(packages)
    };
    let all = count(Contestant::Requiring, &["generate-lockfile"])?;
    let needed = count(Contestant::Stock, &["fetch", HOST])?;
    Ok(format!(
        "Where the index says nothing and signatures are required, `cargo generate-lockfile` downloads {all} \
         packages; `cargo fetch {HOST}` of stock cargo downloads {needed}. The other {} are for other platforms.\n",
        all.saturating_sub(needed)
    ))
}

/// Measures a command.
pub fn measure(which: Which, workload: &Workload, rounds: Option<u32>) -> anyhow::Result<Measured> {
    let part = which.part();
    let rounds = rounds.unwrap_or(part.rounds);
    let name = part.args.join(" ");
    eprintln!("preparing `cargo {name}` {}", part.about);
    for contestant in [
        Contestant::Stock,
        Contestant::Consign,
        Contestant::Requiring,
    ] {
        part.make_ready(contestant, workload)?;
    }
    let mut begun = 0;
    let times = in_turns(rounds, Contestant::ALL.len(), |round, number| {
        if round == begun {
            begun += 1;
            eprintln!("`cargo {name}`: round {begun} of {rounds}");
        }
        part.time(Contestant::ALL[number], workload)
    })?;
    Ok(Measured {
        part,
        program: workload.program.clone(),
        rounds,
        times,
        memory: part.memory(workload)?,
    })
}

impl Part {
    /// Does once what every run can build on.
    fn make_ready(&self, contestant: Contestant, workload: &Workload) -> anyhow::Result<()> {
        let place = contestant.place(workload);
        place.set_lockfile(true)?;
        place.remove_signers()?;
        let command = match self.start {
            Start::Built | Start::Touched => "check",
            Start::Unbuilt | Start::Fetched { .. } => "fetch",
            Start::Nothing { .. } => return Ok(()),
        };
        let run = place.home.cargo(&place.cargo, &place.project);
        let run = run.args([command, "--locked"]).args(contestant.args());
        run.run().succeeded();
        if self.signers && contestant.is_ours() {
            let run = place.home.cargo(&place.cargo, &place.project);
            run.args(["signers", "init"]).run().succeeded();
        }
        Ok(())
    }

    /// Brings about what a run starts from, and gives the home for it.
    fn start<'a>(&self, place: &'a Place) -> anyhow::Result<&'a Home> {
        match self.start {
            Start::Built => {}
            Start::Touched => place.touch()?,
            Start::Unbuilt => place.remove_target()?,
            Start::Fetched { lockfile } => {
                place.set_lockfile(lockfile)?;
                place.remove_vendored()?;
            }
            Start::Nothing { lockfile } => {
                place.set_lockfile(lockfile)?;
                place.empty()?;
                return Ok(&place.empty_home);
            }
        }
        Ok(&place.home)
    }

    fn time(&self, contestant: Contestant, workload: &Workload) -> anyhow::Result<Duration> {
        let place = contestant.place(workload);
        let home = self.start(place)?;
        let mut took = Duration::ZERO;
        for args in self.commands(contestant) {
            let run = home.cargo(&place.cargo, &place.project);
            let run = run.args(args).args(contestant.args());
            let since = Instant::now();
            let output = run.run();
            took += since.elapsed();
            output.succeeded();
        }
        Ok(took)
    }

    /// The arguments of all commands, in order.
    fn commands(&self, contestant: Contestant) -> impl Iterator<Item = &'static [&'static str]> {
        let then = self.then.as_ref().map(|then| match contestant {
            Contestant::Requiring => then.requiring,
            _ => then.args,
        });
        [self.args].into_iter().chain(then)
    }

    /// The most memory that each took in a run of its own.
    fn memory(&self, workload: &Workload) -> anyhow::Result<Option<Vec<f64>>> {
        let compiles = matches!(self.start, Start::Unbuilt | Start::Touched);
        let is_its_own = !compiles && self.then.is_none();
        if !is_its_own || !Path::new(TIME).exists() {
            return Ok(None);
        }
        let of = |contestant: &Contestant| {
            let place = contestant.place(workload);
            let home = self.start(place)?;
            let told = place.project.with_extension("memory");
            let run = home.cargo(Path::new(TIME), &place.project);
            run.args(["--format=%M", "--output"])
                .args([&told, &place.cargo])
                .args(self.args)
                .args(contestant.args())
                .run()
                .succeeded();
            let text = fs::read_to_string(&told)?;
            let kibibytes: f64 =
                (text.trim().parse()).with_context(|| format!("`{TIME}` told `{text}`"))?;
            Ok(kibibytes / 1024.0)
        };
        let all: anyhow::Result<Vec<_>> = Contestant::ALL.iter().map(of).collect();
        all.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_runs_every_command_with_a_few_packages() -> anyhow::Result<()> {
        let workload = Workload::small()?;
        for &which in Which::ALL {
            let measured = measure(which, &workload, Some(1))?;
            assert_eq!(measured.times.len(), Contestant::ALL.len(), "{which:?}");
            let file = workload.consign.project.join("Cargo.signers");
            assert_eq!(file.exists(), measured.part.signers, "{which:?}");
        }
        Ok(())
    }
}
