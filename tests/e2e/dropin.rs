//! With nothing signed and nothing configured, our cargo is stock cargo, to the byte.

use std::collections::BTreeMap;
use std::path::Path;

use consign_testbed::{Output, Sandbox, consign, stock};
use expect_test::expect;

use crate::World;

/// What both print for the same arguments, in a folder without anything.
fn both<const N: usize>(args: [&str; N]) -> [Output; 2] {
    let sandbox = Sandbox::new();
    let home = sandbox.home("user");
    [stock(), consign()].map(|cargo| home.cargo(&cargo, sandbox.path()).args(args).run())
}

/// The lines that only the second text has, and those that only the first has, with `+` and `-`.
fn difference([old, new]: [&str; 2]) -> String {
    let only_in = |sign: char, one: &str, other: &str| {
        let other: Vec<_> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line));
        lines
            .map(|line| format!("{sign}{line}\n"))
            .collect::<String>()
    };
    only_in('-', old, new) + &only_in('+', new, old)
}

#[test]
fn version_is_stocks() {
    let [stock, ours] = both(["--version"]);
    assert_eq!(ours.stdout, stock.stdout);
}

#[test]
fn verbose_version_tells_consigns_too() {
    let [stock, ours] = both(["-Vv"]);
    let difference = difference([&stock.stdout, &ours.stdout]);
    let added: Vec<_> = difference
        .lines()
        .filter(|line| line.starts_with("+consign: "))
        .collect();
    assert_eq!(added, [concat!("+consign: ", env!("CARGO_PKG_VERSION"))]);
    let tells = |output: &Output, what: &str| {
        output
            .stdout
            .lines()
            .find(|line| line.starts_with(what))
            .unwrap()
            .to_owned()
    };
    for what in [
        "cargo ",
        "release: ",
        "commit-hash: ",
        "commit-date: ",
        "host: ",
    ] {
        assert_eq!(tells(&ours, what), tells(&stock, what));
    }
}

#[test]
fn unstable_flags_are_refused_as_in_stock() {
    let [stock, ours] = both(["-Zminimal-versions", "build"]);
    assert_eq!(ours.status, stock.status);
    assert_eq!(ours.stderr, stock.stderr);
    assert_eq!(ours.status, Some(101));
}

