//! What is on the stage, and whether it goes as told.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anstyle::Style;
use consign_testbed::program::RELEASE;
use consign_testbed::{ForgeServer, Registry, Sandbox, consign, registry_program, stock};

use super::screen::{Screen, look, time};
use super::shell::{Person, Typing};
use super::table::{self, Row};

/// Which of the two cargos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cargo {
    /// The one that everybody has.
    Stock,
    /// Ours.
    Consign,
}

impl Cargo {
    /// How its name looks.
    pub fn look(self) -> Style {
        match self {
            Cargo::Stock => look::STOCK,
            Cargo::Consign => look::CONSIGN,
        }
    }
}

impl fmt::Display for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Cargo::Stock => "stock cargo",
            Cargo::Consign => "Consign",
        })
    }
}

/// Everything that the acts play with. What it holds is stopped and removed when it is dropped.
pub struct Stage {
    pub screen: Screen,
    pub registry: Registry,
    pub forge: ForgeServer,
    pub sandbox: Sandbox,
    stock: PathBuf,
    consign: PathBuf,
    /// Whether each act so far went as told.
    acts: Vec<bool>,
}

/// The token that an account has at the forge.
pub fn forge_token(user: &str) -> String {
    format!("ghp_{user}")
}

impl Stage {
    /// The first act: builds what is missing, and starts what must run.
    pub fn set(mut screen: Screen) -> Stage {
        screen.heading("1. The stage");
        screen.paragraph(
            "A registry, a server that plays GitHub, and a few people with a home directory \
             each, all of it in a temporary folder. Nothing is installed, and your own files and \
             settings are not touched.",
        );
        screen.gap();
        screen.paragraph(
            "What is typed stands after a `$`, with `~` for a home directory in that folder. Both \
             cargos are called `cargo`; which one it is stands after the `#`.",
        );
        screen.gap();
        let stock = stock();
        let (consign, _) = screen.while_waiting(
            "building Consign and the registry; the first time, this takes some minutes",
            || (consign(), registry_program()),
        );
        let sandbox = Sandbox::new();
        let registry = Registry::start(&sandbox);
        let forge = ForgeServer::start("alice", &forge_token("alice"));
        for user in ["bob", "mallory"] {
            forge.add_account(user, &forge_token(user));
        }
        let mut stage = Stage {
            screen,
            registry,
            forge,
            sandbox,
            stock,
            consign,
            acts: vec![true],
        };
        stage.introduce();
        stage
    }

    fn introduce(&mut self) {
        let anybody = Person::new(&self.sandbox, "anybody", "anybody");
        let mut versions = Vec::new();
        for cargo in [Cargo::Stock, Cargo::Consign] {
            let run = anybody.home.cargo(self.program(cargo), &anybody.folder);
            let output = run.args(["-Vv"]).run();
            let release = format!("cargo {RELEASE} ");
            self.expect(
                output.stdout.starts_with(&release),
                &format!("{cargo} is {release}"),
                &output.stdout,
            );
            let own = output
                .stdout
                .lines()
                .find_map(|line| line.strip_prefix("consign: "));
            versions.push(own.map(str::to_owned));
        }
        let own = versions[1].as_deref().unwrap_or("?");
        let lines = [
            ("stock cargo", format!("{RELEASE}, to compare with")),
            (
                "Consign",
                format!("{own}, the same cargo {RELEASE} with signing"),
            ),
            (
                "registry",
                format!("{}, a process of its own", self.registry.url()),
            ),
            (
                "forge",
                format!(
                    "http://{}, in the place of https://github.com",
                    self.forge.host()
                ),
            ),
        ];
        for (name, what) in lines {
            self.screen.good(&format!("{name:<12} {what}"));
        }
    }

    /// Begins the next act.
    pub fn act(&mut self, title: &str, explanation: &str) {
        self.acts.push(true);
        let heading = format!("{}. {title}", self.acts.len());
        self.screen.heading(&heading);
        self.screen.paragraph(explanation);
    }

    /// The number of the act that is on.
    pub fn number(&self) -> usize {
        self.acts.len()
    }

    /// `who` types a command for `cargo` in a folder of theirs; see [`Typing`].
    pub fn types<'a>(&'a mut self, who: &'a Person, cargo: Cargo, command: &str) -> Typing<'a> {
        Typing::new(self, who, cargo, command)
    }

    /// Says that something is as it should be. If not, says what `was` instead, and keeps in mind
    /// that this act did not go as told. Gives `is_so`.
    pub fn expect(&mut self, is_so: bool, what: &str, was: &str) -> bool {
        if !is_so {
            self.failed(&format!("{what}: that is not so"), was);
        }
        is_so
    }

    /// Says that this act did not go as told, with all that there is to know.
    pub fn failed(&mut self, what: &str, was: &str) {
        if let Some(act) = self.acts.last_mut() {
            *act = false;
        }
        self.screen
            .bad(format_args!("NOT AS TOLD: {what}. In full:"));
        self.screen.written(was);
    }

    /// The program.
    pub fn program(&self, cargo: Cargo) -> &Path {
        match cargo {
            Cargo::Stock => &self.stock,
            Cargo::Consign => &self.consign,
        }
    }

    /// The last words: what both cargos did, and whether everything went as told.
    pub fn close(mut self, rows: &[Row], since: Instant) -> ExitCode {
        if !rows.is_empty() {
            table::show(&mut self.screen, rows);
        }
        let took = time(since.elapsed());
        let failed: Vec<_> = (1..)
            .zip(&self.acts)
            .filter(|(_, well)| !**well)
            .map(|(n, _)| n.to_string())
            .collect();
        self.screen.gap();
        if failed.is_empty() {
            let acts = self.acts.len();
            self.screen
                .good(&format!("all {acts} acts went as told, in {took}"));
            self.screen.gap();
            return ExitCode::SUCCESS;
        }
        let acts = match failed.len() {
            1 => "act",
            _ => "acts",
        };
        let failed = failed.join(", ");
        self.screen
            .bad(format_args!("{acts} {failed} did not go as told; {took}"));
        self.screen.gap();
        ExitCode::FAILURE
    }
}
