//! Unpacked packages in `$CARGO_HOME/registry/src`, changed by whoever can write there, or by
//! whoever made the CI cache that it was restored from.

use std::fs;

use expect_test::expect;

use super::{EVIL, EVIL_SCRIPT, Scene, Victim, git, replace_in, write_program};
use crate::World;

#[test]
fn edited_source_is_unpacked_again() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| victim.edit("foo-1.0.0", "src/lib.rs", EVIL));
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    let told = consign.repairs("was unpacked again");
    assert_eq!(told.stdout, "foo 1.0.0\n");
    expect![[r#"
        warning: `foo v1.0.0 (registry `demo`)` was unpacked again, since not all was as it was signed (`src/lib.rs`)
           Compiling foo v1.0.0 (registry `demo`)
           Compiling app v0.1.0 ([SANDBOX]/app)
            Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
             Running `target/debug/app`
    "#]].assert_eq(&told.stderr);
}

#[test]
fn edited_source_is_unpacked_again_where_nothing_is_required() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| victim.edit("foo-1.0.0", "src/lib.rs", EVIL));
    let (stock, consign) = scene.run_without_a_rule(["run", "--offline"]);
    stock.is_hit();
    consign.repairs("was unpacked again");
}

#[test]
fn edited_build_script_does_not_run() {
    let scene = Scene::with_foo_that_has_a_build_script().fetched();
    scene.attack(|victim| victim.edit("foo-1.0.0", "build.rs", EVIL_SCRIPT));
    let (stock, consign) = scene.run(["check", "--frozen"]);
    stock.is_hit();
    consign.repairs("was unpacked again");
}

/// The manifest that cargo publishes says `build = false` where there is no build script: a file
/// alone would be nothing.
#[test]
fn build_script_that_was_dropped_in_does_not_run() {
    let scene = Scene::with_foo().fetched();
    let drop_in = |victim: &Victim| {
        victim.edit("foo-1.0.0", "build.rs", EVIL_SCRIPT);
        victim.edit_manifest("foo-1.0.0", "build = false", "build = \"build.rs\"");
    };
    scene.attack(drop_in);
    let (stock, consign) = scene.run(["build", "--locked"]);
    stock.is_hit();
    let told = consign.refuses("`foo v1.0.0 (registry `demo`)` had to be unpacked again: in `");
    let rest =
        "not all was as it was signed (`Cargo.toml`, `build.rs`)\n\nhelp: run the command again;";
    assert!(told.stderr.contains(rest), "{}", told.stderr);
    // What it says is to be done, helps.
    scene
        .consign
        .run(["run", "--locked"])
        .is_unharmed("foo 1.0.0\n");
}

/// Packages made by hand or by an old cargo have no `build = false`, and there the file is enough.
#[test]
fn build_script_that_was_dropped_in_beside_an_old_manifest_does_not_run() {
    let world = World::with_foo(["1.0.0"]);
    let old = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
    super::archives::publish_by_hand(&world, |archive| {
        archive.file("foo-1.0.0/Cargo.toml", old);
        archive.file(
            "foo-1.0.0/src/lib.rs",
            "pub fn name() -> &'static str { \"foo 1.0.0\" }",
        );
    });
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| victim.edit("foo-1.0.0", "build.rs", EVIL_SCRIPT));
    let (stock, consign) = scene.run(["build", "--locked"]);
    stock.is_hit();
    consign.refuses("not all was as it was signed (`build.rs`)");
}

#[test]
fn edited_manifest_ends_the_command() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        victim.edit("foo-1.0.0", "src/evil.rs", EVIL);
        victim.edit_manifest("foo-1.0.0", "src/lib.rs", "src/evil.rs");
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("had to be unpacked again");
    scene
        .consign
        .run(["run", "--locked"])
        .is_unharmed("foo 1.0.0\n");
}

