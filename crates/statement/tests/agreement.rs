//! Publisher and verifier reach the same bytes: the one from the publish request, the other from
//! whatever line a registry makes of it.
//!
//! A request is drawn, written to a line as crates.io would, and the line is then told in every
//! other way that means the same. Where a registry changes the meaning instead, the bytes differ.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use consign_statement::carrier::{Carried, Carrier};
use consign_statement::tree::Tree;
use consign_statement::{
    Digest, Locator, RegistryId, Release, Signer as _, Statement, index, publish,
};
use proptest::prelude::*;

type Text = Cow<'static, str>;

/// Two spellings of one requirement: as people write it, and as cargo prints it.
const REQUIREMENTS: [(&str, &str); 12] = [
    ("*", "*"),
    (" * ", "*"),
    ("1", "^1"),
    ("1.2", "^1.2"),
    ("^ 1.2.3", "^1.2.3"),
    ("1.*", "1.*"),
    ("1.X.x", "1.*"),
    ("=1.2.3+ignored", "=1.2.3"),
    (">=1,<2", ">=1, <2"),
    (">= 1.0.0-rc.1 ,  < 2", ">=1.0.0-rc.1, <2"),
    ("~0.3", "~0.3"),
    ("0.0.0", "^0.0.0"),
];

/// The same for platforms.
const PLATFORMS: [(&str, &str); 5] = [
    ("x86_64-pc-windows-msvc", "x86_64-pc-windows-msvc"),
    ("cfg(unix)", "cfg(unix)"),
    ("cfg( unix )", "cfg(unix)"),
    (
        "cfg(all(target_os=\"linux\",not(windows),))",
        "cfg(all(target_os = \"linux\", not(windows)))",
    ),
    ("cfg(r#false)", "cfg(false)"),
];

/// The addresses that one registry is known by.
const REGISTRIES: [&[&str]; 3] = [
    &[
        "https://github.com/rust-lang/crates.io-index",
        "sparse+https://index.crates.io/",
        "https://index.crates.io",
        "registry+https://github.com/rust-lang/crates.io-index",
    ],
    &[
        "sparse+https://corp.example/index/",
        "https://corp.example/index",
        "https://CORP.example:443/index.git",
    ],
    &[
        "https://github.com/Other/Index.git",
        "ssh://git@github.com/other/index",
    ],
];

fn texts<S: Strategy<Value = String>>(
    each: S,
    most: usize,
) -> impl Strategy<Value = Vec<Text>> + use<S> {
    prop::collection::vec(each.prop_map(Text::from), 0..=most)
}

fn name() -> impl Strategy<Value = Text> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,5}".prop_map(Text::from)
}

fn dependency() -> impl Strategy<Value = publish::Dependency<'static>> {
    let which = (
        name(),
        prop::option::of(name()),
        prop::sample::select(&REQUIREMENTS[..]),
        prop::option::of(prop::sample::select(&PLATFORMS[..])),
        prop::sample::select(&["normal", "build", "dev"][..]),
        prop::option::of(0..REGISTRIES.len()),
    );
    let how = (
        any::<bool>(),
        any::<bool>(),
        texts("[a-c]{0,2}".boxed(), 4),
        prop::option::weighted(
            0.2,
            prop::collection::vec(
                prop::sample::select(&["bin", "cdylib", "staticlib"][..]),
                1..4,
            ),
        ),
        prop::option::weighted(0.2, Just("target")),
        prop::bool::weighted(0.2),
    );
    (which, how).prop_map(|(which, how)| {
        let (name, explicit_name_in_toml, req, target, kind, registry) = which;
        let (optional, default_features, features, artifact, bindep_target, lib) = how;
        publish::Dependency {
            optional,
            default_features,
            name,
            features,
            version_req: req.1.into(),
            target: target.map(|(_, printed)| printed.into()),
            kind: kind.into(),
            registry: registry.map(|i| REGISTRIES[i][0].into()),
            explicit_name_in_toml,
            artifact: artifact.map(|kinds| kinds.into_iter().map(Text::from).collect()),
            bindep_target: bindep_target.map(Text::from),
            lib,
        }
    })
}

