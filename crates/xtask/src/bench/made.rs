//! Packages that nobody wrote, as many as are wanted.
//!
//! They are put into a folder as cargo keeps what it has downloaded, from where the registry takes
//! packages over. Each depends on the one before it, so that there is a graph to resolve.

use std::fs;
use std::path::Path;

use consign_statement::Digest;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The name that the registry has in such a folder. It could be any.
const REGISTRY: &str = "made";

/// Makes `packages` packages in `versions` versions each below `home`, a `CARGO_HOME`, and gives name
/// and version of each.
pub fn make(
    home: &Path,
    packages: usize,
    versions: usize,
) -> anyhow::Result<Vec<(String, String)>> {
    let cache = home.join("registry/cache").join(REGISTRY);
    fs::create_dir_all(&cache)?;
    let mut made = Vec::new();
    for number in 0..packages {
        let name = name(number);
        // How such a file begins: its own version, that of the index format, and a text of no interest.
        let mut index = vec![3, 2, 0, 0, 0];
        index.extend(b"made\0");
        for patch in 0..versions {
            let version = format!("1.0.{patch}");
            let archive = archive(&name, &version, number.checked_sub(1))?;
            let line = line(&name, &version, number.checked_sub(1), &archive);
            fs::write(cache.join(format!("{name}-{version}.crate")), archive)?;
            index.extend(format!("{version}\0{line}\0").bytes());
            made.push((name.clone(), version));
        }
        let folder = home.join("registry/index").join(REGISTRY).join(".cache");
        let folder = folder.join(&name[..2]).join(&name[2..4]);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&name), index)?;
    }
    Ok(made)
}

/// What the package with this number is called.
pub fn name(number: usize) -> String {
    format!("made-{number}")
}

fn line(name: &str, version: &str, needs: Option<usize>, archive: &[u8]) -> String {
    let needs = needs.map(|needed| {
        serde_json::json!({
            "name": self::name(needed), "req": "^1", "features": [], "optional": false,
            "default_features": true, "target": null, "kind": "normal"
        })
    });
    let deps: Vec<_> = needs.into_iter().collect();
    serde_json::json!({
        "name": name, "vers": version, "deps": deps, "features": {}, "yanked": false,
        "cksum": Digest::of(archive).to_string(),
    })
    .to_string()
}

/// A library without anything in it.
fn archive(name: &str, version: &str, needs: Option<usize>) -> anyhow::Result<Vec<u8>> {
    let mut manifest =
        format!("[package]\nname = {name:?}\nversion = {version:?}\nedition = \"2024\"\n");
    if let Some(needed) = needs {
        manifest += &format!("[dependencies]\n{} = \"1\"\n", self::name(needed));
    }
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("{name}-{version}/{path}");
        tar.append_data(&mut header, path, content.as_bytes())?;
    }
    Ok(tar.into_inner()?.finish()?)
}