/// A build script may look whether a file is there, and do something else where it is not.
#[test]
fn missing_file_ends_the_command() {
    let world = World::new();
    let script = "fn main() {
        let name = if std::fs::exists(\"guard\").unwrap() { \"good\" } else { \"evil\" };
        println!(\"cargo::rustc-env=NAME={name}\");
    }";
    let lib = "pub fn name() -> &'static str { env!(\"NAME\") }";
    let foo = world.library("foo", "1.0.0");
    let foo = foo.file("build.rs", script).file("src/lib.rs", lib);
    world.publish(foo.file("guard", ""));
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| fs::remove_file(victim.unpacked("foo-1.0.0").join("guard")).unwrap());
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("not all was as it was signed (`guard`)");
    scene.consign.run(["run", "--locked"]).is_unharmed("good\n");
}

#[cfg(unix)]
#[test]
fn link_in_place_of_a_file_is_unpacked_again() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        let elsewhere = victim.home.path().join("lib.rs");
        fs::write(&elsewhere, EVIL).unwrap();
        let file = victim.unpacked("foo-1.0.0").join("src/lib.rs");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&elsewhere, file).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.repairs("was unpacked again");
}

#[cfg(unix)]
#[test]
fn link_in_place_of_the_folder_is_unpacked_again() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        let elsewhere = victim.home.path().join("elsewhere");
        let folder = victim.unpacked("foo-1.0.0");
        fs::rename(&folder, &elsewhere).unwrap();
        fs::write(elsewhere.join("src/lib.rs"), EVIL).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.repairs("was unpacked again");
    let outside = scene.consign.home.path().join("elsewhere/src/lib.rs");
    assert_eq!(
        fs::read_to_string(outside).unwrap(),
        EVIL,
        "what the link led to was changed"
    );
}

/// All files are as they were signed. What the compiler is, rustup reads where they really are.
#[cfg(unix)]
#[test]
fn link_above_the_packages_hides_no_toolchain_file() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        let registry = victim.unpacked("foo-1.0.0").parent().unwrap().to_owned();
        let elsewhere = victim.home.path().join("registry/cache/.elsewhere/src");
        fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
        fs::rename(&registry, &elsewhere).unwrap();
        fs::write(elsewhere.with_file_name("rust-toolchain.toml"), "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, registry).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("registry/cache/.elsewhere/rust-toolchain.toml` steers");
}

#[cfg(unix)]
#[test]
fn link_that_leads_out_of_the_cache_is_refused() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        let registry = victim.unpacked("foo-1.0.0").parent().unwrap().to_owned();
        let elsewhere = victim.home.path().join("elsewhere");
        fs::rename(&registry, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, registry).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("nobody knows what is around it");
}

#[test]
fn edited_source_survives_no_fresh_download() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        victim.edit("foo-1.0.0", "src/lib.rs", EVIL);
        // The user does what one does when something seems wrong: he removes the archive.
        fs::remove_file(victim.cached("foo-1.0.0")).unwrap();
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.repairs("was unpacked again");
}

#[test]
fn edited_source_beside_an_edited_archive_is_refused() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        victim.edit("foo-1.0.0", "src/lib.rs", EVIL);
        super::caches::edit_archive(&victim.cached("foo-1.0.0"));
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("its archive is not the one that");
    scene
        .consign
        .run(["run", "--locked"])
        .refuses("its archive is not the one that");
}

#[test]
fn package_that_nobody_signed_is_compiled_as_it_is() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| victim.edit("foo-1.0.0", "src/lib.rs", EVIL));
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.is_hit();
}

#[cfg(unix)]
#[test]
fn what_the_target_folder_holds_is_not_looked_at() {
    let scene = Scene::with_foo();
    let run = || scene.run(["run"]);
    run().1.is_unharmed("foo 1.0.0\n");
    scene.attack(|victim| write_program(&victim.app.join("target/debug/app"), ""));
    let (stock, consign) = run();
    stock.is_hit();
    consign.is_hit();
}

#[test]
fn file_that_changes_while_the_build_runs_is_compiled() {
    let world = World::new();
    // `slow` is compiled before `foo`, and stands for all that takes time in a build.
    let wait = "fn main() {
        let home = std::env::var(\"CARGO_HOME\").unwrap();
        let sources = std::fs::read_dir(format!(\"{home}/registry/src\")).unwrap().next();
        let foo = sources.unwrap().unwrap().path().join(\"foo-1.0.0/src/lib.rs\");
        std::fs::write(foo, r#\"EVIL\"#).unwrap();
    }";
    let slow = world.library("slow", "1.0.0");
    world.publish(slow.file("build.rs", wait.replace("EVIL", EVIL)));
    world.publish(world.library("foo", "1.0.0").dependency("slow", "1"));
    let scene = Scene::of(world).fetched();
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.is_hit();
}

#[test]
fn documentation_tests_are_not_built_from_an_edited_source() {
    let text = |test: &str| {
        format!("/// ```\n/// {test}\n/// ```\npub fn name() -> &'static str {{ \"foo\" }}\n")
    };
    let world = World::new();
    let foo = world.library("foo", "1.0.0");
    world.publish(foo.file("src/lib.rs", text("foo::name();")));
    // All that is compiled of it is fresh.
    let test = ["test", "--doc", "--package", "foo"];
    let scene = Scene::of(world).having_run(test);
    let evil = "std::fs::write(concat!(env!(\"CARGO_HOME\"), \"/evil\"), \"\").unwrap();";
    scene.attack(|victim| victim.edit("foo-1.0.0", "src/lib.rs", &text(evil)));
    let (stock, consign) = scene.run(test);
    stock.is_hit();
    consign.repairs("was unpacked again");
}

