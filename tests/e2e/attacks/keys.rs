//! Vulnerability to key compromises: the attacker holds a key, an account, or the way to the provider.

use std::fs;

use consign_identity::Identity;
use consign_identity::openpgp::SecretKey;
use consign_testbed::Reply;
use expect_test::expect;

use super::arbitrary::swap_bytes;
use super::{EVIL, Scene};
use crate::World;
use crate::world::other_key;

/// An evil `foo` 1.0.0, signed as this identity with this key.
fn evil_foo_signed(world: &World, identity: &Identity, key: &SecretKey) {
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    sign_anew(world, identity, key);
}

fn sign_anew(world: &World, identity: &Identity, key: &SecretKey) {
    let fields = world.registry.signed_fields("foo", "1.0.0", identity, key);
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["key_locator"] = fields["key_locator"].clone();
        line["signature"] = fields["signature"].clone();
    });
}

#[test]
fn strangers_key_that_claims_the_identity_is_refused() {
    let world = World::new();
    evil_foo_signed(&world, &world.identity(), &other_key("octocat"));
    let scene = Scene::of(world);
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    let told = consign.refuses("with a key that this account does not publish");
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&told.stderr);
    // It is not the flag that makes the difference.
    scene
        .consign
        .run(["run"])
        .refuses("with a key that this account does not publish");
}

/// At first sight nothing is known of who signs the package.
#[test]
fn key_of_another_account_signs_as_well_as_any() {
    let world = World::new();
    let mallory = other_key("mallory");
    world.keys.publish("mallory", &mallory.public_armored());
    evil_foo_signed(&world, &"github:mallory".parse().unwrap(), &mallory);
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

/// Both have built with `foo` 1.0.0 by octocat, and update to an evil 1.0.1 that is published by `publish`.
fn updated_to_evil_foo(publish: impl Fn(&World)) -> Scene {
    let scene = Scene::with_foo().having_run(["run"]);
    let world = &scene.world;
    world.publish_unsigned(world.library("foo", "1.0.1").file("src/lib.rs", EVIL));
    publish(world);
    scene.having_run(["update"])
}

#[test]
fn key_of_another_account_is_refused_where_the_signer_is_known() {
    let scene = updated_to_evil_foo(|world| {
        let mallory = other_key("mallory");
        world.keys.publish("mallory", &mallory.public_armored());
        let identity = "github:mallory".parse().unwrap();
        let token = world.registry.token("octocat");
        let registry = &world.registry;
        registry.sign("foo", "1.0.1", &identity, &mallory, &token);
    });
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.is_unharmed("foo 1.0.0\n");
}

#[test]
fn version_without_a_signature_is_passed_over_where_the_signer_is_known() {
    let scene = updated_to_evil_foo(|_| {});
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.is_unharmed("foo 1.0.0\n");
}

#[test]
fn stolen_key_counts_until_it_is_withdrawn() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    sign_anew(
        &scene.world,
        &scene.world.identity(),
        &scene.world.secret_key(),
    );
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

#[test]
fn stolen_key_that_was_withdrawn_is_refused() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    sign_anew(
        &scene.world,
        &scene.world.identity(),
        &scene.world.secret_key(),
    );
    // The owner deletes it and publishes another.
    scene
        .world
        .keys
        .publish("octocat", &other_key("octocat").public_armored());
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("with a key that this account does not publish");
}

#[test]
fn withdrawn_key_of_what_the_lockfile_names_is_refused() {
    let world = World::new();
    evil_foo_signed(&world, &world.identity(), &world.secret_key());
    let scene = Scene::of(world);
    scene.attack(|victim| {
        let cargo = victim.home.cargo(&consign_testbed::stock(), &victim.app);
        cargo.args(["generate-lockfile"]).run().succeeded();
    });
    scene
        .world
        .keys
        .publish("octocat", &other_key("octocat").public_armored());
    let (stock, consign) = scene.run_without_a_rule(["run", "--locked"]);
    stock.is_hit();
    let told = consign.refuses("with a key that this account does not publish");
    expect![[r#"
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `demo`)
        error: failed to unpack package `foo v1.0.0 (registry `demo`)`

        Caused by:
          refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]

          help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
    "#]]
    .assert_eq(&told.stderr);
}

/// Whoever can publish keys for the account is the account, to everybody else.
#[test]
fn stolen_account_is_believed() {
    let world = World::new();
    let thief = other_key("octocat");
    evil_foo_signed(&world, &world.identity(), &thief);
    world.keys.publish("octocat", &thief.public_armored());
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

#[test]
fn key_that_was_made_after_the_signature_is_refused() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let (key, token) = (world.secret_key(), world.registry.token("octocat"));
    let (registry, identity) = (&world.registry, world.identity());
    registry.sign_at("foo", "1.0.0", &identity, &key, &token, 1_000_000_000);
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    let told = consign.refuses("the signature is dated before the key was made");
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that does not count: the signature is dated before the key was made (ed25519:[KEY])
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, keep it with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that does not count: the signature is dated before the key was made (ed25519:[KEY])
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&told.stderr);
}

/// Were no answer a reason to go round, whoever blocks the network would choose the version.
#[test]
fn provider_out_of_reach_makes_no_older_version_be_chosen() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    world.publish(world.library("foo", "1.0.1"));
    world.keys.answer("octocat", Reply::status(503));
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_unharmed("foo 1.0.1\n");
    consign.refuses("could not be checked");
}

/// And where nothing is required, a signature that nobody could check is as good as none.
#[test]
fn provider_out_of_reach_makes_a_false_key_pass_where_nothing_is_required() {
    let world = World::new();
    evil_foo_signed(&world, &world.identity(), &other_key("octocat"));
    world.keys.stop();
    let (stock, consign) = Scene::of(world).run_without_a_rule(["run"]);
    stock.is_hit();
    let told = consign.is_hit();
    let warning = "warning: could not find out which keys `github:octocat` publishes";
    assert!(told.stderr.contains(warning), "{}", told.stderr);
}

#[test]
fn account_that_was_deleted_signs_nothing_new() {
    let world = World::new();
    evil_foo_signed(&world, &world.identity(), &world.secret_key());
    world.keys.withdraw("octocat");
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    consign.refuses("there is no such account");
}

/// `$CARGO_HOME/signing` is trusted: it must not come from a shared cache.
#[test]
fn answers_in_a_shared_cache_are_believed() {
    let world = World::new();
    let thief = other_key("octocat");
    evil_foo_signed(&world, &world.identity(), &thief);
    let scene = Scene::of(world);
    // What the attacker's own cargo was answered is what the victim's remembers now.
    let shown = ["key", "show", "github:octocat"];
    let octocat = scene
        .world
        .octocat
        .cargo(&consign_testbed::consign(), scene.world.sandbox.path());
    let octocat = octocat.args(shown).run().succeeded().stdout;
    scene.world.keys.publish("octocat", &thief.public_armored());
    scene.consign.run(["fetch"]).is_unharmed("");
    fs::remove_dir_all(scene.consign.home.path().join("registry")).unwrap();
    fs::remove_file(scene.consign.app.join("Cargo.lock")).unwrap();
    scene.world.keys.publish("octocat", &octocat);
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.is_hit();
}
