//! Forges on hosts of one's own, told by what they are and where: `kind` and `host`. And keys that
//! only SSH knows, which a forge hands out by its interface.

use consign_identity::Identity;
use consign_identity::openpgp::{OsRng, SecretKey};
use consign_identity::ssh;
use consign_testbed::Reply;
use expect_test::expect;

use crate::World;

/// `foo`, signed as `corp:jane`, where `corp` is a forge of this kind at the key server.
struct Corp {
    world: World,
    key: SecretKey,
}

impl Corp {
    fn of(kind: &str) -> Corp {
        let world = World::new();
        let url = world.keys.url();
        world.user.add_config(&format!(
            "[signing.identities.corp]\nkind = \"{kind}\"\nhost = \"{url}\""
        ));
        Corp::signed(world)
    }

    fn signed(world: World) -> Corp {
        let jane: Identity = "corp:jane".parse().unwrap();
        let key = SecretKey::generate(&jane, 1_700_000_000, OsRng).unwrap();
        world.publish_unsigned(world.library("foo", "1.0.0"));
        let token = world.registry.token("octocat");
        world.registry.sign("foo", "1.0.0", &jane, &key, &token);
        Corp { world, key }
    }

    /// Jane publishes her key as the forges do that have a file for it.
    fn with_openpgp_key(self) -> Corp {
        let armored = self.key.public_armored();
        self.world.keys.publish("jane", &armored);
        self
    }

    /// Jane has no OpenPGP keys.
    fn without_openpgp_keys(self) -> Corp {
        let none = include_str!("../../crates/identity/tests/data/github-no-keys.asc");
        self.world.keys.publish("jane", none);
        self
    }

    /// What the forge's interface has at `path` of the key as an SSH key, `more` beside it.
    fn with_ssh_key(self, path: &str, more: &str) -> Corp {
        let line = ssh::line(&self.key.public_key());
        let body = format!("[{{\"id\": 7, \"key\": \"{line}\"{more}}}]");
        self.world.keys.route(path, Reply::body(body));
        self
    }

    #[track_caller]
    fn is_accepted(&self) {
        let output = self.world.fetch(&self.world.app()).succeeded();
        let published = output.stderr.contains("(published by corp:jane)");
        assert!(published, "{}", output.stderr);
    }

    /// The reason for which foo is refused.
    #[track_caller]
    fn refusal(&self) -> String {
        let stderr = self.world.refusal(&self.world.app());
        let reason = stderr.split_once(" is signed as ").unwrap().1;
        reason.lines().next().unwrap().to_owned()
    }

    /// What was asked for.
    fn asked(&self) -> Vec<String> {
        let path = |line: String| line.split(' ').nth(1).unwrap().to_owned();
        self.world.keys.requests().into_iter().map(path).collect()
    }
}

/// GitHub Enterprise, GitLab, Forgejo and Gitea have a file for each user's OpenPGP keys, and nothing
/// else is asked where the key is in it.
#[test]
fn every_kind_of_forge_can_be_on_a_host_of_ones_own() {
    for kind in ["github", "gitlab", "forgejo", "gitea"] {
        let corp = Corp::of(kind).with_openpgp_key();
        corp.is_accepted();
        assert_eq!(corp.asked(), ["/jane.gpg"], "{kind}");
    }
}

#[test]
fn forge_below_a_path_is_asked_there() {
    let world = World::new();
    let url = world.keys.url();
    world.user.add_config(&format!(
        "[signing.identities.corp]\nkind = \"gitlab\"\nhost = \"{url}/git/\""
    ));
    let corp = Corp::signed(world);
    let armored = Reply::body(corp.key.public_armored());
    corp.world.keys.route("/git/jane.gpg", armored);
    corp.is_accepted();
}

#[test]
fn forge_can_be_told_in_the_environment() {
    let corp = Corp::signed(World::new()).with_openpgp_key();
    let app = corp.world.app();
    corp.world
        .run(&app, ["fetch", "--require-signatures"])
        .env("CARGO_SIGNING_IDENTITIES_CORP_KIND", "forgejo")
        .env("CARGO_SIGNING_IDENTITIES_CORP_HOST", corp.world.keys.url())
        .run()
        .succeeded();
}

#[test]
fn built_in_forge_can_be_moved_by_its_host_alone() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let elsewhere = world.sandbox.home("elsewhere");
    elsewhere.use_registry(&world.registry, None);
    let url = world.keys.url();
    elsewhere.add_config(&format!("[signing.identities.github]\nhost = \"{url}\""));
    let fetch = elsewhere.cargo(&consign_testbed::consign(), &app);
    let output = fetch.args(["fetch", "--require-signatures"]).run();
    let stderr = output.succeeded().stderr;
    assert!(stderr.contains("by GitHub user @octocat"), "{stderr}");
}