#[test]
fn what_was_compiled_before_signatures_were_required_is_compiled_again() {
    let scene = Scene::with_foo().fetched();
    // By then nothing looked at it: stock cargo compiled it.
    scene.attack(|victim| {
        victim.edit("foo-1.0.0", "src/lib.rs", EVIL);
        let cargo = victim.home.cargo(&consign_testbed::stock(), &victim.app);
        cargo.args(["build"]).run().succeeded();
    });
    // Without the rule, what stock cargo has compiled is fresh.
    let told = scene.consign.run(["build", "--locked"]).is_unharmed("");
    assert!(!told.stderr.contains("Compiling foo"), "{}", told.stderr);
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.repairs("Compiling foo v1.0.0");
    // Once is enough.
    let again = scene.run(["run", "--locked"]).1.is_unharmed("foo 1.0.0\n");
    assert!(!again.stderr.contains("Compiling foo"), "{}", again.stderr);
}

/// rustup looks for this file in every folder above the one in which a compiler is started, and cargo
/// starts it in the folder of the package. A cargo that rustup itself has started is safe: it says
/// which toolchain is meant.
#[cfg(unix)]
#[test]
fn toolchain_file_above_the_unpacked_packages_is_refused() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        let registry = victim.home.path().join("registry");
        write_program(
            &registry.join("toolchain/bin/rustc"),
            "exec \"$REAL\" \"$@\"",
        );
        let path = registry.join("toolchain").display().to_string();
        let text = format!("[toolchain]\npath = \"{path}\"\n");
        fs::write(registry.join("src/rust-toolchain.toml"), text).unwrap();
    });
    let build = |victim: &Victim| {
        let cargo = victim.home.cargo(&victim.cargo, &victim.app);
        let cargo = cargo.args(["build", "--locked"]);
        let cargo = cargo
            .env("RUSTC", rustups_rustc())
            .env("RUSTUP_TOOLCHAIN", "");
        victim.ran(cargo.env("REAL", consign_testbed::stock().with_file_name("rustc")))
    };
    let (stock, consign) = (build(&scene.stock), build(&scene.consign));
    stock.is_hit();
    let told = consign.refuses("steers the programs that run in its folder");
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: `[SANDBOX]/homes/user/registry/src/rust-toolchain.toml` steers the programs that run in its folder, and nobody signed it

        help: remove it
    "#]]
    .assert_eq(&told.stderr);
    let file = scene
        .consign
        .home
        .path()
        .join("registry/src/rust-toolchain.toml");
    fs::remove_file(file).unwrap();
    scene
        .consign
        .run(["run", "--locked"])
        .is_unharmed("foo 1.0.0\n");
}

