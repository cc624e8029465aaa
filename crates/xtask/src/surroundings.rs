//! What every chore has to do with the machine that it runs on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};

use crate::demo::look;

/// The project's root.
pub const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The target folder in which this program was built.
pub fn target_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.ancestors().nth(2);
    Ok(folder.context("this program is in no folder")?.to_owned())
}

/// The cargo that runs this.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What a program prints to standard output. Fails where the program does, with what it complains of.
pub fn printed(command: &mut Command) -> anyhow::Result<String> {
    let line: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let output = command
        .output()
        .with_context(|| format!("failed to run `{}`", line[0]))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        line.join(" "),
        stderr.trim_end()
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a cargo is Consign.
pub fn is_consign(cargo: &Path) -> anyhow::Result<bool> {
    let version = printed(Command::new(cargo).args(["--version", "--verbose"]))?;
    Ok(version.contains("\nconsign: "))
}

/// How a chore ends: with the error told, where there is one.
pub fn ended(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let bad = look::BAD;
            anstream::eprintln!("{bad}error{bad:#}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Fails where a configuration file of cargo's is in the folder for temporary files or one above it. Cargo lets
/// it win over the one in `CARGO_HOME`, so that nobody in a sandbox there would have settings of their own.
pub fn ensure_unconfigured() -> anyhow::Result<()> {
    let folder = std::env::temp_dir();
    let config = folder
        .ancestors()
        .flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(".cargo").join(name)))
        .find(|file| file.is_file());
    if let Some(config) = config {
        bail!(
            "cargo would read `{}` in everything that is done below `{}`\n\nhelp: set `TMPDIR` to a folder elsewhere",
            config.display(),
            folder.display()
        );
    }
    Ok(())
}

/// The testbed panics, with a sentence, where the machine is at fault: another toolchain, a full
/// disk, a build that fails. Here that is told to somebody who did not write it, as the end of
/// `what` they started.
pub fn say_panics_plainly(what: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        let why = panic.payload_as_str().unwrap_or("it panicked");
        let bad = look::BAD;
        anstream::eprintln!("\n{bad}error{bad:#}: the {what} cannot go on: {why}\n(at {place})");
    }));
}
