//! Every rule, row by row: what the signers file says, what a release comes with, what is found, and
//! what follows.

#![allow(clippy::unwrap_used)]

use consign_identity::Identity;
use consign_identity::account::{AccountNumber, OtherAccount, Standing};
use consign_identity::answer::NoAnswer;
use consign_identity::openpgp::KeyFault;
use consign_policy::{
    Choice, Expected, Finding, KeyAnswer, KeyStanding, Level, Levels, Mismatch, New, Sighting,
    Unanswered, Verdict, Withdrawn, Wrong,
};
use consign_signers::{Account, Changes, Package, Signers, SignersFile};
use consign_statement::{
    Claim, Digest, Locator, PublicKey, RegistryId, Release, SignedFields, index, sign, verify,
};
use ed25519_dalek::SigningKey;
use semver::Version;

fn registry() -> RegistryId {
    RegistryId::from_index_url("https://example.com/index").unwrap()
}

fn release(version: &str) -> Release {
    let cksum = Digest::of(b"the archive");
    let line = format!(r#"{{"name":"foo","vers":"{version}","deps":[],"cksum":"{cksum}"}}"#);
    let entry: index::Entry<'_> = serde_json::from_str(&line).unwrap();
    Release::from_index(&entry).unwrap()
}

fn key() -> PublicKey {
    consign_statement::Signer::public_key(&SigningKey::from_bytes(&[7; 32]))
}

/// `foo` in this version, signed as `signer`.
fn signed_as(signer: &str, version: &str) -> SignedFields {
    let signer: Identity = signer.parse().unwrap();
    let secret = SigningKey::from_bytes(&[7; 32]);
    let locator = Locator::new(signer.provider(), signer.user(), None, key()).unwrap();
    let tree = Digest::of(b"the tree");
    sign(
        &release(version),
        &registry(),
        &tree,
        locator,
        1_700_000_000,
        &secret,
    )
    .unwrap()
}

/// What a signers file says of `foo`, where `rule` is its line; nothing where it is empty.
fn package(rule: &str) -> Option<Package> {
    if rule.is_empty() {
        return None;
    }
    let text = format!(
        "version = 1\n[registry.\"{}\".package]\nfoo = {rule}\n",
        registry()
    );
    let signers = Signers::read(&text).unwrap();
    Some(signers.package(&registry(), "foo").unwrap().clone())
}

/// A release: who is said to have signed it (nobody, or in a version of the format that is not known),
/// and what is known of the key.
#[derive(Debug, Clone)]
struct Comes<'a> {
    signer: Option<&'a str>,
    key: KeyStanding,
}

const KNOWN: KeyStanding = KeyStanding::Known;
const NEW_KEY: KeyStanding = KeyStanding::New(New::Key);

fn by(signer: &str, key: KeyStanding) -> Comes<'_> {
    Comes {
        signer: Some(signer),
        key,
    }
}

fn unsigned() -> Comes<'static> {
    Comes {
        signer: None,
        key: KNOWN,
    }
}

fn found(rule: &str, levels: Levels, version: &str, comes: &Comes<'_>) -> Finding {
    let package = package(rule);
    let expected = Expected {
        package: package.as_ref(),
        levels,
    };
    let vers: Version = version.parse().unwrap();
    let claim = match comes.signer {
        Some(signer) => Claim::Signed(signed_as(signer, version)),
        None => Claim::Unsigned,
    };
    let check = |fields: &SignedFields| {
        verify(&release(version), &registry(), fields).map_err(Mismatch::from)
    };
    let ask = |_: &Identity, _: &SignedFields| comes.key.clone();
    let finding = Finding::of(&expected, &vers, Ok(&claim), check, ask);
    // What is seen at a glance is what is found on a closer look.
    if let Some(glance) = Finding::at_a_glance(&expected, &vers, Ok(&claim)) {
        assert_eq!(format!("{glance:?}"), format!("{finding:?}"));
    }
    finding
}

