//! A key in an agent, the real `ssh-agent`, signs; and is published as an SSH signing key.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use consign_testbed::{Home, Output, Software, consign, skipped};
use expect_test::expect;

use crate::account::AtForge;

/// `ssh-agent` with one Ed25519 key.
struct Agent {
    child: Child,
    socket: PathBuf,
    fingerprint: String,
}

impl Agent {
    /// `None` where there is no OpenSSH, which is said.
    fn new(at: &AtForge) -> Option<Agent> {
        let folder = at.world.sandbox.path();
        let (socket, file) = (folder.join("agent"), folder.join("id"));
        let started = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            skipped("there is no ssh-agent");
            return None;
        };
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            let command = command.args(args).arg(&file).env("SSH_AUTH_SOCK", &socket);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{program}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        run(
            "ssh-keygen",
            &[
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                "octocat@laptop",
                "-f",
            ],
        );
        while !socket.exists() {
            std::thread::yield_now();
        }
        run("ssh-add", &["-q"]);
        let line = run("ssh-keygen", &["-l", "-f"]);
        let fingerprint = line.split(' ').nth(1).unwrap().to_owned();
        Some(Agent {
            child,
            socket,
            fingerprint,
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// octocat at a forge, who signs with a key in the agent.
struct WithAgent {
    at: AtForge,
    agent: Agent,
    provider: &'static str,
}

impl WithAgent {
    fn new(software: Software) -> Option<WithAgent> {
        let at = AtForge::of(software);
        let agent = Agent::new(&at)?;
        let provider = match software {
            Software::GitHub => "github",
            Software::GitLab => "lab",
            Software::Forgejo => "forge",
        };
        at.home.add_config(&format!(
            "[signing]\nidentity = \"{provider}:octocat\"\nkey = \"{}\"",
            agent.fingerprint
        ));
        Some(WithAgent {
            at,
            agent,
            provider,
        })
    }

    fn cargo<const N: usize>(&self, args: [&str; N]) -> Output {
        let run = self.at.cargo(args).env("SSH_AUTH_SOCK", &self.agent.socket);
        let token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
        let run = run.env("GITLAB_TOKEN", token);
        run.env("GITLAB_HOST", self.at.forge.host()).run()
    }

    fn publish(&self, version: &str) -> Output {
        let folder = self.at.world.library("foo", version).write();
        let run = self.at.home.cargo(&consign(), &folder);
        run.args(["publish", "--no-verify"])
            .env("SSH_AUTH_SOCK", &self.agent.socket)
            .run()
    }

    /// What somebody gets who builds, and knows the forge.
    fn build(&self, software: Software) -> Output {
        let name = "builder";
        let builder: Home = self.at.world.sandbox.home(name);
        if !builder.path().join("config.toml").exists() {
            builder.use_registry(&self.at.world.registry, None);
            self.at.asks_forge(&builder, software);
        }
        let app = self.at.world.app();
        let _ = fs::remove_file(app.join("Cargo.lock"));
        let run = builder.cargo(&consign(), &app);
        run.args(["fetch", "--require-signatures"]).run()
    }

    /// The fingerprint in a text replaced.
    fn masked(&self, text: &str) -> String {
        text.replace(&self.agent.fingerprint, "SHA256:[SSH]")
    }
}

#[test]
fn key_in_an_agent_signs_and_is_published_as_a_signing_key() {
    for software in [Software::GitHub, Software::GitLab] {
        let Some(with) = WithAgent::new(software) else {
            return;
        };
        with.publish("1.0.0").succeeded();
        let line = with.at.world.registry.line("foo", "1.0.0");
        assert_eq!(line["key_locator"]["provider"], with.provider);
        // Nobody can know whose key it is, before it is published.
        with.build(software).failed();
        with.cargo(["key", "publish"]).succeeded();
        let [published] = &with.at.forge.ssh_keys()[..] else {
            panic!("{:?}", with.at.forge.ssh_keys());
        };
        assert!(published.starts_with("ssh-ed25519 AAAA"), "{published}");
        let built = with.build(software).succeeded().stderr;
        assert!(built.contains("(published by "), "{built}");
        // Deleted, it counts no more.
        with.cargo(["key", "revoke", "--yes"]).succeeded();
        assert_eq!(with.at.forge.ssh_keys(), [""; 0]);
    }
}

#[test]
fn key_in_an_agent_is_shown_listed_and_published_once() {
    let Some(with) = WithAgent::new(Software::GitHub) else {
        return;
    };
    let mut told = String::new();
    for args in [["key", "publish"], ["key", "publish"], ["key", "list"]] {
        let output = with.cargo(args).succeeded().normalised();
        told += &with.masked(&(output.stdout + &output.stderr));
    }
    told += &with.masked(&with.cargo(["key", "retire"]).failed().normalised().stderr);
    let revoked = with.cargo(["key", "revoke", "--yes"]).succeeded();
    told += &with.masked(&revoked.normalised().stderr);
    expect![[r#"
           Published signing key SHA256:[SSH] of GitHub user @octocat
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
           Unchanged signing key SHA256:[SSH] of GitHub user @octocat: it is published already
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
        github:octocat  SHA256:[SSH]  ed25519:[KEY]  signs, in the agent
        error: the key SHA256:[SSH] of GitHub user @octocat is an SSH key, which cannot say that it is retired

        help: leave it published, so that what it signed stays good, and sign with another key; `cargo key revoke` withdraws it
             Deleted signing key SHA256:[SSH] of GitHub user @octocat, at its provider
        note: a build that sees that it is gone refuses everything that it signed: publish that again with another key
              builds see it when they resolve anew, and what they remember is older than `signing.max-key-age`
              a new key is made with `cargo key new --sign-as github:octocat`
    "#]].assert_eq(&told);
    let shown = with.cargo(["key", "show"]).succeeded().stdout;
    let file = fs::read_to_string(with.at.world.sandbox.path().join("id.pub")).unwrap();
    assert_eq!(
        Some(shown.trim_end()),
        file.strip_suffix(" octocat@laptop\n")
    );
}

#[test]
fn agent_that_is_not_there_or_lacks_the_key_stops_publishing() {
    let Some(with) = WithAgent::new(Software::GitHub) else {
        return;
    };
    let folder = with.at.world.library("foo", "1.0.0").write();
    let publish = |socket: &str| {
        let run = with.at.home.cargo(&consign(), &folder);
        let run = run
            .args(["publish", "--no-verify"])
            .env("SSH_AUTH_SOCK", socket);
        with.masked(&run.run().failed().normalised().stderr)
    };
    let mut told = publish("") + &publish("/nowhere");
    let removed = Command::new("ssh-add")
        .args(["-q", "-D"])
        .env("SSH_AUTH_SOCK", &with.agent.socket)
        .status();
    assert!(removed.unwrap().success());
    told += &publish(with.agent.socket.to_str().unwrap());
    expect![[r#"
        error: failed to ask the agent for its keys

        Caused by:
          no agent is running: the environment variable `SSH_AUTH_SOCK` is not set

          help: start one with `eval $(ssh-agent)`, and add the key with `ssh-add FILE`
        error: failed to ask the agent for its keys

        Caused by:
          failed to speak to the agent at `/nowhere`

        Caused by:
          No such file or directory (os error 2)
        error: there is no Ed25519 key `SHA256:[SSH]` in the agent, which has no such keys

        help: `ssh-add -l` lists its keys; add the one that is missing with `ssh-add FILE`
    "#]]
    .assert_eq(&told);
}

#[test]
fn provider_without_signing_keys_takes_no_key_from_an_agent() {
    let Some(with) = WithAgent::new(Software::Forgejo) else {
        return;
    };
    let told = with.publish("1.0.0").failed().normalised().stderr;
    expect![[r#"
        error: `forge:octocat` cannot publish a key from an agent: its provider has no SSH keys that are marked as signing keys

        help: make a key with `cargo key new --sign-as forge:octocat`, and leave out `signing.key`
    "#]].assert_eq(&with.masked(&told));
}

#[cfg(unix)]
#[test]
fn agent_that_does_not_answer_ends_the_command() {
    let at = AtForge::of(Software::GitHub);
    at.home.add_config(
        "[signing]\nidentity = \"github:octocat\"\nkey = \"SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8\"",
    );
    let socket = at.world.sandbox.path().join("mute");
    let _mute = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let run = at.cargo(["key", "show"]).env("SSH_AUTH_SOCK", &socket);
    expect![[r#"
        error: failed to ask the agent for its keys

        Caused by:
          failed to speak to the agent at `[SANDBOX]/mute`

        Caused by:
          it did not answer within 10 seconds

          help: see whether it waits for somebody, or `ssh-add -l` hangs, too; then start another
    "#]]
    .assert_eq(&run.run().failed().normalised().stderr);
}
