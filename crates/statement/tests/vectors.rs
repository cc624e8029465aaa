//! Runs every known-answer file in `tests/vectors`; their README says what is in them. They were
//! made by another implementation.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use consign_statement::carrier::{Carried, Carrier};
use consign_statement::tree::Tree;
use consign_statement::{
    Claim, Digest, Locator, RegistryId, Release, SignedFields, Statement, VerifyError, index,
    publish, sign, verify,
};
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    expect: String,
    registry: Option<String>,
    line: Option<String>,
    request: Option<Value>,
    seed: Option<String>,
    files: Option<Vec<File>>,
    tree: Option<String>,
    body: Option<String>,
    encoded: Option<String>,
    sig: Option<String>,
    key_locator: Option<Value>,
    signature: Option<Value>,
    carrier: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: Option<String>,
    path_hex: Option<String>,
    text: String,
}

impl File {
    fn path(&self) -> Vec<u8> {
        match (&self.path, &self.path_hex) {
            (Some(path), None) => path.clone().into_bytes(),
            (None, Some(hex)) => hex::decode(hex).unwrap(),
            _ => panic!("a file has one path"),
        }
    }
}

fn cases() -> BTreeMap<String, Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases = BTreeMap::new();
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        match path.extension().unwrap().to_str().unwrap() {
            "json" => {}
            "md" | "py" => continue,
            other => panic!("{name}.{other} is not run"),
        }
        let case = serde_json::from_str(&std::fs::read_to_string(&path).unwrap());
        cases.insert(name.clone(), case.unwrap_or_else(|e| panic!("{name}: {e}")));
    }
    cases
}

fn tree_of(case: &Case) -> Option<Digest> {
    let mut tree = Tree::new();
    for file in case.files.as_deref().unwrap() {
        tree.add_file(file.path(), Digest::of(file.text.as_bytes()))
            .ok()?;
    }
    Some(tree.finish())
}

/// The way from a line to a verdict, and the class of its answer.
fn judge(case: &Case) -> &'static str {
    let (Some(line), Some(registry)) = (&case.line, &case.registry) else {
        return match tree_of(case) {
            Some(digest) if Some(digest.to_string()) == case.tree => "tree",
            Some(_) => "another tree",
            None => "invalid-tree",
        };
    };
    let registry = RegistryId::from_index_url(registry).unwrap();
    if let Some(carrier) = &case.carrier {
        return judge_carrier(carrier, line, &registry);
    }
    let fields = match Claim::from_json(line.as_bytes()) {
        Ok(Claim::Signed(fields)) => fields,
        Ok(Claim::Unsigned) => return "unsigned",
        Ok(Claim::UnknownVersion(_)) => return "unknown-version",
        Err(_) => return "malformed",
    };
    let entry: index::Entry<'_> = serde_json::from_str(line).unwrap();
    let Ok(release) = Release::from_index(&entry) else {
        return "invalid-release";
    };
    match verify(&release, &registry, &fields) {
        Ok(_) => "verified",
        Err(VerifyError::BadSignature) => "bad-signature",
        Err(VerifyError::OtherRegistry { .. }) => "other-registry",
        Err(_) => "another error",
    }
}

/// The same of a package with a carrier, and of an entry without fields.
fn judge_carrier(carrier: &str, line: &str, registry: &RegistryId) -> &'static str {
    assert_eq!(Claim::from_json(line.as_bytes()), Ok(Claim::Unsigned));
    let carrier = match Carrier::from_json(carrier.as_bytes()) {
        Ok(Carried::Signature(carrier)) => carrier,
        Ok(Carried::UnknownVersion(_)) => return "unknown-version",
        Err(_) => return "malformed",
    };
    if (carrier.release().name(), carrier.release().vers()) != ("foo", "1.0.0") {
        return "other-release";
    }
    match carrier.verify(registry) {
        Ok(_) => {}
        Err(VerifyError::BadCarrier) => return "bad-signature",
        Err(VerifyError::OtherRegistry { .. }) => return "other-registry",
        Err(_) => return "another error",
    }
    let entry: index::Entry<'_> = serde_json::from_str(line).unwrap();
    let told = Release::from_index(&entry).unwrap();
    match carrier.release().difference(&told, registry) {
        None => "verified",
        Some(_) => "other-entry",
    }
}

