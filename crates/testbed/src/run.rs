//! A command, run in an environment that has nothing of the machine's but the way to the network.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program;

/// A run of a cargo that is being put together.
#[derive(Debug)]
#[must_use = "nothing runs before `run`"]
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
    sandbox: PathBuf,
}

impl Run {
    pub(crate) fn new(program: &Path, cwd: &Path, home: &Path, sandbox: &Path) -> Run {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let is_ours = ["CARGO", "RUST", "CONSIGN", "SOURCE_DATE_EPOCH"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            let is_the_way_out = name.starts_with("CARGO_HTTP") || name.starts_with("RUSTUP");
            if is_ours && !is_the_way_out {
                command.env_remove(&*name);
            }
        }
        // The servers of a test are on this machine: no proxy could reach them.
        for name in ["no_proxy", "NO_PROXY"] {
            let others = std::env::var(name).unwrap_or_default();
            command.env(name, format!("127.0.0.1,localhost,{others}"));
        }
        if let Some(rustc) = program::rustc() {
            command.env("RUSTDOC", rustc.with_file_name("rustdoc"));
            command.env("RUSTC", rustc);
        }
        command
            .current_dir(cwd)
            .env("CARGO_HOME", home)
            .env("CARGO_TERM_COLOR", "never")
            // A second try is no other than the first here, and only takes time.
            .env("CARGO_NET_RETRY", "0");
        Run {
            command,
            stdin: Vec::new(),
            sandbox: sandbox.to_owned(),
        }
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Run {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.command.env(name, value);
        self
    }

    /// What the command reads from its standard input; nothing where this is not called.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Run {
        self.stdin = text.into();
        self
    }

    /// The command, and the folder of the test.
    pub(crate) fn into_parts(self) -> (Command, PathBuf) {
        (self.command, self.sandbox)
    }

    /// Runs the command to its end.
    #[track_caller]
    pub fn run(mut self) -> Output {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {:?}: {error}", self.command));
        let mut stdin = child.stdin.take().unwrap();
        // A command that does not read its input may have ended already.
        let _ = stdin.write_all(&self.stdin);
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let args: Vec<_> = self
            .command
            .get_args()
            .map(OsStr::to_string_lossy)
            .collect();
        Output {
            command: format!("cargo {}", args.join(" ")),
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("output in UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("messages in UTF-8"),
            sandbox: self.sandbox,
        }
    }
}

/// How a command ended, and what it said.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command, for messages.
    pub command: String,
    /// The exit status; `None` where a signal ended the command.
    pub status: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
    pub(crate) sandbox: PathBuf,
}

impl Output {
    /// Panics where the exit status is not 0.
    #[track_caller]
    pub fn succeeded(self) -> Output {
        self.ended_with(0)
    }

    /// Panics where the exit status is not 101, cargo's for an error.
    #[track_caller]
    pub fn failed(self) -> Output {
        self.ended_with(101)
    }

    /// Panics where the exit status is another.
    #[track_caller]
    pub fn ended_with(self, status: i32) -> Output {
        assert!(
            self.status == Some(status),
            "`{}` ended with {:?} and not with {status}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    /// The output with all that differs from run to run replaced; see [`normalised`].
    pub fn normalised(mut self) -> Output {
        let folder = self.sandbox.display().to_string();
        self.stdout = normalised(&self.stdout.replace(&folder, "[SANDBOX]"));
        self.stderr = normalised(&self.stderr.replace(&folder, "[SANDBOX]"));
        self
    }
}

/// A text in which ports, keys, fingerprints, digests, times, the sizes of packages and the compiler's version
/// are replaced by `[PORT]`, `[KEY]`, `[FINGERPRINT]`, `[SHA256]`, `[TIME]`, `[SIZE]` and `[RUST]`.
pub fn normalised(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_time = |c: char| c.is_ascii_digit() || c == '.';
    let text = after(text, "127.0.0.1:", |c| c.is_ascii_digit(), "[PORT]");
    let text = after(&text, "127.0.0.1 port ", |c| c.is_ascii_digit(), "[PORT]");
    let text = after(&text, "ed25519:", is_key, "[KEY]");
    let text = after(&text, "target(s) in ", is_time, "[TIME]");
    let text = after(&text, "latest Rust ", is_time, "[RUST]");
    // A lockfile in the package may hold a port.
    let text = after(&text, " files, ", |c| c != '\n', "[SIZE]");
    let text = runs(&text, is_hex, 64, "[SHA256]");
    runs(&text, is_hex, 40, "[FINGERPRINT]")
}

/// Replaces what follows each `mark` as long as it is made of `of`.
fn after(text: &str, mark: &str, of: impl Fn(char) -> bool, by: &str) -> String {
    let mut parts = text.split(mark);
    let mut done = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(&of);
        done += mark;
        if rest.len() < part.len() {
            done += by;
        }
        done += rest;
    }
    done
}

/// Replaces every longest run of `length` characters `of`.
fn runs(text: &str, of: impl Fn(char) -> bool, length: usize, by: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(&of) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !of(c)).unwrap_or(from.len());
        done += before;
        done += if end == length { by } else { &from[..end] };
        rest = &from[end..];
    }
    done + rest
}
