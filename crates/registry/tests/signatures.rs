//! What the registry makes of signatures: it keeps those that fit, and refuses with the reason those
//! that do not.

#![allow(clippy::unwrap_used)]

mod support;

use consign_statement::{
    Claim, Digest, Locator, RegistryId, Release, Signer as _, index, publish, sign, tree, verify,
};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use support::{Cargo, Registry, Reply, archive, archive_of, request, success};

const SIGNATURE: &str = "/api/v1/crates/foo/1.0.0/signature";

/// The two fields that `key` makes for what is published, as the client would.
fn signed(key: u8, registry: &RegistryId, request: &Value, archive: &[u8]) -> Value {
    let field = |name: &str| request[name].as_str().unwrap();
    let tree = tree::of_crate(archive, field("name"), field("vers"), 1 << 20).unwrap();
    signed_over(&tree, key, registry, request, archive)
}

/// As [`signed`], over files with this digest.
fn signed_over(
    tree: &Digest,
    key: u8,
    registry: &RegistryId,
    request: &Value,
    archive: &[u8],
) -> Value {
    let key = SigningKey::from_bytes(&[key; 32]);
    let text = request.to_string();
    let request: publish::Request<'_> = serde_json::from_str(&text).unwrap();
    let release = Release::from_publish(&request, &Digest::of(archive)).unwrap();
    let locator = Locator::new("github", "octocat", Some(583231), key.public_key()).unwrap();
    let fields = sign(&release, registry, tree, locator, 1763800000, &key).unwrap();
    serde_json::to_value(fields).unwrap()
}

/// `request` with the members of `fields`.
fn with(request: &Value, fields: &Value) -> Value {
    let mut both = request.clone();
    for (key, value) in fields.as_object().unwrap() {
        both[key] = value.clone();
    }
    both
}

fn id(registry: &Registry) -> RegistryId {
    RegistryId::from_index_url(&format!("sparse+{}/index/", registry.server.url)).unwrap()
}

/// Signs version 1.0.0 of foo for the registry, lets `change` change the fields, and publishes.
fn publish_changed(registry: &Registry, change: impl FnOnce(&mut Value)) -> Reply {
    let (request, archive) = (request("foo", "1.0.0"), archive("foo", "1.0.0"));
    let mut fields = signed(1, &id(registry), &request, &archive);
    change(&mut fields);
    (registry.server).publish(&registry.alice, &with(&request, &fields), &archive)
}

/// A publish with fields so changed is refused, for a reason that has `reason` in it, and leaves
/// nothing.
#[track_caller]
fn refused(change: impl FnOnce(&mut Value), reason: &str) {
    let registry = Registry::start();
    let refusal = publish_changed(&registry, change).refusal(422);
    assert!(
        refusal.starts_with("the signature is refused: "),
        "{refusal}"
    );
    assert!(refusal.contains(reason), "{refusal}");
    assert_eq!(registry.server.get("/index/3/f/foo").status, 404);
}

#[test]
fn a_signed_publish_is_stored_as_sent_and_verifies() {
    let registry = Registry::start();
    let mut sent = Value::Null;
    publish_changed(&registry, |fields| sent = fields.clone()).accepted();
    let line = registry.lines("3/f/foo").remove(0);
    assert_eq!(line["signature"], sent["signature"]);
    assert_eq!(line["key_locator"], sent["key_locator"]);

    let text = line.to_string();
    let entry: index::Entry<'_> = serde_json::from_str(&text).unwrap();
    let release = Release::from_index(&entry).unwrap();
    let Ok(Claim::Signed(fields)) = Claim::from_json(text.as_bytes()) else {
        panic!("{text}");
    };
    verify(&release, &id(&registry), &fields).unwrap();
}

#[test]
fn a_signed_package_is_built_with_by_stock_cargo() {
    let registry = Registry::start();
    publish_changed(&registry, |_| {}).accepted();
    let cargo = Cargo::new(&registry.server.url);
    cargo.consumer("foo = { version = \"1\", registry = \"local\" }", "");
    success(&cargo.run("consumer", &["build"]));
}

