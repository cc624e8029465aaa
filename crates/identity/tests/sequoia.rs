//! The real `sq` (Sequoia) takes our keys for what they are, and we its.
//!
//! Needs sq 0.2x (Debian: `apt-get install sq`), and for passphrases `script` of util-linux, since
//! sq asks for them on a terminal. Without them these tests are skipped, loudly: its commands change
//! with each version, and the keys in `data/sq-*` are read in any case. Keys of version 6 are not
//! made here, which this sq does not know.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

// The testbed stands on this crate, and is more than these tests need.
#[path = "../../testbed/src/skip.rs"]
mod skip;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use consign_identity::Identity;
use consign_identity::openpgp::{
    KeyError, KeyFault, KeyState, OsRng, OwnKey, SecretKey, Withdrawal, read_public,
};

/// An `sq` with a folder to work in.
struct Sq {
    folder: tempfile::TempDir,
}

impl Sq {
    /// `None` where there is none.
    fn new() -> Option<Sq> {
        let output = Command::new("sq").arg("--version").output();
        let version = match output {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => error.to_string(),
        };
        if !version.starts_with("sq 0.2") {
            skip::skipped(&format!("`sq` 0.2 is needed, and: {}", version.trim()));
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        Some(Sq { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs sq in its folder; it must succeed. Gives its output.
    fn run(&self, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new("sq");
        command.arg("--force").args(args);
        self.finish(command, "")
    }

    /// The same on a terminal, on which `typed` is typed.
    fn run_on_terminal(&self, args: &[&str], typed: &str) {
        let mut command = Command::new("script");
        let line = format!("sq --force {}", args.join(" "));
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        self.finish(command, typed);
    }

    fn finish(&self, mut command: Command, typed: &str) -> Vec<u8> {
        let mut child = command
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).unwrap();
        // Kept open, since `script` takes its end for a hang-up.
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        let [stdout, stderr] = [&output.stdout, &output.stderr].map(|o| String::from_utf8_lossy(o));
        assert!(output.status.success(), "{command:?}: {stdout}{stderr}");
        output.stdout
    }

    fn inspect(&self, name: &str) -> String {
        let report = String::from_utf8(self.run(&["inspect", name])).unwrap();
        for complaint in ["Invalid", "Bad", "error", "not valid", "unknown"] {
            assert!(!report.contains(complaint), "{report}");
        }
        report
    }

    /// Makes a key that signs and does nothing else. Its file.
    fn new_key(&self, name: &str, more: &[&str]) -> Vec<u8> {
        let make = ["key", "generate", "--userid", "alice", "--export", name];
        let only = ["--cannot-encrypt", "--cannot-authenticate"];
        self.run(&[&make[..], &only, more].concat());
        fs::read(self.path(name)).unwrap()
    }
}

fn script_is_here() -> bool {
    let found = Command::new("script").arg("--version").output().is_ok();
    if !found {
        skip::skipped("there is no `script` of util-linux to give sq a terminal");
    }
    found
}

fn ours() -> SecretKey {
    let identity: Identity = "github:octocat".parse().unwrap();
    SecretKey::generate(&identity, 1_700_000_000, OsRng).unwrap()
}

#[test]
fn sq_takes_our_keys() {
    let Some(sq) = Sq::new() else { return };
    let key = ours();
    sq.write("public", &key.public_armored());
    sq.write("secret", &key.to_armored());
    for (file, kind) in [
        ("public", "OpenPGP Certificate"),
        ("secret", "Transferable Secret Key"),
    ] {
        let report = sq.inspect(file);
        for said in [
            kind,
            &key.fingerprint().to_string(),
            "2023-11-14 22:13:20 UTC",
            "Key flags: certification, signing",
            "UserID: github:octocat (Consign signing key)",
        ] {
            assert!(report.contains(said), "{said}: {report}");
        }
        assert!(!report.contains("Revoked"), "{report}");
    }
    // It signs, and its own check of that signature is good.
    sq.write("hello", "hello");
    let signature = sq.run(&["sign", "--detached", "--signer-key", "secret", "hello"]);
    fs::write(sq.path("signature"), signature).unwrap();
    let cert = ["--signer-cert", "public"];
    sq.run(
        &[
            &["verify"],
            &cert[..],
            &["--detached", "signature", "hello"],
        ]
        .concat(),
    );
}

#[test]
fn sq_sees_a_key_that_we_retire_or_revoke_as_revoked_and_why() {
    let Some(sq) = Sq::new() else { return };
    // One of ours; and one by sq, whose primary key only certifies.
    let made = sq.new_key("made", &["--creation-time", "20250101"]);
    for key in [ours(), SecretKey::from_armored(&made).unwrap()] {
        let at = key.created() + 100;
        for (ended, said) in [
            (key.retire(at, OsRng), "Key is superseded"),
            (
                key.revoke(at, Withdrawal::Compromised, OsRng),
                "Key material has been compromised",
            ),
            (
                key.revoke(at, Withdrawal::NoReason, OsRng),
                "No reason specified",
            ),
        ] {
            let ended = ended.unwrap();
            assert_eq!(ended.public_key(), key.public_key());
            for armored in [&ended.public_armored(), &*ended.to_armored()] {
                sq.write("ended", armored);
                let report = sq.inspect("ended");
                let (_, revoked) = report.split_once("Revoked:").expect(&report);
                assert!(
                    revoked.trim_start().starts_with(&format!("- {said}")),
                    "{report}"
                );
            }
        }
    }
}

#[test]
fn a_key_made_by_sq_is_read_and_signs() {
    let Some(sq) = Sq::new() else { return };
    let armored = sq.new_key("alice", &["--expires-in", "1y"]);
    let key = SecretKey::from_armored(&armored).unwrap();
    assert!(
        key.public_key()
            .verify_strict(b"hello", &key.sign(b"hello"))
    );
    let certificate = sq.run(&["key", "extract-cert", "alice"]);
    let published = read_public(&certificate).unwrap();
    let [certifies, signs] = &published[..] else {
        panic!("{published:?}")
    };
    assert_eq!(certifies.state, KeyState::NotForSigning);
    assert!(matches!(signs.state, KeyState::GoodUntil(_)));
    assert_eq!(signs, key.published());
    // And the octets, as a Web Key Directory has them.
    let binary = sq.run(&["dearmor", "alice"]);
    assert_ne!(binary, armored);
    let binary = sq.run(&["key", "extract-cert", "--binary", "alice"]);
    assert_eq!(read_public(&binary).unwrap(), published);
}

#[test]
fn a_reason_given_to_sq_is_read_as_a_hard_or_a_soft_end() {
    let Some(sq) = Sq::new() else { return };
    sq.new_key("alice", &["--creation-time", "20250101"]);
    fs::write(sq.path("cert"), sq.run(&["key", "extract-cert", "alice"])).unwrap();
    sq.run(&["packet", "split", "--prefix", "packet", "cert"]);
    let mut packets: Vec<_> = fs::read_dir(sq.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("packet"))
        .collect();
    packets.sort();
    let since = 1_738_368_000;
    for (reason, state) in [
        ("superseded", KeyState::Retired(since)),
        ("retired", KeyState::Retired(since)),
        ("compromised", KeyState::Revoked),
        ("unspecified", KeyState::Revoked),
    ] {
        let revoke = ["revoke", "certificate", "--time", "20250201"];
        let revocation =
            sq.run(&[&revoke[..], &["--certificate", "alice", reason, "why"]].concat());
        fs::write(sq.path("revocation"), revocation).unwrap();
        // sq gives the revocation alone; it belongs after the primary key.
        let mut join = vec![
            "packet",
            "join",
            "--label",
            "cert",
            &packets[0],
            "revocation",
        ];
        join.extend(packets[1..].iter().map(String::as_str));
        let keys = read_public(&sq.run(&join)).unwrap();
        assert_eq!(keys.len(), 2);
        // A key that may not sign is not retired from signing.
        let primary = match state {
            KeyState::Retired(_) => KeyState::NotForSigning,
            state => state,
        };
        let found = [keys[0].state, keys[1].state];
        assert_eq!(found, [primary, state], "{reason}");
        assert!(matches!(
            keys[1].check(since, since),
            Err(KeyFault::Retired { .. } | KeyFault::Revoked)
        ));
    }
}

#[test]
fn a_key_that_sq_protects_opens_by_its_passphrase() {
    let Some(sq) = Sq::new().filter(|_| script_is_here()) else {
        return;
    };
    let open = SecretKey::from_armored(&sq.new_key("alice", &[])).unwrap();
    let twice = "correct horse\ncorrect horse\n";
    sq.run_on_terminal(&["key", "password", "--output", "locked", "alice"], twice);
    let locked = fs::read(sq.path("locked")).unwrap();
    let error = SecretKey::from_armored(&locked).unwrap_err();
    assert_eq!(error, KeyError::Protected);
    let locked = OwnKey::from_armored(&locked).unwrap();
    assert_eq!(locked.published(), open.published());
    let error = locked.unlock(b"incorrect horse").unwrap_err();
    assert_eq!(error, KeyError::WrongPassphrase);
    let key = locked.unlock(b"correct horse").unwrap().signer().unwrap();
    assert_eq!(key.sign(b"hello"), open.sign(b"hello"));
}

#[test]
fn sq_opens_a_key_that_we_protect() {
    let Some(sq) = Sq::new().filter(|_| script_is_here()) else {
        return;
    };
    let made = SecretKey::from_armored(&sq.new_key("made", &[])).unwrap();
    for key in [ours(), made] {
        sq.write(
            "locked",
            &key.to_armored_with(b"correct horse", OsRng).unwrap(),
        );
        assert!(sq.inspect("locked").contains("Secret key: Encrypted"));
        let open = ["key", "password", "--clear", "--output", "open", "locked"];
        sq.run_on_terminal(&open, "correct horse\n");
        let back = SecretKey::from_armored(&fs::read(sq.path("open")).unwrap()).unwrap();
        assert_eq!(back.published(), key.published());
        assert_eq!(back.sign(b"hello"), key.sign(b"hello"));
    }
}
