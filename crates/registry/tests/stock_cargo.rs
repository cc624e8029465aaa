//! Every operation of the registry, driven by stock cargo: the one on `PATH`, which knows nothing
//! of signatures.

#![allow(clippy::unwrap_used)]

mod support;

use support::{Cargo, Registry, archive, failure, request, stderr, success};

const FOO: &str = "foo = { version = \"1\", registry = \"local\" }";
const PRINT: &str = "println!(\"{}\", foo::version());";

/// A registry, and cargo logged in there as alice.
fn start() -> (Registry, Cargo) {
    let registry = Registry::start();
    let cargo = Cargo::with_token(&registry, &registry.alice);
    (registry, cargo)
}

#[test]
fn a_package_is_published_and_built_with() {
    let (registry, cargo) = start();
    cargo.package("base", "0.1.0", "[features]\nextra = []\n");
    success(&cargo.publish("base"));
    cargo.package(
        "foo",
        "1.0.0",
        "[dependencies]\n\
         renamed = { package = \"base\", version = \"0.1\", registry = \"local\", optional = true }\n\
         [features]\ndefault = [\"full\"]\nfull = [\"dep:renamed\", \"renamed?/extra\"]\n",
    );
    let published = cargo.publish("foo");
    success(&published);
    assert!(
        stderr(&published).contains("Published foo v1.0.0 at registry `local`"),
        "{}",
        stderr(&published)
    );

    let line = &registry.lines("3/f/foo")[0];
    assert_eq!(line["deps"][0]["name"], "renamed");
    assert_eq!(line["deps"][0]["package"], "base");
    cargo.consumer(FOO, PRINT);
    assert_eq!(success(&cargo.run("consumer", &["run"])), "1.0.0\n");
}

#[test]
fn login_without_a_token_of_the_registry_does_not_publish() {
    let registry = Registry::start();
    let cargo = Cargo::with_token(&registry, "consign_wrong");
    cargo.package("foo", "1.0.0", "");
    let refused = failure(&cargo.publish("foo"));
    assert!(
        refused.contains("the token is not one of this registry"),
        "{refused}"
    );
    assert_eq!(registry.server.get("/index/3/f/foo").status, 404);
}

#[test]
fn a_new_version_is_updated_to() {
    let (_registry, cargo) = start();
    cargo.package("foo", "1.0.0", "");
    success(&cargo.publish("foo"));
    cargo.consumer(FOO, PRINT);
    assert_eq!(success(&cargo.run("consumer", &["run"])), "1.0.0\n");
    cargo.package("foo", "1.1.0", "");
    success(&cargo.publish("foo"));
    // The lock file stays until it is asked to move.
    assert_eq!(success(&cargo.run("consumer", &["run"])), "1.0.0\n");
    success(&cargo.run("consumer", &["update"]));
    assert_eq!(success(&cargo.run("consumer", &["run"])), "1.1.0\n");
}

#[test]
fn a_yanked_version_is_chosen_again_once_it_is_unyanked() {
    let (_registry, cargo) = start();
    for version in ["1.0.0", "1.1.0"] {
        cargo.package("foo", version, "");
        success(&cargo.publish("foo"));
    }
    cargo.consumer(FOO, PRINT);
    let yank = ["yank", "--registry", "local", "foo@1.1.0"];
    success(&cargo.run("", &yank));
    assert_eq!(success(&cargo.run("consumer", &["run"])), "1.0.0\n");
    success(&cargo.run("", &[&yank[..], &["--undo"]].concat()));
    success(&cargo.run("consumer", &["update"]));
    assert_eq!(success(&cargo.run("consumer", &["run"])), "1.1.0\n");
}

#[test]
fn a_package_of_another_is_published_only_by_its_owners() {
    let (registry, alice) = start();
    let bob = Cargo::with_token(&registry, &registry.token("bob"));
    alice.package("foo", "1.0.0", "");
    success(&alice.publish("foo"));
    bob.package("foo", "1.1.0", "");
    let refused = failure(&bob.publish("foo"));
    assert!(
        refused.contains("`bob` is not an owner of `foo`"),
        "{refused}"
    );

    let owner = |args: &[&str]| {
        let args = [&["owner", "--registry", "local"], args, &["foo"]].concat();
        alice.run("", &args)
    };
    success(&owner(&["--add", "bob"]));
    assert_eq!(success(&owner(&["--list"])), "alice\nbob\n");
    success(&bob.publish("foo"));

    success(&owner(&["--remove", "bob"]));
    assert_eq!(success(&owner(&["--list"])), "alice\n");
    bob.package("foo", "1.2.0", "");
    failure(&bob.publish("foo"));
}