#[test]
fn list_of_commands_has_a_few_more() {
    let [stock, ours] = both(["--list"]);
    expect![[r#"
        +    key                  Manage the keys that sign what you publish
        +    sign                 Sign a version that is published already
        +    signers              Manage who may sign what you build
        +    verify               Check who signed what Cargo.lock names, and the files, without building
    "#]]
    .assert_eq(&difference([&stock.stdout, &ours.stdout]));
}

#[test]
fn help_has_the_flag_and_nothing_else() {
    let mut told = String::new();
    for command in ["build", "publish", "install", "login"] {
        let [stock, ours] = both([command, "--help"]);
        told += &format!(
            "cargo {command} --help\n{}",
            difference([&stock.stdout, &ours.stdout])
        );
    }
    expect![[r#"
        cargo build --help
        +      --require-signatures    Refuse packages that nobody signed
        cargo publish --help
        +      --allow-signer-change      Publish although consumers would see another signer than before
        +      --require-signatures    Refuse packages that nobody signed
        cargo install --help
        +      --require-signatures   Refuse packages that nobody signed
        cargo login --help
        -      --locked   Assert that `Cargo.lock` will remain unchanged
        -      --offline  Run without accessing the network
        -      --frozen   Equivalent to specifying both --locked and --offline
        +      --sign-as <IDENTITY>       Sign what you publish as this account, such as `github:octocat`
        +      --no-sign                  Make no signing key, and never ask about it again
        +      --locked              Assert that `Cargo.lock` will remain unchanged
        +      --offline             Run without accessing the network
        +      --frozen              Equivalent to specifying both --locked and --offline
        +      --require-signatures  Refuse packages that nobody signed
    "#]]
    .assert_eq(&told);
}

#[test]
fn help_of_key_is_there() {
    let [_, ours] = both(["key", "--help"]);
    expect![[r#"
        Manage the keys that sign what you publish

        Usage: cargo key [OPTIONS] <COMMAND>

        Commands:
          new      Make a signing key
          list     List the signing keys that are here
          show     Print the public half of a signing key, to be published
          publish  Publish the public half of a signing key at its provider
          retire   Stop using a signing key
          revoke   Withdraw a signing key, and all that it signed
          import   Take over a signing key that another program made
          export   Print a signing key, its secret half included

        Options:
          -v, --verbose...               Use verbose output (-vv very verbose/build.rs output)
          -q, --quiet                    Do not print cargo log messages
              --color <WHEN>             Coloring [possible values: auto, always, never]
              --config <KEY=VALUE|PATH>  Override a configuration value
          -Z <FLAG>                      Unstable (nightly-only) flags to Cargo, see 'cargo -Z help' for
                                         details
          -h, --help                     Print help

        Manifest Options:
              --locked              Assert that `Cargo.lock` will remain unchanged
              --offline             Run without accessing the network
              --frozen              Equivalent to specifying both --locked and --offline
              --require-signatures  Refuse packages that nobody signed
    "#]].assert_eq(&ours.succeeded().stdout);
}

#[test]
fn misspelt_command_is_an_error_as_in_stock() {
    let [stock, ours] = both(["biuld"]);
    assert_eq!(ours.stderr, stock.stderr);
}

#[test]
fn unsigned_build_prints_what_stock_prints() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let told = |cargo: &Path, user: &str| {
        let home = world.sandbox.home(user);
        home.use_registry(&world.registry, None);
        let app = world.app();
        let _ = std::fs::remove_file(app.join("Cargo.lock"));
        let _ = std::fs::remove_dir_all(app.join("target"));
        let run = |args: &[&str]| {
            let output = home.cargo(cargo, &app).args(args).run().succeeded();
            output.normalised()
        };
        let mut told = String::new();
        for args in [
            &["build"][..],
            &["run"],
            &["tree"],
            &["metadata", "--format-version=1"],
            &["info", "foo"],
        ] {
            let output = run(args);
            told += &format!("{}\n{}\n", output.stdout, output.stderr);
        }
        told.replace(user, "USER")
    };
    assert_eq!(told(&consign(), "one"), told(&stock(), "two"));
    // Not even a folder is left behind.
    assert!(!world.sandbox.home("one").path().join("signing").exists());
}

#[test]
fn quiet_is_quiet() {
    let world = World::with_foo(["1.0.0"]);
    let output = world
        .cargo(&world.app(), ["build", "--quiet", "--require-signatures"])
        .succeeded();
    assert_eq!(output.stderr, "");
    assert_eq!(output.stdout, "");
}

#[test]
fn messages_for_programs_stay_clean() {
    let world = World::with_foo(["1.0.0"]);
    let output = world
        .cargo(
            &world.app(),
            ["build", "--message-format", "json", "--require-signatures"],
        )
        .succeeded();
    for line in output.stdout.lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(message["reason"].is_string(), "{line}");
    }
    assert!(
        output
            .stderr
            .contains("(published by GitHub user @octocat)")
    );
}

/// What a command did of all that costs time: signatures checked, files and archives hashed, providers
/// asked.
fn work(world: &World, app: &Path, args: &[&str]) -> BTreeMap<&'static str, usize> {
    let run = world.run(app, []).args(args);
    let output = run.env("CARGO_LOG", "cargo::signing=trace").run();
    let log = output.succeeded().stderr;
    let kinds = [
        "checking the signature",
        "hashing the files",
        "hashing an archive",
        "asking",
    ];
    let count = |kind| log.lines().filter(|line| line.contains(kind)).count();
    let counts = kinds.map(|kind| (kind, count(kind)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn build_with_nothing_to_do_does_nothing_more_than_stock() {
    let world = World::with_foo(["1.0.0"]);
    world.publish(world.library("bar", "1.0.0").dependency("foo", "1"));
    let app = world.app_with("bar", "1");
    for args in [
        &["check"][..],
        &["check", "--require-signatures"],
        &["test", "--require-signatures"],
    ] {
        let first = work(&world, &app, args);
        assert!(first.contains_key("hashing the files"), "{first:?}");
        assert_eq!(work(&world, &app, args), BTreeMap::new(), "{args:?}");
    }
    // It opens no connection either: there is nobody left to connect to.
    world.registry.stop();
    world.keys.stop();
    let locked = ["test", "--locked", "--require-signatures"];
    assert_eq!(work(&world, &app, &locked), BTreeMap::new());
}

/// The same with a signers file that names every package, and with one in the user's home.
#[test]
fn build_with_nothing_to_do_checks_nothing_by_its_signers_file() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["check"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let before = std::fs::read_to_string(app.join("Cargo.signers")).unwrap();
    world.registry.stop();
    world.keys.stop();
    for args in [
        &["check"][..],
        &["check", "--locked", "--require-signatures"],
    ] {
        // The first time, what was compiled without the requirement is compiled again.
        work(&world, &app, args);
        assert_eq!(work(&world, &app, args), BTreeMap::new(), "{args:?}");
    }
    let after = std::fs::read_to_string(app.join("Cargo.signers")).unwrap();
    assert_eq!(after, before);
}

/// Signatures are checked of what is chosen, however many versions there are to choose from, and whatever
/// is said of who may sign them.
#[test]
fn signatures_are_checked_for_each_package_and_not_for_each_version() {
    const PACKAGES: [&str; 3] = ["a", "b", "c"];
    const VERSIONS: u64 = 300;
    let world = World::new();
    let mut app = world.sandbox.package("app");
    for name in PACKAGES {
        world.publish(world.library(name, &format!("1.0.{VERSIONS}")));
        let newest = world.registry.line(name, &format!("1.0.{VERSIONS}"));
        let lines = (1..=VERSIONS).map(|patch| {
            let mut line = newest.clone();
            line["vers"] = format!("1.0.{patch}").into();
            format!("{line}\n")
        });
        world.registry.write_index(name, &lines.collect::<String>());
        app = app.dependency(name, "1");
    }
    let app = app.write();
    for round in ["at first sight", "when they are known", "with a file"] {
        let counts = work(&world, &app, &["generate-lockfile"]);
        assert_eq!(counts["checking the signature"], PACKAGES.len(), "{round}");
        std::fs::remove_file(app.join("Cargo.lock")).unwrap();
        if round == "when they are known" {
            std::fs::write(app.join("Cargo.signers"), "version = 1\n").unwrap();
        }
    }
}

#[test]
fn everything_is_done_once() {
    let world = World::with_foo(["1.0.0"]);
    world.publish(world.library("bar", "1.0.0").dependency("foo", "1"));
    let app = world.app_with("bar", "1");
    let first = work(&world, &app, &["build", "--require-signatures"]);
    let counts: Vec<_> = first.into_iter().collect();
    expect![[r#"
        [("asking", 1), ("checking the signature", 2), ("hashing an archive", 2), ("hashing the files", 2)]
    "#]].assert_eq(&format!("{counts:?}\n"));
}

/// What a shell would offer for the last of these words. (Cargo has this in its nightly channel alone, and
/// so do we.)
fn completed(world: &World, app: &Path, words: &[&str]) -> String {
    let run = world.run(app, ["--", "cargo"]).args(words);
    let run = run
        .env("__CARGO_TEST_CHANNEL_OVERRIDE_DO_NOT_USE_THIS", "nightly")
        .env("CARGO_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let offered = run.run().succeeded().stdout;
    let offered = offered.lines().filter(|word| !word.starts_with('-'));
    offered.collect::<Vec<_>>().join(" ")
}

#[test]
fn shells_complete_our_commands() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    for (words, offered) in [
        (&["sig"][..], "sign signers"),
        (&["verif"], "verify"),
        (&["key", "re"], "retire revoke"),
        (&["signers", ""], "init allow remove list why"),
        (&["signers", "allow", "fo"], "foo"),
        (&["signers", "why", "--registry", ""], "demo"),
        (&["verify", "-p", "fo"], "foo"),
        (&["verify", "--message-format", ""], "human json"),
    ] {
        assert_eq!(completed(&world, &app, words), offered, "{words:?}");
    }
}
