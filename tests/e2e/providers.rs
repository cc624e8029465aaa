//! What the host that is asked for keys may answer. Only keys, "no keys" and "no such account" say
//! anything; all else is no answer, which stops a build that needs one and costs any other a warning.

use std::fs;
use std::time::{Duration, Instant};

use consign_testbed::{Reply, consign};
use expect_test::expect;

use crate::World;

/// What is said when nothing is required, and when signatures are.
fn told(reply: Reply) -> String {
    let world = World::with_foo(["1.0.0"]);
    world.keys.answer("octocat", reply);
    two_ways(&world)
}

fn two_ways(world: &World) -> String {
    let app = world.app();
    let allowed = world.cargo(&app, ["fetch"]).succeeded().normalised().stderr;
    let warning: Vec<_> = allowed
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(warning.len(), 1, "{allowed}");
    assert!(!allowed.contains("published by"), "{allowed}");
    // As if it had never been fetched.
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    let refusal = world.refusal(&app);
    assert!(!app.join("Cargo.lock").exists(), "a lockfile was written");
    let error = refusal.split("error: ").nth(1).unwrap();
    format!("{}\nerror: {error}", warning[0])
}

#[test]
fn web_page_is_no_answer() {
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it answered with a web page instead of keys: is this the address of a key?
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it answered with a web page instead of keys: is this the address of a key?
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&told(Reply::body(
        "<!DOCTYPE html><html><body>Sign in</body></html>",
    )));
}

#[test]
fn empty_body_is_no_answer() {
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it answered with nothing
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it answered with nothing
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&told(Reply::body("")));
}

#[test]
fn other_text_is_no_answer() {
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it answered with some other text instead of keys: is this the address of a key?
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it answered with some other text instead of keys: is this the address of a key?
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&told(Reply::body("rate limit exceeded")));
}

#[test]
fn half_a_key_is_no_answer() {
    let world = World::with_foo(["1.0.0"]);
    let key = world.secret_key().public_armored();
    world.keys.publish("octocat", &key[..key.len() / 2]);
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: its answer cannot be read: the armored key is cut off: no line `-----END PGP …-----`
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: its answer cannot be read: the armored key is cut off: no line `-----END PGP …-----`
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&two_ways(&world));
}

#[test]
fn failure_is_no_answer() {
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it failed; try again later (HTTP status 500)
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it failed; try again later (HTTP status 500)
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&told(Reply::status(500)));
}

#[test]
fn too_many_questions_is_no_answer() {
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it refuses to answer for now, perhaps after too many questions (HTTP status 429)
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it refuses to answer for now, perhaps after too many questions (HTTP status 429)
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&told(Reply::status(429)));
}

#[test]
fn redirect_is_not_followed() {
    let world = World::with_foo(["1.0.0"]);
    let key = world.secret_key().public_armored();
    world.keys.publish("elsewhere", &key);
    world.keys.answer(
        "octocat",
        Reply::status(302).header("location", "/elsewhere.gpg"),
    );
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it sends elsewhere, where keys are not looked for (HTTP status 302)
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it sends elsewhere, where keys are not looked for (HTTP status 302)
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&two_ways(&world));
    assert!(
        world
            .keys
            .requests()
            .iter()
            .all(|request| !request.contains("elsewhere"))
    );
}

#[test]
fn ten_megabytes_are_no_answer() {
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: its answer is longer than 1048576 bytes
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: its answer is longer than 1048576 bytes
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&told(Reply::body(vec![b'a'; 10 << 20])));
}

#[test]
fn endless_body_is_no_answer() {
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: its answer is longer than 1048576 bytes
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: its answer is longer than 1048576 bytes
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&told(Reply::endless()));
}

#[test]
fn silence_ends_after_ten_seconds() {
    let world = World::with_foo(["1.0.0"]);
    world.keys.answer("octocat", Reply::never());
    let started = Instant::now();
    let refusal = world.refusal(&world.app());
    let took = started.elapsed();
    let error = refusal.split("error: ").nth(1).unwrap();
    let error = consign_testbed::normalised(error);
    assert!(
        error.contains(
            "`http://127.0.0.1:[PORT]/octocat.gpg`: it could not be asked: Timeout was reached"
        ),
        "{error}"
    );
    assert!(
        took > Duration::from_secs(5) && took < Duration::from_secs(20),
        "{took:?}"
    );
}

#[test]
fn slow_answer_is_waited_for() {
    let world = World::with_foo(["1.0.0"]);
    let key = world.secret_key().public_armored();
    world
        .keys
        .answer("octocat", Reply::body(key).after(Duration::from_secs(2)));
    world.fetch(&world.app()).succeeded();
}

#[test]
fn unreachable_host_is_no_answer() {
    let world = World::with_foo(["1.0.0"]);
    world.keys.stop();
    expect![[r#"
        warning: could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it could not be asked: Could not connect to server
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it could not be asked: Could not connect to server
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&two_ways(&world));
}

#[test]
fn host_that_fails_costs_one_warning() {
    let world = World::with_foo(["1.0.0"]);
    world.publish(world.library("bar", "1.0.0").dependency("foo", "1"));
    let alice = world.sandbox.home("alice");
    alice.use_registry(&world.registry, Some(&world.registry.token("alice")));
    alice.use_keys(&world.keys);
    world.make_key(&alice, "alice");
    let folder = world.library("baz", "1.0.0").write();
    alice
        .cargo(&consign(), &folder)
        .args(["publish", "--no-verify"])
        .run()
        .succeeded();
    world.keys.stop();
    let app = world
        .sandbox
        .package("app")
        .dependency("bar", "1")
        .dependency("baz", "1")
        .program("")
        .write();
    let output = world.cargo(&app, ["fetch"]).succeeded();
    assert_eq!(
        output.stderr.matches("warning: ").count(),
        1,
        "{}",
        output.stderr
    );
}

#[test]
fn remembered_answer_is_used_when_the_host_is_gone() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    world.keys.stop();
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    world.fetch(&app).succeeded();
}

