//! What became of everything that the registry served, for the table at the end.

use std::fmt::{self, Display};

use consign_testbed::program::RELEASE;

use super::screen::{Screen, look};

/// What a cargo did with what it was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It built what was published.
    Built,
    /// It built what was published, and said who had published it.
    BuiltAndSaid,
    /// It refused to go on.
    Refused,
    /// It built what somebody had meddled with, and did not run it.
    Unaware,
    /// It ran mallory's code.
    Harmed,
    /// It failed where it should not have, or was not tried.
    Failed,
}

impl Outcome {
    /// Whether that is as it should be.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Built | Self::BuiltAndSaid | Self::Refused)
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Built => "builds it",
            Outcome::BuiltAndSaid => "builds it, says by whom",
            Outcome::Refused => "refuses",
            Outcome::Unaware => "notices nothing",
            Outcome::Harmed => "runs mallory's code",
            Outcome::Failed => "fails",
        })
    }
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// The number of the act.
    pub act: usize,
    /// What the registry served.
    pub served: &'static str,
    /// What stock cargo did.
    pub stock: Outcome,
    /// What Consign did.
    pub consign: Outcome,
}

/// Shows them all.
pub fn show(screen: &mut Screen, rows: &[Row]) {
    let faint = look::FAINT;
    let stock = format!("stock cargo {RELEASE}");
    screen.heading("What became of it");
    screen.gap();
    screen.line(format_args!(
        "   {faint}act  {:<34}  {stock:<22}  Consign{faint:#}",
        "the registry serves"
    ));
    for row in rows {
        screen.line(format_args!(
            "   {:>3}  {:<34}  {}  {}",
            row.act,
            row.served,
            cell(row.stock, 22),
            cell(row.consign, 0)
        ));
    }
}

/// An outcome with its mark, in a column of that width.
pub fn cell(outcome: Outcome, width: usize) -> String {
    let width = width.saturating_sub(2);
    match outcome.is_good() {
        true => format!("{0}✓{0:#} {outcome:<width$}", look::GOOD),
        false => format!("{0}✗ {outcome:<width$}{0:#}", look::BAD),
    }
}
