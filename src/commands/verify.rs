//! `cargo verify`: everything that `Cargo.lock` names is checked, and nothing is built.

use cargo::core::{PackageId, PackageIdSpec, PackageIdSpecQuery as _, Workspace};
use cargo::signing::look::look;
use cargo::signing::verify::{FilesFound, Other, Outcome, Row, others, verify};
use cargo::util::Progress;
use cargo::util::command_prelude::*;
use cargo::{CargoResult, CliError, CliResult, GlobalContext, drop_println};
use clap_complete::ArgValueCandidates;
use serde::Serialize;

pub fn cli() -> Command {
    subcommand("verify")
        .about("Check who signed what Cargo.lock names, and the files, without building")
        .arg(
            opt("package", "Check this package only")
                .short('p')
                .value_name("SPEC")
                .action(ArgAction::Append)
                .help_heading(heading::PACKAGE_SELECTION)
                .add(ArgValueCandidates::new(get_pkg_id_spec_candidates)),
        )
        .arg(flag("refresh", "Ask again which keys count"))
        .arg(flag("no-files", "Leave out the files of the packages"))
        .arg(
            opt("message-format", "How to print what is found")
                .value_name("FMT")
                .value_parser(["human", "json"])
                .default_value("human"),
        )
        .arg_manifest_path()
        .arg_silent_suggestion()
}

pub fn exec(gctx: &mut GlobalContext, args: &ArgMatches) -> CliResult {
    let refresh = args.flag("refresh");
    let off = ["offline", "frozen"].into_iter().find(|off| args.flag(off));
    if let Some(off) = off.filter(|_| refresh) {
        return Err(anyhow::format_err!(
            "`--refresh` asks who is out there, and `--{off}` forbids it\n\nhelp: leave one of them out"
        )
        .into());
    }
    let ws = args.workspace(gctx)?;
    let specs = args.get_many::<String>("package").into_iter().flatten();
    let specs = specs
        .map(|spec| Ok(PackageIdSpec::parse(spec)?))
        .collect::<CargoResult<Vec<_>>>()?;
    let wanted = |id| specs.is_empty() || specs.iter().any(|spec| spec.matches(id));
    // From the beginning, so that what is slow is told, be it those who are asked or the files.
    let mut progress = Progress::new("Comparing", gctx);
    let locked = look(&ws, refresh, wanted)?;
    let others = others(gctx, &locked.others)?;
    if let Some(spec) = specs.iter().find(|spec| {
        let mut all = locked
            .packages
            .iter()
            .map(|looked| &looked.id)
            .chain(&locked.others);
        !all.any(|id| spec.matches(*id))
    }) {
        return Err(anyhow::format_err!("`Cargo.lock` names no package `{spec}`").into());
    }
    let mut rows = verify(gctx, locked, !args.flag("no-files"), &mut progress)?;
    drop(progress);
    rows.sort_by_key(|row| row.looked.id);

    let json = args
        .get_one::<String>("message-format")
        .is_some_and(|format| format == "json");
    match json {
        true => print_json(&ws, &rows, &others)?,
        false => print_table(&ws, &rows, &others)?,
    }
    let came_out = |outcome| rows.iter().any(|row| row.outcome() == outcome);
    if came_out(Outcome::Refused) || others.iter().any(|other| other.refused.is_some()) {
        return Err(CliError::code(1));
    }
    match came_out(Outcome::Unchecked) {
        true => Err(CliError::code(101)),
        false => Ok(()),
    }
}

/// How many came out how, in the order of the summary.
#[derive(Default, Serialize)]
struct Summary {
    packages: usize,
    verified: usize,
    /// Accepted at first sight, or by a key that has ended.
    unknown_signer: usize,
    ended_key: usize,
    unsigned: usize,
    refused: usize,
    unchecked: usize,
    /// What comes from git, or is the user's own.
    others: usize,
    others_refused: usize,
    files_not_here: usize,
}

impl Summary {
    fn of(rows: &[Row], others: &[Other]) -> Summary {
        let refused = others.iter().filter(|other| other.refused.is_some());
        let mut summary = Summary {
            packages: rows.len(),
            others: others.len(),
            others_refused: refused.count(),
            ..Summary::default()
        };
        for row in rows {
            let count = match (row.outcome(), row.finding()) {
                (Outcome::Refused, _) => &mut summary.refused,
                (Outcome::Unchecked, _) => &mut summary.unchecked,
                (Outcome::Accepted, "unsigned") => &mut summary.unsigned,
                (Outcome::Accepted, "unknown signer") => &mut summary.unknown_signer,
                (Outcome::Accepted, "ended key") => &mut summary.ended_key,
                (Outcome::Accepted, _) => &mut summary.verified,
            };
            *count += 1;
            if row.files == FilesFound::NotHere {
                summary.files_not_here += 1;
            }
        }
        summary
    }

    fn line(&self) -> String {
        let mut parts = Vec::new();
        for (n, what) in [
            (self.verified, "verified"),
            (self.unknown_signer, "by an unknown signer"),
            (self.ended_key, "by an ended key"),
            (self.unsigned, "unsigned"),
            (self.refused, "refused"),
            (self.unchecked, "unchecked"),
        ] {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        }
        let parts = match parts.is_empty() {
            true => String::new(),
            false => format!(": {}", parts.join(", ")),
        };
        let refused = match self.others_refused {
            0 => String::new(),
            n => format!("; {n} from git refused"),
        };
        let not_here = match self.files_not_here {
            0 => String::new(),
            n => format!(" (the files of {n} are not here)"),
        };
        let packages = match self.packages {
            1 => "1 package".to_owned(),
            n => format!("{n} packages"),
        };
        format!("{packages}{parts}{refused}{not_here}")
    }
}