/// What is found where everything new is recorded and unsigned releases are allowed.
fn name(rule: &str, version: &str, comes: Comes<'_>) -> &'static str {
    found(rule, Levels::default(), version, &comes).name()
}

const ANN: &str = "github:ann";
const BOB: &str = "github:bob";
const BY_ANN: &str = r#"{ signers = ["github:ann"], since = ["1.2.0"] }"#;

#[test]
fn who_may_sign() {
    for (what, rule, version, comes, finding) in [
        ("first use", "", "1.0.0", by(ANN, NEW_KEY), "unknown signer"),
        (
            "first use, of somebody known",
            "",
            "1.0.0",
            by(ANN, KNOWN),
            "unknown signer",
        ),
        (
            "nobody signed it so far",
            r#"{ unsigned = "<1.0.0" }"#,
            "1.0.0",
            by(ANN, KNOWN),
            "unknown signer",
        ),
        (
            "the expected one",
            BY_ANN,
            "1.3.0",
            by(ANN, KNOWN),
            "verified",
        ),
        (
            "of a version from before",
            BY_ANN,
            "1.0.0",
            by(ANN, KNOWN),
            "verified",
        ),
        (
            "of another major version",
            BY_ANN,
            "3.0.0",
            by(ANN, KNOWN),
            "verified",
        ),
        (
            "somebody else",
            BY_ANN,
            "1.3.0",
            by(BOB, KNOWN),
            "wrong signer",
        ),
        (
            "somebody else, a new major version",
            BY_ANN,
            "2.0.0",
            by(BOB, NEW_KEY),
            "wrong signer",
        ),
        (
            "somebody else, an old version",
            BY_ANN,
            "0.1.0",
            by(BOB, KNOWN),
            "wrong signer",
        ),
        (
            "the same name elsewhere",
            BY_ANN,
            "1.3.0",
            by("gitlab:ann", KNOWN),
            "wrong signer",
        ),
    ] {
        assert_eq!(name(rule, version, comes), finding, "{what}");
    }
}

#[test]
fn a_second_maintainer_is_one_more_signer() {
    let both = r#"{ signers = ["github:ann", "github:bob"], since = ["1.2.0"] }"#;
    for signer in [ANN, BOB] {
        assert_eq!(name(both, "1.3.0", by(signer, KNOWN)), "verified");
    }
    assert_eq!(name(both, "1.3.0", by("github:eve", KNOWN)), "wrong signer");
}

/// SwiftPM: one signer goes on with the old line after another took over.
#[test]
fn a_signer_may_be_one_of_some_versions_only() {
    let rule = r#"{ signers = [{ identity = "github:ann", versions = "^1" }, { identity = "github:bob", versions = ">=2" }] }"#;
    for (version, signer, finding) in [
        ("1.9.0", ANN, "verified"),
        ("2.0.0", ANN, "wrong signer"),
        ("2.0.0", BOB, "verified"),
        ("2.0.0-rc.1", BOB, "verified"),
        ("1.9.0", BOB, "wrong signer"),
    ] {
        assert_eq!(
            name(rule, version, by(signer, KNOWN)),
            finding,
            "{version} {signer}"
        );
    }
}

/// What SwiftPM's and pnpm's users ran into is named where it decided a row.
#[test]
fn what_is_a_lost_signature() {
    let rule = |versions: &str| format!(r#"{{ signers = ["github:ann"], since = [{versions}] }}"#);
    for (what, since, version, finding) in [
        ("never signed", None, "1.0.0", "unsigned"),
        (
            "the first signed version itself",
            Some(r#""1.2.0""#),
            "1.2.0",
            "lost signature",
        ),
        (
            "a later one of the line",
            Some(r#""1.2.0""#),
            "1.2.1",
            "lost signature",
        ),
        (
            "from before it was signed (SwiftPM)",
            Some(r#""1.2.0""#),
            "1.1.9",
            "unsigned",
        ),
        (
            "a pre-release of the first signed one",
            Some(r#""1.2.0""#),
            "1.2.0-rc.1",
            "unsigned",
        ),
        (
            "a pre-release of a later one",
            Some(r#""1.2.0""#),
            "1.3.0-rc.1",
            "lost signature",
        ),
        (
            "build metadata is no precedence",
            Some(r#""1.2.0""#),
            "1.2.0+other",
            "lost signature",
        ),
        // pnpm: semver 6.3.1 was refused, since 7.x had provenance.
        (
            "an older major version (pnpm)",
            Some(r#""7.0.0""#),
            "6.3.1",
            "unsigned",
        ),
        (
            "an older line of 0.x",
            Some(r#""0.5.0""#),
            "0.4.9",
            "unsigned",
        ),
        // SwiftPM lets this pass; it is how an attacker would go about it.
        (
            "a newer major version",
            Some(r#""1.2.0""#),
            "2.0.0",
            "lost signature",
        ),
        (
            "a newer line of 0.x",
            Some(r#""0.4.0""#),
            "0.5.0",
            "lost signature",
        ),
        (
            "0.0.x, each a line",
            Some(r#""0.0.3""#),
            "0.0.4",
            "lost signature",
        ),
        (
            "0.0.x, an older one",
            Some(r#""0.0.3""#),
            "0.0.2",
            "unsigned",
        ),
        (
            "a line between signed ones: knowing more of them demands no less",
            Some(r#""1.2.0", "3.0.0""#),
            "2.0.0",
            "lost signature",
        ),
        (
            "who signs is said, and not since when",
            Some(""),
            "0.1.0",
            "lost signature",
        ),
        (
            "each line by its own",
            Some(r#""1.2.0", "3.1.0""#),
            "3.0.9",
            "unsigned",
        ),
        (
            "a line newer than all",
            Some(r#""1.2.0", "3.1.0""#),
            "4.0.0-alpha",
            "lost signature",
        ),
    ] {
        let rule = since.map(rule).unwrap_or_default();
        assert_eq!(name(&rule, version, unsigned()), finding, "{what}");
    }
}

#[test]
fn an_exempt_version_needs_no_signature() {
    let rule =
        r#"{ signers = ["github:ann"], since = ["1.0.0"], unsigned = ["=1.2.0", "<0.5.0"] }"#;
    let deny = Levels {
        unsigned: Level::Deny,
        ..Levels::default()
    };
    for (version, finding, verdict) in [
        ("1.2.0", "unsigned", Verdict::Accept),
        ("0.4.0", "unsigned", Verdict::Accept),
        ("0.6.0", "unsigned", Verdict::Refuse),
        ("1.2.1", "lost signature", Verdict::Refuse),
    ] {
        let found = found(rule, deny, version, &unsigned());
        assert_eq!(found.name(), finding, "{version}");
        assert_eq!(
            Verdict::of(&found, &deny, Choice::Named),
            verdict,
            "{version}"
        );
    }
    // That no signature is needed says nothing of whose there is.
    assert_eq!(name(rule, "1.2.0", by(BOB, KNOWN)), "wrong signer");
}

#[test]
fn a_signature_in_an_unknown_version_of_the_format_counts_as_none() {
    let package = package(BY_ANN);
    let expected = Expected {
        package: package.as_ref(),
        levels: Levels::default(),
    };
    for (vers, name) in [("1.3.0", "lost signature"), ("1.0.0", "unsigned")] {
        let claim = Claim::UnknownVersion(7);
        let vers = vers.parse().unwrap();
        let finding = Finding::at_a_glance(&expected, &vers, Ok(&claim)).unwrap();
        assert_eq!(finding.name(), name);
        let (Finding::Unsigned { version, .. }
        | Finding::LostSignature(consign_policy::Lost { version, .. })) = finding
        else {
            panic!("{finding:?}");
        };
        assert_eq!(version, Some(7));
    }
}

#[test]
fn nobody_is_asked_about_whom_policy_would_not_accept() {
    let strict = Levels {
        new_signer: Level::Deny,
        ..Levels::default()
    };
    for (rule, levels, signer) in [(BY_ANN, Levels::default(), BOB), ("", strict, ANN)] {
        let package = package(rule);
        let expected = Expected {
            package: package.as_ref(),
            levels,
        };
        let claim = Claim::Signed(signed_as(signer, "1.3.0"));
        let check = |fields: &SignedFields| {
            verify(&release("1.3.0"), &registry(), fields).map_err(Mismatch::from)
        };
        let ask = |_: &Identity, _: &SignedFields| -> KeyStanding { panic!("asked") };
        let finding = Finding::of(&expected, &Version::new(1, 3, 0), Ok(&claim), check, ask);
        assert!(finding.published().is_none(), "{finding:?}");
        assert_eq!(
            Verdict::of(&finding, &levels, Choice::Free),
            Verdict::PassOver
        );
    }
}

#[test]
fn nobody_is_asked_about_a_signature_that_does_not_fit() {
    let expected = Expected {
        package: None,
        levels: Levels::default(),
    };
    let claim = Claim::Signed(signed_as(ANN, "1.0.0"));
    let vers = Version::new(1, 0, 0);
    let ask = |_: &Identity, _: &SignedFields| -> KeyStanding { panic!("asked") };
    let mismatch = |_: &SignedFields| Err(Mismatch::DoesNotFit("no".into()));
    let finding = Finding::of(&expected, &vers, Ok(&claim), mismatch, ask);
    assert!(matches!(&finding, Finding::Tampered(how) if how == "no"));
    assert!(finding.signature().is_none());

    let other = RegistryId::from_index_url("https://other.example/index").unwrap();
    let elsewhere =
        |fields: &SignedFields| verify(&release("1.0.0"), &other, fields).map_err(Mismatch::from);
    let finding = Finding::of(&expected, &vers, Ok(&claim), elsewhere, ask);
    assert!(
        matches!(&finding, Finding::WrongSigner(Wrong::Registry { signed_for, in_use })
            if *signed_for == registry() && *in_use == other),
        "{finding:?}"
    );

    let malformed = Claim::from_json(br#"{"signature":null}"#).unwrap_err();
    let check = |_: &SignedFields| panic!("checked");
    let finding = Finding::of(&expected, &vers, Err(&malformed), check, ask);
    assert_eq!(finding.name(), "tampered");
}

#[test]
fn a_signature_that_fits_by_a_key_that_is_known_is_verified() {
    let finding = found(BY_ANN, Levels::default(), "1.3.0", &by(ANN, KNOWN));
    let Finding::Verified(published) = finding else {
        panic!("not verified");
    };
    assert_eq!(published.signer().to_string(), ANN);
    let cksum = Digest::of(b"the archive");
    assert_eq!(published.signature().cksum(), Some(&cksum));
}

#[test]
fn a_key_that_does_not_count_is_withdrawn_whoever_is_expected() {
    for how in [
        Withdrawn::NotPublished,
        Withdrawn::NoSuchAccount,
        Withdrawn::Fault(KeyFault::Revoked),
    ] {
        for rule in ["", BY_ANN] {
            let comes = by(ANN, KeyStanding::Withdrawn(how));
            let finding = found(rule, Levels::default(), "1.3.0", &comes);
            assert!(
                matches!(&finding, Finding::WithdrawnKey { how: found, .. } if *found == how),
                "{finding:?}"
            );
        }
    }
}

#[test]
fn a_release_that_is_kept_is_good_with_the_key_that_is_named() {
    let keep = |key: &str| {
        format!(
            r#"{{ signers = ["github:ann"], since = ["1.2.0"], keep = {{ "1.3.0" = "{key}" }} }}"#
        )
    };
    let withdrawn = KeyStanding::Withdrawn(Withdrawn::NotPublished);
    let ours = keep(&key().to_string());
    assert_eq!(name(&ours, "1.3.0", by(ANN, withdrawn.clone())), "verified");
    assert_eq!(
        name(&ours, "1.3.1", by(ANN, withdrawn.clone())),
        "withdrawn key"
    );
    assert_eq!(
        name(&ours, "1.3.0", by(BOB, withdrawn.clone())),
        "wrong signer"
    );
    let other = keep("ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(name(&other, "1.3.0", by(ANN, withdrawn)), "withdrawn key");
}

/// Whoever has it may sign what was not seen before by the levels for that: an end takes nothing away
/// from these.
#[test]
fn an_ended_key_that_is_new_has_the_level_of_what_is_new() {
    for (new, rule, levels) in [
        (
            New::Key,
            BY_ANN,
            Levels {
                new_key: Level::Deny,
                ..Levels::default()
            },
        ),
        (
            New::Account,
            BY_ANN,
            Levels {
                new_signer: Level::Deny,
                ..Levels::default()
            },
        ),
    ] {
        let comes = by(
            ANN,
            KeyStanding::Ended {
                new: Some(new),
                end: 9,
            },
        );
        let finding = found(rule, levels, "1.3.0", &comes);
        assert_eq!(finding.name(), "ended key");
        assert_eq!(
            Verdict::of(&finding, &levels, Choice::NotNew),
            Verdict::Refuse,
            "{new:?}"
        );
    }
}

#[test]
fn a_name_that_was_anothers_is_a_wrong_signer() {
    let other = OtherAccount::Found {
        recorded: number(1),
        found: number(2),
    };
    let finding = found(
        BY_ANN,
        Levels::default(),
        "1.3.0",
        &by(ANN, KeyStanding::OtherAccount(other)),
    );
    assert!(
        matches!(finding, Finding::WrongSigner(Wrong::Account { .. })),
        "{finding:?}"
    );
}

fn number(number: u64) -> AccountNumber {
    number.try_into().unwrap()
}

/// What is known of a key: by what is recorded of its account (nothing, other keys, this key), and what
/// the provider says of it.
#[test]
fn what_a_key_is_known_for() {
    use KeyAnswer::{Published, Unanswered as Silent, Withdrawn as Gone};
    let other: PublicKey = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        .parse()
        .unwrap();
    let account = |key: PublicKey| Account {
        number: Some(number(1)),
        keys: [key].into(),
    };
    let (others, ours) = (Some(account(other)), Some(account(key())));
    let silent = || Silent(Unanswered::Offline);
    let not_published = || Gone(Withdrawn::NotPublished);
    let no_account = || Gone(Withdrawn::NoSuchAccount);
    let revoked = || Gone(Withdrawn::Fault(KeyFault::Revoked));
    let same = Some(Standing::Same);
    let taken = OtherAccount::Found {
        recorded: number(1),
        found: number(2),
    };
    for (what, account, answer, is_fresh, standing, known) in [
        ("never seen", &None, Published, true, None, NEW_KEY),
        ("recorded", &ours, Published, true, None, KNOWN),
        (
            "recorded, and ended since",
            &ours,
            KeyAnswer::Ended { end: 9 },
            true,
            None,
            KeyStanding::Ended { new: None, end: 9 },
        ),
        (
            "never seen, and ended since",
            &None,
            KeyAnswer::Ended { end: 9 },
            true,
            None,
            KeyStanding::Ended {
                new: Some(New::Key),
                end: 9,
            },
        ),
        (
            "ended, and by another account",
            &others,
            KeyAnswer::Ended { end: 9 },
            true,
            Some(Standing::Other(taken)),
            KeyStanding::OtherAccount(taken),
        ),
        (
            "recorded, and the name is another's",
            &ours,
            KeyAnswer::OtherAccount(taken),
            false,
            None,
            KeyStanding::OtherAccount(taken),
        ),
        (
            "recorded, nobody answers",
            &ours,
            silent(),
            true,
            None,
            KNOWN,
        ),
        (
            "recorded and deleted",
            &ours,
            not_published(),
            false,
            None,
            KeyStanding::Withdrawn(Withdrawn::NotPublished),
        ),
        (
            "recorded, gone from the last answer, and nobody answers",
            &ours,
            KeyAnswer::NotConfirmed(Unanswered::Offline),
            false,
            None,
            KeyStanding::Unanswered(Unanswered::Offline),
        ),
        (
            "recorded and revoked",
            &ours,
            revoked(),
            false,
            None,
            KeyStanding::Withdrawn(Withdrawn::Fault(KeyFault::Revoked)),
        ),
        (
            "recorded, the account is gone, a release from before",
            &ours,
            no_account(),
            false,
            None,
            KNOWN,
        ),
        (
            "recorded, the account is gone, a new release",
            &ours,
            no_account(),
            true,
            None,
            KeyStanding::Withdrawn(Withdrawn::NoSuchAccount),
        ),
        ("rotated", &others, Published, true, same, NEW_KEY),
        (
            "new, without a number to compare",
            &others,
            Published,
            true,
            Some(Standing::Unrecorded(None)),
            KeyStanding::New(New::Account),
        ),
        (
            "new, under a name that changed hands",
            &others,
            Published,
            true,
            Some(Standing::Other(taken)),
            KeyStanding::OtherAccount(taken),
        ),
        (
            "new, the account is gone",
            &others,
            Published,
            true,
            Some(Standing::NoSuchAccount),
            KeyStanding::Withdrawn(Withdrawn::NoSuchAccount),
        ),
        (
            "new, not published",
            &others,
            not_published(),
            true,
            None,
            KeyStanding::Withdrawn(Withdrawn::NotPublished),
        ),
        (
            "new, nobody answers",
            &others,
            silent(),
            true,
            None,
            KeyStanding::Unanswered(Unanswered::Offline),
        ),
        (
            "new, nobody gives the number",
            &others,
            Published,
            true,
            Some(Standing::Unknown(NoAnswer::Offline)),
            KeyStanding::Unanswered(Unanswered::Failed(NoAnswer::Offline.to_string())),
        ),
        (
            "never seen, nobody answers",
            &None,
            silent(),
            true,
            None,
            KeyStanding::Unanswered(Unanswered::Offline),
        ),
    ] {
        let asked = standing.is_some();
        let mut was_asked = false;
        let found = KeyStanding::of(account.as_ref(), &key(), answer, is_fresh, |_| {
            was_asked = true;
            standing.unwrap()
        });
        assert_eq!(found, known, "{what}");
        assert_eq!(was_asked, asked, "{what}: the number was asked for");
    }
}

/// The table in the header of `verdict`, row by row.
#[test]
fn what_follows_from_each_finding() {
    use Level::{Allow, Deny, Warn};
    use Verdict::{Accept, AcceptAndSay, PassOver, Refuse};
    let all = |level| Levels {
        unsigned: level,
        new_signer: level,
        new_key: level,
    };
    let gone = KeyStanding::Withdrawn(Withdrawn::NotPublished);
    let silent = KeyStanding::Unanswered(Unanswered::Offline);
    let ended = KeyStanding::Ended { new: None, end: 9 };
    let other_account = KeyStanding::OtherAccount(OtherAccount::Found {
        recorded: number(7),
        found: number(8),
    });
    let lost = ("1.3.0", unsigned());
    for (what, rule, (version, comes), by_level) in [
        (
            "verified",
            BY_ANN,
            ("1.3.0", by(ANN, KNOWN)),
            [(Accept, Accept); 3],
        ),
        (
            "unsigned",
            "",
            ("1.0.0", unsigned()),
            [
                (Accept, Accept),
                (AcceptAndSay, AcceptAndSay),
                (PassOver, Refuse),
            ],
        ),
        (
            "exempt",
            r#"{ unsigned = "*" }"#,
            ("1.0.0", unsigned()),
            [(Accept, Accept); 3],
        ),
        (
            "new signer",
            "",
            ("1.0.0", by(ANN, KNOWN)),
            [
                (Accept, Accept),
                (AcceptAndSay, AcceptAndSay),
                (PassOver, Refuse),
            ],
        ),
        (
            "new key",
            BY_ANN,
            ("1.3.0", by(ANN, NEW_KEY)),
            [
                (Accept, Accept),
                (AcceptAndSay, AcceptAndSay),
                (PassOver, Refuse),
            ],
        ),
        ("lost signature", BY_ANN, lost, [(PassOver, Refuse); 3]),
        (
            "wrong signer",
            BY_ANN,
            ("1.3.0", by(BOB, KNOWN)),
            [(PassOver, Refuse); 3],
        ),
        (
            "withdrawn key",
            BY_ANN,
            ("1.3.0", by(ANN, gone)),
            [(PassOver, Refuse); 3],
        ),
        (
            "ended key",
            BY_ANN,
            ("1.3.0", by(ANN, ended)),
            [(PassOver, Refuse); 3],
        ),
        (
            "another account",
            BY_ANN,
            ("1.3.0", by(ANN, other_account)),
            [(PassOver, Refuse); 3],
        ),
        (
            "unchecked, and expected",
            BY_ANN,
            ("1.3.0", by(ANN, silent.clone())),
            [(Refuse, Refuse); 3],
        ),
    ] {
        for (level, (free, named)) in [Allow, Warn, Deny].into_iter().zip(by_level) {
            let levels = all(level);
            let finding = found(rule, levels, version, &comes);
            let verdicts =
                [Choice::Free, Choice::Named].map(|choice| Verdict::of(&finding, &levels, choice));
            assert_eq!(verdicts, [free, named], "{what}, {level}");
            // That it is not new makes a difference for a key that has ended, and for nothing else.
            let not_new = match finding {
                Finding::EndedKey { .. } => Accept,
                _ => named,
            };
            assert_eq!(
                Verdict::of(&finding, &levels, Choice::NotNew),
                not_new,
                "{what}, {level}, not new"
            );
        }
    }
    for (level, verdict) in [(Allow, AcceptAndSay), (Warn, AcceptAndSay), (Deny, Refuse)] {
        let levels = Levels {
            unsigned: level,
            ..Levels::default()
        };
        let finding = found("", levels, "1.0.0", &by(ANN, silent.clone()));
        assert_eq!(finding.name(), "unchecked");
        assert!(finding.signature().is_some(), "the bytes must still fit");
        for choice in [Choice::Free, Choice::Named, Choice::NotNew] {
            assert_eq!(
                Verdict::of(&finding, &levels, choice),
                verdict,
                "unchecked, {level}"
            );
        }
    }
    let tampered = Finding::Tampered("".into());
    for choice in [Choice::Free, Choice::Named, Choice::NotNew] {
        assert_eq!(Verdict::of(&tampered, &Levels::default(), choice), Refuse);
    }
}

#[test]
fn each_new_thing_has_a_level_of_its_own() {
    for (new_signer, new_key, comes, rule) in [
        (Level::Deny, Level::Allow, by(ANN, NEW_KEY), ""),
        (Level::Allow, Level::Deny, by(ANN, NEW_KEY), BY_ANN),
        (
            Level::Deny,
            Level::Allow,
            by(ANN, KeyStanding::New(New::Account)),
            BY_ANN,
        ),
    ] {
        let levels = Levels {
            new_signer,
            new_key,
            ..Levels::default()
        };
        let finding = found(rule, levels, "1.3.0", &comes);
        assert_eq!(
            Verdict::of(&finding, &levels, Choice::Named),
            Verdict::Refuse,
            "{comes:?}"
        );
        let turned = Levels {
            new_signer: new_key,
            new_key: new_signer,
            ..levels
        };
        let finding = found(rule, turned, "1.3.0", &comes);
        assert_eq!(
            Verdict::of(&finding, &turned, Choice::Named),
            Verdict::Accept,
            "{comes:?}"
        );
    }
}

/// The lines of a file after these versions were accepted, one after the other.
fn recorded(file: &SignersFile, seen: &[(&str, &str, Option<u64>)]) -> SignersFile {
    let mut changes = Changes::default();
    for (version, signer, account) in seen {
        let rule = file.signers().package(&registry(), "foo").cloned();
        let expected = Expected {
            package: rule.as_ref(),
            levels: Levels::default(),
        };
        let claim = Claim::Signed(signed_as(signer, version));
        let vers: Version = version.parse().unwrap();
        let check = |fields: &SignedFields| {
            verify(&release(version), &registry(), fields).map_err(Mismatch::from)
        };
        let finding = Finding::of(&expected, &vers, Ok(&claim), check, |_, _| NEW_KEY);
        let sighting = Sighting {
            registry: &registry(),
            name: "foo",
            version: &vers,
            published: finding.published().unwrap(),
            number: account.map(number),
            beside: Vec::new(),
        };
        sighting.record(file.signers(), &mut changes);
    }
    file.with(&changes).unwrap()
}

#[test]
fn what_is_seen_does_not_lessen_what_has_to_be_signed() {
    let text = format!(
        "version = 1\n\n[registry.\"{}\".package]\nfoo = {{ signers = [\"{ANN}\"] }}\n",
        registry().as_str()
    );
    let file = SignersFile::read(text).unwrap();
    let file = recorded(&file, &[("2.0.0", ANN, None)]);
    let foo = file.signers().package(&registry(), "foo");
    let expected = Expected {
        package: foo,
        levels: Levels::default(),
    };
    let old: Version = "1.0.0".parse().unwrap();
    let found = Finding::at_a_glance(&expected, &old, Ok(&Claim::Unsigned));
    assert!(
        matches!(found, Some(Finding::LostSignature(_))),
        "{found:?}"
    );
}

#[test]
fn what_is_seen_first_is_expected_from_then_on() {
    let file = recorded(
        &SignersFile::new(),
        &[
            ("1.2.0", ANN, None),
            ("1.1.0", ANN, None),
            ("2.0.0", BOB, None),
        ],
    );
    let foo = file.signers().package(&registry(), "foo").unwrap();
    let signers: Vec<_> = foo.signers.iter().map(ToString::to_string).collect();
    assert_eq!(signers, [ANN, BOB]);
    let since: Vec<_> = foo.since.values().map(ToString::to_string).collect();
    assert_eq!(since, ["1.1.0", "2.0.0"]);
    let ann = &file.signers().identities[&ANN.parse().unwrap()];
    assert_eq!((ann.number, ann.keys.len()), (None, 1));

    // A later version adds nothing, and the number of an account is added once it is known.
    assert_eq!(recorded(&file, &[("1.5.0", ANN, None)]).text(), file.text());
    let numbered = recorded(&file, &[("1.5.0", ANN, Some(583231))]);
    let ann = &numbered.signers().identities[&ANN.parse().unwrap()];
    assert_eq!(ann.number, Some(number(583231)));
    // It never changes by being seen, and another one is not recorded.
    assert_eq!(
        recorded(&numbered, &[("1.5.0", ANN, Some(99))]).text(),
        numbered.text()
    );
}

/// Two processes saw the package for the first time, by different signers: the second does not add its
/// own.
#[test]
fn what_somebody_else_recorded_in_the_meantime_stays() {
    let fits = |file: &SignersFile, signer: &str, account: Option<u64>| {
        let expected = Expected {
            package: None,
            levels: Levels::default(),
        };
        let claim = Claim::Signed(signed_as(signer, "1.0.0"));
        let vers = Version::new(1, 0, 0);
        let check = |fields: &SignedFields| {
            verify(&release("1.0.0"), &registry(), fields).map_err(Mismatch::from)
        };
        let finding = Finding::of(&expected, &vers, Ok(&claim), check, |_, _| NEW_KEY);
        let sighting = Sighting {
            registry: &registry(),
            name: "foo",
            version: &vers,
            published: finding.published().unwrap(),
            number: account.map(number),
            beside: Vec::new(),
        };
        sighting.fits(file.signers())
    };
    assert!(fits(&SignersFile::new(), BOB, None));
    let anns = recorded(&SignersFile::new(), &[("1.2.0", ANN, Some(1))]);
    assert!(fits(&anns, ANN, None));
    assert!(fits(&anns, ANN, Some(1)));
    assert!(!fits(&anns, ANN, Some(2)));
    assert!(!fits(&anns, BOB, None));
}

/// What a file says of foo after these versions were accepted, as its line.
fn rule_after(seen: &[(&str, &str)]) -> String {
    let seen: Vec<_> = seen
        .iter()
        .map(|(version, signer)| (*version, *signer, None))
        .collect();
    let file = recorded(&SignersFile::new(), &seen);
    let mut lines = file.text().lines();
    let rule = lines.find_map(|line| line.strip_prefix("foo = "));
    rule.unwrap_or_default().to_owned()
}

/// The cases of SwiftPM's trust on first use, in the order of its own rules: what was seen before, what
/// comes then, what is found, and what becomes of it. Where we decide otherwise, the row says so.
#[test]
fn first_use_as_in_swiftpm() {
    use Verdict::{Accept, PassOver};
    let renewed = || by(ANN, NEW_KEY);
    for (what, seen, version, comes, finding, verdict) in [
        // Nobody signed it before.
        (
            "none, then none",
            &[][..],
            "1.0.0",
            unsigned(),
            "unsigned",
            Accept,
        ),
        (
            "none, then somebody",
            &[],
            "1.1.0",
            by(ANN, NEW_KEY),
            "unknown signer",
            Accept,
        ),
        // This version was seen before.
        (
            "the same version by the same",
            &[("1.1.0", ANN)],
            "1.1.0",
            by(ANN, KNOWN),
            "verified",
            Accept,
        ),
        (
            "the same version by another",
            &[("1.1.0", ANN)],
            "1.1.0",
            by(BOB, KNOWN),
            "wrong signer",
            PassOver,
        ),
        (
            "the same version by nobody",
            &[("1.1.0", ANN)],
            "1.1.0",
            unsigned(),
            "lost signature",
            PassOver,
        ),
        // Another version was.
        (
            "a newer version by one of those that were seen",
            &[("1.1.0", ANN), ("2.0.0", BOB)],
            "2.1.0",
            by(ANN, KNOWN),
            "verified",
            Accept,
        ),
        (
            "a maintenance release by who signed before",
            &[("1.1.0", ANN), ("2.0.0", BOB)],
            "1.1.1",
            by(ANN, KNOWN),
            "verified",
            Accept,
        ),
        (
            "a newer version by somebody new",
            &[("1.1.0", ANN), ("2.0.0", BOB)],
            "2.1.0",
            by("github:eve", KNOWN),
            "wrong signer",
            PassOver,
        ),
        (
            "an older version than any that was seen, by somebody new",
            &[("1.1.0", ANN)],
            "1.0.0",
            by(BOB, KNOWN),
            "wrong signer",
            PassOver,
        ),
        // The identity is what counts, whatever certificate it shows.
        (
            "a renewed key",
            &[("1.1.0", ANN)],
            "1.2.0",
            renewed(),
            "unknown signer",
            Accept,
        ),
        // Nobody signed it.
        (
            "unsigned, after an older signed one of the same major version",
            &[("1.1.0", ANN)],
            "1.2.0",
            unsigned(),
            "lost signature",
            PassOver,
        ),
        (
            "unsigned, older than the first signed one",
            &[("1.1.0", ANN)],
            "1.0.0",
            unsigned(),
            "unsigned",
            Accept,
        ),
        (
            "unsigned, of an older major version",
            &[("2.0.0", ANN)],
            "1.9.0",
            unsigned(),
            "unsigned",
            Accept,
        ),
        // SwiftPM lets this pass, and says that it might be controversial.
        (
            "unsigned, of a newer major version",
            &[("1.1.0", ANN)],
            "2.0.0",
            unsigned(),
            "lost signature",
            PassOver,
        ),
    ] {
        let found = found(&rule_after(seen), Levels::default(), version, &comes);
        assert_eq!(found.name(), finding, "{what}");
        let follows = Verdict::of(&found, &Levels::default(), Choice::Free);
        assert_eq!(follows, verdict, "{what}");
    }
}

/// What was seen in one registry says nothing of a package of that name in another. (SwiftPM's store is
/// not kept by registry, which its users report.)
#[test]
fn first_use_is_of_one_registry() {
    let file = recorded(&SignersFile::new(), &[("1.1.0", ANN, None)]);
    let other = RegistryId::from_index_url("https://other.example/index").unwrap();
    assert!(file.signers().package(&registry(), "foo").is_some());
    assert_eq!(file.signers().package(&other, "foo"), None);
}

/// What the users of pnpm's `trustPolicy` and of `npm audit signatures` report as false alarms: all of it
/// is accepted here without a word, or with one line that is reviewed. The last rows are what must not be.
#[test]
fn false_alarms_of_pnpm_and_npm() {
    use Verdict::{Accept, PassOver};
    let in_house = r#"{ unsigned = "*", reason = "ours, behind the same address" }"#;
    let grandfathered =
        r#"{ signers = ["github:ann"], since = ["1.0.0"], unsigned = ["=1.0.1", ">=2, <2.1"] }"#;
    for (what, rule, version, comes, verdict) in [
        (
            "semver 6.3.1 came out after 7.x was signed",
            rule_after(&[("7.0.0", ANN), ("7.5.2", ANN)]),
            "6.3.1",
            unsigned(),
            Accept,
        ),
        (
            "a backport to 0.4, while 0.5 is signed",
            rule_after(&[("0.5.0", ANN)]),
            "0.4.12",
            unsigned(),
            Accept,
        ),
        (
            "a pre-release of the next major version was signed",
            rule_after(&[("8.0.0-beta.1", ANN)]),
            "7.9.0",
            unsigned(),
            Accept,
        ),
        (
            "releases from before signing began, by ranges",
            grandfathered.to_owned(),
            "2.0.7",
            unsigned(),
            Accept,
        ),
        (
            "a single release that went out without",
            grandfathered.to_owned(),
            "1.0.1",
            unsigned(),
            Accept,
        ),
        (
            "packages of one's own, that nobody signs",
            in_house.to_owned(),
            "3.1.0",
            unsigned(),
            Accept,
        ),
        (
            "a registry without keys",
            String::new(),
            "1.0.0",
            unsigned(),
            Accept,
        ),
        (
            "keys were rotated",
            rule_after(&[("1.0.0", ANN)]),
            "1.0.1",
            by(ANN, NEW_KEY),
            Accept,
        ),
        (
            "a version after one that went out without",
            grandfathered.to_owned(),
            "1.0.2",
            unsigned(),
            PassOver,
        ),
        (
            "a version above the range of those that did",
            grandfathered.to_owned(),
            "2.1.0",
            unsigned(),
            PassOver,
        ),
        (
            "a mirror that strips signatures",
            rule_after(&[("1.0.0", ANN)]),
            "1.0.0",
            unsigned(),
            PassOver,
        ),
    ] {
        let found = found(&rule, Levels::default(), version, &comes);
        let follows = Verdict::of(&found, &Levels::default(), Choice::Free);
        assert_eq!(follows, verdict, "{what}: {}", found.name());
    }
    // Nor is what is one's own refused where everything else has to be signed.
    let deny = Levels {
        unsigned: Level::Deny,
        ..Levels::default()
    };
    let found = found(in_house, deny, "3.1.0", &unsigned());
    assert_eq!(Verdict::of(&found, &deny, Choice::Free), Accept);
}
