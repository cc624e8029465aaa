//! A user: a `CARGO_HOME` with its configuration.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{ForgeServer, KeyServer, REGISTRY, Registry, Run};

/// A `CARGO_HOME` of its own.
#[derive(Debug, Clone)]
pub struct Home {
    sandbox: PathBuf,
    path: PathBuf,
}

impl Home {
    pub(crate) fn new(sandbox: &Path, name: &str) -> Home {
        let path = sandbox.join("homes").join(name);
        fs::create_dir_all(&path).unwrap();
        Home {
            sandbox: sandbox.to_owned(),
            path,
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds lines to `config.toml`. A table cannot be there twice.
    pub fn add_config(&self, toml: &str) {
        let mut file = fs::File::options()
            .append(true)
            .create(true)
            .open(self.path.join("config.toml"))
            .unwrap();
        writeln!(file, "{toml}").unwrap();
    }

    /// Makes `registry` known by the name [`REGISTRY`], and the one that is used where none is
    /// named.
    pub fn use_registry(&self, registry: &Registry, token: Option<&str>) {
        let token = token.map_or(String::new(), |token| format!("token = \"{token}\"\n"));
        self.add_config(&format!(
            "[registry]\ndefault = \"{REGISTRY}\"\n\
             [registries.{REGISTRY}]\nindex = \"{}\"\n{token}",
            registry.index_url()
        ));
    }

    /// Has the keys of `github` accounts asked for at `keys`.
    pub fn use_keys(&self, keys: &KeyServer) {
        self.add_config(&format!(
            "[signing.identities.github]\nkeys = \"{}\"",
            keys.template()
        ));
    }

    /// Has `github` be the forge, with its keys and its interface.
    pub fn use_forge(&self, forge: &ForgeServer) {
        self.add_config(&format!(
            "[signing.identities.github]\nhost = \"http://{}\"",
            forge.host()
        ));
    }

    /// Has every host that is not on this machine asked for by way of `proxy`, whose authority is
    /// trusted, and no other.
    pub fn use_proxy(&self, proxy: &KeyServer) {
        let authority = proxy.authority().map(|authority| authority.file());
        let cainfo = authority.map_or(String::new(), |file| {
            format!("cainfo = '{}'\n", file.display())
        });
        self.add_config(&format!("[http]\nproxy = \"{}\"\n{cainfo}", proxy.url()));
    }

    /// A run of `program`, a cargo, as this user, in the folder `cwd`.
    pub fn cargo(&self, program: &Path, cwd: &Path) -> Run {
        Run::new(program, cwd, &self.path, &self.sandbox)
    }
}