#[test]
fn an_unsigned_publish_is_accepted_after_a_signed_one() {
    let registry = Registry::start();
    publish_changed(&registry, |_| {}).accepted();
    registry.publish("foo", "1.0.1").accepted();
    assert_eq!(registry.lines("3/f/foo")[1].get("signature"), None);
}

#[test]
fn a_signature_survives_yank_and_unyank() {
    let registry = Registry::start();
    publish_changed(&registry, |_| {}).accepted();
    let before = registry.server.get("/index/3/f/foo").text();
    let change = |method, what| {
        let path = format!("/api/v1/crates/foo/1.0.0/{what}");
        registry
            .server
            .send(method, &path, &registry.alice, b"")
            .accepted();
        registry.server.get("/index/3/f/foo").text()
    };
    assert_eq!(change("DELETE", "yank"), before.replace("false", "true"));
    assert_eq!(change("PUT", "unyank"), before);
}

#[test]
fn publish_with_foreign_signature_is_refused() {
    // Another version's signature, which is true for that one.
    refused(
        |fields| {
            let registry = fields["signature"]["registry"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            *fields = signed(
                1,
                &registry,
                &request("foo", "1.0.1"),
                &archive("foo", "1.0.1"),
            );
        },
        "the signature does not fit the index entry",
    );
}

#[test]
fn publish_with_another_key_in_the_locator_is_refused() {
    refused(
        |fields| {
            let other = SigningKey::from_bytes(&[2; 32]).public_key();
            fields["key_locator"]["key"] = other.to_string().into();
        },
        "the signature does not fit the index entry",
    );
}

#[test]
fn publish_with_another_identity_in_the_locator_is_refused() {
    refused(
        |fields| fields["key_locator"]["user"] = "mallory".into(),
        "the signature does not fit the index entry",
    );
}

#[test]
fn publish_of_what_was_signed_for_another_registry_is_refused() {
    refused(
        |fields| {
            let (request, archive) = (request("foo", "1.0.0"), archive("foo", "1.0.0"));
            *fields = signed(1, &RegistryId::crates_io(), &request, &archive);
        },
        "signed for another registry: for https://github.com/rust-lang/crates.io-index, not for \
         http://127.0.0.1:",
    );
}

#[test]
fn publish_with_changed_bytes_is_refused() {
    let registry = Registry::start();
    let request = request("foo", "1.0.0");
    let fields = signed(1, &id(&registry), &request, &archive("foo", "1.0.0"));
    let changed = archive_of(&[
        (
            "foo-1.0.0/Cargo.toml",
            b"[package]\nname = \"foo\"\nversion = \"1.0.0\"\n",
        ),
        ("foo-1.0.0/src/lib.rs", b"// changed\n"),
    ]);
    let reply = registry
        .server
        .publish(&registry.alice, &with(&request, &fields), &changed);
    assert!(reply.refusal(422).contains("does not fit the index entry"));
}

#[test]
fn publish_with_changed_dependencies_is_refused() {
    let registry = Registry::start();
    let (mut request, archive) = (request("foo", "1.0.0"), archive("foo", "1.0.0"));
    let fields = signed(1, &id(&registry), &request, &archive);
    request["deps"] = json!([{
        "name": "evil", "version_req": "^1", "features": [], "optional": false,
        "default_features": true, "target": null, "kind": "normal",
    }]);
    let reply = registry
        .server
        .publish(&registry.alice, &with(&request, &fields), &archive);
    assert!(reply.refusal(422).contains("does not fit the index entry"));
}

#[test]
fn publish_with_a_tree_that_is_not_the_archives_is_refused() {
    refused(
        |fields| {
            let (request, archive) = (request("foo", "1.0.0"), archive("foo", "1.0.0"));
            let registry = fields["signature"]["registry"].as_str().unwrap();
            let registry = registry.parse().unwrap();
            let other = Digest::of(b"another tree");
            *fields = signed_over(&other, 1, &registry, &request, &archive);
        },
        "but the files in the .crate file give",
    );
}

#[test]
fn publish_of_an_archive_that_cannot_be_signed_is_refused_only_if_signed() {
    let registry = Registry::start();
    let request = request("foo", "1.0.0");
    let fields = signed(1, &id(&registry), &request, &archive("foo", "1.0.0"));
    let archive = archive_of(&[
        (
            "foo-1.0.0/Cargo.toml",
            b"[package]\nname = \"foo\"\nversion = \"1.0.0\"\n",
        ),
        ("foo-1.0.0/.cargo-checksum.json", b"{}"),
    ]);
    let publish = |request: &Value| registry.server.publish(&registry.alice, request, &archive);
    publish(&with(&request, &fields)).refusal(422);
    publish(&request).accepted();
}

#[test]
fn publish_with_malformed_fields_is_refused() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 8] = [
        (|f| f["signature"] = Value::Null, "`signature` is null"),
        (
            |f| f["key_locator"] = json!([]),
            "`key_locator` is an array",
        ),
        (
            |f| drop(f.as_object_mut().unwrap().remove("signature")),
            "without `signature`",
        ),
        (
            |f| drop(f.as_object_mut().unwrap().remove("key_locator")),
            "without `key_locator`",
        ),
        (
            |f| f["signature"]["sig"] = "AA==".into(),
            "`signature.sig` is not 64 bytes",
        ),
        (
            |f| f["signature"]["time"] = json!(1.5),
            "`signature.time` is a number",
        ),
        (
            |f| f["signature"]["extra"] = json!(1),
            "`signature.extra` is no member",
        ),
        (
            |f| f["key_locator"]["key"] = "ed25519:".into(),
            "`key_locator.key`",
        ),
    ];
    for (change, reason) in changes {
        refused(change, reason);
    }
}

