//! A name that belongs to another account than it did.

use std::fs;

use consign_testbed::{ACCOUNT, Home, Output, Software, consign};
use expect_test::expect;

use crate::account::AtForge;
use crate::world::other_key;

/// `foo`, signed by octocat with a key at the forge, and somebody who builds with it.
struct Known {
    at: AtForge,
    builder: Home,
}

impl Known {
    fn new() -> Known {
        let at = AtForge::of(Software::GitHub);
        let builder = at.world.sandbox.home("builder");
        builder.use_registry(&at.world.registry, None);
        at.asks_forge(&builder, Software::GitHub);
        let known = Known { at, builder };
        known.new_key();
        known.publish("1.0.0");
        known.fetch().succeeded();
        known
    }

    /// octocat makes another key, and publishes it.
    fn new_key(&self) {
        let keys = self.at.home.path().join("signing/keys");
        let _ = fs::remove_dir_all(keys);
        let args = ["login", "--sign-as", "github:octocat"];
        self.at.cargo(args).stdin("a-token\n").run().succeeded();
        let _ = fs::remove_file(self.at.home.path().join("credentials.toml"));
    }

    fn publish(&self, version: &str) {
        let folder = self.at.world.library("foo", version).write();
        let run = self.at.home.cargo(&consign(), &folder);
        run.args(["publish", "--no-verify"]).run().succeeded();
    }

    /// Resolves anew.
    fn fetch(&self) -> Output {
        let app = self.at.world.app();
        let _ = fs::remove_file(app.join("Cargo.lock"));
        let run = self.builder.cargo(&consign(), &app);
        run.args(["fetch", "--require-signatures"]).run()
    }

    /// How often the number of the account was asked for.
    fn numbers_asked(&self) -> usize {
        let requests = self.at.forge.requests();
        let number = "GET /api/v3/users/octocat";
        requests.iter().filter(|line| *line == number).count()
    }
}

#[test]
fn number_is_asked_for_when_a_known_account_shows_a_new_key_and_only_then() {
    let known = Known::new();
    known.fetch().succeeded();
    assert_eq!(known.numbers_asked(), 0);
    for (version, asked) in [("1.0.1", 1), ("1.0.2", 2)] {
        known.new_key();
        known.publish(version);
        known.fetch().succeeded();
        known.fetch().succeeded();
        assert_eq!(known.numbers_asked(), asked);
        assert_eq!(known.at.world.locked(&known.at.world.app(), "foo"), version);
    }
}

#[test]
fn name_that_somebody_else_has_taken_is_refused_with_both_numbers() {
    let known = Known::new();
    known.new_key();
    known.publish("1.0.1");
    known.fetch().succeeded();
    // From now on the name is another account's, which has a key of its own.
    let thief = other_key("octocat");
    let other = ACCOUNT + 1;
    known
        .at
        .forge
        .hand_over(Some(other), &[&thief.public_armored()]);
    let world = &known.at.world;
    world.publish_unsigned(world.library("foo", "1.0.2"));
    let token = world.registry.token("octocat");
    world
        .registry
        .sign("foo", "1.0.2", &world.identity(), &thief, &token);
    let refusal = || known.fetch().succeeded().normalised().stderr;
    let first = refusal();
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.2 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that does not count: the name belongs to account 583232 now, where account 583231 is recorded (ed25519:[KEY])
        help: somebody else may have the name now: ask the authors of `foo`. If it is theirs, accept it with `cargo signers allow --registry demo foo github:octocat --reason WHY`
             Locking 1 package to latest Rust [RUST] compatible version
    "#]].assert_eq(&first);
    assert_eq!(world.locked(&world.app(), "foo"), "1.0.1");
    // Not the second time either: nothing of it was remembered.
    assert_eq!(refusal(), first);
}

/// Whoever takes a name may wait with a key of his own, until nothing of the old ones is remembered.
#[test]
fn name_that_showed_no_keys_for_a_while_is_no_other_case() {
    let known = Known::new();
    known.new_key();
    known.publish("1.0.1");
    known.fetch().succeeded();
    let (thief, other) = (other_key("octocat"), ACCOUNT + 1);
    known.at.forge.hand_over(Some(other), &[]);
    let world = &known.at.world;
    world.publish_unsigned(world.library("foo", "1.0.2"));
    let (token, registry) = (world.registry.token("octocat"), &world.registry);
    registry.sign("foo", "1.0.2", &world.identity(), &thief, &token);
    let gone = known.fetch().failed().stderr;
    assert!(gone.contains("this account does not publish"), "{gone}");
    let shown = [&*thief.public_armored()];
    known.at.forge.hand_over(Some(other), &shown);
    let refused = known.fetch().failed().stderr;
    let numbers = "the name belongs to account 583232 now, where account 583231 is recorded";
    assert!(refused.contains(numbers), "{refused}");
}

