//! Every refusal in one file, `refusals.txt`, to be read as somebody would who sees it for the first time:
//! what happened, and what is to be done?

use std::path::Path;
use std::time::Duration;

use consign_identity::openpgp::{OsRng, Withdrawal};
use expect_test::expect_file;
use serde_json::json;

use super::key_of;
use crate::World;

/// A project of the user's that depends on `foo` 1, and was built with 1.0.0 by octocat.
fn built() -> (World, std::path::PathBuf) {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    (world, app)
}

/// What `cargo update` says of a newer version of foo.
fn of_update(world: &World, app: &Path) -> String {
    let output = world.cargo(app, ["update"]).succeeded().normalised();
    output.stderr
}

fn of_fetch(world: &World, app: &Path) -> String {
    world.cargo(app, ["fetch"]).failed().normalised().stderr
}

fn wrong_signer() -> String {
    let (world, app) = built();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    of_update(&world, &app)
}

fn wrong_signer_in_the_lockfile() -> String {
    let (world, app) = built();
    world.cargo(&app, ["signers", "init"]).succeeded();
    world
        .cargo(&app, ["signers", "allow", "foo", "github:ann"])
        .succeeded();
    world
        .cargo(&app, ["signers", "remove", "foo", "github:octocat"])
        .succeeded();
    world
        .cargo(&app, ["build", "--locked"])
        .failed()
        .normalised()
        .stderr
}

fn lost_signature() -> String {
    let (world, app) = built();
    world.publish_unsigned(world.library("foo", "1.0.1"));
    of_update(&world, &app)
}

fn lost_to_an_unknown_format() -> String {
    let (world, app) = built();
    world.publish(world.library("foo", "1.0.1"));
    world.registry.edit_line("foo", "1.0.1", |line| {
        line["signature"] = json!({ "v": 2, "proof": [] });
    });
    of_update(&world, &app)
}

fn key_that_is_not_published() -> String {
    let (world, app) = built();
    world.publish_foo_as("1.0.1", "github:octocat", &key_of("github:octocat"));
    of_update(&world, &app)
}

fn name_of_another_account() -> String {
    let world = World::new();
    world.use_corp();
    let (jane, thief) = (key_of("corp:jane"), key_of("corp:jane"));
    world.corp_account("jane", 7, &[&jane]);
    world.publish_foo_as("1.0.0", "corp:jane", &jane);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    world.corp_account("jane", 99, &[&thief]);
    world.publish_foo_as("1.0.1", "corp:jane", &thief);
    of_update(&world, &app)
}

fn revoked_key() -> String {
    let (world, app) = built();
    let lost = key_of("github:octocat");
    let revoked = lost.revoke(lost.created(), Withdrawal::Compromised, OsRng);
    let both = world.secret_key().public_armored() + &revoked.unwrap().public_armored();
    world.keys.publish("octocat", &both);
    world.publish_foo_as("1.0.1", "github:octocat", &lost);
    of_update(&world, &app)
}

fn retired_key() -> String {
    let (world, app) = built();
    let old = world.secret_key();
    // After all that it signs here.
    let retired = old.retire(old.created() + 60 * 60, OsRng).unwrap();
    let new = key_of("github:octocat").public_armored();
    world
        .keys
        .publish("octocat", &(retired.public_armored() + &new));
    world.age_answers(Duration::from_secs(8 * 24 * 60 * 60));
    world.publish_foo_as("1.0.1", "github:octocat", &old);
    of_update(&world, &app)
}

fn account_that_is_gone() -> String {
    let world = World::with_foo(["1.0.0"]);
    world.keys.withdraw("octocat");
    of_fetch(&world, &world.app())
}

fn new_signer() -> String {
    let world = World::with_foo(["1.0.0"]);
    world.user.add_config("[signing]\nnew-signer = \"deny\"");
    of_fetch(&world, &world.app())
}

fn new_key() -> String {
    let world = World::new();
    world.use_corp();
    let (jane, new) = (key_of("corp:jane"), key_of("corp:jane"));
    world.corp_account("jane", 7, &[&jane, &new]);
    world.publish_foo_as("1.0.0", "corp:jane", &jane);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    world.user.add_config("[signing]\nnew-key = \"deny\"");
    world.publish_foo_as("1.0.1", "corp:jane", &new);
    of_update(&world, &app)
}

