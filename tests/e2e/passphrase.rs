//! Keys under a passphrase.

use std::fs;

use consign_identity::openpgp::{KeyError, OsRng, OwnKey, SecretKey};
use consign_testbed::{Output, Type, consign, has_terminal};
use expect_test::expect;

use crate::World;
use crate::keys::refused_to_publish;
use crate::world::key_file;

const PASSPHRASE: &str = "correct horse";

/// Puts octocat's key under the passphrase.
fn lock(world: &World) {
    let file = key_file(&world.octocat, "octocat");
    let key = SecretKey::from_armored(&fs::read(&file).unwrap()).unwrap();
    let locked = key.to_armored_with(PASSPHRASE.as_bytes(), OsRng).unwrap();
    fs::write(file, locked.as_str()).unwrap();
}

/// Has `cargo` ask a program for the passphrase, which prints this.
fn command_prints(world: &World, passphrase: &str) {
    world.octocat.add_config(&format!(
        "[signing]\npassphrase-command = [\"printf\", \"%s\\\\n\", \"{passphrase}\"]"
    ));
}

/// `cargo publish` of foo 1.0.0 by octocat, with somebody at the terminal.
fn publish_at_terminal(world: &World, dialogue: &[(&str, Type<'_>)]) -> Output {
    let folder = world.library("foo", "1.0.0").write();
    let run = world.octocat.cargo(&consign(), &folder);
    run.args(["publish", "--no-verify"]).on_terminal(dialogue)
}

#[test]
fn new_key_is_put_under_a_passphrase_that_is_asked_for_twice_and_not_shown() {
    if !has_terminal() {
        return;
    }
    let world = World::new();
    let home = world.sandbox.home("new");
    let new = || {
        let run = home.cargo(&consign(), world.sandbox.path());
        run.args(["key", "new", "--sign-as", "github:alice", "--passphrase"])
    };
    let differ = new().on_terminal(&[
        ("passphrase for the new key: ", Type::Secret(PASSPHRASE)),
        ("the same passphrase again: ", Type::Secret("wrong horse")),
    ]);
    expect![[r#"
        passphrase for the new key: 
        the same passphrase again: 
        error: the two passphrases differ
    "#]]
    .assert_eq(&differ.failed().normalised().stdout);
    assert!(!home.path().join("signing").exists());
    let empty = new().on_terminal(&[
        ("passphrase for the new key: ", Type::Secret("")),
        ("the same passphrase again: ", Type::Secret("")),
    ]);
    expect![[r#"
        passphrase for the new key: 
        the same passphrase again: 
        error: an empty passphrase protects nothing
    "#]]
    .assert_eq(&empty.failed().normalised().stdout);

    let made = new().on_terminal(&[
        ("passphrase for the new key: ", Type::Secret(PASSPHRASE)),
        ("the same passphrase again: ", Type::Secret(PASSPHRASE)),
    ]);
    let shown = made.succeeded().normalised().stdout;
    expect![[r#"
        passphrase for the new key: 
        the same passphrase again: 
             Created signing key [FINGERPRINT] of GitHub user @alice
        note: the secret half is in `[SANDBOX]/homes/new/signing/keys/github/alice/[FINGERPRINT].asc`
              publish the other half with `cargo key publish github:alice`, or at https://github.com/settings/gpg/new: `cargo key show github:alice` prints it
    "#]].assert_eq(&shown);
    let key = OwnKey::from_armored(&fs::read(key_file(&home, "alice")).unwrap()).unwrap();
    assert!(key.is_locked());
    assert!(key.unlock(PASSPHRASE.as_bytes()).is_ok());
    let error = key.unlock(b"wrong horse").unwrap_err();
    assert_eq!(error, KeyError::WrongPassphrase);
}

#[test]
fn locked_key_is_opened_when_it_signs() {
    if !has_terminal() {
        return;
    }
    let world = World::new();
    lock(&world);
    let asked = ("of GitHub user @octocat: ", Type::Secret(PASSPHRASE));
    let shown = publish_at_terminal(&world, &[asked]).succeeded().stdout;
    assert!(!shown.contains(PASSPHRASE), "{shown}");
    // Before anything is packaged, and once.
    assert_eq!(
        shown.matches("passphrase for the key").count(),
        1,
        "{shown}"
    );
    let (asked, packaged) = (shown.find("passphrase for"), shown.find("Packaging"));
    assert!(asked < packaged, "{shown}");
    let line = world.registry.line("foo", "1.0.0");
    assert_eq!(line["key_locator"]["user"], "octocat");
}

#[test]
fn command_in_the_configuration_opens_a_locked_key() {
    let world = World::new();
    lock(&world);
    command_prints(&world, PASSPHRASE);
    world.publish(world.library("foo", "1.0.0"));
    let line = world.registry.line("foo", "1.0.0");
    assert_eq!(line["key_locator"]["user"], "octocat");
}

#[test]
fn wrong_passphrase_is_an_error() {
    let world = World::new();
    lock(&world);
    command_prints(&world, "wrong horse");
    expect![[r#"
        error: failed to open the signing key in `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          the passphrase is wrong, or the secret key is damaged
    "#]].assert_eq(&refused_to_publish(&world));
}

#[test]
fn program_that_fails_or_is_missing_is_an_error() {
    let world = World::new();
    lock(&world);
    let mut told = String::new();
    for command in ["[\"false\"]", "[\"no-such-program\"]", "[]", "[\"true\"]"] {
        let folder = world.library("foo", "1.0.0").write();
        let setting = format!("signing.passphrase-command={command}");
        let run = world.octocat.cargo(&consign(), &folder);
        let output = run
            .args(["publish", "--no-verify", "--config", &setting])
            .run();
        told += &output.failed().normalised().stderr;
    }
    expect![[r#"
        error: failed to open the signing key in `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          `false`, which `signing.passphrase-command` names, ended with exit status: 1
        error: failed to open the signing key in `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          failed to run `no-such-program`, which `signing.passphrase-command` names

        Caused by:
          No such file or directory (os error 2)
        error: failed to open the signing key in `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          `signing.passphrase-command` is empty
        error: failed to open the signing key in `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          the passphrase is wrong, or the secret key is damaged
    "#]].assert_eq(&told);
}

#[test]
fn locked_key_without_a_terminal_is_an_error_with_help() {
    let world = World::new();
    lock(&world);
    expect![[r#"
        error: failed to open the signing key in `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          it needs a passphrase, and there is no terminal to ask for it

          help: name a program that prints it with `signing.passphrase-command` in `[SANDBOX]/homes/octocat/config.toml`, as in `passphrase-command = ["pass", "show", "signing"]`
    "#]].assert_eq(&refused_to_publish(&world));
}

#[test]
fn locked_key_in_the_environment_is_opened_by_the_passphrase_there() {
    let world = World::new();
    lock(&world);
    let locked = fs::read_to_string(key_file(&world.octocat, "octocat")).unwrap();
    let home = world.sandbox.home("ci");
    home.use_registry(&world.registry, Some(&world.registry.token("octocat")));
    let folder = world.library("foo", "1.0.0").write();
    let publish = |passphrase| {
        let run = home.cargo(&consign(), &folder);
        run.args(["publish", "--no-verify"])
            .env("CARGO_SIGNING_KEY", &locked)
            .env("CARGO_SIGNING_KEY_PASSPHRASE", passphrase)
            .run()
    };
    let wrong = publish("wrong horse").failed().normalised().stderr;
    expect![[r#"
        error: failed to open the signing key in the environment variable `CARGO_SIGNING_KEY`

        Caused by:
          the passphrase is wrong, or the secret key is damaged
    "#]]
    .assert_eq(&wrong);
    publish(PASSPHRASE).succeeded();
}

#[test]
fn key_that_is_retired_stays_under_its_passphrase() {
    let world = World::new();
    lock(&world);
    command_prints(&world, PASSPHRASE);
    let run = world.octocat.cargo(&consign(), world.sandbox.path());
    run.args(["key", "retire", "--yes"]).run().succeeded();
    let text = fs::read(key_file(&world.octocat, "octocat")).unwrap();
    let key = OwnKey::from_armored(&text).unwrap();
    assert!(key.is_locked());
    assert!(key.published().state.fault().is_some());
    assert!(key.unlock(PASSPHRASE.as_bytes()).is_ok());
}

#[test]
fn command_does_not_see_the_key_of_the_environment_nor_its_passphrase() {
    let world = World::new();
    lock(&world);
    world.octocat.add_config(&format!(
        "[signing]\npassphrase-command = [\"sh\", \"-c\", \"test -z \\\"$CARGO_SIGNING_KEY$CARGO_SIGNING_KEY_PASSPHRASE\\\" && echo '{PASSPHRASE}'\"]"
    ));
    let folder = world.library("foo", "1.0.0").write();
    let run = world.octocat.cargo(&consign(), &folder);
    run.args(["publish", "--no-verify"])
        .env("CARGO_SIGNING_KEY_PASSPHRASE", "a secret of the CI's")
        .run()
        .succeeded();
}
