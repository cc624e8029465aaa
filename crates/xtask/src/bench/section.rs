//! What is measured, by what it tells.

use std::path::PathBuf;

use super::part::{self, Which};
use super::table::Report;
use super::workload::{self, Signed, Workload};
use super::{growth, size, verify};
use crate::mirror::IDENTITIES;

/// How often each runs for a size of what grows, where that is not said.
const GROWTH_ROUNDS: u32 = 10;

/// How often everyone runs for `cargo verify`, where that is not said.
const VERIFY_ROUNDS: u32 = 10;

/// Something to tell, under a heading of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Commands in this project.
    Commands,
    /// A few commands in well-known programs.
    Programs,
    /// `cargo verify`.
    Verify,
    /// How cost grows.
    Growth,
    /// How long the fork takes to build.
    Build,
}

impl Section {
    /// All of them, in order.
    pub const ALL: &[Section] = &[
        Section::Commands,
        Section::Programs,
        Section::Verify,
        Section::Growth,
        Section::Build,
    ];

    /// Under which the result stands.
    pub const fn heading(self) -> &'static str {
        match self {
            Section::Commands => "This project",
            Section::Programs => "Well-known programs",
            Section::Verify => "`cargo verify`",
            Section::Growth => "How cost grows",
            Section::Build => "Building it",
        }
    }

    /// Measures it; of the commands, those that are named. `rounds` stands for what is usual for each.
    pub fn measure(
        self,
        subjects: &mut Subjects,
        commands: &[Which],
        rounds: Option<u32>,
    ) -> anyhow::Result<Report> {
        let mut report = Report::new(&subjects.cargos)?;
        match self {
            Section::Commands => {
                for &which in commands {
                    let workload = subjects.signed(which.part().signed)?;
                    report.add(part::measure(which, workload, rounds)?);
                    if which == Which::CarriedLock {
                        report.add_text(part::downloads(workload)?);
                    }
                }
                let workload = subjects.signed(Signed::InIndex)?;
                report.tell("packages", told(workload));
                report.add_text(workload.index.to_string());
            }
            Section::Programs => {
                for &program in workload::PROGRAMS {
                    let workload = subjects.program(program)?;
                    report.tell(program.0, told(&workload));
                    for &which in Which::OF_PROGRAMS {
                        report.add(part::measure(which, &workload, rounds)?);
                    }
                }
            }
            Section::Verify => {
                let subject = verify::Subject::of(subjects.signed(Signed::InIndex)?)?;
                let verified = subject.measure(rounds.unwrap_or(VERIFY_ROUNDS))?;
                report.add_judged(verified.to_string(), verified.is_met());
            }
            Section::Growth => {
                for growth in growth::ALL {
                    let rounds = rounds.unwrap_or(GROWTH_ROUNDS);
                    let grown = growth.measure(&subjects.cargos, rounds)?;
                    let picture = format!("![the same as a picture]({})\n", growth.file);
                    report.add_text(format!("{grown}\n{picture}"));
                    report.add_plot(growth.file, grown.plot().to_string());
                }
            }
            Section::Build => report.add_text(size::BuildTime::measure()?.to_string()),
        }
        Ok(report)
    }
}

/// What there is to know of the packages.
fn told(workload: &Workload) -> String {
    let packages = workload.packages;
    format!("{packages}, signed by {IDENTITIES} identities in turn")
}

/// What is worked on, prepared when it is asked for first.
pub struct Subjects {
    /// Stock cargo and ours.
    cargos: [PathBuf; 2],
    in_index: Option<Workload>,
    in_packages: Option<Workload>,
}

impl Subjects {
    /// Nothing yet, for stock cargo and ours.
    pub fn new(cargos: [PathBuf; 2]) -> Subjects {
        Subjects {
            cargos,
            in_index: None,
            in_packages: None,
        }
    }

    /// This project, with its packages signed so.
    fn signed(&mut self, signed: Signed) -> anyhow::Result<&Workload> {
        let place = match signed {
            Signed::InIndex => &mut self.in_index,
            Signed::InPackages => &mut self.in_packages,
        };
        Ok(match place {
            Some(workload) => workload,
            None => {
                eprintln!("importing and signing the packages");
                let [stock, consign] = self.cargos.clone();
                place.insert(Workload::prepare(stock, consign, signed)?)
            }
        })
    }

    /// A program. It is not kept, since each has much that is compiled.
    fn program(&self, program: workload::Program) -> anyhow::Result<Workload> {
        eprintln!("importing and signing the packages of {}", program.0);
        let [stock, consign] = self.cargos.clone();
        Workload::of_program(stock, consign, program)
    }
}