/// What others there are of a package: `git` or `path`.
fn kind(id: PackageId) -> &'static str {
    match id.source_id().is_git() {
        true => "git",
        false => "path",
    }
}

/// A column of the table for each, and what is wrong below it.
fn print_table(ws: &Workspace<'_>, rows: &[Row], others: &[Other]) -> CargoResult<()> {
    let gctx = ws.gctx();
    let policy = gctx.signing.policy(gctx)?;
    let mut lines = Vec::new();
    for row in rows {
        let published = row.published();
        let key = published.map(|published| published.signature().locator().key().to_string());
        let id = row.looked.id;
        let is_twin = |other: &Row| {
            let other = other.looked.id;
            other.name() == id.name() && other.source_id() != id.source_id()
        };
        lines.push([
            id.name().to_string(),
            match rows.iter().any(is_twin) {
                true => format!("{} ({})", id.version(), id.source_id()),
                false => id.version().to_string(),
            },
            row.finding().to_owned(),
            published.map_or(String::new(), |published| {
                policy.display(published.signer())
            }),
            key.map_or(String::new(), |key| {
                key.chars().take("ed25519:".len() + 8).collect()
            }),
            row.signed_at().map_or(String::new(), date),
            row.carried_by().unwrap_or_default().to_owned(),
        ]);
    }
    for other in others {
        let mut line = [const { String::new() }; 7];
        line[0] = other.id.name().to_string();
        line[1] = other.id.version().to_string();
        line[2] = kind(other.id).to_owned();
        lines.push(line);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..7)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        drop_println!(gctx, "{}", cells.join("  ").trim_end());
    }
    for row in rows {
        let Some((reason, help)) = row.words(ws) else {
            continue;
        };
        let help = help
            .map(|help| format!("\nhelp: {help}"))
            .unwrap_or_default();
        let message = format!("`{}`: {reason}{help}", row.looked.id);
        match row.outcome() {
            Outcome::Unchecked => gctx.shell().warn(message)?,
            _ => gctx.shell().error(message)?,
        }
    }
    for other in others {
        if let Some((reason, help)) = &other.refused {
            let message = format!("`{}`: it {reason}\nhelp: {help}", other.id);
            gctx.shell().error(message)?;
        }
    }
    let summary = Summary::of(rows, others).line();
    gctx.shell().status("Verified", summary)
}

/// The day of a time in Unix seconds, by UTC.
fn date(time: u64) -> String {
    let time = i64::try_from(time).ok();
    let day = time.and_then(|time| time::OffsetDateTime::from_unix_timestamp(time).ok());
    day.map_or_else(String::new, |day| day.date().to_string())
}

/// A line of JSON, described in `docs/verify.md`.
#[derive(Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message<'a> {
    Package {
        v: u8,
        name: &'a str,
        version: String,
        source: String,
        finding: &'a str,
        accepted: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        signer: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        signed_at: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        carried_by: Option<&'a str>,
        files: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        help: Option<String>,
    },
    Other {
        v: u8,
        name: &'a str,
        version: String,
        source: String,
        kind: &'a str,
        accepted: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        help: Option<String>,
    },
    Summary {
        v: u8,
        #[serde(flatten)]
        summary: Summary,
    },
}

/// The version of the messages.
const V: u8 = 1;

fn print_json(ws: &Workspace<'_>, rows: &[Row], others: &[Other]) -> CargoResult<()> {
    let gctx = ws.gctx();
    let print = |message: &Message<'_>| -> CargoResult<()> {
        drop_println!(gctx, "{}", serde_json::to_string(message)?);
        Ok(())
    };
    for row in rows {
        let published = row.published();
        let (why, help) = match row.words(ws) {
            Some((why, help)) => (Some(why), help),
            None => (None, None),
        };
        print(&Message::Package {
            v: V,
            name: row.looked.id.name().as_str(),
            version: row.looked.id.version().to_string(),
            source: row.looked.id.source_id().as_url().to_string(),
            finding: row.finding(),
            accepted: row.outcome() == Outcome::Accepted,
            signer: published.map(|published| published.signer().to_string()),
            key: published.map(|published| published.signature().locator().key().to_string()),
            signed_at: row.signed_at(),
            carried_by: row.carried_by(),
            files: match row.files {
                FilesFound::NotLookedAt => "not looked at",
                FilesFound::NotHere => "not here",
                FilesFound::AsTheyShould => "verified",
                FilesFound::Unsigned => "unsigned",
                FilesFound::Changed { .. } => "changed",
                FilesFound::Unreadable(_) => "unreadable",
            },
            why,
            help,
        })?;
    }
    for Other { id, refused } in others {
        let (why, help) = match refused {
            Some((reason, help)) => (Some(format!("it {reason}")), Some(help.clone())),
            None => (None, None),
        };
        print(&Message::Other {
            v: V,
            name: id.name().as_str(),
            version: id.version().to_string(),
            source: id.source_id().as_url().to_string(),
            kind: kind(*id),
            accepted: refused.is_none(),
            why,
            help,
        })?;
    }
    print(&Message::Summary {
        v: V,
        summary: Summary::of(rows, others),
    })
}