/// What rustup puts in the place of every compiler.
#[cfg(unix)]
fn rustups_rustc() -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut folders = std::env::split_paths(&path);
    let folder = folders.find(|folder| folder.join("rustup").exists());
    folder
        .expect("rustup, which is what is used here")
        .join("rustc")
}

/// Some build scripts run cargo, which looks above the folder that it is run in for its configuration.
#[cfg(unix)]
#[test]
fn configuration_above_the_unpacked_packages_is_refused() {
    let world = World::new();
    let script = "fn main() {
        let cargo = std::env::var_os(\"CARGO\").unwrap();
        let mut cargo = std::process::Command::new(cargo);
        assert!(cargo.args([\"tree\", \"--offline\"]).status().unwrap().success());
    }";
    world.publish(world.library("foo", "1.0.0").file("build.rs", script));
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| {
        let registry = victim.home.path().join("registry");
        write_program(&registry.join("wrapper"), "exec \"$@\"");
        let wrapper = registry.join("wrapper").display().to_string();
        fs::create_dir(registry.join(".cargo")).unwrap();
        let config = format!("[build]\nrustc-wrapper = \"{wrapper}\"\n");
        fs::write(registry.join(".cargo/config.toml"), config).unwrap();
    });
    let (stock, consign) = scene.run(["check", "--locked"]);
    stock.is_hit();
    consign.refuses("steers the programs that run in its folder");
}

/// Some build scripts run git, which does what it finds in a repository above.
#[cfg(unix)]
#[test]
fn git_repository_above_the_unpacked_packages_is_refused() {
    let world = World::new();
    let script = "fn main() {
        let _ = std::process::Command::new(\"git\").args([\"status\"]).status();
    }";
    world.publish(world.library("foo", "1.0.0").file("build.rs", script));
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| {
        let registry = victim.home.path().join("registry");
        write_program(&registry.join("monitor"), "");
        git(&registry, &["init", "--quiet"]);
        let monitor = registry.join("monitor").display().to_string();
        git(&registry, &["config", "core.fsmonitor", &monitor]);
    });
    let (stock, consign) = scene.run(["check", "--locked"]);
    stock.is_hit();
    consign.refuses("steers the programs that run in its folder");
}

/// `cargo install --locked` goes by the lockfile in what it installs, and an older version that has a
/// hole is signed as well.
#[test]
fn edited_lockfile_of_a_program_ends_its_installation() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    world.publish(world.library("foo", "1.0.1"));
    let tool = world.library("tool", "1.0.0").dependency("foo", "1");
    world.publish(tool.program("println!(\"{}\", foo::name());"));
    let [old, new] = ["1.0.0", "1.0.1"].map(|version| {
        let cksum = world.registry.line("foo", version)["cksum"].clone();
        (version, cksum.as_str().unwrap().to_owned())
    });
    let scene = Scene::installing(world).fetched();
    scene.attack(|victim| {
        let lockfile = victim.unpacked("tool-1.0.0").join("Cargo.lock");
        let foo = |(version, cksum): &(&str, String)| {
            (
                format!("name = \"foo\"\nversion = \"{version}\""),
                cksum.clone(),
            )
        };
        let ((new, new_cksum), (old, old_cksum)) = (foo(&new), foo(&old));
        replace_in(&lockfile, &new, &old);
        replace_in(&lockfile, &new_cksum, &old_cksum);
    });
    let (stock, consign) = scene.install(["--locked"]);
    stock.is_hit();
    consign.refuses("had to be unpacked again");
    scene
        .consign
        .install(["--locked"])
        .is_unharmed("foo 1.0.1\n");
}

#[test]
fn edited_source_of_a_program_is_not_installed() {
    let world = World::new();
    let tool = world.library("tool", "1.0.0");
    world.publish(tool.program("println!(\"good\");"));
    let scene = Scene::installing(world).fetched();
    let evil = "fn main() { println!(\"evil\"); }";
    scene.attack(|victim| victim.edit("tool-1.0.0", "src/main.rs", evil));
    let (stock, consign) = scene.install([]);
    stock.is_hit();
    consign.repairs("was unpacked again");
}