#[test]
fn remembered_answer_that_is_damaged_is_asked_for_again() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    let answers = world.user.path().join("signing/answers");
    for answer in fs::read_dir(answers).unwrap() {
        fs::write(answer.unwrap().path(), "{\"v\":").unwrap();
    }
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    world.fetch(&app).succeeded();
    assert_eq!(world.keys.requests().len(), 2);
}

#[test]
fn unreachable_registry_is_stocks_error() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.registry.stop();
    let fetch = |cargo: &std::path::Path| {
        world
            .user
            .cargo(cargo, &app)
            .args(["fetch"])
            .run()
            .failed()
            .normalised()
            .stderr
    };
    assert_eq!(fetch(&consign()), fetch(&consign_testbed::stock()));
}

#[test]
fn folder_can_be_a_provider() {
    let world = World::with_foo(["1.0.0"]);
    let folder = world.sandbox.path().join("keys");
    fs::create_dir(&folder).unwrap();
    let user = world.sandbox.home("user-of-the-folder");
    user.use_registry(&world.registry, None);
    let folder_text = folder.display();
    user.add_config(&format!(
        "[signing.identities.github]\nkeys = '{folder_text}/{{user}}.asc'"
    ));
    let app = world.app();
    let fetch = || {
        user.cargo(&consign(), &app)
            .args(["fetch", "--require-signatures"])
            .run()
    };

    let refusal = fetch().failed().normalised().stderr;
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat`, and there is no such account
        help: the account may have been renamed or deleted: choose another version, or ask the authors of `foo` whether this one is theirs. If so, keep it with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat`, and there is no such account
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&refusal);
    fs::write(
        folder.join("octocat.asc"),
        world.secret_key().public_armored(),
    )
    .unwrap();
    fetch().succeeded();
    fs::remove_dir_all(&folder).unwrap();
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    // The key was seen to be octocat's.
    fetch().succeeded();
    fs::remove_dir_all(user.path().join("signing")).unwrap();
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `[SANDBOX]/keys/octocat.asc`: it could not be asked: No such file or directory (os error 2)
        signatures are required by `--require-signatures`

        help: see whether the address is right and can be reached, and try again
    "#]].assert_eq(&fetch().failed().normalised().stderr);
}

#[test]
fn provider_of_ones_own_is_called_as_configured() {
    let world = World::new();
    let corp = format!(
        "[signing.identities.corp]\nkeys = \"{}\"\ndisplay = \"Corp user @{{user}}\"",
        world.keys.template()
    );
    world.user.add_config(&corp);
    let home = world.sandbox.home("corp");
    home.use_registry(&world.registry, Some(&world.registry.token("corp")));
    home.add_config(&corp);
    let folder = world.library("foo", "1.0.0").write();
    let run = |args: &[&str]| home.cargo(&consign(), &folder).args(args).run().succeeded();
    run(&["key", "new", "--sign-as", "corp:jane.doe"]);
    world
        .keys
        .publish("jane.doe", &run(&["key", "show"]).stdout);
    let published = run(&["publish", "--no-verify"]).stderr;
    assert!(
        published.contains("Signing foo v1.0.0 as Corp user @jane.doe\n"),
        "{published}"
    );
    let fetched = world.fetch(&world.app()).succeeded().stderr;
    assert!(
        fetched.contains("(published by Corp user @jane.doe)\n"),
        "{fetched}"
    );
}

#[test]
fn provider_that_nobody_knows_here_is_no_answer() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let nobody = consign_identity::Identity::new("corp", "jane").unwrap();
    let fields = world
        .registry
        .signed_fields("foo", "1.0.0", &nobody, &world.secret_key());
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["key_locator"] = fields["key_locator"].clone();
        line["signature"] = fields["signature"].clone();
    });
    expect![[r#"
        warning: could not find out which keys `corp:jane` publishes: no identity provider `corp` is known
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `corp:jane`, and its key could not be checked: no identity provider `corp` is known
        signatures are required by `--require-signatures`

        help: say where its keys are, with `signing.identities.corp.keys`, or which forge it is, with `.kind` and `.host`
    "#]].assert_eq(&two_ways(&world));
}

/// A disk that cannot be written to makes the next command ask again, and this one no less sure.
#[test]
fn answer_that_cannot_be_remembered_is_used_all_the_same() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    // A file where the folder should be cannot be written below, by root either.
    let signing = world.user.path().join("signing");
    fs::create_dir_all(&signing).unwrap();
    fs::write(signing.join("answers"), "").unwrap();
    let output = world.fetch(&app).succeeded();
    assert!(
        output
            .stderr
            .contains("warning: failed to remember what an identity provider answered"),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .contains("(published by GitHub user @octocat)"),
        "{}",
        output.stderr
    );
}
