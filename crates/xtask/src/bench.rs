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
//!
//! All of it takes hours. So each of these is a [`section`] of the document, and can be measured, and
//! written, by itself.

mod growth;
mod machine;
mod made;
mod part;
mod plot;
mod section;
mod series;
mod size;
mod table;
mod verify;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};
use consign_testbed::{run_stock, stock};

use crate::demo::look;
use crate::surroundings::{PROJECT, ensure_unconfigured, say_panics_plainly, target_folder};
use part::Which;
use section::{Section, Subjects};
use table::Report;

/// Where [`Options::write`] puts the result.
const DOCUMENT: &str = "docs/performance.md";

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
    /// All commands, in this project
    #[arg(long, conflicts_with = "parts")]
    commands: bool,
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
    /// Put the result into docs/performance.md, in the place of the one of the same that is there
    #[arg(long, conflicts_with = "parts")]
    write: bool,
}

impl Options {
    /// What is asked for; everything where nothing is.
    fn sections(&self) -> impl Iterator<Item = Section> {
        let asked = |section| match section {
            Section::Commands => self.commands || !self.parts.is_empty(),
            Section::Programs => self.programs,
            Section::Verify => self.verify,
            Section::Growth => self.growth,
            Section::Build => self.build,
        };
        let nothing = !Section::ALL.iter().copied().any(asked);
        let all = Section::ALL.iter().copied();
        all.filter(move |&section| nothing || asked(section))
    }
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
    let mut cargo = run_stock();
    cargo
        .args([command, "--quiet", "--release"])
        .current_dir(PROJECT);
    cargo
}

fn measure(options: &Options, fork: &Path) -> anyhow::Result<ExitCode> {
    ensure_unconfigured()?;
    let parts = match options.parts.is_empty() {
        true => Which::ALL,
        false => &options.parts,
    };
    let mut subjects = Subjects::new([stock(), fork.to_owned()]);
    let mut is_met = true;
    for section in options.sections() {
        let report = section.measure(&mut subjects, parts, options.rounds)?;
        println!("## {}\n\n{report}", section.heading());
        if options.write {
            write(section, &report)?;
        }
        is_met &= report.is_met();
    }
    Ok(match is_met {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Puts the report into the document, in the place of what stands under the heading of the section.
fn write(section: Section, report: &Report) -> anyhow::Result<()> {
    let path = Path::new(PROJECT).join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("no `{DOCUMENT}`"))?;
    let text = replaced(&text, section.heading(), &report.to_string())
        .with_context(|| format!("`{DOCUMENT}` has no line `## {}`", section.heading()))?;
    fs::write(&path, text)?;
    for (file, plot) in report.plots() {
        fs::write(Path::new(PROJECT).join("docs").join(file), plot)?;
    }
    Ok(())
}

/// The document with a new text under a heading, up to the next one; nothing where it has none such.
fn replaced(document: &str, heading: &str, text: &str) -> Option<String> {
    let heading = format!("\n## {heading}\n");
    let start = document.find(&heading)? + heading.len();
    let (before, rest) = document.split_at(start);
    let after = rest.find("\n## ").map_or("", |next| &rest[next..]);
    Some(format!("{before}\n{text}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_under_a_heading_is_replaced_and_nothing_else() {
        let document = "# All\n\n## One\n\nold\n\n### More\n\nold\n\n## Two\n\nold\n";
        assert_eq!(
            replaced(document, "One", "new\n").as_deref(),
            Some("# All\n\n## One\n\nnew\n\n## Two\n\nold\n")
        );
        assert_eq!(
            replaced(document, "Two", "new\n").as_deref(),
            Some("# All\n\n## One\n\nold\n\n### More\n\nold\n\n## Two\n\nnew\n")
        );
        assert_eq!(replaced(document, "Three", "new\n"), None);
    }

    #[test]
    fn document_has_a_place_for_each_section() -> anyhow::Result<()> {
        let document = fs::read_to_string(Path::new(PROJECT).join(DOCUMENT))?;
        for section in Section::ALL {
            let heading = section.heading();
            assert!(replaced(&document, heading, "").is_some(), "{heading}");
        }
        Ok(())
    }
}
