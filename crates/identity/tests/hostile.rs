//! No octets make the readers panic, or believe what is not there.
//!
//! Keys are changed at random: octets, lengths, whole packets; armored and not. More cases:
//! `PROPTEST_CASES=1000000 cargo test --release -p consign-identity --test hostile`.

#![allow(clippy::unwrap_used)]

use consign_identity::account::AccountAnswer;
use consign_identity::answer::{self, Answer, Cached};
use consign_identity::openpgp::{KeyState, OsRng, OwnKey, read_public};
use consign_identity::provider::{Location, Providers};
use consign_identity::ssh;
use consign_identity::transport::Headers;
use proptest::prelude::*;

macro_rules! data {
    ($($name:literal),* $(,)?) => {
        [$(&include_bytes!(concat!("data/", $name))[..]),*]
    };
}

fn seeds() -> Vec<&'static [u8]> {
    data![
        "consign-retired.secret.asc",
        "consign.secret.asc",
        "github-no-keys.asc",
        "gpg-default-expires.asc",
        "gpg-default-expires.secret.asc",
        "gpg-ed25519.asc",
        "gpg-ed25519.pgp",
        "gpg-ed25519.secret.asc",
        "gpg-not-for-signing.asc",
        "gpg-offline-primary.secret.asc",
        "gpg-one-user-id-revoked.asc",
        "gpg-protected.secret.asc",
        "gpg-revoked-superseded.asc",
        "gpg-rsa.asc",
        "gpg-rsa-with-ed25519-subkey.asc",
        "gpg-rsa-with-ed25519-subkey.secret.asc",
        "gpg-subkey-retired.asc",
        "rfc9580-v6.asc",
        "rfc9580-v6.secret.asc",
        "rfc9580-v6-locked.secret.asc",
        "sq-default.asc",
        "sq-default.secret.asc",
        "sq-protected.secret.asc",
        "sq-revoked-superseded.asc",
        "weakly-locked-aead.secret.asc",
        "weakly-locked.secret.asc",
    ]
    .to_vec()
}

/// The octets in an armored block, or the file itself. So that changes meet packets, not base64.
fn octets(file: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(file);
    let digits: String = text
        .lines()
        .skip_while(|line| !line.trim().is_empty())
        .take_while(|line| !line.starts_with('=') && !line.starts_with("-----END"))
        .collect();
    base64_decode(&digits)
        .filter(|octets| !octets.is_empty())
        .unwrap_or_else(|| file.to_vec())
}

fn base64_decode(digits: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(digits)
        .ok()
}

fn armored(kind: &str, octets: &[u8]) -> String {
    use base64::Engine as _;
    let digits = base64::engine::general_purpose::STANDARD.encode(octets);
    format!(
        "-----BEGIN PGP {kind} KEY BLOCK-----\n\n{digits}\n-----END PGP {kind} KEY BLOCK-----\n"
    )
}

