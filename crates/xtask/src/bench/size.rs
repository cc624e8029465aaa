//! What signing makes larger: the index, and the program; and how long the fork takes to build.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use consign_patchset::upstream;
use consign_testbed::{Registry, Sandbox, run_stock};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::queue::PATCHED;
use crate::surroundings::PROJECT;

/// The bytes of some index lines, and what `gzip` makes of them, as they are sent over a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bytes {
    plain: usize,
    packed: usize,
}

impl Bytes {
    fn add(&mut self, text: &str) -> anyhow::Result<()> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes())?;
        self.plain += text.len();
        self.packed += gzip.finish()?.len();
        Ok(())
    }
}

/// The index with signatures, and without.
#[derive(Debug, Default)]
pub struct Index {
    versions: usize,
    signed: Bytes,
    unsigned: Bytes,
}

impl Index {
    /// Weighs what is served of these packages.
    pub fn weigh(registry: &Registry, packages: &[(String, String)]) -> anyhow::Result<Index> {
        let mut index = Index::default();
        let mut names: Vec<_> = packages.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        for name in names {
            let signed = registry.index(name);
            let mut unsigned = String::new();
            for line in signed.lines() {
                let mut line: Value = serde_json::from_str(line)?;
                for field in ["key_locator", "signature"] {
                    line.as_object_mut().and_then(|line| line.remove(field));
                }
                unsigned += &format!("{line}\n");
                index.versions += 1;
            }
            index.signed.add(&signed)?;
            index.unsigned.add(&unsigned)?;
        }
        Ok(index)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions = self.versions.max(1);
        writeln!(
            f,
            "| index | a version, unsigned | a version, signed | ratio |"
        )?;
        writeln!(f, "|---|---:|---:|---:|")?;
        for (name, of) in [
            ("as it is", (|bytes| bytes.plain) as fn(Bytes) -> usize),
            ("compressed with gzip, a package a file", |bytes| {
                bytes.packed
            }),
        ] {
            let (unsigned, signed) = (of(self.unsigned), of(self.signed));
            writeln!(
                f,
                "| {name} | {} bytes | {} bytes | {:.2} |",
                unsigned / versions,
                signed / versions,
                signed as f64 / unsigned as f64
            )?;
        }
        Ok(())
    }
}

/// How long a cargo takes to build from nothing, once.
#[derive(Debug)]
pub struct BuildTime {
    upstream: Duration,
    fork: Duration,
}

impl BuildTime {
    /// Builds both with the profile for development, each in a folder of its own.
    pub fn measure() -> anyhow::Result<BuildTime> {
        let sandbox = Sandbox::new();
        let plain = sandbox.path().join("cargo");
        upstream::copy(&PATCHED[0].published()?, &plain)?;
        let build = |source: &Path| {
            let target = sandbox.path().join("target");
            eprintln!("building `{}`", source.display());
            let since = Instant::now();
            let built = run_stock()
                .args([
                    "build",
                    "--quiet",
                    "--locked",
                    "--bin=cargo",
                    "--target-dir",
                ])
                .arg(&target)
                .current_dir(source)
                // As much for one as for the other.
                .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
                .status()?;
            let took = since.elapsed();
            ensure!(built.success(), "`{}` cannot be built", source.display());
            fs::remove_dir_all(target)?;
            Ok(took)
        };
        Ok(BuildTime {
            upstream: build(&plain)?,
            fork: build(Path::new(PROJECT))?,
        })
    }
}

impl fmt::Display for BuildTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [upstream, fork] = [self.upstream, self.fork].map(|time| time.as_secs_f64());
        writeln!(
            f,
            "| `cargo build --bin cargo`, from nothing, once | time | ratio |"
        )?;
        writeln!(f, "|---|---:|---:|")?;
        writeln!(f, "| plain upstream | {upstream:.0} s | |")?;
        writeln!(f, "| Consign | {fork:.0} s | {:.2} |", fork / upstream)
    }
}
