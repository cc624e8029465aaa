//! The registry, a process of its own; and what whoever runs it could do behind its back.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use consign_identity::Identity;
use consign_identity::openpgp::SecretKey;
use consign_statement::{
    Carrier, Digest, Locator, RegistryId, Release, carrier, index, sign, tree,
};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{Sandbox, crate_with_first_file, registry_program};

/// Who owns the packages that [`Registry::import`] brings: [`Registry::sign`] needs a token of
/// theirs.
pub const IMPORTER: &str = "importer";

/// More than any package that is tried out here unpacks to.
const MAX_UNPACKED: u64 = 512 << 20;

/// A running registry. It is killed when dropped.
#[derive(Debug)]
pub struct Registry {
    root: PathBuf,
    url: String,
    server: Mutex<Option<Child>>,
}

impl Registry {
    /// Starts one without packages, that keeps its files in the sandbox.
    pub fn start(sandbox: &Sandbox) -> Registry {
        let root = (1..)
            .map(|n| sandbox.path().join(format!("registry-{n}")))
            .find(|root| !root.exists())
            .unwrap();
        let (server, url) = serve(&root, "127.0.0.1:0");
        Registry {
            root,
            url,
            server: Mutex::new(Some(server)),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `sparse+http://127.0.0.1:PORT/index/`.
    pub fn index_url(&self) -> String {
        format!("sparse+{}/index/", self.url)
    }

    /// The registry as it is signed for.
    pub fn identity(&self) -> RegistryId {
        RegistryId::from_index_url(&self.index_url()).unwrap()
    }

    /// The folder in which it keeps everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Stops the server: connections are refused from now on.
    pub fn stop(&self) {
        if let Some(mut server) = self.server.lock().unwrap().take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Starts the server again where it was, if it was stopped.
    pub fn restart(&self) {
        let mut server = self.server.lock().unwrap();
        if server.is_none() {
            let address = self.url.strip_prefix("http://").unwrap();
            *server = Some(serve(&self.root, address).0);
        }
    }

    /// Makes a token for `user`.
    pub fn token(&self, user: &str) -> String {
        let token = self.command(&["token", "new", "--user", user]);
        token.trim().to_owned()
    }

    /// Takes over packages with these names (`NAME` or `NAME@VERSION`) that cargo has downloaded to
    /// `cargo_home`. They are [`IMPORTER`]'s.
    pub fn import(&self, cargo_home: &Path, names: &[&str]) {
        let home = cargo_home.to_str().unwrap();
        let mut args = vec!["import", "--cargo-home", home, "--owner", IMPORTER];
        args.extend(names);
        self.stop();
        self.command(&args);
        self.restart();
    }

    /// The index line of a version.
    pub fn line(&self, name: &str, version: &str) -> Value {
        let line = self.lines(name).into_iter().find(|l| l["vers"] == version);
        line.unwrap_or_else(|| panic!("there is no {name} {version} in the registry"))
    }

    /// Changes the index line of a version in the file that is served, as nobody but the registry
    /// could.
    pub fn edit_line(&self, name: &str, version: &str, edit: impl FnOnce(&mut Value)) {
        let mut lines = self.lines(name);
        edit(lines.iter_mut().find(|l| l["vers"] == version).unwrap());
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.write_index(name, &text);
    }

    /// The index lines of a package, as they are served.
    pub fn index(&self, name: &str) -> String {
        fs::read_to_string(self.folder(name).join("index")).unwrap()
    }

    /// Replaces all index lines of a package.
    pub fn write_index(&self, name: &str, text: &str) {
        fs::write(self.folder(name).join("index"), text).unwrap();
    }

    /// The file with the bytes of a version.
    pub fn crate_path(&self, name: &str, version: &str) -> PathBuf {
        self.folder(name).join(format!("{version}.crate"))
    }

    /// Signs a version that is there, and has the registry take the signature.
    pub fn sign(
        &self,
        name: &str,
        version: &str,
        identity: &Identity,
        key: &SecretKey,
        token: &str,
    ) {
        self.sign_at(name, version, identity, key, token, now());
    }

    /// The same, at a time of one's own, in Unix seconds.
    pub fn sign_at(
        &self,
        name: &str,
        version: &str,
        identity: &Identity,
        key: &SecretKey,
        token: &str,
        time: u64,
    ) {
        let fields = self.fields(&self.identity(), name, version, identity, key, time);
        if let Err(answer) = self.put_signature(name, version, &fields, token) {
            panic!("the registry refuses a signature of {name} {version}: {answer}");
        }
    }

    /// Has a version carry a signature for `registry`, as if it had been published with one: the package
    /// holds it, and its index line names the new checksum and is otherwise as it was.
    pub fn carry(
        &self,
        registry: &RegistryId,
        name: &str,
        version: &str,
        identity: &Identity,
        key: &SecretKey,
    ) {
        let line = self.line(name, version).to_string();
        let entry: index::Entry<'_> = serde_json::from_str(&line).unwrap();
        let release = Release::from_index(&entry).unwrap();
        let path = self.crate_path(name, version);
        let archive = fs::read(&path).unwrap();
        let unpacked = GzDecoder::new(&archive[..]);
        let files = tree::of_tar(unpacked, name, version, MAX_UNPACKED).unwrap();
        let (provider, user) = (identity.provider(), identity.user());
        let locator = Locator::new(provider, user, None, key.public_key()).unwrap();
        let carrier = Carrier::sign(release, registry, files, locator, now(), key).unwrap();
        let inside = format!("{name}-{version}/{}", carrier::NAME);
        let archive = crate_with_first_file(&archive, &inside, carrier.bytes());
        let cksum = Digest::of(&archive).to_string();
        fs::write(path, archive).unwrap();
        self.edit_line(name, version, |line| line["cksum"] = cksum.into());
    }

    /// Offers the registry the two fields of a signature for a version that is there. An error is
    /// its answer.
    pub fn put_signature(
        &self,
        name: &str,
        version: &str,
        fields: &Value,
        token: &str,
    ) -> Result<(), String> {
        let path = format!("/api/v1/crates/{name}/{version}/signature");
        let answer = self.put(&path, token, fields.to_string().as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        match head.starts_with("HTTP/1.1 200 ") {
            true => Ok(()),
            false => Err(body.to_owned()),
        }
    }

    /// The two fields of a signature over a version, as it is stored now.
    pub fn signed_fields(
        &self,
        name: &str,
        version: &str,
        identity: &Identity,
        key: &SecretKey,
    ) -> Value {
        self.signed_fields_for(&self.identity(), name, version, identity, key)
    }

    /// The same, signed for another registry.
    pub fn signed_fields_for(
        &self,
        registry: &RegistryId,
        name: &str,
        version: &str,
        identity: &Identity,
        key: &SecretKey,
    ) -> Value {
        self.fields(registry, name, version, identity, key, now())
    }

    fn fields(
        &self,
        registry: &RegistryId,
        name: &str,
        version: &str,
        identity: &Identity,
        key: &SecretKey,
        time: u64,
    ) -> Value {
        let line = self.line(name, version).to_string();
        let entry: index::Entry<'_> = serde_json::from_str(&line).unwrap();
        let release = Release::from_index(&entry).unwrap();
        let archive = fs::read(self.crate_path(name, version)).unwrap();
        let tree = tree::of_crate(&archive[..], name, version, MAX_UNPACKED).unwrap();
        let (provider, user) = (identity.provider(), identity.user());
        let locator = Locator::new(provider, user, None, key.public_key()).unwrap();
        let fields = sign(&release, registry, &tree, locator, time, key).unwrap();
        serde_json::to_value(fields).unwrap()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let index = self.index(name);
        let lines = index.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn folder(&self, name: &str) -> PathBuf {
        let key = name.to_lowercase().replace('-', "_");
        self.root.join("packages").join(key)
    }

    fn put(&self, path: &str, token: &str, body: &[u8]) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Runs a command of the server's program on the same files.
    fn command(&self, args: &[&str]) -> String {
        let output = Command::new(registry_program())
            .args(args)
            .arg("--root")
            .arg(&self.root)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

fn serve(root: &Path, address: &str) -> (Child, String) {
    let mut server = Command::new(registry_program())
        .args(["serve", "--listen", address, "--root"])
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(root.with_extension("log")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let url = line.strip_prefix("listening on ").map(str::trim_end);
    let url = url.unwrap_or_else(|| panic!("the registry said `{line}`"));
    (server, url.to_owned())
}
