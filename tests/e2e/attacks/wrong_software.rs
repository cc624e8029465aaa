//! Wrong software installation: something that is signed and good, and is not what was asked for.

use std::fs;

use consign_testbed::Registry;
use expect_test::expect;

use super::{EVIL, Scene, arbitrary};
use crate::World;
use crate::world::copy_packages;

/// Somebody downloads a registry and serves it as his own: what is signed there, nobody signed here.
#[test]
fn signature_for_another_registry_is_refused() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let copy = Registry::start(&world.sandbox);
    copy_packages(&world.registry, &copy);
    let scene = Scene::of(world);
    scene.attack(|victim| {
        let config = victim.home.path().join("config.toml");
        super::replace_in(
            &config,
            &scene.world.registry.index_url(),
            &copy.index_url(),
        );
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    let told = consign.refuses("is signed for another registry");
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed for another registry: for `http://127.0.0.1:[PORT]/index`, not for `http://127.0.0.1:[PORT]/index`
        help: a signature is good in one registry only. If this is meant to be a mirror of `http://127.0.0.1:[PORT]/index`, configure it as a replacement of that source; if not, somebody has copied the package here: do not use it
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed for another registry: for `http://127.0.0.1:[PORT]/index`, not for `http://127.0.0.1:[PORT]/index`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&told.stderr);
    scene
        .consign
        .run(["run"])
        .refuses("is signed for another registry");
}

/// One mirror carries a public registry and a private one. A name that is the attacker's in the public
/// one is served for the private one's.
#[test]
fn release_of_one_registry_for_that_of_another_behind_the_same_mirror() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    // What the program names is the private registry, which the mirror carries too.
    let private = Registry::start(&world.sandbox);
    let scene = Scene::building(world, |app| {
        let app = app.dependency_line("foo = { version = \"1\", registry = \"private\" }");
        app.program("println!(\"{}\", foo::name());")
    });
    let mirror = Registry::start(&scene.world.sandbox);
    copy_packages(&scene.world.registry, &mirror);
    scene.attack(|victim| {
        victim.home.add_config(&format!(
            "[registries.private]\nindex = \"{private}\"\n\
             [source.public]\nregistry = \"{public}\"\nreplace-with = \"mirror\"\n\
             [source.private]\nregistry = \"{private}\"\nreplace-with = \"mirror\"\n\
             [source.mirror]\nregistry = \"{mirror}\"",
            public = scene.world.registry.index_url(),
            private = private.index_url(),
            mirror = mirror.index_url(),
        ));
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("is signed for another registry");
    // A lockfile that names it makes no difference.
    let lockfile = fs::read(scene.stock.app.join("Cargo.lock")).unwrap();
    fs::write(scene.consign.app.join("Cargo.lock"), lockfile).unwrap();
    scene
        .run(["run", "--locked"])
        .1
        .refuses("is signed for another registry");
}

/// The file of `foo` in the index holds an entry of `bar`, with bar's own signature.
#[test]
fn entry_of_another_package_in_the_file_of_this_one_is_not_looked_at() {
    let world = World::with_foo(["1.0.0"]);
    world.publish(world.library("bar", "1.0.1").file("src/lib.rs", EVIL));
    let both = world.registry.index("foo") + &world.registry.index("bar");
    world.registry.write_index("foo", &both);
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.is_unharmed("foo 1.0.0\n");
}

/// Looked for by a name with the other dash, it is found by a way of its own.
#[test]
fn name_with_another_dash_is_checked_too() {
    let world = World::new();
    world.publish(world.library("foo-bar", "1.0.0"));
    arbitrary::swap_bytes(&world.registry, "foo-bar", "1.0.0");
    let scene = Scene::building(world, |app| app.program(""));
    let (stock, consign) = scene.run(["info", "foo_bar", "--registry", "demo"]);
    stock.is_misled("the package foo-bar");
    consign.refuses("refusing `foo-bar v1.0.0 (registry `demo`)`: it was tampered with");
}

/// `[patch]` is asked for before anything is resolved.
#[test]
fn patch_to_a_registry_is_checked_too() {
    let world = World::with_foo(["1.0.0"]);
    let original = world.registry.index_url();
    let other = Registry::start(&world.sandbox);
    copy_packages(&world.registry, &other);
    arbitrary::swap_bytes(&other, "foo", "1.0.0");
    let scene = Scene::building(world, |app| {
        let patch = format!(
            "[patch.\"{original}\"]\nfoo = {{ version = \"1\", registry-index = \"{}\" }}",
            other.index_url()
        );
        let app = app.dependency("foo", "1").manifest(&patch);
        app.program("println!(\"{}\", foo::name());")
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("it was tampered with: the signature does not fit the index entry");
}