#[test]
fn empty_body_of_gitlab_means_no_keys() {
    let corp = Corp::of("gitlab");
    corp.world.keys.publish("jane", "");
    let keys = "/api/v4/users/jane/keys";
    corp.world.keys.route(keys, Reply::body("[]"));
    expect!["`corp:jane` with a key that this account does not publish: ed25519:[KEY]"]
        .assert_eq(&corp.refusal());
}

#[test]
fn empty_body_of_forgejo_is_no_answer() {
    let corp = Corp::of("forgejo");
    corp.world.keys.publish("jane", "");
    expect!["`corp:jane`, and its key could not be checked: `http://127.0.0.1:[PORT]/jane.gpg`: it answered with nothing"].assert_eq(&corp.refusal());
}

#[test]
fn ssh_signing_key_at_github_counts() {
    let corp = Corp::of("github")
        .without_openpgp_keys()
        .with_ssh_key("/api/v3/users/jane/ssh_signing_keys?per_page=100", "");
    corp.is_accepted();
}

#[test]
fn ssh_signing_key_at_gitlab_counts() {
    let path = "/api/v4/users/jane/keys?per_page=100";
    for usage in ["signing", "auth_and_signing"] {
        let corp = Corp::of("gitlab")
            .without_openpgp_keys()
            .with_ssh_key(path, &format!(", \"usage_type\": \"{usage}\""));
        corp.is_accepted();
    }
}

#[test]
fn ssh_key_to_log_in_with_does_not_count() {
    let corp = Corp::of("gitlab")
        .without_openpgp_keys()
        .with_ssh_key("/api/v4/users/jane/keys", ", \"usage_type\": \"auth\"");
    expect!["`corp:jane` with a key that this account does not publish: ed25519:[KEY]"]
        .assert_eq(&corp.refusal());
}

/// What logs in at Forgejo may be in its list of SSH keys: nothing there is asked for.
#[test]
fn ssh_keys_of_forgejo_are_not_asked_for() {
    let corp = Corp::of("forgejo").without_openpgp_keys();
    expect!["`corp:jane` with a key that this account does not publish: ed25519:[KEY]"]
        .assert_eq(&corp.refusal());
    assert_eq!(corp.asked(), ["/jane.gpg"]);
}

#[test]
fn account_that_does_not_exist_is_asked_for_once() {
    let corp = Corp::of("github");
    expect!["`corp:jane`, and there is no such account"].assert_eq(&corp.refusal());
    assert_eq!(corp.asked(), ["/jane.gpg"]);
}

/// The key may be among those that were not told.
#[test]
fn ssh_keys_that_are_not_told_leave_the_key_unchecked() {
    let corp = Corp::of("github").without_openpgp_keys();
    let path = "/api/v3/users/jane/ssh_signing_keys";
    let reply = Reply::status(403)
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "1763800000");
    corp.world.keys.route(path, reply);
    expect!["`corp:jane`, and its key could not be checked: `http://127.0.0.1:[PORT]/api/v3/users/jane/ssh_signing_keys?per_page=100`: it was asked too often: ask again after 2025-11-22 08:26:40 UTC (HTTP status 403)"].assert_eq(&corp.refusal());
}

#[test]
fn remembered_ssh_key_is_not_asked_for_again() {
    let corp = Corp::of("github")
        .without_openpgp_keys()
        .with_ssh_key("/api/v3/users/jane/ssh_signing_keys", "");
    corp.is_accepted();
    assert_eq!(corp.asked().len(), 2);
    corp.world.forget_registry();
    corp.is_accepted();
    assert_eq!(corp.asked().len(), 2);
}

/// The name of the provider may be given to another host, which has said nothing yet.
#[test]
fn answers_are_remembered_of_an_address_and_not_of_a_name() {
    let corp = Corp::of("gitlab").with_openpgp_key();
    corp.is_accepted();
    corp.world.forget_registry();
    corp.world
        .run(&corp.world.app(), ["fetch", "--require-signatures"])
        .env("CARGO_SIGNING_IDENTITIES_CORP_KIND", "gitlab")
        .env(
            "CARGO_SIGNING_IDENTITIES_CORP_HOST",
            format!("{}/other", corp.world.keys.url()),
        )
        .run()
        .failed();
    assert_eq!(corp.asked(), ["/jane.gpg", "/other/jane.gpg"]);
}

#[test]
fn user_is_checked_before_anything_is_asked() {
    let world = World::new();
    let url = world.keys.url();
    world.user.add_config(&format!(
        "[signing.identities.corp]\nkind = \"github\"\nhost = \"{url}\""
    ));
    world.publish_unsigned(world.library("foo", "1.0.0"));
    // A good name at a GitLab, and none at a GitHub.
    let jane: Identity = "corp:jane.doe".parse().unwrap();
    let key = SecretKey::generate(&jane, 1_700_000_000, OsRng).unwrap();
    let token = world.registry.token("octocat");
    world.registry.sign("foo", "1.0.0", &jane, &key, &token);
    let refusal = world.refusal(&world.app());
    assert!(refusal.contains("it contains `.`"), "{refusal}");
    assert_eq!(world.keys.requests(), [""; 0]);
}
