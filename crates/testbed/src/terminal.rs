//! A command on a terminal, with somebody at it.
//!
//! The terminal is one that `script` (of util-linux) makes. What is typed is typed when it is asked for,
//! and a secret not before the terminal has stopped showing what is typed.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::run::Run;
use crate::{Output, skipped};

/// What is typed.
#[derive(Debug, Clone, Copy)]
pub enum Type<'a> {
    /// A line that anybody may see.
    Plain(&'a str),
    /// A line that nobody may.
    Secret(&'a str),
}

/// Whether there is a `script` here, by which a terminal can be made.
pub fn has_terminal() -> bool {
    let version = Command::new("script").arg("--version").output();
    let found = version.is_ok_and(|v| String::from_utf8_lossy(&v.stdout).contains("util-linux"));
    if !found {
        skipped("there is no `script` of util-linux");
    }
    found
}

impl Run {
    /// Runs the command to its end, on a terminal. Each text of `dialogue` is waited for, and answered.
    /// All that the terminal shows is the output's `stdout`.
    #[track_caller]
    pub fn on_terminal(self, dialogue: &[(&str, Type<'_>)]) -> Output {
        let (command, sandbox) = self.into_parts();
        let quoted = |word: &OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"));
        let words: Vec<_> = [command.get_program()]
            .into_iter()
            .chain(command.get_args())
            .map(quoted)
            .collect();
        let line = format!("tty; exec {}", words.join(" "));
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-f", "-c", &line, "/dev/null"]);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        script.env("SHELL", "/bin/sh");
        let mut child = script
            .current_dir(command.get_current_dir().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        let mut screen = child.stdout.take().unwrap();
        let mut shown = String::new();
        let mut seen = 0;
        let mut read = |shown: &mut String| {
            let mut buffer = [0; 4096];
            let length = screen.read(&mut buffer).unwrap_or_default();
            *shown += &String::from_utf8_lossy(&buffer[..length]);
            length > 0
        };
        for (question, answer) in dialogue {
            let at = loop {
                match shown[seen..].find(question) {
                    Some(at) => break at,
                    None => assert!(read(&mut shown), "`{question}` was not asked:\n{shown}"),
                }
            };
            seen += at + question.len();
            let (Type::Plain(line) | Type::Secret(line)) = answer;
            if let Type::Secret(_) = answer {
                let tty = shown.lines().next().unwrap();
                while !is_silent(tty) {
                    std::thread::yield_now();
                }
            }
            writeln!(keyboard, "{line}").unwrap();
        }
        while read(&mut shown) {}
        let status = child.wait().unwrap();
        let shown = shown.replace('\r', "");
        let (_, shown) = shown.split_once('\n').unwrap();
        Output {
            command: words.join(" "),
            status: status.code(),
            stdout: shown.to_owned(),
            stderr: String::new(),
            sandbox,
        }
    }
}

/// Whether a terminal does not show what is typed.
fn is_silent(tty: &str) -> bool {
    let settings = Command::new("stty")
        .args(["-a", "-F", tty])
        .output()
        .unwrap();
    assert!(settings.status.success(), "`stty -F {tty}` failed");
    String::from_utf8_lossy(&settings.stdout)
        .split_whitespace()
        .any(|setting| setting == "-echo")
}