fn request() -> impl Strategy<Value = publish::Request<'static>> {
    (
        name(),
        "[0-9]\\.[0-9]\\.[0-9](-rc\\.[0-9])?(\\+[a-z0-9]{1,4}(\\.0*[0-9])?)?",
        prop::collection::vec(dependency(), 0..6),
        prop::collection::btree_map(
            "[a-e]|\u{fb33}|😀".prop_map(Text::from),
            texts("(dep:)?[a-e]|[a-c]\\??/[a-c]".boxed(), 4),
            0..6,
        ),
        prop::option::of(name()),
        prop::option::of("1(\\.[1-9][0-9](\\.[0-9])?)?".prop_map(Text::from)),
    )
        .prop_map(
            |(name, vers, deps, features, links, rust_version)| publish::Request {
                name,
                vers: vers.into(),
                deps,
                features,
                links,
                rust_version,
            },
        )
}

/// Choices that a registry makes, from a seed (xorshift, so that a failure can be repeated).
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Any of the spellings that stand for the same as `text`.
    fn respell(&mut self, pairs: &[(&'static str, &'static str)], text: &mut Text) {
        let same: Vec<_> = pairs.iter().filter(|pair| pair.1 == *text).collect();
        *text = same[self.below(same.len())].0.into();
    }

    /// The same list once more, in another order, with some of it said twice.
    fn retell(&mut self, items: &mut Vec<Text>) {
        for i in 0..items.len() {
            if self.yes() {
                items.push(items[i].clone());
            }
        }
        self.shuffle(items);
    }
}

