//! Keys are published at a forge, and deleted there.

use std::fs;

use consign_identity::openpgp::{KeyState, read_public};
use consign_testbed::{
    ACCOUNT, CHALLENGE, ForgeServer, Home, Output, Run, Software, consign, has_terminal,
};
use expect_test::expect;
use serde_json::json;

use crate::World;
use crate::gnupg::Gnupg;

const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

/// A world in which octocat's account is at a forge, with a key that is not published.
pub struct AtForge {
    pub forge: ForgeServer,
    pub home: Home,
    pub world: World,
}

impl AtForge {
    fn new() -> AtForge {
        let at_forge = AtForge::of(Software::GitHub);
        at_forge.make_key();
        at_forge
    }

    /// The same at a forge of any kind, and without a key.
    pub fn of(software: Software) -> AtForge {
        let world = World::new();
        let forge = ForgeServer::of(software, "octocat", TOKEN);
        let home = world.sandbox.home("at-forge");
        let registry = &world.registry;
        home.use_registry(registry, Some(&registry.token("octocat")));
        let at_forge = AtForge { home, world, forge };
        at_forge.asks_forge(&at_forge.home, software);
        at_forge
    }

    /// Has a home know the forge: as `github`, or by what runs there.
    pub fn asks_forge(&self, home: &Home, software: Software) {
        let (name, kind) = match software {
            Software::GitHub => ("github", "github"),
            Software::GitLab => ("lab", "gitlab"),
            Software::Forgejo => ("forge", "forgejo"),
        };
        let host = self.forge.host();
        home.add_config(&format!(
            "[signing.identities.{name}]\nkind = \"{kind}\"\nhost = \"http://{host}\""
        ));
    }

    fn make_key(&self) {
        self.key(["new", "--sign-as", "github:octocat"])
            .run()
            .succeeded();
    }

    /// `cargo ARGS` with the account's token in the environment, which is not shown.
    pub fn cargo<const N: usize>(&self, args: [&str; N]) -> Run {
        let run = self.home.cargo(&consign(), self.world.sandbox.path());
        let run = run.args(args).env("PATH", "/usr/bin:/bin");
        run.env("GH_TOKEN", TOKEN)
    }

    /// `cargo key ARGS`, without a token.
    fn key<const N: usize>(&self, args: [&str; N]) -> Run {
        let run = self.home.cargo(&consign(), self.world.sandbox.path());
        // No tool of the machine's, which may have a token of its owner's.
        run.args(["key"]).args(args).env("PATH", "/usr/bin:/bin")
    }

    /// `cargo key ARGS` with the account's token in the environment.
    fn with_token<const N: usize>(&self, args: [&str; N]) -> Output {
        let output = self.key(args).env("GH_TOKEN", TOKEN).run();
        assert!(!output.stderr.contains(TOKEN) && !output.stdout.contains(TOKEN));
        output
    }

    /// The state in which the account publishes its keys.
    pub fn published(&self) -> Vec<KeyState> {
        let keys = self.forge.keys();
        let keys = keys
            .iter()
            .flat_map(|key| read_public(key.as_bytes()).unwrap());
        keys.map(|key| key.state).collect()
    }
}

