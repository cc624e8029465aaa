//! Policy: the attacker wrote the project that the victim has cloned, and with it what is in its
//! `.cargo/config.toml`. Whoever builds a project runs that project's own code, so what is at stake is
//! that a dependency is not what it is said to be.

use std::fs;

use super::{EVIL, Ran, Scene};
use crate::World;

/// The victims ask for signatures in their own configuration, and the project says this.
fn run_with_project_config(config: &str) -> (Ran, Ran) {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let scene = Scene::of(world);
    scene.attack(|victim| {
        victim.home.add_config("[signing]\nunsigned = \"deny\"");
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        fs::write(victim.app.join(".cargo/config.toml"), config).unwrap();
    });
    scene.run_without_a_rule(["run"])
}

#[test]
fn project_that_lowers_the_users_policy_is_not_heard() {
    let (stock, consign) = run_with_project_config("[signing]\nunsigned = \"allow\"");
    stock.is_hit();
    consign.refuses("version 1.0.0 is not signed");
}

#[test]
fn project_that_lowers_it_for_one_registry_is_not_heard() {
    let (stock, consign) =
        run_with_project_config("[signing.registries.demo]\nunsigned = \"allow\"");
    stock.is_hit();
    consign.refuses("version 1.0.0 is not signed");
}

#[test]
fn project_that_redefines_a_provider_is_refused() {
    let provider = "[signing.identities.github]\nkeys = \"http://127.0.0.1:1/{user}\"";
    let (stock, consign) = run_with_project_config(provider);
    stock.is_hit();
    consign.refuses("signing.identities.github");
}

/// What an alias expands to is part of the command line, and the user typed none of it.
#[test]
fn alias_of_a_project_does_not_lower_the_users_policy() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let scene = Scene::of(world);
    scene.attack(|victim| {
        victim.home.add_config("[signing]\nunsigned = \"deny\"");
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        let alias = "[alias]\nstart = [\"run\", \"--config\", \"signing.unsigned='allow'\"]";
        fs::write(victim.app.join(".cargo/config.toml"), alias).unwrap();
    });
    let (stock, consign) = scene.run_without_a_rule(["start"]);
    stock.is_hit();
    consign.refuses("is not signed");
}

/// The alias has the name of a file: so it stands on the command line, but not as an argument of `--config`.
#[test]
fn alias_with_the_name_of_a_file_is_not_taken_for_an_argument() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let scene = Scene::of(world);
    scene.attack(|victim| {
        victim.home.add_config("[signing]\nunsigned = \"deny\"");
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        let alias = "[alias]\nstart = [\"run\", \"--config\", \"start\"]";
        fs::write(victim.app.join(".cargo/config.toml"), alias).unwrap();
        fs::write(
            victim.app.join("start"),
            "[signing]\nunsigned = \"allow\"\n",
        )
        .unwrap();
    });
    let (stock, consign) = scene.run_without_a_rule(["start"]);
    stock.is_hit();
    consign.refuses("is not signed");
}

#[test]
fn alias_of_a_project_does_not_redefine_a_provider() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let scene = Scene::of(world);
    scene.attack(|victim| {
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        let alias = "[alias]\nstart = [\"run\", \"--config\", \
                     \"signing.identities.github.keys='http://127.0.0.1:1/{user}'\"]";
        fs::write(victim.app.join(".cargo/config.toml"), alias).unwrap();
    });
    let (stock, consign) = scene.run_without_a_rule(["start"]);
    stock.is_hit();
    consign.refuses("`signing.identities.github` in an alias would replace the one");
}

#[test]
fn alias_of_a_project_does_not_lift_the_flag() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let scene = Scene::of(world);
    scene.attack(|victim| {
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        let alias =
            "[alias]\nstart = [\"run\", \"--config\", \"signing.require-signatures=false\"]";
        fs::write(victim.app.join(".cargo/config.toml"), alias).unwrap();
    });
    // Given before the alias; and after it.
    let (stock, consign) = scene.run(["start"]);
    stock.is_hit();
    consign.refuses("version 1.0.0 is not signed");
    let after = scene.consign.run(["start", "--require-signatures"]);
    after.refuses("version 1.0.0 is not signed");
}

/// Then `demo` stands in for crates.io, and is used as itself too.
#[test]
fn project_that_has_a_registry_stand_in_for_another_lifts_nothing() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let scene = Scene::building(world, |app| {
        app.dependency("foo", "1")
            .dependency_line("bar = \"1\"")
            .program("println!(\"{}\", foo::name());")
    });
    scene.attack(|victim| {
        let rule = "[signing.registries.demo]\nunsigned = \"deny\"";
        victim.home.add_config(rule);
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        let config = "[source.crates-io]\nreplace-with = \"demo\"";
        fs::write(victim.app.join(".cargo/config.toml"), config).unwrap();
    });
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.refuses("version 1.0.0 is not signed");
}

#[test]
fn unsigned_release_is_built_where_nothing_is_required() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let (stock, consign) = Scene::of(world).run_without_a_rule(["run"]);
    stock.is_hit();
    consign.is_hit();
}
