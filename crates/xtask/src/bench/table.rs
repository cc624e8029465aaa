//! The result, in Markdown.

use std::fmt;
use std::path::PathBuf;

use super::machine;
use super::part::{Contestant, Measured};
use super::series::{Judgement, Ratio};

/// What the ratio of our peak memory to stock cargo's may be.
const MEMORY_BOUND: f64 = 1.05;

const HEAD: &str = "\
| command | rounds | cargo | minimum | median | ratio | bound | peak memory | ratio | bound |
|---|---|---|---|---|---|---|---|---|---|
";

/// Everything that was measured, and on what.
pub struct Report {
    circumstances: Vec<(&'static str, String)>,
    measured: Vec<Measured>,
    /// What else there is to say, in paragraphs.
    texts: Vec<String>,
    /// Whether every bound is met that is told of there.
    texts_are_met: bool,
    plots: Vec<(&'static str, String)>,
}

impl Report {
    /// One without results, of stock cargo and ours.
    pub fn new([stock, consign]: &[PathBuf; 2]) -> anyhow::Result<Report> {
        let now = jiff::Timestamp::now();
        let circumstances = vec![
            ("date", now.strftime("%Y-%m-%d").to_string()),
            ("commit", machine::commit()?),
            ("machine", machine::machine()),
            ("stock", machine::cargo(stock)?),
            ("Consign", machine::cargo(consign)?),
        ];
        Ok(Report {
            circumstances,
            measured: Vec::new(),
            texts: Vec::new(),
            texts_are_met: true,
            plots: Vec::new(),
        })
    }

    /// Says what else was given.
    pub fn tell(&mut self, name: &'static str, what: String) {
        self.circumstances.push((name, what));
    }

    /// Adds what was measured of a command, and says it: were a later one to fail, it would be lost.
    pub fn add(&mut self, measured: Measured) {
        for row in rows(&measured) {
            eprintln!("{row}");
        }
        self.measured.push(measured);
    }

    /// Adds a paragraph, such as another table.
    pub fn add_text(&mut self, text: String) {
        self.texts.push(text);
    }

    /// Adds a table with bounds of its own, which are met or not.
    pub fn add_judged(&mut self, text: String, is_met: bool) {
        self.texts.push(text);
        self.texts_are_met &= is_met;
    }

    /// Adds a picture, by its file in the folder of the document, as SVG.
    pub fn add_plot(&mut self, file: &'static str, svg: String) {
        self.plots.push((file, svg));
    }

    /// The pictures.
    pub fn plots(&self) -> &[(&'static str, String)] {
        &self.plots
    }

    /// Whether every bound is met.
    pub fn is_met(&self) -> bool {
        let mut rows = self.measured.iter().flat_map(rows);
        self.texts_are_met
            && rows.all(|row| row.time.is_met() && row.memory.is_none_or(Figure::is_met))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, what) in &self.circumstances {
            writeln!(f, "- {name}: {what}")?;
        }
        if !self.measured.is_empty() {
            write!(f, "\n{HEAD}")?;
        }
        for measured in &self.measured {
            for row in rows(measured) {
                writeln!(f, "{row}")?;
            }
        }
        self.texts.iter().try_for_each(|text| write!(f, "\n{text}"))
    }
}

/// One who took part in one command.
struct Row<'a> {
    measured: &'a Measured,
    number: usize,
    time: Figure,
    memory: Option<Figure>,
}

fn rows(measured: &Measured) -> impl Iterator<Item = Row<'_>> {
    let seconds = measured.times.iter().map(|t| t.minimum().as_secs_f64());
    let seconds: Vec<_> = seconds.collect();
    (0..Contestant::ALL.len()).map(move |number| Row {
        measured,
        number,
        time: Figure::new(&seconds, number, measured.part.bound),
        memory: measured
            .memory
            .as_ref()
            .map(|mebibytes| Figure::new(mebibytes, number, Some(MEMORY_BOUND))),
    })
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { measured, time, .. } = self;
        match self.number {
            0 => {
                let command = measured.part.args.join(" ");
                let (about, rounds) = (measured.part.about, measured.rounds);
                let program = measured.program.iter();
                let program: String = program.map(|name| format!("{name}, ")).collect();
                write!(f, "| {program}`cargo {command}`: {about} | {rounds} | ")?;
            }
            _ => write!(f, "| | | ")?,
        }
        write!(
            f,
            "{} | {:.3} s | {:.3} s | {} | {} |",
            Contestant::ALL[self.number],
            time.value,
            measured.times[self.number].median().as_secs_f64(),
            time.ratio(),
            time.bound()
        )?;
        match &self.memory {
            None => write!(f, " | | |"),
            Some(memory) => write!(
                f,
                " {:.1} MiB | {} | {} |",
                memory.value,
                memory.ratio(),
                memory.bound()
            ),
        }
    }
}

