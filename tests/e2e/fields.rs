//! The two fields of an index entry, malformed in every way that anybody thought of.

use expect_test::expect;
use serde_json::{Value, json};

use crate::World;

#[test]
fn malformed_fields_are_refused() {
    let world = World::with_foo(["1.0.0"]);
    let honest = world.registry.line("foo", "1.0.0");
    let app = world.app();
    type Case = (&'static str, fn(&mut Value));
    let cases: [Case; 18] = [
        ("signature is alone", |l| {
            drop(l.as_object_mut().unwrap().remove("key_locator"))
        }),
        ("key_locator is alone", |l| {
            drop(l.as_object_mut().unwrap().remove("signature"))
        }),
        ("signature is null", |l| l["signature"] = json!(null)),
        ("signature is a text", |l| l["signature"] = json!("x")),
        ("signature is an array", |l| l["signature"] = json!([1, 2])),
        ("signature is a million characters", |l| {
            l["signature"] = json!("x".repeat(1_000_000))
        }),
        ("signature is nested deeply", |l| {
            l["signature"] = (0..100).fold(json!(1), |inner, _| json!([inner]));
        }),
        ("v is missing", |l| {
            drop(l["signature"].as_object_mut().unwrap().remove("v"))
        }),
        ("v is a fraction", |l| l["signature"]["v"] = json!(1.5)),
        ("time is negative", |l| l["signature"]["time"] = json!(-1)),
        ("time is beyond 2^53", |l| {
            l["signature"]["time"] = json!(1_u64 << 53)
        }),
        ("sig is padded", |l| {
            let sig = format!("{}==", l["signature"]["sig"].as_str().unwrap());
            l["signature"]["sig"] = json!(sig);
        }),
        ("sig is short", |l| l["signature"]["sig"] = json!("AAAA")),
        ("tree is in upper case", |l| {
            l["signature"]["tree"] = json!("AB".repeat(32))
        }),
        ("a member is not known", |l| {
            l["signature"]["more"] = json!(1)
        }),
        ("user climbs", |l| {
            l["key_locator"]["user"] = json!("../../etc/passwd")
        }),
        ("provider is an address", |l| {
            l["key_locator"]["provider"] = json!("https://evil.example")
        }),
        ("key is of small order", |l| {
            l["key_locator"]["key"] = json!(format!("ed25519:{}", "A".repeat(43)));
        }),
    ];
    let mut told = String::new();
    for (case, change) in cases {
        let mut line = honest.clone();
        change(&mut line);
        world.registry.write_index("foo", &format!("{line}\n"));
        let refusal = world.refusal(&app);
        let message = refusal
            .lines()
            .find(|line| line.starts_with("error: "))
            .unwrap();
        told += &format!("{case}\n    {message}\n");
    }
    expect![[r#"
        signature is alone
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature` without `key_locator`
        key_locator is alone
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `key_locator` without `signature`
        signature is null
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature` is null, not an object
        signature is a text
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature` is a string, not an object
        signature is an array
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature` is an array, not an object
        signature is a million characters
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature` is a string, not an object
        signature is nested deeply
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature` is an array, not an object
        v is missing
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.v` is missing
        v is a fraction
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.v` is a number that is not written as an integer, not an integer from 0 to 2^53 - 1
        time is negative
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.time` is a number below 0, not an integer from 0 to 2^53 - 1
        time is beyond 2^53
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.time` is a number of 2^53 or more, not an integer from 0 to 2^53 - 1
        sig is padded
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.sig` is not 64 bytes in base64url without padding
        sig is short
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.sig` is not 64 bytes in base64url without padding
        tree is in upper case
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.tree`: not a SHA-256 digest in 64 lower-case hexadecimal digits
        a member is not known
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature.more` is no member of the format
        user climbs
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `../../etc/passwd` cannot be the name of an account at the identity provider `github`: it contains `.`
        provider is an address
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: key_locator: `provider` is not 1 to 32 of a-z, 0-9 and `-`
        key is of small order
            error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `key_locator.key`: an Ed25519 key of small order, which would accept forged signatures
    "#]].assert_eq(&told);
    // Nobody was asked about any of them.
    assert_eq!(world.keys.requests(), [] as [&str; 0]);
}

#[test]
fn field_that_is_there_twice_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let line = world.registry.index("foo");
    let (start, _) = line.trim_end().split_at(line.trim_end().len() - 1);
    let twice = format!(
        "{start},\"signature\":{}}}\n",
        world.registry.line("foo", "1.0.0")["signature"]
    );
    world.registry.write_index("foo", &twice);
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `signature` is given more than once

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn malformed_fields_of_a_version_that_is_not_chosen_do_no_harm() {
    let world = World::with_foo(["1.0.0", "1.0.1"]);
    world
        .registry
        .edit_line("foo", "1.0.0", |line| line["signature"] = json!(null));
    let app = world.app();
    world.fetch(&app).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
}

#[test]
fn user_that_the_provider_cannot_have_is_refused_without_a_question() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let nobody = consign_identity::Identity::new("github", "a.b").unwrap();
    let fields = world
        .registry
        .signed_fields("foo", "1.0.0", &nobody, &world.secret_key());
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["key_locator"] = fields["key_locator"].clone();
        line["signature"] = fields["signature"].clone();
    });
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: `a.b` cannot be the name of an account at the identity provider `github`: it contains `.`

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&world.refusal(&world.app()));
    assert_eq!(world.keys.requests(), [] as [&str; 0]);
}
