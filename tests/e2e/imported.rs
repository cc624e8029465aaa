//! Keys that other programs made, and ours in other programs.

use std::fs;

use consign_testbed::Home;
use expect_test::expect;

use crate::World;
use crate::gnupg::Gnupg;
use crate::keys::key;

/// A home that publishes as octocat and has no key yet.
fn without_key(world: &World) -> Home {
    let home = world.sandbox.home("gnupg");
    home.use_registry(&world.registry, Some(&world.registry.token("octocat")));
    home.use_keys(&world.keys);
    home
}

#[test]
fn key_that_gnupg_made_signs_a_release_that_is_accepted() {
    let world = World::new();
    let Some(gpg) = Gnupg::new(&world) else {
        return;
    };
    let new = [
        "--quick-generate-key",
        "octocat@example.org",
        "ed25519",
        "sign",
        "never",
    ];
    gpg.run("", &new, "");
    let file = world.sandbox.path().join("secret.asc");
    fs::write(&file, gpg.run("", &["--armor", "--export-secret-keys"], "")).unwrap();
    let home = without_key(&world);
    let path = file.to_str().unwrap();
    let unnamed = key(&world, &home, ["import", path]).failed().normalised();
    expect![[r#"
        error: failed to import the key in `[SANDBOX]/secret.asc`

        Caused by:
          the key does not say whose it is

          help: say it with `--sign-as`, as in `--sign-as github:octocat`
    "#]]
    .assert_eq(&unnamed.stderr);
    let imported = key(
        &world,
        &home,
        ["import", path, "--sign-as", "github:octocat"],
    );
    expect![[r#"
            Imported signing key [FINGERPRINT] of GitHub user @octocat
        note: the secret half is in `[SANDBOX]/homes/gnupg/signing/keys/github/octocat/[FINGERPRINT].asc`
              publish the other half so that it is found at http://127.0.0.1:[PORT]/octocat.gpg: `cargo key show github:octocat` prints it
    "#]].assert_eq(&imported.succeeded().normalised().stderr);
    let again = key(
        &world,
        &home,
        ["import", path, "--sign-as", "github:octocat"],
    );
    expect![[r#"
        error: failed to import the key in `[SANDBOX]/secret.asc`

        Caused by:
          the key [FINGERPRINT] of `github:octocat` is here already, in `[SANDBOX]/homes/gnupg/signing/keys/github/octocat/[FINGERPRINT].asc`
    "#]].assert_eq(&again.failed().normalised().stderr);

    world
        .keys
        .publish("octocat", &gpg.run("", &["--armor", "--export"], ""));
    let folder = world.library("foo", "1.0.0").write();
    let run = home.cargo(&consign_testbed::consign(), &folder);
    run.args(["publish", "--no-verify"]).run().succeeded();
    let app = world.app();
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
}

#[test]
fn key_under_a_passphrase_of_gnupgs_is_taken_over_as_it_is() {
    let world = World::new();
    let Some(gpg) = Gnupg::new(&world) else {
        return;
    };
    let new = [
        "--quick-generate-key",
        "octocat@example.org",
        "ed25519",
        "sign",
        "never",
    ];
    gpg.run("secret", &new, "");
    let secret = gpg.run("secret", &["--armor", "--export-secret-keys"], "");
    let home = without_key(&world);
    let import = home.cargo(&consign_testbed::consign(), world.sandbox.path());
    import
        .args(["key", "import", "-", "--sign-as", "github:octocat"])
        .stdin(secret)
        .run()
        .succeeded();
    let list = key(&world, &home, ["list"]).succeeded().stdout;
    assert!(list.ends_with("passphrase\n"), "{list}");
    home.add_config("[signing]\npassphrase-command = [\"echo\", \"secret\"]");
    let folder = world.library("foo", "1.0.0").write();
    let run = home.cargo(&consign_testbed::consign(), &folder);
    run.args(["publish", "--no-verify"]).run().succeeded();
}

#[test]
fn key_that_is_exported_is_taken_by_gnupg() {
    let world = World::new();
    let Some(gpg) = Gnupg::new(&world) else {
        return;
    };
    let exported = key(&world, &world.octocat, ["export"]).succeeded();
    expect![[r#"
           Exporting signing key [FINGERPRINT] of GitHub user @octocat
        note: whoever has what was printed can sign with it
    "#]]
    .assert_eq(&exported.clone().normalised().stderr);
    gpg.run("", &["--import"], &exported.stdout);
    let listed = gpg.run("", &["--with-colons", "--list-secret-keys"], "");
    let fingerprint = world.secret_key().fingerprint().to_string();
    assert!(listed.contains(&fingerprint), "{listed}");
    let back = gpg.run("", &["--armor", "--export-secret-keys"], "");
    let home = world.sandbox.home("again");
    let import = home.cargo(&consign_testbed::consign(), world.sandbox.path());
    // The key says itself whose it is.
    import
        .args(["key", "import", "-"])
        .stdin(back)
        .run()
        .succeeded();
    let list = key(&world, &home, ["list"]).succeeded().stdout;
    assert!(
        list.starts_with(&format!("github:octocat  {fingerprint}  ")),
        "{list}"
    );
}

#[test]
fn secret_key_is_not_printed_to_a_terminal() {
    if !consign_testbed::has_terminal() {
        return;
    }
    let world = World::new();
    let export = |args: &[&str]| {
        let run = world
            .octocat
            .cargo(&consign_testbed::consign(), world.sandbox.path());
        run.args(["key", "export"]).args(args).on_terminal(&[])
    };
    expect![[r#"
        error: the secret half of a key is not printed to a terminal

        help: send it where it belongs, as in `cargo key export github:octocat | gpg --import`, or add `--force`
    "#]].assert_eq(&export(&[]).failed().normalised().stdout);
    let forced = export(&["--force"]).succeeded().stdout;
    assert!(forced.contains("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
}

#[test]
fn what_is_no_secret_key_is_not_imported() {
    let world = World::new();
    let home = world.sandbox.home("new");
    let mut told = String::new();
    let public = world.secret_key().public_armored();
    let secret = world.secret_key().to_armored();
    for input in ["", "hello", &public, &format!("{}{}", &*secret, &*secret)] {
        let run = home.cargo(&consign_testbed::consign(), world.sandbox.path());
        let run = run.args(["key", "import", "-", "--sign-as", "github:octocat"]);
        told += &run.stdin(input).run().failed().stderr;
    }
    told += &key(&world, &home, ["import", "no-such-file"])
        .failed()
        .normalised()
        .stderr;
    expect![[r#"
        error: failed to import the key from standard input

        Caused by:
          not an armored OpenPGP key: no line `-----BEGIN PGP …-----`

          help: OpenPGP keys are exported as text with `--armor`
        error: failed to import the key from standard input

        Caused by:
          not an armored OpenPGP key: no line `-----BEGIN PGP …-----`

          help: OpenPGP keys are exported as text with `--armor`
        error: failed to import the key from standard input

        Caused by:
          a public key where a secret key is wanted

          help: export the secret key: `gpg --armor --export-secret-keys KEY`
        error: failed to import the key from standard input

        Caused by:
          more than one secret key

          help: export one, by its fingerprint: `gpg --armor --export-secret-keys KEY`
        error: failed to read `[SANDBOX]/no-such-file`

        Caused by:
          No such file or directory (os error 2)
    "#]]
    .assert_eq(&told);
    assert!(!home.path().join("signing").exists());
}
