//! `cargo key`, and the files that keys are in.

use std::fs;
use std::path::Path;

use consign_testbed::{Home, Output, consign};
use expect_test::expect;

use crate::World;
use crate::world::key_file;

/// Sets the permissions of a file or folder.
pub fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// `cargo key ARGS` as the user of a home.
pub fn key<const N: usize>(world: &World, home: &Home, args: [&str; N]) -> Output {
    home.cargo(&consign(), world.sandbox.path())
        .args(["key"])
        .args(args)
        .run()
}

#[test]
fn key_is_made_listed_and_shown() {
    let world = World::new();
    let home = world.sandbox.home("new");
    let output = key(&world, &home, ["new", "--sign-as", "github:alice"])
        .succeeded()
        .normalised();
    expect![[r#"
             Created signing key [FINGERPRINT] of GitHub user @alice
        note: the secret half is in `[SANDBOX]/homes/new/signing/keys/github/alice/[FINGERPRINT].asc`
              publish the other half with `cargo key publish github:alice`, or at https://github.com/settings/gpg/new: `cargo key show github:alice` prints it
    "#]].assert_eq(&output.stderr);
    let output = key(&world, &home, ["list"]).succeeded().normalised();
    expect![[r#"
        github:alice  [FINGERPRINT]  ed25519:[KEY]  signs, to be published
    "#]]
    .assert_eq(&output.stdout);
    let shown = key(&world, &home, ["show"]).succeeded().stdout;
    assert!(
        shown.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"),
        "{shown}"
    );
    assert_eq!(
        key(&world, &home, ["show", "github:alice"])
            .succeeded()
            .stdout,
        shown
    );
    assert!(!shown.contains("PRIVATE"));
}

#[cfg(unix)]
#[test]
fn key_file_is_its_owners_alone() {
    let world = World::new();
    let file = key_file(&world.octocat, "octocat");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(mode(&world.octocat.path().join("signing")), 0o700);
}

#[test]
fn second_key_of_an_identity_is_not_made() {
    let world = World::new();
    let output = key(
        &world,
        &world.octocat,
        ["new", "--sign-as", "github:octocat"],
    )
    .failed()
    .normalised();
    expect![[r#"
        error: there is a key for `github:octocat` already, with the fingerprint [FINGERPRINT]

        help: `cargo key show github:octocat` prints its public half, and `cargo key retire github:octocat` makes room for a new one
    "#]]
    .assert_eq(&output.stderr);
}

#[test]
fn what_is_no_identity_is_said() {
    let world = World::new();
    let home = world.sandbox.home("new");
    let mut told = String::new();
    for identity in [
        "octocat",
        "github:",
        "github:Octocat",
        "github:a/b",
        "nowhere:octocat",
    ] {
        let output = key(&world, &home, ["new", "--sign-as", identity]).failed();
        told += &output.stderr;
    }
    expect![[r#"
        error: `octocat` is not an identity, which is `provider:user`, as in `github:octocat`
        error: `` cannot be the name of an account: it is empty
        error: `Octocat` cannot be the name of an account: it must be written in lower case
        error: `a/b` cannot be the name of an account: it contains `/`
        error: no identity provider `nowhere` is known

        help: those that are: codeberg, github, gitlab, wkd; one of your own is defined by `signing.identities.nowhere.keys`
    "#]].assert_eq(&told);
    assert!(!home.path().join("signing").exists());
}

#[test]
fn nothing_to_show_is_said() {
    let world = World::new();
    let home = world.sandbox.home("new");
    assert_eq!(key(&world, &home, ["list"]).succeeded().stdout, "");
    let mut told = key(&world, &home, ["show"]).failed().stderr;
    told += &key(&world, &home, ["show", "github:alice"]).failed().stderr;
    expect![[r#"
        error: there are no signing keys

        help: make one with `cargo key new --sign-as github:USER`
        error: there is no key for `github:alice`

        help: make one with `cargo key new --sign-as github:alice`
    "#]]
    .assert_eq(&told);
}

/// What `cargo publish` of octocat says, which must fail.
pub fn refused_to_publish(world: &World) -> String {
    let folder = world.library("foo", "1.0.0").write();
    let output = world
        .octocat
        .cargo(&consign(), &folder)
        .args(["publish", "--no-verify"])
        .run()
        .failed()
        .normalised();
    // Never a silent unsigned upload.
    assert!(!world.registry.crate_path("foo", "1.0.0").exists());
    output.stderr
}

#[cfg(unix)]
#[test]
fn key_file_that_others_can_read_is_not_used() {
    let world = World::new();
    set_mode(&key_file(&world.octocat, "octocat"), 0o644);
    expect![[r#"
        error: failed to read the signing key `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          it can be read by others (its mode is 644, and should be 600)

          help: `chmod 600 [SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`; if others had the chance to read it, make a new key
    "#]].assert_eq(&refused_to_publish(&world));
}

#[test]
fn truncated_key_file_is_not_used() {
    let world = World::new();
    let file = key_file(&world.octocat, "octocat");
    let whole = fs::read(&file).unwrap();
    let mut told = Vec::new();
    for length in [0, 20, 100, whole.len() / 2, whole.len() - 10] {
        fs::write(&file, &whole[..length]).unwrap();
        let message = refused_to_publish(&world);
        let cause = message
            .split("[FINGERPRINT].asc`\n")
            .nth(1)
            .unwrap()
            .to_owned();
        if !told.contains(&cause) {
            told.push(cause);
        }
    }
    expect![[r#"

        Caused by:
          not an armored OpenPGP key: no line `-----BEGIN PGP …-----`

          help: OpenPGP keys are exported as text with `--armor`

        Caused by:
          the armored key is cut off: no line `-----END PGP …-----`
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn public_key_in_place_of_the_secret_one_is_not_used() {
    let world = World::new();
    let public = world.secret_key().public_armored();
    fs::write(key_file(&world.octocat, "octocat"), public).unwrap();
    expect![[r#"
        error: failed to read the signing key `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          a public key where a secret key is wanted

          help: export the secret key: `gpg --armor --export-secret-keys KEY`
    "#]].assert_eq(&refused_to_publish(&world));
}

#[test]
fn key_file_that_is_no_key_is_not_used() {
    let world = World::new();
    let file = key_file(&world.octocat, "octocat");
    fs::write(&file, vec![b'x'; (1 << 20) + 1]).unwrap();
    expect![[r#"
        error: failed to read the signing key `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc`

        Caused by:
          it has 1048577 bytes
    "#]].assert_eq(&refused_to_publish(&world));
}

#[test]
fn one_of_several_who_make_a_key_at_the_same_time_makes_it() {
    let world = World::new();
    let home = world.sandbox.home("new");
    let new = || {
        let run = home.cargo(&consign(), world.sandbox.path());
        run.args(["key", "new", "--sign-as", "github:alice"])
    };
    let made = std::thread::scope(|scope| {
        let run = |new: consign_testbed::Run| new.run().status == Some(0);
        let all: Vec<_> = (0..6)
            .map(|_| {
                let new = new();
                scope.spawn(move || run(new))
            })
            .collect();
        let made = all.into_iter().map(|one| one.join().unwrap());
        made.filter(|made| *made).count()
    });
    assert_eq!(made, 1);
    key_file(&home, "alice");
}

/// What a kill in the middle of a write leaves behind may be a secret.
#[cfg(unix)]
#[test]
fn what_a_write_left_unfinished_goes_with_the_next_one() {
    let world = World::new();
    let left = key_file(&world.octocat, "octocat").with_file_name(".new-Xb3k9Q");
    fs::write(&left, "a secret").unwrap();
    key(&world, &world.octocat, ["retire", "--yes"]).succeeded();
    assert!(!left.exists());
}

#[test]
fn commands_name_a_key_by_its_fingerprint_where_there_are_others_beside_it() {
    let world = World::new();
    let home = world.sandbox.home("new");
    let folder = world.sandbox.path().join("keys");
    let folder = folder.display();
    home.add_config(&format!(
        "[signing.identities.corp]\nkeys = \"{folder}/{{user}}.asc\""
    ));
    let alone = key(&world, &home, ["new", "--sign-as", "corp:mona"]).succeeded();
    let retired = key(&world, &home, ["retire", "--yes"]).succeeded();
    let second = key(&world, &home, ["new", "--sign-as", "corp:mona"]).succeeded();
    let published = key(&world, &home, ["publish"]).succeeded();
    let made = second.stderr.split("Created signing key ").nth(1).unwrap();
    let fingerprint = made.split(' ').next().unwrap();
    let revoked = key(&world, &home, ["revoke", "--yes", fingerprint]).succeeded();
    let all = [alone, retired, second, published, revoked];
    let told = all.map(|output| output.normalised().stderr);
    expect![[r#"
             Created signing key [FINGERPRINT] of corp:mona
        note: the secret half is in `[SANDBOX]/homes/new/signing/keys/corp/mona/[FINGERPRINT].asc`
              publish the other half as `[SANDBOX]/keys/mona.asc`: `cargo key show corp:mona` prints it
             Retired signing key [FINGERPRINT] of corp:mona
        note: the key is not published by this command
              publish it as `[SANDBOX]/keys/mona.asc`: `cargo key show corp:mona` prints it
        note: nothing more is signed with it; what it signed stays good where `Cargo.lock` names it, and elsewhere as soon as the package has a later version that is signed with another key
              a new key is made with `cargo key new --sign-as corp:mona`
             Created signing key [FINGERPRINT] of corp:mona
        note: the secret half is in `[SANDBOX]/homes/new/signing/keys/corp/mona/[FINGERPRINT].asc`
              add the other half to the keys in `[SANDBOX]/keys/mona.asc`: `cargo key show [FINGERPRINT]` prints it
        note: the key is not published by this command
              add it to the keys in `[SANDBOX]/keys/mona.asc`: `cargo key show [FINGERPRINT]` prints it
             Revoked signing key [FINGERPRINT] of corp:mona
        warning: until the key is replaced or deleted where it is published, what it signed is accepted
        help: put it in the place of the old one among the keys in `[SANDBOX]/keys/mona.asc`: `cargo key show [FINGERPRINT]` prints it, now revoked
        note: a build that sees that it is gone refuses everything that it signed: publish that again with another key
              builds see it when they resolve anew, and what they remember is older than `signing.max-key-age`
              a new key is made with `cargo key new --sign-as corp:mona`
    "#]].assert_eq(&told.concat());
}

#[test]
fn list_says_what_is_wrong_with_the_configuration() {
    let world = World::new();
    world.octocat.add_config("[signing]\nunsigned = \"maybe\"");
    let told = key(&world, &world.octocat, ["list"]).failed().stderr;
    assert_eq!(told.matches("maybe").count(), 1, "{told}");
}
