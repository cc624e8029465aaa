//! What every chore has to do with the machine that it runs on.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::demo::look;

/// A configuration file of cargo's in `folder` or one above it. Cargo lets it win over the one in
/// `CARGO_HOME`, so that nobody in a sandbox below `folder` would have settings of their own.
pub fn config_above(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(".cargo").join(name)))
        .find(|file| file.is_file())
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

/// The packages from registries in what `cargo metadata` printed, by name and version.
pub fn registry_packages(metadata: &Value) -> Vec<(String, String)> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| package["source"].is_string())
        .filter_map(|package| {
            let text = |field: &str| package[field].as_str().map(str::to_owned);
            Some((text("name")?, text("version")?))
        })
        .collect()
}
