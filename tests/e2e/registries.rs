//! Registries by others, unmodified and as processes of their own: what is published there with Consign is
//! built where signatures are required, and what is tampered with is refused. Stock cargo builds all the
//! while.
//!
//! Their programs are looked for in `target/registries/bin` (`.ci/run` installs one there), or in the folder
//! that `CONSIGN_REGISTRIES` names. A test says so where one is missing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use consign_statement::{Claim, Digest, carrier};
use consign_testbed::{
    Home, KeyServer, Output, Sandbox, consign, crate_with_changed_file, crate_without_file,
    skipped, stock,
};
use serde_json::{Value, json};

/// What there is to know of one of them.
struct Kind {
    /// Its program.
    program: &'static str,
    /// Runs it on a port, with its files in a folder.
    start: fn(&Path, &Path, u16) -> Command,
    /// The address of its index.
    index: fn(&Path, u16) -> String,
    /// A token for octocat.
    token: fn(u16) -> String,
    /// The folder with the index, a git repository, as it is now; and the file with `foo` 1.0.0.
    files: fn(&Path) -> (PathBuf, PathBuf),
    /// Has the index served as it is in that folder.
    serve: fn(&Path),
    /// Whether its index tells of a dependency under another name. Where it does not, stock cargo cannot
    /// use the package either.
    keeps_renamed: bool,
}

const CARGO_HTTP_REGISTRY: Kind = Kind {
    program: "cargo-http-registry",
    start: |program, root, port| {
        let mut command = Command::new(program);
        command
            .arg(root)
            .arg("--addr")
            .arg(format!("127.0.0.1:{port}"));
        command
    },
    index: |_, port| format!("http://127.0.0.1:{port}/git"),
    token: |_| "any".to_owned(),
    files: |root| (root.to_owned(), root.join("foo-1.0.0.crate")),
    serve: |index| git(index, &["update-server-info"]),
    keeps_renamed: true,
};

const KTRA: Kind = Kind {
    program: "ktra",
    start: |program, root, port| {
        // The index is a repository somewhere else, to which it pushes.
        let seed = root.join("seed");
        fs::create_dir(&seed).unwrap();
        git(
            root,
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch",
                "main",
                "index.git",
            ],
        );
        git(&seed, &["init", "--quiet", "--initial-branch", "main"]);
        let url = format!("http://127.0.0.1:{port}");
        let config = json!({ "dl": format!("{url}/dl"), "api": url });
        fs::write(seed.join("config.json"), config.to_string()).unwrap();
        git(&seed, &["add", "."]);
        git(&seed, &["commit", "--quiet", "--message", "index"]);
        git(&seed, &["push", "--quiet", "../index.git", "main"]);
        let config = format!(
            "[index_config]\nremote_url = \"file://{}/index.git\"\nlocal_path = \"index\"\n\
             branch = \"main\"\n[server_config]\naddress = [127, 0, 0, 1]\nport = {port}\n",
            root.display()
        );
        fs::write(root.join("ktra.toml"), config).unwrap();
        let mut command = Command::new(program);
        command.args(["-c", "ktra.toml"]).current_dir(root);
        command
    },
    index: |root, _| format!("file://{}/index.git", root.display()),
    token: |port| {
        let body = "{\"password\":\"secret\"}";
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "POST /ktra/api/v1/new_user/octocat HTTP/1.1\r\nhost: 127.0.0.1\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let json = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
        let json: Value = serde_json::from_str(json).unwrap();
        json["token"].as_str().unwrap().to_owned()
    },
    files: |root| {
        let seed = root.join("seed");
        git(
            &seed,
            &["pull", "--quiet", "--rebase", "../index.git", "main"],
        );
        (seed, root.join("crates/foo/1.0.0/download"))
    },
    serve: |seed| git(seed, &["push", "--quiet", "../index.git", "main"]),
    keeps_renamed: true,
};

const ESTUARY: Kind = Kind {
    program: "estuary",
    start: |program, root, port| {
        let mut command = Command::new(program);
        command
            .args(["--base-url", &format!("http://127.0.0.1:{port}")])
            .args(["--http-host", "127.0.0.1", "--http-port", &port.to_string()])
            .args(["--index-dir", "index", "--crate-dir", "crates"])
            .current_dir(root);
        command
    },
    index: |_, port| format!("http://127.0.0.1:{port}/git/index"),
    token: |_| "any".to_owned(),
    files: |root| (root.join("index"), root.join("crates/foo/foo-1.0.0.crate")),
    serve: |_| {},
    keeps_renamed: false,
};

