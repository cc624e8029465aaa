//! What the tests share: the real server as a process, stock cargo in a home of its own, a client
//! of a few lines for what cargo would not send, and packages to publish.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_consign-registry");

/// Runs a command of the server's binary that ends by itself.
pub fn registry(args: &[&str]) -> Output {
    Command::new(BINARY).args(args).output().unwrap()
}

/// Makes a token for `user` at the registry in `root`.
pub fn token(root: &Path, user: &str) -> String {
    let output = registry(&["token", "new", "--root", path(root), "--user", user]);
    success(&output).trim().to_owned()
}

/// What a command that must have succeeded wrote on its standard output.
pub fn success(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command that must have failed wrote on its standard error.
pub fn failure(output: &Output) -> String {
    assert!(!output.status.success(), "{}", stderr(output));
    stderr(output)
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    /// `http://ADDRESS`.
    pub url: String,
}

impl Server {
    /// Serves the registry at `root`.
    pub fn start(root: &Path, args: &[&str]) -> Server {
        let mut child = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--root", path(root)])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").map(str::trim_end);
        let url = url.unwrap_or_else(|| panic!("the server said `{line}`"));
        Server {
            url: url.to_owned(),
            child,
        }
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and waits for the end. Gives whether the server ended well, and its log.
    pub fn terminate(mut self) -> (bool, String) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        (status.success(), log)
    }

    pub fn get(&self, path: &str) -> Reply {
        send(&self.url, "GET", path, &[], b"").unwrap()
    }

    /// A request with a token.
    pub fn send(&self, method: &str, path: &str, token: &str, body: &[u8]) -> Reply {
        send(&self.url, method, path, &[("authorization", token)], body).unwrap()
    }

    /// Publishes `archive` as `request` says.
    pub fn publish(&self, token: &str, request: &Value, archive: &[u8]) -> Reply {
        let body = upload(request, archive);
        self.send("PUT", "/api/v1/crates/new", token, &body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A registry that is served from a folder of its own, with the user `alice`.
pub struct Registry {
    pub root: TempDir,
    pub server: Server,
    pub alice: String,
}

impl Registry {
    pub fn start() -> Registry {
        Registry::start_with(&[])
    }

    pub fn start_with(args: &[&str]) -> Registry {
        let root = TempDir::new().unwrap();
        let alice = token(root.path(), "alice");
        let server = Server::start(root.path(), args);
        Registry {
            root,
            server,
            alice,
        }
    }

    pub fn token(&self, user: &str) -> String {
        token(self.root.path(), user)
    }

    /// What `cargo publish` would send, as alice.
    pub fn publish(&self, name: &str, version: &str) -> Reply {
        let archive = archive(name, version);
        (self.server).publish(&self.alice, &request(name, version), &archive)
    }

    /// The index lines of a package.
    pub fn lines(&self, path: &str) -> Vec<Value> {
        let reply = self.server.get(&format!("/index/{path}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        let text = reply.text();
        assert!(text.ends_with('\n'), "{text}");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The reason that cargo would show of a request that was refused with this status.
    pub fn refusal(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let errors = self.json();
        assert_eq!(errors["errors"].as_array().unwrap().len(), 1, "{errors}");
        errors["errors"][0]["detail"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn accepted(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }
}

/// One request on a connection of its own, of the length of its body unless a header says another.
/// Fails where the connection does.
pub fn send(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Reply> {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host)?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let says_length =
        |(name, _): &(&str, _)| ["content-length", "transfer-encoding"].contains(name);
    if !headers.iter().any(says_length) {
        head += &format!("content-length: {}\r\n", body.len());
    }
    head += "\r\n";
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let cut_off = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let status = line.split(' ').nth(1).ok_or_else(cut_off)?.parse().unwrap();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    if headers
        .get("content-length")
        .is_some_and(|length| *length != body.len().to_string())
    {
        return Err(cut_off());
    }
    Ok(Reply {
        status,
        headers,
        body,
    })
}

/// The body of a publish request.
pub fn upload(request: &Value, archive: &[u8]) -> Vec<u8> {
    let json = request.to_string();
    let mut body = Vec::new();
    for part in [json.as_bytes(), archive] {
        body.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
        body.extend(part);
    }
    body
}

/// The JSON of a publish request.
pub fn request(name: &str, version: &str) -> Value {
    json!({
        "name": name, "vers": version, "deps": [], "features": {}, "authors": [],
        "description": null, "documentation": null, "homepage": null, "readme": null,
        "readme_file": null, "keywords": [], "categories": [], "license": null,
        "license_file": null, "repository": null, "badges": {}, "links": null,
        "rust_version": null,
    })
}

/// The `.crate` of a package with an empty library.
pub fn archive(name: &str, version: &str) -> Vec<u8> {
    let toml = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n");
    archive_of(&[
        (&format!("{name}-{version}/Cargo.toml"), toml.as_bytes()),
        (&format!("{name}-{version}/src/lib.rs"), b""),
    ])
}

/// A `.crate` with these files.
pub fn archive_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Stock cargo, the one on `PATH`, with a home and a folder of its own.
pub struct Cargo {
    folder: TempDir,
}

impl Cargo {
    /// With the registry at `url` under the name `local`.
    pub fn new(url: &str) -> Cargo {
        let cargo = Cargo {
            folder: TempDir::new().unwrap(),
        };
        let config = format!(
            "[registries.local]\nindex = \"sparse+{url}/index/\"\n\
             [registry]\nglobal-credential-providers = [\"cargo:token\"]\n"
        );
        cargo.write("home/config.toml", &config);
        cargo
    }

    /// Logged in at `registry` with `token`.
    pub fn with_token(registry: &Registry, token: &str) -> Cargo {
        let cargo = Cargo::new(&registry.server.url);
        success(&cargo.login(token));
        cargo
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A package in the folder `name`, with a library that has `pub fn version()`.
    pub fn package(&self, name: &str, version: &str, rest_of_manifest: &str) {
        self.write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n\
                 description = \"the package {name}\"\nlicense = \"MIT\"\n{rest_of_manifest}"
            ),
        );
        self.write(
            &format!("{name}/src/lib.rs"),
            "pub fn version() -> &'static str { env!(\"CARGO_PKG_VERSION\") }\n",
        );
    }

    /// A program in the folder `consumer` with these dependencies.
    pub fn consumer(&self, dependencies: &str, main: &str) {
        self.write(
            "consumer/Cargo.toml",
            &format!(
                "[package]\nname = \"consumer\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
                 [dependencies]\n{dependencies}\n"
            ),
        );
        self.write("consumer/src/main.rs", &format!("fn main() {{ {main} }}\n"));
    }

    /// `cargo ARGS` in a folder.
    pub fn run(&self, folder: &str, args: &[&str]) -> Output {
        self.command(folder, args).output().unwrap()
    }

    /// `cargo publish` of a package that was made with [`Cargo::package`].
    pub fn publish(&self, name: &str) -> Output {
        self.run(name, &["publish", "--registry", "local", "--allow-dirty"])
    }

    /// `cargo login`, with the token on standard input.
    pub fn login(&self, token: &str) -> Output {
        let mut child = self
            .command("", &["login", "--registry", "local"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(token.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    fn command(&self, folder: &str, args: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        // Nothing of the cargo that runs this test may reach the one that is run here, but for the
        // way to the network.
        for (key, _) in std::env::vars_os() {
            let key = key.to_string_lossy();
            if key.starts_with("CARGO") && !key.starts_with("CARGO_HTTP") {
                command.env_remove(&*key);
            }
        }
        command
            .args(args)
            .current_dir(self.folder.path().join(folder))
            .env("CARGO_HOME", self.home())
            .env("CARGO_TERM_COLOR", "never");
        command
    }
}