/// What was measured of one, beside the same of stock cargo.
#[derive(Debug, Clone, Copy)]
struct Figure {
    value: f64,
    /// Nothing for that by which the others are measured.
    ratio: Option<Ratio>,
    /// Nothing where there is none, or it is not for this one.
    bound: Option<f64>,
}

impl Figure {
    /// One of several in the order of [`Contestant::ALL`].
    fn new(all: &[f64], number: usize, bound: Option<f64>) -> Figure {
        let contestant = Contestant::ALL[number];
        let ratio = Ratio::new(all[number], all[0], all[1]);
        Figure {
            value: all[number],
            ratio: Some(ratio).filter(|_| contestant != Contestant::Stock),
            bound: bound.filter(|_| contestant.is_ours()),
        }
    }

    /// Nothing where there is nothing to judge by.
    fn judgement(self) -> Option<Judgement> {
        Some(self.ratio?.judged(self.bound?))
    }

    fn is_met(self) -> bool {
        self.judgement() != Some(Judgement::Missed)
    }

    fn ratio(self) -> String {
        self.ratio
            .map_or(String::new(), |ratio| format!("{:.3}", ratio.value))
    }

    fn bound(self) -> String {
        match (self.bound, self.judgement()) {
            (Some(bound), Some(judgement)) => format!("{bound:.2}, {judgement}"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::super::part::Which;
    use super::super::series::in_turns;
    use super::*;

    /// A no-op of which each took so many milliseconds and MiB.
    fn measured(figures: [u64; 4]) -> Measured {
        let time = |_, number: usize| Ok::<_, Infallible>(Duration::from_millis(figures[number]));
        let Ok(times) = in_turns(1, 4, time);
        Measured {
            part: Which::NoOp.part(),
            program: None,
            rounds: 1,
            times,
            memory: Some(figures.iter().map(|&figure| figure as f64).collect()),
        }
    }

    #[test]
    fn everyone_has_a_row_and_ours_are_held_to_the_bound() {
        let rows: Vec<_> = rows(&measured([200, 202, 201, 220]))
            .map(|row| row.to_string())
            .collect();
        assert_eq!(
            rows,
            [
                "| `cargo check --locked`: nothing to do | 1 | stock | 0.200 s | 0.200 s |  |  | \
                 200.0 MiB |  |  |",
                "| | | stock again | 0.202 s | 0.202 s | 1.010 |  | 202.0 MiB | 1.010 |  |",
                "| | | Consign | 0.201 s | 0.201 s | 1.005 | 1.00, within the spread | \
                 201.0 MiB | 1.005 | 1.05, met |",
                "| | | Consign, signatures required | 0.220 s | 0.220 s | 1.100 | \
                 1.00, **missed** | 220.0 MiB | 1.100 | 1.05, **missed** |",
            ]
        );
    }

    #[test]
    fn one_missed_bound_is_enough() {
        let report = |figures| Report {
            circumstances: Vec::new(),
            measured: vec![measured([200; 4]), measured(figures)],
            texts: Vec::new(),
            texts_are_met: true,
            plots: Vec::new(),
        };
        assert!(report([200, 202, 201, 202]).is_met());
        assert!(!report([200, 202, 201, 220]).is_met());
        let mut judged = report([200, 202, 201, 202]);
        judged.add_judged(String::new(), false);
        judged.add_judged(String::new(), true);
        assert!(!judged.is_met());
    }
}
