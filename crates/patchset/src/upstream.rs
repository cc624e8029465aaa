//! Where the published crate is, and how a copy of it is made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why the published crate could not be found or copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// `cargo metadata` could not be started.
    #[error("failed to run `{cargo} metadata`")]
    Start {
        /// The cargo that was tried.
        cargo: String,
        /// What came back.
        source: io::Error,
    },
    /// `cargo metadata` failed.
    #[error("`cargo metadata` failed while it looked for `{package}`:\n{stderr}")]
    Metadata {
        /// The crate that was looked for.
        package: String,
        /// What it printed.
        stderr: String,
    },
    /// `cargo metadata` printed no JSON.
    #[error("`cargo metadata` printed something that cannot be read")]
    Json(#[from] serde_json::Error),
    /// The crate is not among the dependencies, or not in this version.
    #[error("`{package}` {version} from crates.io is not among the dependencies of `{manifest}`")]
    NotThere {
        /// The crate that was looked for.
        package: String,
        /// In which version.
        version: String,
        /// In whose dependencies.
        manifest: PathBuf,
    },
    /// A file could not be copied.
    #[error("failed to copy `{path}`")]
    Copy {
        /// The file.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
}

/// The folder of `package` in exactly `version`, which `manifest` must have among its
/// dependencies, for whatever platform. It is downloaded if it has to be; with `cargo vendor` it
/// is found in the vendored folder.
pub fn find(
    cargo: &Path,
    manifest: &Path,
    package: &str,
    version: &str,
) -> Result<PathBuf, UpstreamError> {
    let output = Command::new(cargo)
        // `--locked`: a build script may look at the lockfile, not change it.
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .map_err(|source| UpstreamError::Start {
            cargo: cargo.display().to_string(),
            source,
        })?;
    if !output.status.success() {
        return Err(UpstreamError::Metadata {
            package: package.to_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array();
    packages
        .into_iter()
        .flatten()
        .filter(|found| found["name"] == package && found["version"] == version)
        .filter(|found| found["source"].is_string())
        .find_map(|found| Path::new(found["manifest_path"].as_str()?).parent())
        .map(Path::to_owned)
        .ok_or_else(|| UpstreamError::NotThere {
            package: package.to_owned(),
            version: version.to_owned(),
            manifest: manifest.to_owned(),
        })
}

/// Copies the folder `from`, with everything in it, to `to`. What was at `to` before is removed.
pub fn copy(from: &Path, to: &Path) -> Result<(), UpstreamError> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(copying(to))?;
    }
    copy_folder(from, to)
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), UpstreamError> {
    fs::create_dir_all(to).map_err(copying(to))?;
    for entry in fs::read_dir(from).map_err(copying(from))? {
        let entry = entry.map_err(copying(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(copying(&path))?.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            // The content only: a file that is read-only in `CARGO_HOME` must be writable here.
            let content = fs::read(&path).map_err(copying(&path))?;
            fs::write(&target, content).map_err(copying(&target))?;
        }
    }
    Ok(())
}

fn copying(path: &Path) -> impl FnOnce(io::Error) -> UpstreamError {
    let path = path.to_owned();
    |source| UpstreamError::Copy { path, source }
}
