//! What has to be known of a machine and its programs, to make something of times.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::surroundings::{PROJECT, printed};

/// The machine: `Processor, 2 cores, 16 GiB; System, kernel 6.1`.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = value("/proc/cpuinfo", "model name", ':');
    let memory = value("/proc/meminfo", "MemTotal", ':')
        .and_then(|memory| memory.strip_suffix(" kB")?.parse::<f64>().ok())
        .map(|kib| format!("{:.0} GiB", kib / f64::from(1 << 20)));
    let system = value("/etc/os-release", "PRETTY_NAME", '=');
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    format!(
        "{}, {cores} cores, memory {}; {}, kernel {}",
        or_unknown(processor),
        or_unknown(memory),
        system.unwrap_or_else(|| std::env::consts::OS.to_owned()),
        or_unknown(kernel).trim()
    )
}

/// The first value with this name in a file of names and values.
fn value(file: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

/// What a cargo is: `cargo 1.95.0 (…), consign 0.1.0, ssl OpenSSL 3.5.4, 40.2 MiB`.
pub fn cargo(program: &Path) -> anyhow::Result<String> {
    let text = printed(Command::new(program).arg("-Vv"))?;
    let mut parts: Vec<_> = text.lines().take(1).map(str::to_owned).collect();
    for line in text.lines() {
        if let Some((name @ ("consign" | "libcurl" | "ssl"), what)) = line.split_once(": ") {
            parts.push(format!("{name} {what}"));
        }
    }
    let bytes = fs::metadata(program)?.len();
    parts.push(format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)));
    Ok(parts.join(", "))
}

/// The commit that is measured, and `-dirty` where anything was changed since but the documents, to which
/// the results are written.
pub fn commit() -> anyhow::Result<String> {
    let commit = git(&["describe", "--always", "--exclude=*"])?;
    let changed = git(&["status", "--porcelain", "--", ".", ":(exclude)docs"])?;
    Ok(match changed.is_empty() {
        true => commit,
        false => format!("{commit}-dirty"),
    })
}

fn git(args: &[&str]) -> anyhow::Result<String> {
    let text = printed(Command::new("git").args(args).current_dir(PROJECT))?;
    Ok(text.trim().to_owned())
}
