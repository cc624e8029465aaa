//! `cargo xtask bench`: what Consign costs, beside stock cargo.
//!
//! The [`workload`] is this project itself without its own code: the same manifests and lockfile,
//! and so the same packages, all of them signed and served by a registry on this machine. A
//! [`part`] is a command that is measured. Everyone who takes part in it runs in turns
//! ([`series`]), stock cargo twice, so that the spread between two runs of the same program stands
//! beside every ratio. The [`table`] has the result, and says of every bound whether it is met, on
//! this [`machine`].
//!
//! The same is done with a few well-known [programs](workload::PROGRAMS).
//!
//! `cargo verify` has no equal in stock cargo, and stands beside what else there is ([`verify`]).
//!
//! Beside it stand how cost grows with the number of packages, versions and identities ([`growth`]), how
//! much larger signatures make an index, and how long the fork takes to build ([`size`]).

mod growth;
mod machine;
mod made;
mod part;
mod plot;
mod series;
mod size;
mod table;
mod verify;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};
use consign_testbed::stock;

use crate::demo::look;
use crate::surroundings::{PROJECT, config_above, say_panics_plainly, target_folder};
use part::Which;
use table::Report;
use verify::Subject;
use workload::{Signed, Workload};

/// Where [`Options::write`] puts the result, and the heading from which on it does.
const DOCUMENT: &str = "docs/performance.md";
const HEADING: &str = "## A run\n";

/// How often each runs for a size of what grows, where that is not said.
const GROWTH_ROUNDS: u32 = 10;

/// How often everyone runs for `--verify`, where that is not said.
const VERIFY_ROUNDS: u32 = 10;

/// What names the fork that is to be measured; see [`consign_testbed::consign`].
const FORK: &str = "CONSIGN_CARGO";

/// What is measured, and how often.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What to measure; everything where nothing is named
    parts: Vec<Which>,
    /// How often each cargo runs, in place of what is usual for the part.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// A few commands in well-known programs with many dependencies
    #[arg(long)]
    programs: bool,
    /// How cost grows with the number of packages, versions and identities
    #[arg(long)]
    growth: bool,
    /// How long `cargo verify` takes, beside `gpg` and `sha256sum`
    #[arg(long)]
    verify: bool,
    /// How long the fork takes to build, beside upstream as it is
    #[arg(long)]
    build: bool,
    /// Put the result into docs/performance.md, in the place of the one that is there.
    #[arg(long, conflicts_with_all = ["parts", "programs", "growth", "verify", "build"])]
    write: bool,
}

/// Measures, and prints the table. Success only if every bound is met.
pub fn run(options: &Options) -> ExitCode {
    say_panics_plainly("benchmark");
    let done = match std::env::var_os(FORK) {
        // What is measured is optimised; so must be what serves and what signs.
        Some(fork) if !cfg!(debug_assertions) => measure(options, Path::new(&fork)),
        fork => optimised(fork.map(PathBuf::from)),
    };
    done.unwrap_or_else(|error| {
        let bad = look::BAD;
        anstream::eprintln!("{bad}error{bad:#}: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs this command again as a release build, with `fork`, or one that is built for it.
fn optimised(fork: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let fork = match fork {
        Some(fork) => fork.canonicalize().context("no such CONSIGN_CARGO")?,
        None => {
            eprintln!("building Consign; the first time, this takes many minutes");
            // The distributed cargo brings its libraries along too. With those of the system the
            // loader would be part of what is measured.
            let built = release("build")
                .args(["--bin=cargo", "--features=all-static"])
                .status()?;
            ensure!(built.success(), "the fork cannot be built");
            target_folder()?.join("release/cargo")
        }
    };
    let status = release("run")
        .args(["--package=xtask", "--"])
        .args(std::env::args_os().skip(1))
        .env(FORK, fork)
        .status()?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A run of stock cargo on this project, with the release profile.
fn release(command: &str) -> Command {
    let mut cargo = Command::new(stock());
    cargo
        .args([command, "--quiet", "--release"])
        .current_dir(PROJECT);
    cargo
}

fn measure(options: &Options, fork: &Path) -> anyhow::Result<ExitCode> {
    let folder = std::env::temp_dir();
    if let Some(config) = config_above(&folder) {
        bail!(
            "cargo would read `{}` in everything that is done below `{}`: set `TMPDIR` to a folder \
             elsewhere",
            config.display(),
            folder.display()
        );
    }
    eprintln!("importing and signing the packages");
    let prepare = |signed| Workload::prepare(stock(), fork.to_owned(), signed);
    let workload = prepare(Signed::InIndex)?;
    let all_parts = options.parts.is_empty();
    let chosen = [
        options.programs,
        options.growth,
        options.verify,
        options.build,
    ];
    let everything = all_parts && !chosen.contains(&true);
    let parts = match everything {
        true => Which::ALL,
        false => &options.parts,
    };
    let mut report = Report::new(&workload)?;
    let mut carried = None;
    for &which in parts {
        let signed = which.part().signed;
        if signed == Signed::InPackages && carried.is_none() {
            carried = Some(prepare(signed)?);
        }
        let workload = match &carried {
            Some(carried) if signed == Signed::InPackages => carried,
            _ => &workload,
        };
        report.add(part::measure(which, workload, options.rounds)?);
        if which == Which::CarriedLock {
            report.add_text(part::downloads(workload)?);
        }
    }
    if everything || options.programs {
        for &program in workload::PROGRAMS {
            eprintln!("importing and signing the packages of {}", program.0);
            let workload = Workload::of_program(stock(), fork.to_owned(), program)?;
            for &which in Which::OF_PROGRAMS {
                report.add(part::measure(which, &workload, options.rounds)?);
            }
        }
    }
    if everything || options.verify {
        let rounds = options.rounds.unwrap_or(VERIFY_ROUNDS);
        let verified = Subject::of(&workload)?.measure(rounds)?;
        report.add_judged(verified.to_string(), verified.is_met());
    }
    let mut plots = Vec::new();
    if everything || options.growth {
        let cargos = [workload.stock.cargo.clone(), workload.consign.cargo.clone()];
        let rounds = options.rounds.unwrap_or(GROWTH_ROUNDS);
        for growth in growth::ALL {
            let grown = growth.measure(&cargos, rounds)?;
            plots.push((growth.file, grown.plot().to_string()));
            let picture = format!("![the same as a picture]({})\n", growth.file);
            report.add_text(format!("{grown}\n{picture}"));
        }
    }
    if everything || options.build {
        report.add_text(size::BuildTime::measure()?.to_string());
    }
    print!("{report}");
    if options.write {
        write(&report)?;
        for (file, plot) in plots {
            fs::write(Path::new(PROJECT).join("docs").join(file), plot)?;
        }
    }
    Ok(match report.is_met() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Puts the report into the document, from its heading to the end.
fn write(report: &Report) -> anyhow::Result<()> {
    let path = Path::new(PROJECT).join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("no `{DOCUMENT}`"))?;
    let start = text
        .find(HEADING)
        .with_context(|| format!("`{DOCUMENT}` has no line `{}`", HEADING.trim_end()))?;
    let before = &text[..start];
    fs::write(&path, format!("{before}{HEADING}\n{report}"))?;
    Ok(())
}