fn git(folder: &Path, args: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@t"])
        .args(args);
    let status = git.current_dir(folder).stdout(Stdio::null()).status();
    assert!(status.unwrap().success(), "git {args:?}");
}

/// One that is running. It is killed when dropped.
struct Other {
    kind: &'static Kind,
    root: PathBuf,
    server: Child,
    octocat: Home,
    user: Home,
    keys: KeyServer,
    sandbox: Sandbox,
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Where the program of a registry is.
fn program(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("CONSIGN_REGISTRIES") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/registries/bin"),
    };
    let program = folder.join(name);
    program.exists().then_some(program)
}

impl Other {
    /// Starts it, with `foo` 1.0.0 in it that octocat published; `None` where it is not installed.
    fn with_foo(kind: &'static Kind) -> Option<Other> {
        let Some(program) = program(kind.program) else {
            skipped(&format!("`{}` is not installed", kind.program));
            return None;
        };
        let sandbox = Sandbox::new();
        let root = sandbox.path().join(kind.program);
        fs::create_dir_all(&root).unwrap();
        let port = free_port();
        let mut server = (kind.start)(&program, &root, port);
        let log = fs::File::create(root.with_extension("log")).unwrap();
        let server = server.stdout(log.try_clone().unwrap()).stderr(log);
        let mut server = server.spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {ended:?}", kind.program);
            std::thread::sleep(Duration::from_millis(20));
        }
        let keys = KeyServer::start();
        let token = (kind.token)(port);
        let home = |name| {
            let home = sandbox.home(name);
            home.use_keys(&keys);
            home.add_config(&format!(
                "[registry]\ndefault = \"demo\"\n[registries.demo]\nindex = \"{}\"\n\
                 token = \"{token}\"\n[net]\ngit-fetch-with-cli = true\n",
                (kind.index)(&root, port)
            ));
            home
        };
        let other = Other {
            octocat: home("octocat"),
            user: home("user"),
            kind,
            root,
            server,
            keys,
            sandbox,
        };
        let identity = "github:octocat";
        other.as_octocat(&["key", "new", "--sign-as", identity], other.sandbox.path());
        let shown = other.as_octocat(&["key", "show", identity], other.sandbox.path());
        other.keys.publish("octocat", &shown.stdout);
        let package = other.sandbox.package("foo").version("1.0.0");
        let package = package
            .package_line("rust-version = \"1.85\"")
            .feature("evil", &[]);
        let folder = package.folder("foo").write();
        let published = other.as_octocat(&["publish"], &folder).stderr;
        let note =
            "the index of registry `demo` says nothing of a signature: that of foo v1.0.0 travels";
        assert!(published.contains(note), "{published}");
        Some(other)
    }

    fn as_octocat(&self, args: &[&str], folder: &Path) -> Output {
        self.octocat
            .cargo(&consign(), folder)
            .args(args)
            .run()
            .succeeded()
    }

    /// What becomes of a program that depends on `foo`, in the hands of somebody who sees it for the first
    /// time.
    fn build(&self, cargo: &Path, flags: &[&str]) -> Output {
        for folder in ["registry", "git"] {
            let _ = fs::remove_dir_all(self.user.path().join(folder));
        }
        let _ = fs::remove_dir_all(self.sandbox.path().join("app"));
        let app = self.sandbox.package("app").dependency("foo", "1");
        let app = app.program("println!(\"{}\", foo::name());").write();
        self.user.cargo(cargo, &app).args(["run"]).args(flags).run()
    }

    /// A package with every kind of dependency and feature, as far as the registry tells of them, is built.
    fn holds_with_dependencies(&self) {
        let helper = self.sandbox.package("helper").version("1.0.0");
        self.as_octocat(&["publish"], &helper.write());
        let (name, renamed) = match self.kind.keeps_renamed {
            true => ("renamed", "package = \"foo\", "),
            false => ("foo", ""),
        };
        let bar = self.sandbox.package("bar").version("1.0.0").folder("bar");
        let bar = bar
            .package_line("links = \"bar\"\nbuild = \"build.rs\"")
            .file("build.rs", "fn main() {}")
            .file(
                "src/lib.rs",
                format!("pub fn name() -> &'static str {{ {name}::name() }}"),
            )
            .dependency_line(&format!(
                "{name} = {{ {renamed}version = \"1\", optional = true, registry = \"demo\" }}"
            ))
            .manifest(&format!(
                "[target.'cfg(windows)'.dependencies]\nhelper = {{ version = \"1\", registry = \"demo\" }}\n\
                 [build-dependencies]\nhelper = {{ version = \"1\", registry = \"demo\" }}\n\
                 [features]\ndefault = [\"dep:{name}\"]\n"
            ));
        self.as_octocat(&["publish"], &bar.write());
        let user = self.sandbox.package("user").dependency("bar", "1");
        let user = user.program("println!(\"{}\", bar::name());").write();
        for (cargo, flags) in [(stock(), &[][..]), (consign(), &["--require-signatures"])] {
            let run = self.user.cargo(&cargo, &user).args(["run"]).args(flags);
            assert_eq!(run.run().succeeded().stdout, "foo 1.0.0\n");
        }
    }

    fn archive(&self) -> Vec<u8> {
        fs::read((self.kind.files)(&self.root).1).unwrap()
    }

    fn line(&self) -> Value {
        let index = (self.kind.files)(&self.root).0;
        let text = fs::read_to_string(index.join("3/f/foo")).unwrap();
        serde_json::from_str(text.trim_end()).unwrap()
    }

    /// Serves another archive and another index line, as whoever broke into it would.
    fn serve(&self, archive: &[u8], mut line: Value) {
        let (index, path) = (self.kind.files)(&self.root);
        fs::write(path, archive).unwrap();
        line["cksum"] = Digest::of(archive).to_string().into();
        fs::write(index.join("3/f/foo"), format!("{line}\n")).unwrap();
        git(
            &index,
            &[
                "commit",
                "--quiet",
                "--all",
                "--allow-empty",
                "--message",
                "evil",
            ],
        );
        (self.kind.serve)(&index);
    }
}