/// What is done to a file.
#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Add(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    use prop::sample::Index;
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, to)| Change::Set(at, to)),
        4 => (any::<Index>(), prop::sample::select(vec![1u8, 2, 255, 128]))
            .prop_map(|(at, by)| Change::Add(at, by)),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, what)| Change::Insert(at, what)),
        1 => (any::<Index>(), 1usize..80).prop_map(|(at, n)| Change::Remove(at, n)),
        1 => (any::<Index>(), 1usize..200).prop_map(|(at, n)| Change::Repeat(at, n)),
        1 => any::<Index>().prop_map(Change::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match change {
        Change::Set(at, to) => bytes[at.index(length)] = *to,
        Change::Add(at, by) => {
            let octet = &mut bytes[at.index(length)];
            *octet = octet.wrapping_add(*by);
        }
        Change::Insert(at, what) => {
            let at = at.index(length);
            bytes.splice(at..at, what.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = at.index(length);
            bytes.drain(at..(at + count).min(length));
        }
        Change::Repeat(at, count) => {
            let at = at.index(length);
            let part = bytes[at..(at + count).min(length)].to_vec();
            bytes.splice(at..at, part);
        }
        Change::Cut(at) => bytes.truncate(at.index(length)),
    }
}

fn read_all(bytes: &[u8]) {
    let _ = read_public(bytes);
    if let Ok(key) = OwnKey::from_armored(bytes) {
        // Whatever is in it, its public half says the same of the key as the file does.
        let public = read_public(key.public_armored().as_bytes()).unwrap();
        assert!(public.contains(key.published()));
        let _ = key.retire(key.created(), OsRng);
        if let Ok(key) = key.signer() {
            assert!(key.public_key().verify_strict(b"a", &key.sign(b"a")));
        }
    }
    if let Some(cached) = Cached::new(7, &answer::read(200, bytes)) {
        // What is kept of an answer is what it said.
        assert_eq!(Cached::from_json(cached.to_json().as_bytes()), Ok(cached));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_files_are_read_or_refused(
        file in prop::sample::select(seeds()),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut bytes = file.to_vec();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        read_all(&bytes);
    }

    #[test]
    fn changed_packets_are_read_or_refused(
        file in prop::sample::select(seeds()),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut bytes = octets(file);
        changes.iter().for_each(|change| apply(&mut bytes, change));
        read_all(&bytes);
        for kind in ["PUBLIC", "PRIVATE"] {
            read_all(armored(kind, &bytes).as_bytes());
        }
    }

    #[test]
    fn one_changed_octet_makes_no_new_good_key(
        at in any::<prop::sample::Index>(),
        by in 1u8..=255,
    ) {
        let key = octets(data!["gpg-ed25519.asc"][0]);
        let before = read_public(&key).unwrap();
        let mut changed = key.clone();
        let at = at.index(key.len());
        changed[at] = changed[at].wrapping_add(by);
        for found in read_public(&changed).unwrap_or_default() {
            // What is not signed (issuer, lengths) may change; the key, its dates and uses may not.
            prop_assert!(found == before[0] || found.state == KeyState::Unproven, "{found:?}");
        }
    }

    #[test]
    fn any_octets_are_an_answer_of_some_kind(
        status in any::<u32>(),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let answer = answer::read(status, &body);
        let learnt = matches!(answer, Answer::Keys(_) | Answer::NoKeys);
        prop_assert!(!learnt || status == 200);
        read_all(&body);
        let _ = Cached::from_json(&body);
        for (provider, user) in [
            ("github", "octocat"),
            ("gitlab", "octocat"),
            ("wkd", "ada@example.org"),
        ] {
            let providers = Providers::presets();
            let provider = providers.get(provider).unwrap();
            for question in provider.questions(user).unwrap() {
                let answer = question.read(status, &Headers::default(), &body);
                let learnt = matches!(answer, Answer::Keys(_) | Answer::NoKeys);
                prop_assert!(!learnt || status == 200);
            }
            let account = provider.read_account(user, status, &Headers::default(), &body);
            prop_assert!(!matches!(account, AccountAnswer::Number(_)));
        }
    }

    /// No name reaches another host, another folder or another question than its own.
    #[test]
    fn a_name_stays_in_its_place(user in prop_oneof![
        r"[a-z0-9_.@+/%?#\\:-]{1,24}",
        r"[a-z0-9_.+/%?#-]{1,3}@[a-z0-9.-]{1,3}\.[a-z][a-z0-9.-]{0,2}",
        r"[a-z0-9_.-]{1,5}",
    ]) {
        let providers = Providers::presets();
        for name in providers.names() {
            let provider = providers.get(name).unwrap();
            let Ok(questions) = provider.questions(&user) else { continue };
            let domain = user.split_once('@').map(|(_, domain)| domain);
            for question in questions {
                let Location::Url(url) = question.location() else {
                    return Err(TestCaseError::fail("no preset has files"));
                };
                let host = url.host_str().unwrap();
                let known = ["github.com", "api.github.com", "gitlab.com", "codeberg.org"];
                let is_at_domain = |domain: &str| {
                    host == domain || host.strip_prefix("openpgpkey.") == Some(domain)
                };
                prop_assert!(known.contains(&host) || domain.is_some_and(is_at_domain), "{url}");
                prop_assert_eq!(url.scheme(), "https");
                let segments = if domain.is_some() { 4..=5 } else { 1..=6 };
                prop_assert!(segments.contains(&url.path_segments().unwrap().count()), "{url}");
                prop_assert!(url.fragment().is_none());
            }
        }
    }

    /// Whatever is in a list of SSH keys, a key that is found is one that stands in it whole.
    #[test]
    fn a_changed_list_of_ssh_keys_brings_no_key_of_its_own(
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let providers = Providers::presets();
        let questions = providers.get("github").unwrap().questions("octocat").unwrap();
        let read = |body: &[u8]| questions[1].read(200, &Headers::default(), body);
        let Answer::Keys(before) = read(SSH_KEYS) else {
            return Err(TestCaseError::fail("no keys"));
        };
        let mut changed = SSH_KEYS.to_vec();
        changed[at.index(SSH_KEYS.len())] = octet;
        if let Answer::Keys(after) = read(&changed) {
            for key in after {
                let line = ssh::line(&key.key);
                let listed = String::from_utf8_lossy(&changed).contains(&line);
                prop_assert!(before.contains(&key) || listed, "{line}");
            }
        }
    }
}

const SSH_KEYS: &[u8] = br#"[{"id":2,"title":"t","key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEl6E8lbJ3CBJoBJKAlDNC+65YguhFlhq+cZyJirQ4Md ada"}]"#;