fn new_key_of_a_name_without_number() -> String {
    let (world, app) = built();
    let new = key_of("github:octocat");
    let both = world.secret_key().public_armored() + &new.public_armored();
    world.keys.publish("octocat", &both);
    world.publish_foo_as("1.0.1", "github:octocat", &new);
    world.user.add_config("[signing]\nnew-signer = \"deny\"");
    of_update(&world, &app)
}

fn signer_that_the_file_does_not_name() -> String {
    let (world, app) = built();
    std::fs::write(app.join("Cargo.signers"), "version = 1\n").unwrap();
    world
        .cargo(&app, ["build", "--locked"])
        .failed()
        .normalised()
        .stderr
}

fn unsigned() -> String {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    world.refusal(&world.app())
}

fn signed_for_another_registry() -> String {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let other =
        consign_statement::RegistryId::from_index_url("https://other.example/index").unwrap();
    let fields = world.registry.signed_fields_for(
        &other,
        "foo",
        "1.0.0",
        &world.identity(),
        &world.secret_key(),
    );
    world.registry.edit_line("foo", "1.0.0", |line| {
        for field in ["signature", "key_locator"] {
            line[field] = fields[field].clone();
        }
    });
    of_fetch(&world, &world.app())
}

fn provider_that_does_not_answer() -> String {
    let (world, app) = built();
    world.keys.stop();
    world.publish_foo_as("1.0.1", "github:octocat", &key_of("github:octocat"));
    let output = world.cargo(&app, ["update"]).failed().normalised();
    output.stderr
}

fn tampered() -> String {
    let world = World::with_foo(["1.0.0"]);
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["features"] = json!({ "evil": [] });
    });
    of_fetch(&world, &world.app())
}

/// foo 1.0.0, of which the index says nothing, with another file in it.
fn carrying(path: &str, content: &[u8]) -> String {
    let world = World::new();
    world.publish_elsewhere(world.library("foo", "1.0.0"));
    let archive = std::fs::read(world.registry.crate_path("foo", "1.0.0")).unwrap();
    let archive = consign_testbed::crate_with_changed_file(&archive, path, content);
    world.serve_instead("foo", "1.0.0", &archive);
    world.refusal(&world.app())
}

fn carrier_of_other_files() -> String {
    carrying("src/lib.rs", b"// evil")
}

fn carrier_that_was_changed() -> String {
    carrying(consign_statement::carrier::NAME, b"{}")
}

fn carrier_of_another_release() -> String {
    let world = World::new();
    for version in ["0.9.0", "1.0.0"] {
        world.publish_elsewhere(world.library("foo", version));
    }
    let read = |version| std::fs::read(world.registry.crate_path("foo", version)).unwrap();
    let name = consign_statement::carrier::NAME;
    let other = consign_statement::carrier::in_crate(&read("0.9.0")[..], "foo", "0.9.0");
    let other = other.unwrap().unwrap();
    let archive = consign_testbed::crate_with_changed_file(&read("1.0.0"), name, &other);
    world.serve_instead("foo", "1.0.0", &archive);
    world.refusal(&world.app())
}

fn nothing_carried() -> String {
    let world = World::new();
    for version in ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] {
        world.publish_unsigned(world.library("foo", version));
    }
    world.refusal(&world.app())
}

fn archive_in_the_cache() -> String {
    let (world, app) = built();
    let registry = world.user.path().join("registry");
    let cache = std::fs::read_dir(registry.join("cache")).unwrap();
    let cache = cache.last().unwrap().unwrap().path();
    std::fs::write(cache.join("foo-1.0.0.crate"), "other").unwrap();
    std::fs::remove_dir_all(registry.join("src")).unwrap();
    of_fetch(&world, &app)
}

fn vendored_files() -> String {
    let (world, app) = built();
    let output = world.cargo(&app, ["vendor"]).succeeded();
    std::fs::create_dir_all(app.join(".cargo")).unwrap();
    std::fs::write(app.join(".cargo/config.toml"), output.stdout).unwrap();
    std::fs::write(app.join("vendor/foo/src/lib.rs"), "// evil").unwrap();
    let output = world.cargo(&app, ["verify"]).ended_with(1).normalised();
    let verified = output.stderr;
    let built = world.cargo(&app, ["build"]).failed().normalised();
    format!("{verified}{}", built.stderr)
}

