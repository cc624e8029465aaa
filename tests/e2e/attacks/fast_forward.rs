//! Fast-forward: a version number so high that nobody can get past it, also when the registry is in
//! good hands again.

use std::fs;

use serde_json::json;

use super::{EVIL, Scene, archives};
use crate::World;

#[test]
fn number_above_all_others_is_forgotten_with_the_attacker() {
    let scene = Scene::of(World::with_foo(["1.0.0"]));
    let registry = &scene.world.registry;
    let honest = registry.index("foo");
    let bytes = fs::read(registry.crate_path("foo", "1.0.0")).unwrap();
    let bytes = consign_testbed::crate_with_changed_file(&bytes, "src/lib.rs", EVIL.as_bytes());
    let bytes = archives::renumbered(&bytes, "1.0.0", "1.999.0");
    let mut line = registry.line("foo", "1.0.0");
    line["vers"] = json!("1.999.0");
    line["cksum"] = consign_statement::Digest::of(&bytes).to_string().into();
    fs::write(registry.crate_path("foo", "1.999.0"), bytes).unwrap();
    registry.write_index("foo", &format!("{honest}{line}\n"));
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("refusing `foo v1.999.0 (registry `demo`)`: it was tampered with");

    // The registry is put right. What was seen of the attacker is nowhere remembered.
    registry.write_index("foo", &honest);
    scene.consign.run(["run"]).is_unharmed("foo 1.0.0\n");
}
