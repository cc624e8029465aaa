//! How cost grows with the number of packages, of versions and of identities.
//!
//! The packages are [`made`](super::made), since nobody's project has as many as are tried here. What is
//! measured is `cargo generate-lockfile`, with the index known: it reads every version of every package,
//! chooses, and checks the signatures of what was chosen.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use consign_testbed::{KeyServer, Registry, Sandbox};

use super::made;
use super::plot::{Line, Plot};
use super::series::in_turns;
use crate::mirror;

/// What grows, and how far.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// What is counted.
    what: &'static str,
    /// The file of its plot.
    pub file: &'static str,
    sizes: &'static [usize],
    /// The packages, the versions of each, and the identities, for a size.
    shape: fn(usize) -> (usize, usize, usize),
}

/// Everything that is tried.
pub const ALL: [Growth; 3] = [
    Growth {
        what: "packages",
        file: "growth-packages.svg",
        sizes: &[50, 400, 1600],
        shape: |packages| (packages, 1, 100),
    },
    Growth {
        what: "versions of each of 10 packages",
        file: "growth-versions.svg",
        sizes: &[10, 100, 1000],
        shape: |versions| (10, versions, 10),
    },
    Growth {
        what: "identities that sign 1,000 packages",
        file: "growth-identities.svg",
        sizes: &[1, 10, 100, 1000],
        shape: |identities| (1000, 1, identities),
    },
];

/// Who takes part: stock cargo, Consign, and Consign where signatures are required.
const NAMES: [&str; 3] = ["stock", "Consign", "Consign, signatures required"];

/// The shortest time of each, in seconds, for each size.
#[derive(Debug)]
pub struct Grown {
    /// What grew.
    pub growth: Growth,
    rows: Vec<(usize, [f64; 3])>,
}

impl Growth {
    /// Measures every size.
    pub fn measure(self, cargos: &[PathBuf; 2], rounds: u32) -> anyhow::Result<Grown> {
        let mut rows = Vec::new();
        for &size in self.sizes {
            eprintln!("{size} {}", self.what);
            rows.push((size, self.measure_one(size, cargos, rounds)?));
        }
        Ok(Grown { growth: self, rows })
    }

    fn measure_one(
        self,
        size: usize,
        [stock, consign]: &[PathBuf; 2],
        rounds: u32,
    ) -> anyhow::Result<[f64; 3]> {
        let (packages, versions, identities) = (self.shape)(size);
        let sandbox = Sandbox::new();
        let registry = Registry::start(&sandbox);
        let keys = KeyServer::start();
        let made = made::make(&sandbox.path().join("made"), packages, versions)?;
        let names: Vec<_> = (0..packages).map(made::name).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        registry.import(&sandbox.path().join("made"), &names);
        mirror::sign_by(&registry, &keys, &made, identities)?;

        let contestants = [
            (stock, "stock", &[][..]),
            (consign, "consign", &[][..]),
            (consign, "requiring", &["--require-signatures"][..]),
        ];
        let places = contestants.map(|(cargo, name, flags)| {
            let home = sandbox.home(name);
            mirror::configure(&home, &registry, &keys);
            let project = sandbox.package("app").folder(&format!("app-{name}"));
            // The last one needs all the others, where there is one version of each.
            let all = (0..packages).map(|number| format!("{} = \"1\"", made::name(number)));
            let all = all.collect::<Vec<_>>().join("\n");
            let project = project.dependency_line(&all).write();
            (cargo, home, project, flags)
        });
        let run = |number: usize| {
            let (cargo, home, project, flags): &(_, _, PathBuf, _) = &places[number];
            let run = home.cargo(cargo, project);
            let run = run.args(["generate-lockfile"]).args(*flags);
            let since = Instant::now();
            let output = run.run();
            let took = since.elapsed();
            output.succeeded();
            std::fs::remove_file(project.join("Cargo.lock"))?;
            anyhow::Ok(took)
        };
        for number in 0..places.len() {
            run(number)?;
        }
        let times = in_turns(rounds, places.len(), |_, number| run(number))?;
        let seconds = |number: usize| times[number].minimum().as_secs_f64();
        Ok([seconds(0), seconds(1), seconds(2)])
    }
}

impl Grown {
    /// The same as a picture.
    pub fn plot(&self) -> Plot {
        let line = |number: usize| Line {
            name: NAMES[number],
            points: self
                .rows
                .iter()
                .map(|(size, seconds)| (*size as f64, seconds[number]))
                .collect(),
        };
        Plot {
            across: self.growth.what.to_owned(),
            up: "seconds".to_owned(),
            lines: (0..NAMES.len()).map(line).collect(),
        }
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} | {} |", self.growth.what, NAMES.join(" | "))?;
        writeln!(f, "|---:|---:|---:|---:|")?;
        for (size, [stock, consign, requiring]) in &self.rows {
            writeln!(
                f,
                "| {size} | {stock:.3} s | {consign:.3} s ({:.3}) | {requiring:.3} s ({:.3}) |",
                consign / stock,
                requiring / stock
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use consign_testbed::{consign, stock};

    use super::*;

    #[test]
    fn made_packages_are_resolved_by_everyone() -> anyhow::Result<()> {
        let growth = Growth {
            what: "packages",
            file: "none.svg",
            sizes: &[2, 3],
            shape: |packages| (packages, 3, 2),
        };
        let grown = growth.measure(&[stock(), consign()], 1)?;
        let sizes: Vec<_> = grown.rows.iter().map(|(size, _)| *size).collect();
        assert_eq!(sizes, [2, 3]);
        let times = grown.rows.iter().flat_map(|(_, seconds)| seconds);
        assert!(times.clone().count() == 6 && times.copied().all(|seconds| seconds > 0.0));
        assert_eq!(grown.to_string().lines().count(), 4);
        Ok(())
    }
}