#[test]
fn account_that_the_forge_does_not_know_gets_no_new_key_accepted() {
    let known = Known::new();
    known.new_key();
    known.publish("1.0.1");
    known.fetch().succeeded();
    known.new_key();
    known.publish("1.0.2");
    // The forge shows the keys, and knows of no such account.
    let keys = known.at.forge.keys();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    known.at.forge.hand_over(None, &keys);
    let output = known.fetch().succeeded().normalised();
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.2 (registry `demo`)` is passed over: it is signed as `github:octocat`, and there is no such account
        help: the account may have been renamed or deleted: choose another version, or ask the authors of `foo` whether this one is theirs. If so, keep it with `cargo signers allow --registry demo foo@1.0.2 --key ed25519:[KEY] --reason WHY`
             Locking 1 package to latest Rust [RUST] compatible version
    "#]].assert_eq(&output.stderr);
}

#[test]
fn new_key_is_unchecked_where_no_number_comes_and_a_known_one_stays_good() {
    let known = Known::new();
    known.new_key();
    known.publish("1.0.1");
    known.fetch().succeeded();
    known.new_key();
    known.publish("1.0.2");
    known.at.forge.fail_at_number();
    let output = known.fetch().failed().normalised();
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.2 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: whether the account is still the same is not known: it failed; try again later (HTTP status 500)
        who signs this package is known, from what was seen here before

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&output.stderr);
    let app = known.at.world.app_with("foo", "=1.0.1");
    let run = known.builder.cargo(&consign(), &app);
    run.args(["fetch", "--require-signatures"])
        .run()
        .succeeded();
}

#[test]
fn number_that_a_signer_claims_can_only_refuse() {
    let known = Known::new();
    known.new_key();
    known.publish("1.0.1");
    known.fetch().succeeded();
    // Signed by the same key, in the name of another account.
    let accounts = known
        .at
        .home
        .path()
        .join("signing/keys/github/octocat/account");
    fs::write(accounts, "99\n").unwrap();
    known.publish("1.0.2");
    let output = known.fetch().succeeded().normalised();
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.2 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that does not count: it claims to be by account 99, where the name belongs to account 583231 (ed25519:[KEY])
        help: choose another version; the name may have been given up, and taken by somebody else
             Locking 1 package to latest Rust [RUST] compatible version
    "#]].assert_eq(&output.stderr);
}

/// No number is recorded, but what is signed with the known key says whose the name was.
#[test]
fn name_that_somebody_else_has_taken_is_refused_by_what_the_known_key_signed() {
    let known = Known::new();
    let world = &known.at.world;
    let publish = |package: consign_testbed::PackageBuilder| {
        let run = known.at.home.cargo(&consign(), &package.write());
        run.args(["publish", "--no-verify"]).run().succeeded();
    };
    publish(world.library("bar", "1.0.0"));
    let thief = other_key("octocat");
    let other = ACCOUNT + 1;
    let shown = [&*thief.public_armored()];
    known.at.forge.hand_over(Some(other), &shown);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let token = world.registry.token("octocat");
    let registry = &world.registry;
    registry.sign("foo", "1.0.1", &world.identity(), &thief, &token);
    let app = world.sandbox.package("both").dependency("foo", "1");
    let app = app.dependency("bar", "1").program("").write();
    let run = known.builder.cargo(&consign(), &app);
    let told = run.args(["fetch"]).run().succeeded().stderr;
    let numbers = "the name belongs to account 583232 now, where what its known keys signed is by account 583231";
    assert!(told.contains(numbers), "{told}");
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
    assert_eq!(world.locked(&app, "bar"), "1.0.0");
    // Nor is it recorded that the name is the other's.
    let accounts = known.builder.path().join("signing/accounts");
    assert!(!accounts.exists(), "{}", accounts.display());
}