#[test]
fn a_package_keeps_an_owner_and_gets_none_that_is_unknown() {
    let (_registry, cargo) = start();
    cargo.package("foo", "1.0.0", "");
    success(&cargo.publish("foo"));
    for (change, user, reason) in [
        ("--remove", "alice", "`foo` must keep an owner"),
        ("--remove", "bob", "`bob` is not among the owners of `foo`"),
        ("--add", "bob", "there is no user `bob` here"),
    ] {
        let args = ["owner", "--registry", "local", change, user, "foo"];
        let refused = failure(&cargo.run("", &args));
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn search_finds_names_and_descriptions() {
    let (registry, cargo) = start();
    for name in ["parse-toml", "parse-json"] {
        cargo.package(name, "1.0.0", "");
        success(&cargo.publish(name));
    }
    registry.publish("toml", "0.5.0").accepted();
    let search = |args: &[&str]| {
        let args = [&["search", "--registry", "local"], args].concat();
        success(&cargo.run("", &args))
    };
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    // The very name first, though it comes later in the alphabet.
    let toml = lines(&search(&["toml"]));
    assert!(toml[0].starts_with("toml = \"0.5.0\""), "{toml:?}");
    assert!(toml[1].starts_with("parse-toml = \"1.0.0\""), "{toml:?}");
    assert!(toml[1].ends_with("# the package parse-toml"), "{toml:?}");
    assert_eq!(toml.len(), 2);
    assert_eq!(lines(&search(&["the package"])).len(), 2);
    assert_eq!(search(&["nothing-of-this-name"]), "");
    let one = search(&["--limit", "1", "parse"]);
    assert!(one.contains("... and 1 crates more"), "{one}");
}

#[test]
fn a_version_that_is_there_is_refused() {
    let (registry, cargo) = start();
    cargo.package("foo", "1.0.0", "");
    success(&cargo.publish("foo"));
    // Cargo looks into the index itself before it asks.
    let refused = failure(&cargo.publish("foo"));
    assert!(refused.contains("already exists"), "{refused}");
    let reason = registry.publish("foo", "1.0.0").refusal(409);
    assert_eq!(reason, "version 1.0.0 of `foo` is already published");
    assert_eq!(registry.lines("3/f/foo").len(), 1);
}

#[test]
fn a_version_that_differs_in_build_metadata_is_refused() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0+a").accepted();
    let reason = registry.publish("foo", "1.0.0+b").refusal(409);
    assert_eq!(
        reason,
        "version 1.0.0+b of `foo` differs from the published 1.0.0+a in build metadata only, which \
         does not count"
    );
    registry.publish("foo", "1.0.1-a.1+b").accepted();
    let cargo = Cargo::new(&registry.server.url);
    cargo.consumer(FOO, "");
    success(&cargo.run("consumer", &["build"]));
}

#[test]
fn a_name_that_differs_in_case_and_hyphens_is_refused() {
    let (registry, cargo) = start();
    cargo.package("Foo-Bar", "1.0.0", "");
    success(&cargo.publish("Foo-Bar"));
    cargo.package("foo_bar", "1.1.0", "");
    let refused = failure(&cargo.publish("foo_bar"));
    assert!(
        refused.contains("`foo_bar` is taken: there is `Foo-Bar` here"),
        "{refused}"
    );
    // What the index has under the other spelling is nothing, as cargo expects.
    assert_eq!(registry.lines("fo/o-/foo-bar").len(), 1);
    assert_eq!(registry.server.get("/index/fo/o_/foo_bar").status, 404);
}

#[test]
fn a_registry_that_asks_for_a_token_everywhere_gives_nothing_without() {
    let registry = Registry::start_with(&["--auth-required"]);
    let alice = Cargo::with_token(&registry, &registry.alice);
    alice.package("foo", "1.0.0", "");
    success(&alice.publish("foo"));
    alice.consumer(FOO, PRINT);
    assert_eq!(success(&alice.run("consumer", &["run"])), "1.0.0\n");

    let stranger = Cargo::new(&registry.server.url);
    stranger.consumer(FOO, PRINT);
    let refused = failure(&stranger.run("consumer", &["run"]));
    assert!(refused.contains("no token found for `local`"), "{refused}");
    success(&stranger.login("consign_wrong"));
    let refused = failure(&stranger.run("consumer", &["run"]));
    assert!(refused.contains("token rejected for `local`"), "{refused}");
    let url = &registry.server.url;
    for path in [
        "/index/config.json",
        "/index/3/f/foo",
        "/api/v1/crates/foo/1.0.0/download",
        "/api/v1/crates?q=foo",
    ] {
        let reply = registry.server.get(path);
        reply.refusal(401);
        let challenge = format!("Cargo login_url=\"{url}/me\"");
        assert_eq!(reply.headers["www-authenticate"], challenge);
    }
}

#[test]
fn a_package_that_is_too_large_is_refused() {
    let registry = Registry::start_with(&["--max-upload-size", "1000"]);
    let cargo = Cargo::with_token(&registry, &registry.alice);
    cargo.package("foo", "1.0.0", "");
    // Digits that do not compress well.
    let noise: String = (0..2000u32)
        .map(|n| n.wrapping_mul(2654435761).to_string())
        .collect();
    cargo.write("foo/noise", &noise);
    let refused = failure(&cargo.publish("foo"));
    assert!(
        refused.contains("more than the 1000 that this registry takes"),
        "{refused}"
    );
}

#[test]
fn what_was_published_outlives_the_server() {
    let mut registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    let before = registry.server.get("/index/3/f/foo").body;
    registry.server.kill();
    registry.server = support::Server::start(registry.root.path(), &[]);
    assert_eq!(registry.server.get("/index/3/f/foo").body, before);
    let download = registry.server.get("/api/v1/crates/foo/1.0.0/download");
    assert_eq!(download.body, archive("foo", "1.0.0"));
    let again = (registry.server).publish(
        &registry.alice,
        &request("foo", "1.0.0"),
        &archive("foo", "1.0.0"),
    );
    again.refusal(409);
}
