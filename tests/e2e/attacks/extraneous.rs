//! Extraneous dependencies: the entry in the index says more than its authors did. The archive is the
//! one that was signed.

use expect_test::expect;
use serde_json::{Value, json};

use super::{EVIL_SCRIPT, Ran, Scene};
use crate::World;

/// `foo`, whose feature `evil` nobody asks for, with a changed entry in the index.
fn run_with_changed_entry(change: impl FnOnce(&mut Value)) -> (Ran, Ran) {
    let world = World::new();
    let lib = "pub fn name() -> &'static str {
        if cfg!(feature = \"evil\") { \"evil\" } else { \"foo 1.0.0\" }
    }";
    let package = world.library("foo", "1.0.0").feature("evil", &[]);
    world.publish(package.file("src/lib.rs", lib));
    world.registry.edit_line("foo", "1.0.0", change);
    Scene::of(world).run(["run"])
}

const TAMPERED: &str = "error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: ";

#[test]
fn changed_dependency_in_the_index_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let evil = world.library("evil", "1.0.0");
    world.publish_unsigned(evil.file("build.rs", EVIL_SCRIPT));
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["deps"] = json!([{
            "name": "evil", "req": "^1", "features": [], "optional": false,
            "default_features": true, "target": null, "kind": "normal",
        }]);
    });
    let scene = Scene::of(world);
    let (stock, consign) = scene.run_without_a_rule(["build"]);
    stock.is_hit();
    let told = consign.refuses(TAMPERED);
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&told.stderr);
    let lockfile = scene.consign.app.join("Cargo.lock");
    assert!(!lockfile.exists(), "a lockfile was written");
}

/// What an older entry allowed is the attacker's way to an older version of something else.
#[test]
fn loosened_requirement_in_the_index_is_refused() {
    let world = World::new();
    world.publish(
        world
            .library("bar", "1.0.0")
            .file("src/lib.rs", super::EVIL),
    );
    world.publish(world.library("bar", "1.0.1"));
    let foo = world.library("foo", "1.0.0").dependency("bar", "=1.0.1");
    world.publish(foo.file("src/lib.rs", "pub use bar::name;"));
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["deps"][0]["req"] = json!("=1.0.0")
    });
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    consign.refuses(TAMPERED);
}

#[test]
fn added_feature_in_the_index_is_refused() {
    let (stock, consign) =
        run_with_changed_entry(|line| line["features"]["default"] = json!(["evil"]));
    stock.is_hit();
    consign.refuses(TAMPERED);
}

#[test]
fn added_new_style_feature_in_the_index_is_refused() {
    let (stock, consign) = run_with_changed_entry(|line| {
        line["v"] = json!(2);
        line["features2"] = json!({ "default": ["evil"] });
    });
    stock.is_hit();
    consign.refuses(TAMPERED);
}

#[test]
fn added_links_in_the_index_is_refused() {
    let (stock, consign) = run_with_changed_entry(|line| line["links"] = json!("z"));
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses(TAMPERED);
}

#[test]
fn added_rust_version_in_the_index_is_refused() {
    let (stock, consign) = run_with_changed_entry(|line| line["rust_version"] = json!("1.60"));
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses(TAMPERED);
}
