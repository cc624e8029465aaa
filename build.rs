//! Makes the patched copy of upstream that `src/lib.rs` and `src/main.rs` include, and does what
//! upstream's own build script does: packs the man pages, tells the version and the host, embeds
//! the Windows manifest.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use consign_patchset::{crate_root, prepare};

/// The release of the crate `cargo` that is patched, as `Cargo.toml` pins it.
const UPSTREAM: &str = "0.96.0";
/// What stock cargo of that release prints as its version. The crate itself does not know its
/// commit's date, and its minor version is one ahead of the program's.
const RELEASE: &str = "1.95.0";
const COMMIT: &str = "f2d3ce0bd7f24a49f8f72d9000448f8838c4e850";
const COMMIT_DATE: &str = "2026-03-21";

/// The man pages of our own commands, each in both forms that upstream's have.
const OUR_PAGES: &str = "docs/man";

/// Where upstream exports macros.
const WITH_EXPORTED_MACROS: [&str; 2] = [
    "src/cargo/util/network/mod.rs",
    "src/cargo/util/context/mod.rs",
];

/// The same macros, defined by us in upstream's stead.
const EXPORTED_MACROS: &str = "src/exported_macros.rs";

fn main() -> anyhow::Result<()> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let upstream = out.join("cargo");
    for input in [
        "build.rs",
        "patches/cargo",
        "Cargo.lock",
        OUR_PAGES,
        EXPORTED_MACROS,
    ] {
        println!("cargo:rerun-if-changed={input}");
    }

    prepare(
        Path::new(&variable("CARGO")?),
        &here.join("Cargo.toml"),
        ("cargo", UPSTREAM),
        &here.join("patches/cargo"),
        &upstream,
    )?;
    crate_root::without_inner_docs(&upstream.join("src/cargo/lib.rs"))?;
    let mut exported = Vec::new();
    for file in WITH_EXPORTED_MACROS {
        exported.extend(crate_root::without_exported_macros(&upstream.join(file))?);
    }
    let ours = fs::read_to_string(here.join(EXPORTED_MACROS))?;
    ensure!(
        crate_root::exported_macros(&ours) == exported,
        "`{EXPORTED_MACROS}` should have the macros that upstream exports, as they are and in order: {exported:#?}"
    );

    pack_man_pages(&upstream, &here.join(OUR_PAGES), &out.join("man.tgz"))?;
    tell_version(&upstream)?;
    embed_windows_manifest(&upstream);
    Ok(())
}

fn tell_version(upstream: &Path) -> anyhow::Result<()> {
    let vcs = upstream.join(".cargo_vcs_info.json");
    let vcs =
        fs::read_to_string(&vcs).with_context(|| format!("failed to read `{}`", vcs.display()))?;
    ensure!(
        vcs.contains(COMMIT),
        "cargo {UPSTREAM} was not published from commit {COMMIT}"
    );
    for (name, value) in [
        // Without it upstream takes itself for a development build and lets everyone use `-Z`.
        ("CFG_RELEASE_CHANNEL", "stable"),
        ("CFG_RELEASE", RELEASE),
        ("CARGO_COMMIT_HASH", COMMIT),
        ("CARGO_COMMIT_SHORT_HASH", &COMMIT[..9]),
        ("CARGO_COMMIT_DATE", COMMIT_DATE),
        ("RUST_HOST_TARGET", &variable("TARGET")?),
    ] {
        println!("cargo:rustc-env={name}={value}");
    }
    Ok(())
}

/// `cargo help` looks for its pages in an archive that is compiled in.
fn pack_man_pages(upstream: &Path, ours: &Path, archive: &Path) -> anyhow::Result<()> {
    let file = fs::File::create(archive)
        .with_context(|| format!("failed to create `{}`", archive.display()))?;
    let encoder = flate2::GzBuilder::new()
        .filename("man.tar")
        .write(file, flate2::Compression::best());
    let mut archive = tar::Builder::new(encoder);
    archive.mode(tar::HeaderMode::Deterministic);
    for (folder, extension) in [
        (upstream.join("src/etc/man"), "1"),
        (upstream.join("src/doc/man/generated_txt"), "txt"),
        (ours.to_owned(), "1"),
        (ours.to_owned(), "txt"),
    ] {
        let mut pages = fs::read_dir(&folder)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.path()))
                    .collect::<Result<Vec<_>, _>>()
            })
            .with_context(|| format!("failed to read `{}`", folder.display()))?;
        pages.retain(|page| page.extension() == Some(OsStr::new(extension)));
        pages.sort();
        for page in pages {
            archive.append_path_with_name(&page, page.file_name().unwrap_or_default())?;
        }
    }
    archive.into_inner()?.finish()?;
    Ok(())
}

fn embed_windows_manifest(upstream: &Path) {
    let is = |name, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "windows") && is("CARGO_CFG_TARGET_ENV", "msvc") {
        let manifest = upstream.join("windows.manifest.xml");
        println!("cargo:rustc-link-arg-bin=cargo=/MANIFEST:EMBED");
        println!(
            "cargo:rustc-link-arg-bin=cargo=/MANIFESTINPUT:{}",
            manifest.display()
        );
        println!("cargo:rustc-link-arg-bin=cargo=/WX");
    }
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("cargo sets `{name}` for build scripts"))
}
