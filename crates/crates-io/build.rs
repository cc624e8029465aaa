//! Makes the patched copy of upstream's `crates-io` that `src/lib.rs` includes.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use consign_patchset::{crate_root, prepare};

fn main() -> anyhow::Result<()> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let copy = Path::new(&variable("OUT_DIR")?).join("crates-io");
    let patches = here.join("../../patches/crates-io");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", patches.display());

    prepare(
        Path::new(&variable("CARGO")?),
        &here.join("Cargo.toml"),
        ("crates-io", "0.40.18"),
        &patches,
        &copy,
    )?;
    crate_root::without_inner_docs(&copy.join("lib.rs"))?;
    Ok(())
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("cargo sets `{name}` for build scripts"))
}
