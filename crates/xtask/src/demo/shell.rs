//! Somebody at a shell: what is typed is shown, and what is answered is checked.

use std::fs;
use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use anyhow::Context as _;
use consign_identity::openpgp::SecretKey;
use consign_testbed::{Home, Run, Sandbox};

use super::screen::look;
use super::stage::{Cargo, Stage, forge_token};
use super::story::MARK;

/// Somebody with a home directory, in which `.cargo` is what cargo calls its home.
#[derive(Debug)]
pub struct Person {
    name: String,
    /// The home directory.
    pub folder: PathBuf,
    /// The `CARGO_HOME`.
    pub home: Home,
}

impl Person {
    /// Somebody called `name`, with an empty home directory. `id` tells apart several machines
    /// of one person.
    pub fn new(sandbox: &Sandbox, name: &str, id: &str) -> Person {
        let person = Person {
            name: name.to_owned(),
            folder: sandbox.path().join("people").join(id),
            home: sandbox.home(id),
        };
        // What cannot be made here could not be made by the testbed either.
        let _ = fs::create_dir_all(&person.folder);
        person
    }

    /// The signing key in this home.
    pub fn key(&self, user: &str) -> anyhow::Result<SecretKey> {
        let folder = self.home.path().join("signing/keys/github").join(user);
        let file = fs::read_dir(&folder)
            .with_context(|| format!("cannot read `{}`", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "asc"))
            .with_context(|| format!("no key in `{}`", folder.display()))?;
        Ok(SecretKey::from_armored(&fs::read(file)?)?)
    }

    /// A text in which this person's folders are called what they would be called at home.
    fn seen(&self, text: &str) -> String {
        text.replace(&*self.home.path().to_string_lossy(), "~/.cargo")
            .replace(&*self.folder.to_string_lossy(), "~")
    }
}

/// A command that is being typed, with what is expected of it.
#[must_use = "nothing runs before `enter`"]
pub struct Typing<'a> {
    stage: &'a mut Stage,
    who: &'a Person,
    cargo: Cargo,
    words: String,
    folder: PathBuf,
    hidden: &'static [&'static str],
    shown: usize,
    retries: &'static str,
    stdin: String,
    token: String,
    expected: Expected,
}

/// What is expected of a command.
#[derive(Debug, Default)]
struct Expected {
    fails: bool,
    says: Vec<String>,
    never_says: Vec<String>,
}

/// What a command said, without colours.
#[derive(Debug)]
pub struct Answer {
    /// Whether it was what was expected.
    pub as_told: bool,
    /// Whether the command succeeded.
    pub success: bool,
    /// Standard error, then standard output.
    pub all: String,
}

impl<'a> Typing<'a> {
    pub(super) fn new(
        stage: &'a mut Stage,
        who: &'a Person,
        cargo: Cargo,
        command: &str,
    ) -> Typing<'a> {
        Typing {
            stage,
            cargo,
            words: command.to_owned(),
            folder: who.folder.clone(),
            who,
            hidden: &[],
            shown: usize::MAX,
            retries: "0",
            stdin: String::new(),
            token: String::new(),
            expected: Expected::default(),
        }
    }

    /// In this folder, and not in the home directory.
    pub fn in_folder(mut self, folder: &Path) -> Typing<'a> {
        self.folder = folder.to_owned();
        self
    }

    /// Lines that begin with one of these words are only counted.
    pub fn hiding(mut self, first_words: &'static [&'static str]) -> Typing<'a> {
        self.hidden = first_words;
        self
    }

    /// Only so many lines are shown.
    pub fn showing(mut self, lines: usize) -> Typing<'a> {
        self.shown = lines;
        self
    }

    /// Goes out to the internet, where not everything works at the first try.
    pub fn outside(mut self) -> Typing<'a> {
        self.retries = "3";
        self
    }

    /// This is on its standard input.
    pub fn given(mut self, text: &str) -> Typing<'a> {
        self.stdin = text.to_owned();
        self
    }

    /// With the token that `user` has at the forge, as `gh` or a variable gives it.
    pub fn with_token_of(mut self, user: &str) -> Typing<'a> {
        self.token = forge_token(user);
        self
    }

    /// It must end with cargo's status for an error, and not with success.
    pub fn fails(mut self) -> Typing<'a> {
        self.expected.fails = true;
        self
    }

    /// It must say this.
    pub fn says(mut self, phrase: impl Into<String>) -> Typing<'a> {
        self.expected.says.push(phrase.into());
        self
    }

    /// It must not say this.
    pub fn never_says(mut self, phrase: &str) -> Typing<'a> {
        self.expected.never_says.push(phrase.to_owned());
        self
    }

    /// Runs it, shows it, and checks it.
    pub fn enter(self) -> Answer {
        let Typing { stage, who, .. } = self;
        let folder = who.seen(&self.folder.to_string_lossy());
        let command = format!("cargo {}", self.words);
        stage
            .screen
            .typed(&who.name, &folder, &command, Some(self.cargo));

        let run: Run = who.home.cargo(stage.program(self.cargo), &self.folder);
        let colour = match stage.screen.has_colour() {
            true => "always",
            false => "never",
        };
        let output = run
            .args(self.words.split(' '))
            .env("CARGO_TERM_COLOR", colour)
            .env("CARGO_NET_RETRY", self.retries)
            .env("GH_TOKEN", self.token)
            .stdin(self.stdin)
            .run();
        let shown = who.seen(&format!("{}{}", output.stderr, output.stdout));
        let shown_part = excerpt(&shown, self.hidden, self.shown);
        stage.screen.written(&shown_part);

        let all = strip_str(&shown).to_string();
        let faults = self.expected.faults(output.status, &all);
        if !faults.is_empty() {
            stage.failed(&faults.join("; "), &all);
        }
        Answer {
            as_told: faults.is_empty(),
            success: output.status == Some(0),
            all,
        }
    }
}

