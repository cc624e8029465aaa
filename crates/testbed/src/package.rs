//! Small packages that are real: they are published, fetched and compiled.

use std::fs;
use std::path::{Path, PathBuf};

use crate::REGISTRY;

/// A package that is being put together.
///
/// It is a library with `pub fn name() -> &'static str`, which gives name and version, until it is
/// given other files.
#[derive(Debug)]
#[must_use = "nothing is there before `write`"]
pub struct PackageBuilder {
    folder: PathBuf,
    name: String,
    version: String,
    package: String,
    dependencies: String,
    rest: String,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl PackageBuilder {
    pub(crate) fn new(sandbox: &Path, name: &str) -> PackageBuilder {
        PackageBuilder {
            folder: sandbox.join(name),
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            package: String::new(),
            dependencies: String::new(),
            rest: String::new(),
            files: Vec::new(),
        }
    }

    /// Its version; `0.1.0` where this is not called.
    pub fn version(mut self, version: &str) -> PackageBuilder {
        self.version = version.to_owned();
        self
    }

    /// Its folder below the sandbox; that of its name where this is not called.
    pub fn folder(mut self, folder: &str) -> PackageBuilder {
        let sandbox = self.folder.parent().unwrap();
        self.folder = sandbox.join(folder);
        self
    }

    /// A dependency from the registry [`REGISTRY`].
    pub fn dependency(self, name: &str, requirement: &str) -> PackageBuilder {
        let line = format!("{name} = {{ version = \"{requirement}\", registry = \"{REGISTRY}\" }}");
        self.dependency_line(&line)
    }

    /// A line of the table `dependencies`.
    pub fn dependency_line(mut self, toml: &str) -> PackageBuilder {
        self.dependencies += toml;
        self.dependencies += "\n";
        self
    }

    /// A line of the table `package`.
    pub fn package_line(mut self, toml: &str) -> PackageBuilder {
        self.package += toml;
        self.package += "\n";
        self
    }

    /// A feature and what it turns on.
    pub fn feature(self, name: &str, values: &[&str]) -> PackageBuilder {
        self.manifest(&format!("[features]\n{name} = {values:?}"))
    }

    /// More of the manifest, tables with their headings.
    pub fn manifest(mut self, toml: &str) -> PackageBuilder {
        self.rest += toml;
        self.rest += "\n";
        self
    }

    /// A file.
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> PackageBuilder {
        self.files.push((path.into(), content.into()));
        self
    }

    /// Makes it a program with this as the body of its `main`.
    pub fn program(self, main: &str) -> PackageBuilder {
        self.file("src/main.rs", format!("fn main() {{\n    {main}\n}}\n"))
    }

    /// Writes the package and gives its folder.
    pub fn write(mut self) -> PathBuf {
        if self.files.iter().all(|(path, _)| !path.starts_with("src")) {
            let name = format!("{} {}", self.name, self.version);
            let lib = format!("pub fn name() -> &'static str {{\n    {name:?}\n}}\n");
            self = self.file("src/lib.rs", lib);
        }
        let manifest = format!(
            "[package]\nname = \"{}\"\nversion = \"{}\"\nedition = \"2024\"\n\
             description = \"the package {}\"\nlicense = \"MIT\"\n{}\n\
             [dependencies]\n{}\n{}",
            self.name, self.version, self.name, self.package, self.dependencies, self.rest
        );
        self = self.file("Cargo.toml", manifest);
        for (path, content) in &self.files {
            let path = self.folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.folder
    }
}
