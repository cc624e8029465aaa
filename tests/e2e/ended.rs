//! Keys that were retired or revoked, and what a build makes of it.

use std::fs;

use consign_testbed::{Type, consign, has_terminal};
use expect_test::expect;

use crate::World;
use crate::imported::Gnupg;
use crate::keys::key;
use crate::world::key_file;

/// Publishes what `cargo key show` prints of octocat's key now.
fn publish_again(world: &World) {
    let shown = key(world, &world.octocat, ["show"]).succeeded().stdout;
    world.keys.publish("octocat", &shown);
}

#[test]
fn retired_key_is_shown_published_and_refused() {
    let world = World::with_foo(["1.0.0"]);
    let output = key(&world, &world.octocat, ["retire", "--yes"]).succeeded();
    expect![[r#""#]].assert_eq(&output.normalised().stderr);
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    assert!(list.contains("  retired 20"), "{list}");
    publish_again(&world);
    expect![[r#""#]].assert_eq(&world.refusal(&world.app()));
    // Once is enough.
    let again = key(&world, &world.octocat, ["retire", "--yes"]).succeeded();
    let first = again.normalised().stderr.lines().next().unwrap().to_owned();
    expect![[r#""#]].assert_eq(&first);
}

#[test]
fn revoked_key_is_refused_by_the_next_build() {
    let world = World::with_foo(["1.0.0"]);
    let output = key(&world, &world.octocat, ["revoke", "--compromised", "--yes"]).succeeded();
    expect![[r#""#]].assert_eq(&output.normalised().stderr);
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    assert!(list.trim_end().ends_with("  revoked"), "{list}");
    publish_again(&world);
    expect![[r#""#]].assert_eq(&world.refusal(&world.app()));
    let publish = key(&world, &world.octocat, ["publish"]).failed().normalised();
    expect![[r#""#]].assert_eq(&publish.stderr);
    let retire = key(&world, &world.octocat, ["retire", "--yes"]).failed().normalised();
    expect![[r#""#]].assert_eq(&retire.stderr);
}

#[test]
fn revocation_that_gnupg_made_is_honoured() {
    let world = World::with_foo(["1.0.0"]);
    let Some(gpg) = Gnupg::new(&world) else { return };
    let exported = key(&world, &world.octocat, ["export"]).succeeded().stdout;
    gpg.run("", &["--import"], &exported);
    let fingerprint = world.secret_key().fingerprint().to_string();
    let commands = format!("y\n1\n\ny\n");
    gpg.run(
        "",
        &["--no-batch", "--command-fd", "0", "--status-fd", "2", "--output", "revocation.asc", "--gen-revoke", &fingerprint],
        &commands,
    );
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
    expect![[r#""#]].assert_eq(&told);
    assert_eq!(fs::read(&file).unwrap(), before);
    if !has_terminal() {
        return;
    }
    let retire = |answer| {
        let run = world.octocat.cargo(&consign(), world.sandbox.path());
        let question = ("[yes/no] ", Type::Plain(answer));
        run.args(["key", "retire"]).on_terminal(&[question])
    };
    expect![[r#""#]].assert_eq(&retire("y").failed().normalised().stdout);
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
    expect![[r#""#]].assert_eq(list);
    assert!(help.starts_with(" `"), "{help}");
    key(&world, &world.octocat, ["revoke", "github:alice", "--yes"]).succeeded();
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    let revoked: Vec<_> = list.lines().filter(|line| line.ends_with("revoked")).collect();
    assert_eq!(revoked.len(), 1);
    assert!(revoked[0].starts_with("github:alice "));
}

#[cfg(unix)]
#[test]
fn key_file_that_cannot_be_written_stays_as_it_was() {
    let world = World::new();
    let file = key_file(&world.octocat, "octocat");
    let before = fs::read(&file).unwrap();
    let folder = file.parent().unwrap();
    // A folder where the new file would go first: as good as a full disk.
    crate::keys::set_mode(folder, 0o500);
    let is_root = fs::write(folder.join("probe"), "").is_ok();
    if is_root {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    key(&world, &world.octocat, ["retire", "--yes"]).failed();
    crate::keys::set_mode(folder, 0o700);
    assert_eq!(fs::read(&file).unwrap(), before);
}