impl Expected {
    /// What did not come as expected.
    fn faults(&self, status: Option<i32>, said: &str) -> Vec<String> {
        let wanted = match self.fails {
            true => 101,
            false => 0,
        };
        let mut faults = Vec::new();
        if status != Some(wanted) {
            let status = status.map_or("none (a signal)".to_owned(), |status| status.to_string());
            faults.push(format!("its exit status is {status}, not {wanted}"));
        }
        for phrase in self.says.iter().filter(|phrase| !said.contains(*phrase)) {
            faults.push(format!("it does not say `{phrase}`"));
        }
        for phrase in &self.never_says {
            if said.contains(phrase) {
                faults.push(format!("it says `{phrase}`"));
            }
        }
        faults
    }
}

/// `text` without the lines that begin with a word of `hidden`, and without those that would be
/// more than `most`. In the place of each run of them there is one line that counts them. What
/// mallory says stands out.
fn excerpt(text: &str, hidden: &[&str], most: usize) -> String {
    let mut lines = Vec::new();
    let mut left_out = 0;
    let tell = |left_out: &mut usize, lines: &mut Vec<String>| match std::mem::take(left_out) {
        0 => {}
        1 => lines.push(format!("{0}           … 1 line{0:#}", look::FAINT)),
        n => lines.push(format!("{0}           … {n} lines{0:#}", look::FAINT)),
    };
    for line in text.lines() {
        let plain = strip_str(line).to_string();
        let first = plain.split_whitespace().next().unwrap_or_default();
        if hidden.contains(&first) || lines.len() >= most {
            left_out += 1;
            continue;
        }
        tell(&mut left_out, &mut lines);
        lines.push(match plain.contains(MARK) {
            true => format!("{0}{plain}{0:#}", look::BAD),
            false => line.to_owned(),
        });
    }
    tell(&mut left_out, &mut lines);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_come_is_told() {
        let expected = Expected {
            fails: true,
            says: vec!["refusing".into(), "tampered".into()],
            never_says: vec!["Compiling".into()],
        };
        assert!(expected.faults(Some(101), "refusing: tampered").is_empty());
        assert_eq!(
            expected.faults(Some(0), "refusing, Compiling"),
            [
                "its exit status is 0, not 101",
                "it does not say `tampered`",
                "it says `Compiling`",
            ]
        );
    }

    #[test]
    fn a_command_that_is_killed_did_not_fail_as_expected() {
        let expected = Expected {
            fails: true,
            ..Expected::default()
        };
        assert_eq!(
            expected.faults(None, ""),
            ["its exit status is none (a signal), not 101"]
        );
    }

    #[test]
    fn hidden_lines_are_counted() {
        let text = "Updating\n  Compiling a\n\u{1b}[32m  Compiling\u{1b}[0m b\nFinished";
        let text = excerpt(text, &["Compiling"], 9);
        let lines = strip_str(&text).to_string();
        assert_eq!(lines, "Updating\n           … 2 lines\nFinished");
    }

    #[test]
    fn what_follows_the_lines_that_are_shown_is_counted() {
        let text = excerpt("a\nb\nc\nd", &[], 2);
        assert_eq!(strip_str(&text).to_string(), "a\nb\n           … 2 lines");
    }
}