/// All that is asked of every one of them.
fn holds(kind: &'static Kind) {
    let Some(other) = Other::with_foo(kind) else {
        return;
    };
    let (archive, line) = (other.archive(), other.line());
    let says = Claim::from_json(line.to_string().as_bytes());
    assert_eq!(says, Ok(Claim::Unsigned), "{line}");

    const REQUIRED: &[&str] = &["--require-signatures"];
    let built = |other: &Other| {
        let output = other.build(&consign(), REQUIRED).succeeded();
        assert_eq!(output.stdout, "foo 1.0.0\n");
        let published = "(published by GitHub user @octocat)";
        assert!(output.stderr.contains(published), "{}", output.stderr);
        other.build(&stock(), &[]).succeeded();
    };
    built(&other);
    other.holds_with_dependencies();

    let evil = b"pub fn name() -> &'static str { \"evil\" }";
    let with_evil = crate_with_changed_file(&archive, "src/lib.rs", evil);
    let carrier = carrier::in_crate(&archive[..], "foo", "1.0.0")
        .unwrap()
        .unwrap();
    let carrier = String::from_utf8(carrier).unwrap();
    let other_time = carrier.replace("\"time\":1", "\"time\":2");
    let other_carrier = crate_with_changed_file(&archive, carrier::NAME, other_time.as_bytes());
    let stripped = crate_without_file(&with_evil, carrier::NAME);
    let mut with_feature = line.clone();
    with_feature["features"]["default"] = json!(["evil"]);
    for (archive, line, why) in [
        (
            &with_evil,
            &line,
            "are not those that `github:octocat` signed",
        ),
        (
            &archive,
            &with_feature,
            "its index entry has other features",
        ),
        (&other_carrier, &line, "does not fit the statement"),
        (&stripped, &line, "is not signed"),
    ] {
        other.serve(archive, line.clone());
        let refusal = other.build(&consign(), REQUIRED).failed().stderr;
        assert!(refusal.contains(why), "{refusal}");
        other.build(&stock(), &[]).succeeded();
    }
    other.serve(&archive, line);
    built(&other);
}

#[test]
fn cargo_http_registry_carries_what_is_signed() {
    holds(&CARGO_HTTP_REGISTRY);
}

#[test]
fn ktra_carries_what_is_signed() {
    holds(&KTRA);
}

#[test]
fn estuary_carries_what_is_signed() {
    holds(&ESTUARY);
}