/// What a case says of the way to an accepted carrier is what happens on it.
fn check_carrier(name: &str, case: &Case) {
    let text = case.carrier.as_deref().unwrap();
    let Ok(Carried::Signature(read)) = Carrier::from_json(text.as_bytes()) else {
        panic!("{name}: no carrier");
    };
    let SignedFields { locator, signature } = read.fields();
    let (registry, tree) = (&signature.registry, &signature.tree);
    let release = read.release();
    let statement = Statement::new(release, registry, tree, locator, signature.time).unwrap();
    if case.body.is_some() {
        let body = String::from_utf8(statement.body().to_vec()).ok();
        assert_eq!(body, case.body, "{name}");
        let encoded = Some(hex::encode(statement.encoded()));
        assert_eq!(encoded, case.encoded, "{name}");
        let mut seed = [0; 32];
        hex::decode_to_slice(case.seed.as_deref().unwrap(), &mut seed).unwrap();
        let key = SigningKey::from_bytes(&seed);
        let mut files = Tree::new();
        for file in case.files.as_deref().unwrap() {
            let digest = Digest::of(file.text.as_bytes());
            files.add_file(file.path(), digest).unwrap();
        }
        let (release, locator) = (Release::clone(release), Locator::clone(locator));
        let made = Carrier::sign(release, registry, files, locator, signature.time, &key);
        assert_eq!(made.unwrap().bytes(), text.as_bytes(), "{name}");
    }
}

/// What a case says of the way to an accepted signature is what happens on it.
fn check_steps(name: &str, case: &Case) {
    let line = case.line.as_deref().unwrap();
    let Ok(Claim::Signed(fields)) = Claim::from_json(line.as_bytes()) else {
        panic!("{name}: not signed");
    };
    let SignedFields { locator, signature } = &fields;
    assert_eq!(
        serde_json::to_value(locator).ok(),
        case.key_locator,
        "{name}"
    );
    assert_eq!(
        serde_json::to_value(signature).ok(),
        case.signature,
        "{name}"
    );
    assert_eq!(Some(hex::encode(signature.sig)), case.sig, "{name}");
    assert_eq!(Some(signature.tree.to_string()), case.tree, "{name}");
    assert_eq!(tree_of(case), Some(signature.tree), "{name}");

    let entry: index::Entry<'_> = serde_json::from_str(line).unwrap();
    let release = Release::from_index(&entry).unwrap();
    let registry = RegistryId::from_index_url(case.registry.as_deref().unwrap()).unwrap();
    check_statement(name, case, &release, &registry, &fields);

    if let Some(request) = &case.request {
        let request = request.to_string();
        let request: publish::Request<'_> = serde_json::from_str(&request).unwrap();
        let release = Release::from_publish(&request, release.cksum().unwrap()).unwrap();
        check_statement(name, case, &release, &registry, &fields);
    }
}

fn check_statement(
    name: &str,
    case: &Case,
    release: &Release,
    registry: &RegistryId,
    fields: &SignedFields,
) {
    let SignedFields { locator, signature } = fields;
    let tree = &signature.tree;
    let statement = Statement::new(release, registry, tree, locator, signature.time).unwrap();
    let body = String::from_utf8(statement.body().to_vec()).ok();
    assert_eq!(body, case.body, "{name}");
    assert_eq!(
        Some(hex::encode(statement.encoded())),
        case.encoded,
        "{name}"
    );

    let mut seed = [0; 32];
    hex::decode_to_slice(case.seed.as_deref().unwrap(), &mut seed).unwrap();
    let key = SigningKey::from_bytes(&seed);
    let locator = Locator::clone(locator);
    let signed = sign(release, registry, tree, locator, signature.time, &key).unwrap();
    assert_eq!(signed, *fields, "{name}");
}

#[test]
fn every_file_is_answered_as_it_expects() {
    let cases = cases();
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        let answer = judge(case);
        if answer != case.expect {
            wrong.push(format!("{name}: {answer}, not {}", case.expect));
        } else if answer == "verified" && case.carrier.is_some() {
            check_carrier(name, case);
        } else if answer == "verified" {
            check_steps(name, case);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for class in [
        "verified",
        "unsigned",
        "unknown-version",
        "malformed",
        "invalid-release",
        "bad-signature",
        "other-registry",
        "other-release",
        "other-entry",
        "tree",
        "invalid-tree",
    ] {
        let of_class = |case: &Case| case.expect == class;
        assert!(cases.values().any(of_class), "no case is {class}");
    }
}

#[test]
fn the_table_in_the_readme_lists_every_file() {
    let listed: Vec<_> = include_str!("vectors/README.md")
        .split_once("| case |")
        .unwrap()
        .1
        .lines()
        .skip(2)
        .collect();
    let mut expected: Vec<_> = cases()
        .iter()
        .map(|(name, case)| format!("| `{name}` | {} | {} |", case.expect, case.about))
        .collect();
    expected.sort();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}