#[test]
fn publish_with_a_field_twice_is_refused() {
    let registry = Registry::start();
    let (request, archive) = (request("foo", "1.0.0"), archive("foo", "1.0.0"));
    let fields = signed(1, &id(&registry), &request, &archive);
    let json = with(&request, &fields).to_string();
    let twice = format!(
        "{},\"signature\":{}}}",
        &json[..json.len() - 1],
        fields["signature"]
    );
    let mut body = u32::try_from(twice.len()).unwrap().to_le_bytes().to_vec();
    body.extend(twice.as_bytes());
    body.extend(u32::try_from(archive.len()).unwrap().to_le_bytes());
    body.extend(&archive);
    let reply = registry
        .server
        .send("PUT", "/api/v1/crates/new", &registry.alice, &body);
    let reason = reply.refusal(400);
    assert!(reason.contains("duplicate field `signature`"), "{reason}");
}

#[test]
fn a_signature_of_a_later_version_is_stored_as_sent() {
    let registry = Registry::start();
    let later = json!({ "v": 2, "proof": [1, { "b": null, "a": "\n" }] });
    publish_changed(&registry, |fields| fields["signature"] = later.clone()).accepted();
    assert_eq!(registry.lines("3/f/foo")[0]["signature"], later);
}

#[test]
fn a_version_that_is_there_can_be_signed_and_signed_anew() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    registry.publish("foo", "1.0.1").accepted();
    let (request, archive) = (request("foo", "1.0.0"), archive("foo", "1.0.0"));
    let mut seen = Vec::new();
    for key in [1, 2] {
        let fields = signed(key, &id(&registry), &request, &archive);
        let body = fields.to_string();
        let reply = registry
            .server
            .send("PUT", SIGNATURE, &registry.alice, body.as_bytes());
        assert_eq!(reply.accepted(), json!({ "ok": true }));
        let lines = registry.lines("3/f/foo");
        assert_eq!(lines[0]["signature"], fields["signature"]);
        assert_eq!(lines[0]["key_locator"], fields["key_locator"]);
        assert_eq!(lines[1].get("signature"), None);
        seen.push(lines[0]["signature"].clone());
    }
    assert_ne!(seen[0], seen[1]);
}