#[test]
fn key_is_published_once() {
    let at = AtForge::new();
    let output = at.with_token(["publish"]).succeeded().normalised();
    expect![[r#"
           Published signing key [FINGERPRINT] of GitHub user @octocat
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
    "#]]
    .assert_eq(&output.stderr);
    assert_eq!(at.published(), [KeyState::Good]);
    let again = at.with_token(["publish"]).succeeded().normalised();
    expect![[r#"
           Unchanged signing key [FINGERPRINT] of GitHub user @octocat: it is published already
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
    "#]]
    .assert_eq(&again.stderr);
    assert_eq!(at.published(), [KeyState::Good]);
}

#[test]
fn number_that_the_forge_gave_goes_into_the_locator() {
    let at = AtForge::new();
    at.with_token(["publish"]).succeeded();
    let folder = at.world.library("foo", "1.0.0").write();
    let run = at.home.cargo(&consign(), &folder);
    run.args(["publish", "--no-verify"]).run().succeeded();
    let line = at.world.registry.line("foo", "1.0.0");
    assert_eq!(line["key_locator"]["account"], ACCOUNT);
}

#[test]
fn without_a_token_the_key_is_printed_with_the_page_for_it() {
    let at = AtForge::new();
    let output = at.key(["publish"]).run().succeeded().normalised();
    expect![[r#"
        note: there is no token to publish the key with
              publish it at http://127.0.0.1:[PORT]/settings/gpg/new
    "#]]
    .assert_eq(&output.stderr);
    assert!(
        output
            .stdout
            .starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    );
    assert_eq!(at.forge.requests(), [""; 0]);
}

#[test]
fn token_of_the_forges_own_tool_serves() {
    let at = AtForge::new();
    let tools = at.world.sandbox.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let host = at.forge.host();
    let script = format!(
        "#!/bin/sh\ntest \"$*\" = \"auth token --hostname {host}\" && test -z \"$CARGO_SIGNING_KEY\" && echo {TOKEN}\n"
    );
    fs::write(tools.join("gh"), script).unwrap();
    crate::keys::set_mode(&tools.join("gh"), 0o755);
    let path = format!("{}:/usr/bin:/bin", tools.display());
    at.key(["publish"]).env("PATH", path).run().succeeded();
    assert_eq!(at.published(), [KeyState::Good]);
}

#[test]
fn wrong_token_publishes_nothing_and_is_not_shown() {
    let at = AtForge::new();
    let output = at
        .key(["publish"])
        .env("GITHUB_TOKEN", "ghp_wrong")
        .run()
        .failed();
    expect![[r#"
        error: failed to publish the key [FINGERPRINT] with the token in `GITHUB_TOKEN`

        Caused by:
          127.0.0.1:[PORT]: it does not accept the token, which may have expired or be another host's
    "#]].assert_eq(&output.normalised().stderr);
    assert_eq!(at.published(), []);
}

#[test]
fn token_of_another_account_publishes_nothing() {
    let at = AtForge::new();
    at.key(["new", "--sign-as", "github:alice"])
        .run()
        .succeeded();
    let output = at.with_token(["publish", "github:alice"]).failed();
    expect![[r#"
        error: failed to publish the key [FINGERPRINT] with the token in `GH_TOKEN`

        Caused by:
          127.0.0.1:[PORT]: the token is of the account `octocat`, not of `alice`
    "#]]
    .assert_eq(&output.normalised().stderr);
    assert_eq!(at.published(), []);
}

#[test]
fn retired_key_takes_the_place_of_the_good_one() {
    let at = AtForge::new();
    at.with_token(["publish"]).succeeded();
    let output = at.with_token(["retire", "--yes"]).succeeded().normalised();
    expect![[r#"
             Retired signing key [FINGERPRINT] of GitHub user @octocat
            Replaced signing key [FINGERPRINT] of GitHub user @octocat
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
        note: nothing more is signed with it; what it signed stays good where `Cargo.lock` names it, and elsewhere as soon as the package has a later version that is signed with another key
              a new key is made with `cargo key new --sign-as github:octocat`
    "#]].assert_eq(&output.stderr);
    assert!(matches!(at.published()[..], [KeyState::Retired(_)]));
}

#[test]
fn key_that_was_retired_while_the_forge_was_away_is_published_later() {
    let at = AtForge::new();
    at.with_token(["publish"]).succeeded();
    at.forge.close();
    let output = at.with_token(["retire", "--yes"]).failed().normalised();
    expect![[r#"
             Retired signing key [FINGERPRINT] of GitHub user @octocat
        error: failed to publish the key [FINGERPRINT] with the token in `GH_TOKEN`

        Caused by:
          127.0.0.1:[PORT]: the key was deleted to be replaced, but not added again: until it is published, what it signed is refused (it failed; try again later (HTTP status 503))

          help: publish it again as soon as can be: `cargo key publish [FINGERPRINT]`
    "#]].assert_eq(&output.stderr);
    assert_eq!(at.published(), []);
    at.forge.open();
    at.with_token(["publish"]).succeeded();
    assert!(matches!(at.published()[..], [KeyState::Retired(_)]));
}

/// As where the command, or the machine, ended between the two.
#[test]
fn key_that_was_deleted_and_not_added_again_is_told_of_and_added_by_the_next_login() {
    let at = AtForge::new();
    at.with_token(["publish"]).succeeded();
    at.forge.close();
    at.with_token(["retire", "--yes"]).failed();
    let listed = at.key(["list"]).run().succeeded().stdout;
    assert!(listed.contains(", to be published"), "{listed}");
    at.forge.open();
    let login = at.cargo(["login"]).stdin("a-token\n").run();
    let told = login.succeeded().stderr;
    assert!(told.contains("Published signing key"), "{told}");
    assert!(matches!(at.published()[..], [KeyState::Retired(_)]));
    let listed = at.key(["list"]).run().succeeded().stdout;
    assert!(!listed.contains("to be published"), "{listed}");
}

#[test]
fn key_that_is_still_to_be_published_is_told_of_when_it_signs() {
    let at = AtForge::new();
    let folder = at.world.library("foo", "1.0.0").write();
    let dry_run = || {
        let run = at.home.cargo(&consign(), &folder);
        let args = ["publish", "--no-verify", "--dry-run"];
        run.args(args).run().succeeded().normalised().stderr
    };
    let told = dry_run();
    expect![[r#"
        warning: the key [FINGERPRINT] of GitHub user @octocat is still to be published: until it is, what it signs is refused
        help: `cargo key publish github:octocat`
            Updating `demo` index
           Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.0 ([SANDBOX]/foo-1.0.0)
             Signing foo v1.0.0 as GitHub user @octocat
        warning: aborting upload due to dry run
    "#]].assert_eq(&told);
    at.with_token(["publish"]).succeeded();
    assert!(!dry_run().contains("still to be published"));
}

#[test]
fn name_that_is_another_accounts_now_gets_no_key() {
    let at = AtForge::new();
    at.with_token(["publish"]).succeeded();
    at.forge.hand_over(Some(ACCOUNT + 1), &[]);
    let output = at.with_token(["publish"]).failed().normalised();
    expect![[r#"
        error: failed to publish the key [FINGERPRINT] with the token in `GH_TOKEN`

        Caused by:
          127.0.0.1:[PORT]: the name is of the account 583232 now, where 583231 is recorded

          help: if somebody else has the name now, sign under another. If the new account is yours, remove what is recorded, in `[SANDBOX]/homes/at-forge/signing/keys/github/octocat/account` and `[SANDBOX]/homes/at-forge/signing/accounts/[SHA256]`: those who build know the old number, and will refuse the new one until they are told
    "#]].assert_eq(&output.stderr);
    assert_eq!(at.published(), []);
    // What was recorded is as it was.
    let again = at.with_token(["publish"]).failed().normalised();
    assert_eq!(again.stderr, output.stderr);
}

#[test]
fn tool_that_does_not_end_ends_the_command() {
    let at = AtForge::new();
    let tools = at.world.sandbox.path().join("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("gh"), "#!/bin/sh\nexec sleep 600\n").unwrap();
    crate::keys::set_mode(&tools.join("gh"), 0o755);
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let output = at.key(["publish"]).env("PATH", path).run();
    expect![[r#"
        error: `gh auth token --hostname 127.0.0.1:[PORT]` did not end within 10 seconds

        help: see what it waits for, or put a token into the environment
    "#]]
    .assert_eq(&output.failed().normalised().stderr);
}

#[test]
fn revoked_key_is_deleted() {
    let at = AtForge::new();
    at.with_token(["publish"]).succeeded();
    let output = at.with_token(["revoke", "--yes"]).succeeded().normalised();
    expect![[r#"
             Revoked signing key [FINGERPRINT] of GitHub user @octocat
             Deleted signing key [FINGERPRINT] of GitHub user @octocat, at its provider
        note: a build that sees that it is gone refuses everything that it signed: publish that again with another key
              builds see it when they resolve anew, and what they remember is older than `signing.max-key-age`
              a new key is made with `cargo key new --sign-as github:octocat`
    "#]].assert_eq(&output.stderr);
    assert_eq!(at.published(), []);
    let again = at.with_token(["revoke", "--yes"]).succeeded().normalised();
    expect![[r#"
           Unchanged signing key [FINGERPRINT] of GitHub user @octocat: it is revoked
           Unchanged signing key [FINGERPRINT] of GitHub user @octocat: it is not published
        note: a build that sees that it is gone refuses everything that it signed: publish that again with another key
              builds see it when they resolve anew, and what they remember is older than `signing.max-key-age`
              a new key is made with `cargo key new --sign-as github:octocat`
    "#]].assert_eq(&again.stderr);
}

#[test]
fn without_a_token_a_revoked_key_is_not_said_to_be_gone() {
    let at = AtForge::new();
    at.with_token(["publish"]).succeeded();
    let output = at.key(["revoke", "--yes"]).run().succeeded().normalised();
    expect![[r#"
             Revoked signing key [FINGERPRINT] of GitHub user @octocat
        warning: there is no token to delete the key with, and until it is deleted what it signed is accepted
        help: delete it at http://127.0.0.1:[PORT]/settings/keys
        note: a build that sees that it is gone refuses everything that it signed: publish that again with another key
              builds see it when they resolve anew, and what they remember is older than `signing.max-key-age`
              a new key is made with `cargo key new --sign-as github:octocat`
    "#]].assert_eq(&output.stderr);
    assert_eq!(at.published(), [KeyState::Good]);
    // Later, with one.
    at.with_token(["revoke", "--yes"]).succeeded();
    assert_eq!(at.published(), []);
}

#[test]
fn token_comes_by_the_device_flow_where_a_client_is_configured() {
    if !has_terminal() {
        return;
    }
    let at = AtForge::new();
    let publish = |client: &str| {
        let variable = "CARGO_SIGNING_IDENTITIES_GITHUB_CLIENT_ID";
        at.key(["publish"]).env(variable, client).on_terminal(&[])
    };
    at.forge.device_flow([
        json!({"error": "authorization_pending"}),
        json!({"error": "access_denied"}),
    ]);
    let denied = publish("Iv1.0123456789abcdef").failed().normalised();
    expect![[r#"
        note: enter the code WDJB-MJHT at http://127.0.0.1:[PORT]/login/device
             Waiting for the code to be entered
        error: it was denied at the provider
    "#]]
    .assert_eq(&denied.stdout);
    at.forge.device_flow([
        json!({"access_token": TOKEN, "token_type": "bearer", "scope": "read:user"}),
    ]);
    let fewer = publish("Iv1.0123456789abcdef").failed().normalised();
    expect![[r#"
        note: enter the code WDJB-MJHT at http://127.0.0.1:[PORT]/login/device
             Waiting for the code to be entered
        error: less was allowed than is needed, which is the scope `write:gpg_key`
    "#]]
    .assert_eq(&fewer.stdout);
    assert_eq!(at.published(), []);
    at.forge.device_flow([
        json!({"access_token": TOKEN, "token_type": "bearer", "scope": "write:gpg_key"}),
    ]);
    let given = publish("Iv1.0123456789abcdef").succeeded();
    assert!(!given.stdout.contains(TOKEN));
    expect![[r#"
        note: enter the code WDJB-MJHT at http://127.0.0.1:[PORT]/login/device
             Waiting for the code to be entered
           Published signing key [FINGERPRINT] of GitHub user @octocat
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
    "#]]
    .assert_eq(&given.normalised().stdout);
    assert_eq!(at.published(), [KeyState::Good]);
}

#[test]
fn at_gitlab_a_key_is_published_and_deleted() {
    let at = AtForge::of(Software::GitLab);
    let identity = "lab:octocat";
    at.key(["new", "--sign-as", identity]).run().succeeded();
    let run = |args: &[&str]| {
        let run = at.home.cargo(&consign(), at.world.sandbox.path());
        let run = run.args(["key"]).args(args).env("PATH", "/usr/bin:/bin");
        let run = run.env("GITLAB_TOKEN", TOKEN);
        run.env("GITLAB_HOST", at.forge.host()).run()
    };
    let published = run(&["publish"]).succeeded().normalised();
    expect![[r#"
           Published signing key [FINGERPRINT] of lab:octocat
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/-/user_settings/gpg_keys
    "#]]
    .assert_eq(&published.stderr);
    assert_eq!(at.published(), [KeyState::Good]);
    run(&["publish"]).succeeded();
    assert_eq!(at.published(), [KeyState::Good]);
    run(&["revoke", "--yes"]).succeeded();
    assert_eq!(at.published(), []);
}

/// Without an address that the account has, Forgejo wants to see that the key is the owner's.
#[test]
fn at_forgejo_the_key_proves_that_it_is_there() {
    let at = AtForge::of(Software::Forgejo);
    let identity = "forge:octocat";
    at.key(["new", "--sign-as", identity]).run().succeeded();
    let run = |args: &[&str]| {
        let run = at.home.cargo(&consign(), at.world.sandbox.path());
        let run = run.args(["key"]).args(args).env("PATH", "/usr/bin:/bin");
        let run = run.env("FORGEJO_TOKEN", TOKEN);
        run.env("FORGEJO_HOST", at.forge.host()).run()
    };
    run(&["publish"]).succeeded();
    assert_eq!(at.published(), [KeyState::Good]);
    let [proof] = &at.forge.proofs()[..] else {
        panic!("{:?}", at.forge.proofs());
    };
    if let Some(gpg) = Gnupg::new(&at.world) {
        gpg.run("", &["--import"], &at.forge.keys()[0]);
        let signature = gpg.home.join("proof.asc");
        fs::write(&signature, proof).unwrap();
        let args = ["--verify", signature.to_str().unwrap(), "-"];
        gpg.run("", &args, CHALLENGE);
    }
    // The list that it gives does not have keys whole.
    run(&["revoke", "--yes"]).succeeded();
    assert_eq!(at.published(), []);
}