/// The same entry, told as another registry might tell it.
fn retold(mut entry: index::Entry<'static>, own: usize, seed: u64) -> index::Entry<'static> {
    let mut choices = Choices(seed | 1);
    choices.shuffle(&mut entry.deps);
    for dep in &mut entry.deps {
        choices.respell(&REQUIREMENTS, &mut dep.req);
        if let Some(target) = &mut dep.target {
            choices.respell(&PLATFORMS, target);
        }
        choices.retell(&mut dep.features);
        if choices.yes() {
            dep.features.push("".into());
        }
        if let Some(artifact) = &mut dep.artifact {
            choices.retell(artifact);
        }
        if dep.kind.as_deref() == Some("normal") && choices.yes() {
            dep.kind = None;
        }
        let named = dep.registry.as_deref();
        let which = named.map_or(own, |named| {
            REGISTRIES
                .iter()
                .position(|known| known[0] == named)
                .unwrap()
        });
        let spellings = REGISTRIES[which];
        dep.registry = Some(spellings[choices.below(spellings.len())].into());
        if which == own && choices.yes() {
            dep.registry = None;
        }
        match &dep.package {
            None if choices.yes() => dep.package = Some(dep.name.clone()),
            Some(package) if *package == dep.name && choices.yes() => dep.package = None,
            _ => {}
        }
        if choices.yes() {
            dep.public = Some(false);
        }
    }
    // Each value goes into either table, or both.
    let all = std::mem::take(&mut entry.features)
        .into_iter()
        .chain(entry.features2.take().into_iter().flatten());
    let (mut old, mut new) = (index::Features::new(), index::Features::new());
    for (name, values) in all {
        let table = if choices.yes() { &mut old } else { &mut new };
        table.entry(name.clone()).or_default();
        for value in values {
            let both = choices.yes();
            let into_old = choices.yes();
            if both || into_old {
                old.entry(name.clone()).or_default().push(value.clone());
            }
            if both || !into_old {
                new.entry(name.clone()).or_default().push(value);
            }
        }
    }
    for values in old.values_mut().chain(new.values_mut()) {
        choices.retell(values);
    }
    entry.features = old;
    entry.features2 = (!new.is_empty() || choices.yes()).then_some(new);
    entry.yanked = [None, Some(false), Some(true)][choices.below(3)];
    entry.pubtime = Some("2025-11-12T19:30:12Z".into());
    entry.v = [None, Some(1), Some(2), Some(3)][choices.below(4)];
    entry
}

/// The line as text and back, with members in another order and some that nobody knows.
fn through_json(entry: &index::Entry<'_>) -> index::Entry<'static> {
    let mut line = serde_json::to_value(entry).unwrap();
    line["future"] = serde_json::json!({"deps": [null]});
    for dep in line["deps"].as_array_mut().unwrap() {
        dep["future"] = 1.5.into();
    }
    // Every letter of every name escaped would be the same line too; one is enough.
    let text = line.to_string().replace(r#""name":"#, r#" "\u006eame" : "#);
    serde_json::from_str::<index::Entry<'_>>(&text)
        .unwrap()
        .into_owned()
}

fn body(release: &Release, registry: usize) -> String {
    let key = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let signer = Locator::new("github", "octocat", None, key.parse().unwrap()).unwrap();
    let registry = RegistryId::from_index_url(REGISTRIES[registry][0]).unwrap();
    let tree = Digest::of(b"tree");
    let statement = Statement::new(release, &registry, &tree, &signer, 1763800000).unwrap();
    String::from_utf8(statement.body().to_vec()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn request_and_line_give_the_same_statement(
        request in request(),
        registry in 0..REGISTRIES.len(),
        seed: u64,
    ) {
        let cksum = Digest::of(b"crate");
        let published = body(&Release::from_publish(&request, &cksum).unwrap(), registry);

        let entry = index::Entry::from_request(&request, &cksum);
        let plain = body(&Release::from_index(&entry).unwrap(), registry);
        prop_assert_eq!(&published, &plain);

        let entry = through_json(&retold(entry, registry, seed));
        let told = body(&Release::from_index(&entry).unwrap(), registry);
        prop_assert_eq!(&published, &told);
    }

    /// A carrier is made of the request too, and read again as it was made; and every line that tells the
    /// same says no more and no less than it.
    #[test]
    fn carrier_agrees_with_every_line_that_tells_the_same(
        request in request(),
        registry in 0..REGISTRIES.len(),
        seed: u64,
    ) {
        let id = RegistryId::from_index_url(REGISTRIES[registry][0]).unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let locator = Locator::new("github", "octocat", None, key.public_key()).unwrap();
        let release = Release::from_publish_unpackaged(&request).unwrap();
        let carrier = Carrier::sign(release, &id, Tree::new(), locator, 1, &key).unwrap();
        let Carried::Signature(read) = Carrier::from_json(carrier.bytes()).unwrap() else {
            panic!("another version");
        };
        prop_assert_eq!(&read.verify(&id), &carrier.verify(&id));
        prop_assert!(read.verify(&id).is_ok());

        let cksum = Digest::of(b"crate");
        let entry = index::Entry::from_request(&request, &cksum);
        let mut entry = through_json(&retold(entry, registry, seed));
        if seed.is_multiple_of(2) {
            entry.rust_version = None;
        }
        let told = Release::from_index(&entry).unwrap();
        prop_assert_eq!(read.release().difference(&told, &id), None);
    }

    /// The other half: where the meaning is another, so are the bytes.
    #[test]
    fn another_meaning_gives_another_statement(
        request in request(),
        dep in dependency(),
        registry in 0..REGISTRIES.len(),
        which in 0..14,
    ) {
        let cksum = Digest::of(b"crate");
        let mut request = request;
        request.deps.push(dep);
        let before = body(&Release::from_publish(&request, &cksum).unwrap(), registry);

        let mut entry = index::Entry::from_request(&request, &cksum);
        let dep = entry.deps.last_mut().unwrap();
        match which {
            0 => drop(entry.deps.pop()),
            1 => { let dep = dep.clone(); entry.deps.push(dep) }
            2 => dep.name = format!("{}x", dep.name).into(),
            3 => dep.package = Some("another-package".into()),
            4 => dep.req = "=9.9.9".into(),
            5 => dep.optional = !dep.optional,
            6 => dep.default_features = !dep.default_features,
            7 => dep.features.push("new".into()),
            8 => dep.target = Some("cfg(new)".into()),
            9 => dep.registry = Some("https://evil.example/".into()),
            10 => dep.kind = Some(if dep.kind.as_deref() == Some("dev") { "build" } else { "dev" }.into()),
            11 => drop(entry.features.insert("new".into(), vec![])),
            12 => entry.links = Some("new library".into()),
            _ => entry.vers = "9.9.9+new".into(),
        }
        let told = Release::from_index(&entry).unwrap();
        let after = body(&told, registry);
        prop_assert_ne!(before, after);

        // A carrier names its version itself, and one dependency told twice is to cargo the same as once.
        if (2..=12).contains(&which) {
            let id = RegistryId::from_index_url(REGISTRIES[registry][0]).unwrap();
            let signed = Release::from_publish_unpackaged(&request).unwrap();
            prop_assert!(signed.difference(&told, &id).is_some());
        }
    }
}
