//! Keys that were retired or revoked, and what a build makes of it.

use std::fs;

use consign_testbed::{Type, consign, has_terminal};
use expect_test::expect;

use crate::World;
use crate::gnupg::Gnupg;
use crate::keys::key;
use crate::world::key_file;

/// Publishes what `cargo key show` prints of octocat's key now.
fn publish_again(world: &World) {
    let shown = key(world, &world.octocat, ["show"]).succeeded().stdout;
    world.keys.publish("octocat", &shown);
}

#[test]
fn retired_key_is_shown_and_listed_as_such() {
    let world = World::with_foo(["1.0.0"]);
    let output = key(&world, &world.octocat, ["retire", "--yes"]).succeeded();
    expect![[r#"
             Retired signing key [FINGERPRINT] of GitHub user @octocat
        note: the key is not published by this command
              publish it so that it is found at http://127.0.0.1:[PORT]/octocat.gpg: `cargo key show github:octocat` prints it
        note: nothing more is signed with it; what it signed stays good where `Cargo.lock` names it, and elsewhere as soon as the package has a later version that is signed with another key
              a new key is made with `cargo key new --sign-as github:octocat`
    "#]].assert_eq(&output.normalised().stderr);
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    assert!(list.contains("  retired 20"), "{list}");
    // Once is enough.
    let again = key(&world, &world.octocat, ["retire", "--yes"]).succeeded();
    let first = again.normalised().stderr.lines().next().unwrap().to_owned();
    expect!["   Unchanged signing key [FINGERPRINT] of GitHub user @octocat: it is retired"]
        .assert_eq(&first);
}

#[test]
fn revoked_key_is_refused_by_the_next_build() {
    let world = World::with_foo(["1.0.0"]);
    let output = key(&world, &world.octocat, ["revoke", "--compromised", "--yes"]).succeeded();
    expect![[r#"
             Revoked signing key [FINGERPRINT] of GitHub user @octocat
        warning: until the key is replaced or deleted where it is published, what it signed is accepted
        help: publish it again so that it is found at http://127.0.0.1:[PORT]/octocat.gpg: `cargo key show github:octocat` prints it, now revoked
        note: a build that sees that it is gone refuses everything that it signed: publish that again with another key
              builds see it when they resolve anew, and what they remember is older than `signing.max-key-age`
              a new key is made with `cargo key new --sign-as github:octocat`
    "#]].assert_eq(&output.normalised().stderr);
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    assert!(list.trim_end().ends_with("  revoked"), "{list}");
    publish_again(&world);
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that does not count: its owner has revoked the key (ed25519:[KEY])
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, keep it with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that does not count: its owner has revoked the key (ed25519:[KEY])
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&world.app()));
    let publish = key(&world, &world.octocat, ["publish"])
        .failed()
        .normalised();
    expect![[r#"
        error: the key [FINGERPRINT] is revoked: what would be published is that nobody may trust it

        help: `cargo key revoke` deletes it at its provider; `cargo key show` prints it, to be published by hand where it cannot be deleted
    "#]].assert_eq(&publish.stderr);
    let retire = key(&world, &world.octocat, ["retire", "--yes"])
        .failed()
        .normalised();
    expect![[r#"
        error: the key [FINGERPRINT] is revoked already
    "#]]
    .assert_eq(&retire.stderr);
}

#[test]
fn revocation_that_gnupg_made_is_honoured() {
    let world = World::with_foo(["1.0.0"]);
    let Some(gpg) = Gnupg::new(&world) else {
        return;
    };
    let exported = key(&world, &world.octocat, ["export"]).succeeded().stdout;
    gpg.run("", &["--import"], &exported);
    let fingerprint = world.secret_key().fingerprint().to_string();
    let file = gpg.home.join("revocation.asc");
    // Because it was compromised.
    let args = [
        "--output",
        file.to_str().unwrap(),
        "--gen-revoke",
        &fingerprint,
    ];
    gpg.answer(&args, "y\n1\n\ny\n");
    gpg.run("", &["--import", file.to_str().unwrap()], "");
    world
        .keys
        .publish("octocat", &gpg.run("", &["--armor", "--export"], ""));
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that does not count: its owner has revoked the key (ed25519:[KEY])
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, keep it with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that does not count: its owner has revoked the key (ed25519:[KEY])
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn key_ends_only_where_its_owner_says_so() {
    let world = World::new();
    let file = key_file(&world.octocat, "octocat");
    let before = fs::read(&file).unwrap();
    let mut told = String::new();
    for command in ["retire", "revoke"] {
        told += &key(&world, &world.octocat, [command]).failed().stderr;
    }
    expect![[r#"
        error: there is no terminal to ask whether to retire the key

        help: add `--yes` to do it without asking
        error: there is no terminal to ask whether to revoke the key

        help: add `--yes` to do it without asking
    "#]]
    .assert_eq(&told);
    assert_eq!(fs::read(&file).unwrap(), before);
    if !has_terminal() {
        return;
    }
    let retire = |answer| {
        let run = world.octocat.cargo(&consign(), world.sandbox.path());
        let question = ("[yes/no] ", Type::Plain(answer));
        run.args(["key", "retire"]).on_terminal(&[question])
    };
    expect![[r#"
        retire the signing key [FINGERPRINT] of GitHub user @octocat? nothing can be signed with it any more, and it cannot be undone [yes/no] y
        error: the key was not retired
    "#]].assert_eq(&retire("y").failed().normalised().stdout);
    assert_eq!(fs::read(&file).unwrap(), before);
    retire("yes").succeeded();
    assert_ne!(fs::read(&file).unwrap(), before);
}

#[test]
fn of_several_keys_the_one_that_ends_is_named() {
    let world = World::new();
    world.make_key(&world.octocat, "alice");
    let several = key(&world, &world.octocat, ["revoke", "--yes"]).failed();
    let message = several.normalised().stderr;
    let (list, help) = message.rsplit_once(", as in").unwrap();
    expect![[r#"
        error: there are several signing keys:
          github:alice [FINGERPRINT]
          github:octocat [FINGERPRINT]

        help: name one by the end of its fingerprint"#]]
    .assert_eq(list);
    assert!(help.starts_with(" `"), "{help}");
    key(&world, &world.octocat, ["revoke", "github:alice", "--yes"]).succeeded();
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    let revoked: Vec<_> = list
        .lines()
        .filter(|line| line.ends_with("revoked"))
        .collect();
    assert_eq!(revoked.len(), 1);
    assert!(revoked[0].starts_with("github:alice "));
}

#[cfg(unix)]
#[test]
fn crash_in_the_middle_of_a_change_leaves_the_old_key() {
    let world = World::new();
    let file = key_file(&world.octocat, "octocat");
    let before = fs::read(&file).unwrap();
    // The system ends the command at the first byte that it writes to a file.
    let shell = std::path::Path::new("/bin/sh");
    let run = world.octocat.cargo(shell, world.sandbox.path());
    let line = "ulimit -f 0; exec \"$0\" key retire --yes";
    let program = consign();
    let crashed = run.args(["-c", line, program.to_str().unwrap()]).run();
    assert_ne!(crashed.status, Some(0), "{}", crashed.stderr);
    assert_eq!(fs::read(&file).unwrap(), before);
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    assert!(list.ends_with("  signs\n"), "{list}");
}