fn files_in_the_cache() -> String {
    let (world, app) = built();
    let registry = world.user.path().join("registry");
    let sources = std::fs::read_dir(registry.join("src")).unwrap();
    let sources = sources.last().unwrap().unwrap().path();
    std::fs::write(sources.join("foo-1.0.0/src/lib.rs"), "// evil").unwrap();
    let output = world.cargo(&app, ["verify"]).ended_with(1).normalised();
    // What it is called depends on the port of the registry.
    let registry = sources.file_name().unwrap().to_str().unwrap();
    output.stderr.replace(registry, "[REGISTRY]")
}

fn from_git() -> String {
    let world = World::new();
    let app = super::levels::with_git_dependency(&world);
    world.user.add_config("[signing]\ngit = \"deny\"");
    world.cargo(&app, ["build"]).failed().normalised().stderr
}

fn offline() -> String {
    let (world, app) = built();
    std::fs::remove_dir_all(world.user.path().join("signing/answers")).unwrap();
    let args = ["build", "--offline", "--require-signatures"];
    std::fs::remove_dir_all(world.user.path().join("signing/workspaces")).unwrap();
    world.cargo(&app, args).failed().normalised().stderr
}

fn provider_that_nobody_knows() -> String {
    let world = World::new();
    let jane = key_of("corp:jane");
    world.publish_foo_as("1.0.0", "corp:jane", &jane);
    world.refusal(&world.app())
}

fn broken_signers_file() -> String {
    let (world, app) = built();
    let merged = "version = 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n";
    std::fs::write(app.join("Cargo.signers"), merged).unwrap();
    of_fetch(&world, &app)
}

/// What makes a refusal, and gives its text.
type Refusal = fn() -> String;

#[test]
fn every_refusal_tells_what_happened_and_what_to_do() {
    let all: &[(&str, Refusal)] = &[
        ("A newer version is signed by somebody else", wrong_signer),
        (
            "The lockfile names a version by somebody who may not sign it",
            wrong_signer_in_the_lockfile,
        ),
        ("A newer version is not signed", lost_signature),
        (
            "A newer version is signed in a format that is not known",
            lost_to_an_unknown_format,
        ),
        (
            "A newer version is signed with a key that is nobody's",
            key_that_is_not_published,
        ),
        ("The name is another account's", name_of_another_account),
        ("The account is gone", account_that_is_gone),
        ("A key that its owner has revoked", revoked_key),
        (
            "A newer version by a key that was retired since",
            retired_key,
        ),
        ("A new signer, where these are refused", new_signer),
        ("A new key, where these are refused", new_key),
        (
            "A new key of a name without a number",
            new_key_of_a_name_without_number,
        ),
        (
            "A signer that Cargo.signers does not name, in a locked build",
            signer_that_the_file_does_not_name,
        ),
        ("No signature, where one is required", unsigned),
        (
            "A signature for another registry",
            signed_for_another_registry,
        ),
        (
            "A provider that does not answer about a signer who is known",
            provider_that_does_not_answer,
        ),
        ("A key that could be asked for, and not offline", offline),
        ("A provider that nobody knows", provider_that_nobody_knows),
        ("An entry that was changed", tampered),
        (
            "A package that carries a signature over other files",
            carrier_of_other_files,
        ),
        (
            "A package with something else in the place of its signature",
            carrier_that_was_changed,
        ),
        (
            "A package that carries the signature of another release",
            carrier_of_another_release,
        ),
        (
            "Several versions that carry nothing, where a signature is required",
            nothing_carried,
        ),
        (
            "An archive in the cache that was changed",
            archive_in_the_cache,
        ),
        ("Files in the cache that were changed", files_in_the_cache),
        ("A vendored folder that was changed", vendored_files),
        ("A git dependency, where these are refused", from_git),
        ("A Cargo.signers that was merged badly", broken_signers_file),
    ];
    let mut text = String::new();
    for (heading, refusal) in all {
        text += &format!("## {heading}\n\n{}\n", refusal());
    }
    expect_file!["refusals.txt"].assert_eq(&text);
}
