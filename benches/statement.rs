//! What a signature costs: building a statement, signing, verifying, and the whole way from an index
//! line to a verdict. The release is of the size of a large one on crates.io: 40 dependencies, 60
//! features.

#![allow(missing_docs, reason = "on what criterion's macros write")]

use std::hint::black_box;

use consign_statement::{
    Claim, Digest, Locator, RegistryId, Release, SignedFields, Signer, Statement, index, publish,
    sign, verify,
};
use criterion::{Criterion, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use serde_json::json;

const TIME: u64 = 1_763_800_000;

fn entry() -> index::Entry<'static> {
    let deps: Vec<_> = (0..40)
        .map(|i| {
            json!({
                "name": format!("dependency-{i}"),
                "version_req": format!("^1.{i}"),
                "features": ["std", "derive"],
                "optional": i % 2 == 0,
                "default_features": true,
                "target": (i % 4 == 0).then_some("cfg(any(unix, target_os = \"wasi\"))"),
                "kind": (["normal", "dev", "build"][i % 3]),
            })
        })
        .collect();
    let features: serde_json::Map<_, _> = (0..60)
        .map(|i| {
            let values = [
                format!("dep:dependency-{}", i % 40),
                format!("feature-{}", i + 1),
            ];
            (format!("feature-{i}"), json!(values))
        })
        .collect();
    let request = json!({
        "name": "large", "vers": "1.2.3", "deps": deps, "features": features,
        "links": "large", "rust_version": "1.70",
    })
    .to_string();
    let request: publish::Request<'_> = serde_json::from_str(&request).expect("a request");
    index::Entry::from_request(&request, &Digest::of(b"crate"))
}

/// What a verifier does with one line of the index.
fn judge(line: &[u8], registry: &RegistryId) -> bool {
    let Ok(Claim::Signed(fields)) = Claim::from_json(line) else {
        return false;
    };
    let Ok(entry) = serde_json::from_slice::<index::Entry<'_>>(line) else {
        return false;
    };
    Release::from_index(&entry).is_ok_and(|release| verify(&release, registry, &fields).is_ok())
}

fn line_with(entry: &index::Entry<'_>, fields: Option<&SignedFields>) -> Vec<u8> {
    let mut line = serde_json::to_value(entry).expect("an entry");
    if let Some(fields) = fields {
        line["key_locator"] = serde_json::to_value(&fields.locator).expect("a locator");
        line["signature"] = serde_json::to_value(&fields.signature).expect("a signature");
    }
    line.to_string().into_bytes()
}

fn benches(c: &mut Criterion) {
    let entry = entry();
    let registry = RegistryId::crates_io();
    let tree = Digest::of(b"tree");
    let key = SigningKey::from_bytes(&[7; 32]);
    let locator =
        Locator::new("github", "octocat", Some(583_231), key.public_key()).expect("a locator");
    let release = Release::from_index(&entry).expect("a release");
    let fields =
        sign(&release, &registry, &tree, locator.clone(), TIME, &key).expect("a signature");
    let signed = line_with(&entry, Some(&fields));
    let unsigned = line_with(&entry, None);
    assert!(judge(&signed, &registry));

    c.bench_function("release_from_entry", |b| {
        b.iter(|| Release::from_index(black_box(&entry)))
    });
    c.bench_function("statement", |b| {
        b.iter(|| Statement::new(black_box(&release), &registry, &tree, &locator, TIME))
    });
    c.bench_function("sign_and_check", |b| {
        b.iter(|| {
            sign(
                black_box(&release),
                &registry,
                &tree,
                locator.clone(),
                TIME,
                &key,
            )
        })
    });
    c.bench_function("verify", |b| {
        b.iter(|| verify(black_box(&release), &registry, &fields))
    });
    c.bench_function("claim_of_unsigned_line", |b| {
        b.iter(|| Claim::from_json(black_box(&unsigned)))
    });
    c.bench_function("claim_of_signed_line", |b| {
        b.iter(|| Claim::from_json(black_box(&signed)))
    });
    c.bench_function("line_to_verdict", |b| {
        b.iter(|| judge(black_box(&signed), &registry))
    });
}

criterion_group!(statement, benches);
criterion_main!(statement);