/// The fields of another user, who has the key of this number, for `foo` 1.0.0.
fn signed_by(user: &str, key: u8, registry: &RegistryId) -> Value {
    let (request, archive) = (request("foo", "1.0.0"), archive("foo", "1.0.0"));
    let tree = tree::of_crate(&archive[..], "foo", "1.0.0", 1 << 20).unwrap();
    let key = SigningKey::from_bytes(&[key; 32]);
    let text = request.to_string();
    let request: publish::Request<'_> = serde_json::from_str(&text).unwrap();
    let release = Release::from_publish(&request, &Digest::of(&archive)).unwrap();
    let locator = Locator::new("github", user, None, key.public_key()).unwrap();
    let fields = sign(&release, registry, &tree, locator, 1763800000, &key).unwrap();
    serde_json::to_value(fields).unwrap()
}

#[test]
fn others_sign_beside_the_first_and_each_has_one_place() {
    let registry = Registry::start();
    let mut first = Value::Null;
    publish_changed(&registry, |fields| first = fields.clone()).accepted();
    let here = id(&registry);
    let put = |token: &str, fields: &Value| {
        let body = fields.to_string();
        (registry.server).send("PUT", SIGNATURE, token, body.as_bytes())
    };
    let (ann, bob) = (signed_by("ann", 2, &here), signed_by("bob", 3, &here));
    let ann_anew = signed_by("ann", 4, &here);
    for fields in [&ann, &bob, &ann_anew] {
        put(&registry.alice, fields).accepted();
    }
    let line = registry.lines("3/f/foo").remove(0);
    assert_eq!(line["signature"], first["signature"]);
    assert_eq!(line["cosignatures"], json!([ann_anew, bob]));

    // What does not fit is refused here as well, and so is whoever does not own the package.
    let mut false_one = signed_by("eve", 5, &here);
    false_one["signature"]["time"] = json!(1);
    assert!(
        put(&registry.alice, &false_one)
            .refusal(422)
            .contains("does not fit")
    );
    let eve = signed_by("eve", 5, &here);
    assert!(
        put(&registry.token("bob"), &eve)
            .refusal(403)
            .contains("not an owner")
    );
    for number in 0..14 {
        put(
            &registry.alice,
            &signed_by(&format!("more-{number}"), 6 + number, &here),
        )
        .accepted();
    }
    let refusal = put(&registry.alice, &eve).refusal(422);
    assert!(refusal.contains("16 cosignatures already"), "{refusal}");
    put(&registry.alice, &bob).accepted();

    let line = registry.lines("3/f/foo").remove(0).to_string();
    let entry: index::Entry<'_> = serde_json::from_str(&line).unwrap();
    let release = Release::from_index(&entry).unwrap();
    let signers = consign_statement::cosignatures::signers(line.as_bytes(), &release, &here);
    assert_eq!(signers.len(), 17);
}

#[test]
fn a_signature_that_does_not_fit_the_version_that_is_there_is_refused() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    let before = registry.server.get("/index/3/f/foo").text();
    let (there, other) = (request("foo", "1.0.0"), request("foo", "1.0.1"));
    let here = id(&registry);
    let foreign = signed(1, &here, &other, &archive("foo", "1.0.1"));
    let elsewhere = signed(
        1,
        &RegistryId::crates_io(),
        &there,
        &archive("foo", "1.0.0"),
    );
    let fits = signed(1, &here, &there, &archive("foo", "1.0.0"));
    let alone = json!({ "signature": fits["signature"] });
    for (fields, status, reason) in [
        (foreign, 422, "does not fit the index entry"),
        (elsewhere, 422, "signed for another registry"),
        (alone, 400, "`signature` and `key_locator` are both needed"),
        (
            json!({}),
            400,
            "`signature` and `key_locator` are both needed",
        ),
        (
            json!({ "signature": null, "key_locator": null }),
            422,
            "is null",
        ),
        (json!([]), 400, "malformed request"),
    ] {
        let body = fields.to_string();
        let reply = registry
            .server
            .send("PUT", SIGNATURE, &registry.alice, body.as_bytes());
        let refusal = reply.refusal(status);
        assert!(refusal.contains(reason), "{refusal}");
    }
    assert_eq!(registry.server.get("/index/3/f/foo").text(), before);
}
