//! The real `gpg` takes our keys for what they are, and we its.
//!
//! Needs GnuPG 2.1 or later. `CONSIGN_SKIP_GPG=1` skips these tests, loudly.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

// The testbed stands on this crate, and is more than these tests need.
#[path = "../../testbed/src/skip.rs"]
mod skip;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use consign_identity::Identity;
use consign_identity::openpgp::{
    KeyError, KeyFault, KeyState, OsRng, OwnKey, PublishedKey, SecretKey, Withdrawal, Worth,
    read_public,
};

/// A `gpg` with a home of its own.
struct Gpg {
    home: tempfile::TempDir,
}

/// What one run of it wrote: the lines of `--status-fd` and the rest.
struct Ran {
    stdout: Vec<u8>,
    stderr: String,
}

impl Gpg {
    /// `None` where the environment says to go without.
    fn new() -> Option<Gpg> {
        if std::env::var_os("CONSIGN_SKIP_GPG").is_some_and(|value| value == "1") {
            skip::skipped("CONSIGN_SKIP_GPG=1: nothing was tried with the real gpg");
            return None;
        }
        let found = Command::new("gpg")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        assert!(
            found.is_ok_and(|status| status.success()),
            "no `gpg` here: install GnuPG (Debian: apt-get install gnupg), or set \
             CONSIGN_SKIP_GPG=1 to go without these tests"
        );
        // A short path, for the sake of the agent's socket.
        let home = tempfile::Builder::new()
            .prefix("gpg")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        Some(Gpg { home })
    }

    /// Runs gpg with `input`; it must succeed.
    fn run(&self, args: &[&str], input: &[u8]) -> Ran {
        self.run_with("", args, input)
    }

    /// The same, where a passphrase is given to whoever asks.
    fn run_with(&self, passphrase: &str, args: &[&str], input: &[u8]) -> Ran {
        let mut gpg = Command::new("gpg")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--batch", "--no-tty", "--status-fd", "2"])
            .args(["--pinentry-mode", "loopback", "--passphrase", passphrase])
            .args(args)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        gpg.stdin.take().unwrap().write_all(input).unwrap();
        let output = gpg.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "gpg {args:?}: {}\n{stderr}",
            output.status
        );
        Ran {
            stdout: output.stdout,
            stderr,
        }
    }

    /// The fields of the listing's records of one kind.
    fn list(&self, command: &str, record: &str) -> Vec<Vec<String>> {
        self.list_of(command, "", record)
    }

    /// The same, of one key alone.
    fn list_of(&self, command: &str, key: &str, record: &str) -> Vec<Vec<String>> {
        let mut args = vec!["--with-colons", command];
        args.extend((!key.is_empty()).then_some(key));
        let listing = self.run(&args, b"").stdout;
        String::from_utf8_lossy(&listing)
            .lines()
            .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>())
            .filter(|fields| fields[0] == record)
            .collect()
    }

    fn new_key(&self, name: &str, algorithm: &str) {
        self.run(&["--quick-gen-key", name, algorithm, "sign", "never"], b"");
    }

    fn fingerprint(&self, of: &str) -> String {
        self.list_of("--list-keys", of, "fpr")[0][9].clone()
    }

    /// The armored secret keys.
    fn export_secret(&self, of: &str) -> Vec<u8> {
        self.run(&["--armor", "--export-secret-keys", of], b"")
            .stdout
    }

    fn export(&self, args: &[&str]) -> Vec<PublishedKey> {
        let public = self.run(&[&["--export"], args].concat(), b"").stdout;
        read_public(&public).unwrap()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let home = self.home.path();
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(home)
            .args(["--kill", "all"])
            .status();
    }
}

fn ours() -> SecretKey {
    let identity: Identity = "github:octocat".parse().unwrap();
    SecretKey::generate(&identity, 1_700_000_000, OsRng).unwrap()
}

#[test]
fn gpg_takes_our_public_key() {
    let Some(gpg) = Gpg::new() else { return };
    let key = ours();
    let import = gpg.run(&["--import"], key.public_armored().as_bytes());
    let fingerprint = key.fingerprint().to_string();
    // 1 is "new key" and nothing else.
    let imported = format!("[GNUPG:] IMPORT_OK 1 {fingerprint}");
    assert!(import.stderr.contains(&imported), "{}", import.stderr);
    for complaint in [
        "error",
        "warning",
        "invalid",
        "bad",
        "no user ID",
        "skipped",
    ] {
        assert!(
            !import.stderr.to_lowercase().contains(complaint),
            "{}",
            import.stderr
        );
    }

    let fingerprints = gpg.list("--list-keys", "fpr");
    assert_eq!(
        fingerprints.iter().map(|f| &*f[9]).collect::<Vec<_>>(),
        [&fingerprint]
    );
    let public = &gpg.list("--list-keys", "pub")[0];
    // Validity, algorithm, creation, end, capabilities, curve.
    assert_ne!(public[1], "i");
    assert_eq!(
        [&*public[3], &*public[5], &*public[6]],
        ["22", "1700000000", ""]
    );
    assert!(
        public[11].starts_with("sc") || public[11].starts_with("cs"),
        "{public:?}"
    );
    assert_eq!(public[16], "ed25519");
    let users = gpg.list("--list-keys", "uid");
    assert_eq!(users[0][9], r"github\x3aoctocat (Consign signing key)");

    // One self-signature, and it is good.
    let signatures = gpg.list("--check-sigs", "sig");
    assert_eq!(signatures.len(), 1);
    assert_eq!(signatures[0][1], "!", "{signatures:?}");
    assert_eq!(signatures[0][4], fingerprint[24..]);

    assert_eq!(gpg.export(&[]), [key.published().clone()]);
}

#[test]
fn gpg_signs_with_our_secret_key() {
    let Some(gpg) = Gpg::new() else { return };
    let key = ours();
    let fingerprint = key.fingerprint().to_string();
    let import = gpg.run(&["--import"], key.to_armored().as_bytes());
    // 1 and 16: a new key, with its secret.
    let imported = format!("[GNUPG:] IMPORT_OK 17 {fingerprint}");
    assert!(import.stderr.contains(&imported), "{}", import.stderr);
    let secrets = gpg.list("--list-secret-keys", "fpr");
    assert_eq!(
        secrets.iter().map(|f| &*f[9]).collect::<Vec<_>>(),
        [&fingerprint]
    );

    let signature = gpg
        .run(&["--detach-sign", "--local-user", &fingerprint], b"hello")
        .stdout;
    let file = gpg.home.path().join("hello.sig");
    fs::write(&file, signature).unwrap();
    let verified = gpg
        .run(&["--verify", file.to_str().unwrap(), "-"], b"hello")
        .stderr;
    assert!(
        verified.contains(&format!("[GNUPG:] VALIDSIG {fingerprint}")),
        "{verified}"
    );

    // What gpg gives back is still the same key.
    assert_eq!(gpg.export(&[])[0].key, key.public_key());
    let back = gpg.run(&["--armor", "--export-secret-keys"], b"").stdout;
    let back = SecretKey::from_armored(&back).unwrap();
    assert_eq!(back.public_key(), key.public_key());
    assert_eq!(back.identity(), key.identity());
    assert_eq!(back.sign(b"hello"), key.sign(b"hello"));
    assert!(
        key.public_key()
            .verify_strict(b"hello", &back.sign(b"hello"))
    );
}

#[test]
fn a_key_made_by_gpg_is_read_beside_others() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.new_key("alice <alice@example.org>", "ed25519");
    gpg.new_key("bob <bob@example.org>", "rsa2048");
    let fingerprints = gpg.list("--list-keys", "fpr");
    assert_eq!(fingerprints.len(), 2);

    let armored = gpg.run(&["--armor", "--export"], b"").stdout;
    for keys in [read_public(&armored).unwrap(), gpg.export(&[])] {
        let [key] = &keys[..] else { panic!("{keys:?}") };
        assert_eq!(key.fingerprint.to_string(), fingerprints[0][9]);
        assert_eq!(key.state, KeyState::Good);
    }
    assert_eq!(gpg.export(&["bob"]), []);

    let secret = gpg
        .run(&["--armor", "--export-secret-keys", "alice"], b"")
        .stdout;
    let secret = SecretKey::from_armored(&secret).unwrap();
    assert_eq!([secret.published().clone()], gpg.export(&["alice"])[..]);
    assert!(
        secret
            .public_key()
            .verify_strict(b"hello", &secret.sign(b"hello"))
    );
    assert_eq!(secret.identity(), None);
}

#[test]
fn a_key_revoked_by_gpg_is_read_as_revoked() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.new_key("alice <alice@example.org>", "ed25519");
    let fingerprint = gpg.list("--list-keys", "fpr")[0][9].clone();
    // gpg prepares a revocation for each new key, with a colon that keeps it from being used.
    let prepared = gpg
        .home
        .path()
        .join(format!("openpgp-revocs.d/{fingerprint}.rev"));
    let prepared = fs::read_to_string(prepared).unwrap();
    gpg.run(
        &["--import"],
        prepared.replace(":-----BEGIN", "-----BEGIN").as_bytes(),
    );
    assert_eq!(gpg.list("--list-keys", "pub")[0][1], "r");

    let keys = gpg.export(&[]);
    let [key] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!(
        (key.fingerprint.to_string(), key.state),
        (fingerprint, KeyState::Revoked)
    );
    assert_eq!(key.check(key.created, 0), Err(KeyFault::Revoked));
    let secret = gpg.run(&["--armor", "--export-secret-keys"], b"").stdout;
    let error = SecretKey::from_armored(&secret).unwrap_err().to_string();
    assert_eq!(
        error,
        "the key cannot sign releases: its owner has revoked the key"
    );
}

/// Asks the questions of `--gen-revoke` and `revkey`, which gpg does not do in batch mode.
fn answer(gpg: &Gpg, args: &[&str], answers: &str) {
    let mut ran = Command::new("gpg")
        .arg("--homedir")
        .arg(gpg.home.path())
        .args(["--no-tty", "--pinentry-mode", "loopback"])
        .args(["--passphrase", "", "--command-fd", "0"])
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = ran.stdin.take().unwrap();
    stdin.write_all(answers.as_bytes()).unwrap();
    drop(stdin);
    let output = ran.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gpg {args:?}: {stderr}");
}

#[test]
fn a_reason_given_to_gpg_is_read_as_a_hard_or_a_soft_end() {
    let Some(gpg) = Gpg::new() else { return };
    for (reason, soft) in [(1, false), (2, true), (3, true)] {
        let name = format!("reason{reason}");
        gpg.new_key(&name, "ed25519");
        let fingerprint = gpg.fingerprint(&name);
        let file = gpg.home.path().join(&name);
        let output = file.to_str().unwrap();
        let answers = format!("y\n{reason}\n\ny\n");
        answer(
            &gpg,
            &["--output", output, "--gen-revoke", &fingerprint],
            &answers,
        );
        gpg.run(&["--import", output], b"");
        let keys = gpg.export(&[&name]);
        let [key] = &keys[..] else { panic!("{keys:?}") };
        let since = match key.state {
            KeyState::Retired(since) if soft => since,
            KeyState::Revoked if !soft => continue,
            state => panic!("{reason}: {state:?}"),
        };
        assert!(since >= key.created);
        let own = OwnKey::from_armored(&gpg.export_secret(&name)).unwrap();
        assert_eq!(own.published(), key);
        let error = own.signer().unwrap_err();
        assert_eq!(error, KeyError::Unfit(KeyFault::Retired { since }));
    }
}

#[test]
fn a_subkey_made_and_revoked_by_gpg_is_read_for_what_it_is() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.run(
        &["--quick-gen-key", "alice", "ed25519", "cert", "never"],
        b"",
    );
    let primary = gpg.fingerprint("alice");
    gpg.run(&["--quick-add-uid", "alice", "alice at work"], b"");
    gpg.run(
        &["--quick-add-key", &primary, "cv25519", "encr", "never"],
        b"",
    );
    gpg.run(&["--quick-add-key", &primary, "ed25519", "sign", "2y"], b"");
    let keys = gpg.export(&[]);
    let [certifies, signs] = &keys[..] else {
        panic!("{keys:?}")
    };
    assert_eq!(certifies.state, KeyState::NotForSigning);
    assert!(matches!(signs.state, KeyState::GoodUntil(end) if end > signs.created));
    let secret = SecretKey::from_armored(&gpg.export_secret("alice")).unwrap();
    assert_eq!(secret.published(), signs);

    // Its primary key retires it, and gpg agrees.
    let since = signs.created + 10;
    let retired = secret.retire(since, OsRng).unwrap();
    assert_eq!(retired.public_key(), signs.key);
    assert_eq!(retired.published().state, KeyState::Retired(since));
    let other = Gpg::new().unwrap();
    other.run(&["--import"], retired.public_armored().as_bytes());
    assert_eq!(other.list("--list-keys", "pub")[0][1], "r");
    assert!(other.export(&[]).contains(retired.published()));

    // Or gpg revokes the subkey alone.
    answer(
        &gpg,
        &["--edit-key", &primary],
        "key 2\nrevkey\ny\n1\n\ny\nsave\n",
    );
    let keys = gpg.export(&[]);
    assert_eq!(keys[0].state, KeyState::NotForSigning);
    assert_eq!(keys[1].state, KeyState::Revoked);
    let error = SecretKey::from_armored(&gpg.export_secret("alice")).unwrap_err();
    assert_eq!(error, KeyError::Unfit(KeyFault::Revoked));
}

#[test]
fn an_expired_key_made_by_gpg_ends_when_gpg_says() {
    let Some(gpg) = Gpg::new() else { return };
    let long_ago = ["--faked-system-time", "20200101T000000"];
    let make = ["--quick-gen-key", "alice", "ed25519", "sign", "1y"];
    gpg.run(&[&long_ago[..], &make].concat(), b"");
    let listed = &gpg.list("--list-keys", "pub")[0];
    assert_eq!(listed[1], "e");
    let keys = gpg.export(&[]);
    let end: u64 = listed[6].parse().unwrap();
    assert_eq!(keys[0].state, KeyState::GoodUntil(end));
    assert_eq!(keys[0].check(end - 1, end - 1), Ok(Worth::Full));
    // Expiry is retirement, from the day on when the account is seen with it.
    assert_eq!(keys[0].check(end - 1, end), Ok(Worth::BeforeEnd { end }));
    assert_eq!(keys[0].check(end, end), Err(KeyFault::Expired { end }));
}

#[test]
fn a_key_that_gpg_protects_opens_by_its_passphrase() {
    let Some(gpg) = Gpg::new() else { return };
    let make = ["--quick-gen-key", "alice", "future-default", "default"];
    gpg.run_with("correct horse", &make, b"");
    let export = ["--armor", "--export-secret-keys"];
    let armored = gpg.run_with("correct horse", &export, b"").stdout;
    let error = SecretKey::from_armored(&armored).unwrap_err();
    assert_eq!(error, KeyError::Protected);
    let locked = OwnKey::from_armored(&armored).unwrap();
    assert_eq!([locked.published().clone()], gpg.export(&[])[..]);
    let error = locked.unlock(b"incorrect horse").unwrap_err();
    assert_eq!(error, KeyError::WrongPassphrase);
    let secret = locked.unlock(b"correct horse").unwrap().signer().unwrap();
    assert!(
        secret
            .public_key()
            .verify_strict(b"hello", &secret.sign(b"hello"))
    );
}

#[test]
fn gpg_takes_a_key_that_we_protect() {
    let Some(gpg) = Gpg::new() else { return };
    // One of ours, and one by gpg with a subkey to encrypt.
    let own = ours();
    gpg.run(
        &["--quick-gen-key", "alice", "future-default", "default"],
        b"",
    );
    let made = SecretKey::from_armored(&gpg.export_secret("alice")).unwrap();
    for key in [own, made] {
        let fingerprint = key.fingerprint().to_string();
        let armored = key.to_armored_with(b"correct horse", OsRng).unwrap();
        let other = Gpg::new().unwrap();
        let import = other.run(&["--import"], armored.as_bytes());
        let imported = format!("[GNUPG:] IMPORT_OK 17 {fingerprint}");
        assert!(import.stderr.contains(&imported), "{}", import.stderr);

        // It signs by its passphrase.
        let sign = ["--detach-sign", "--local-user", &fingerprint];
        let signature = other.run_with("correct horse", &sign, b"hello").stdout;
        let file = other.home.path().join("hello.sig");
        fs::write(&file, signature).unwrap();
        let verified = other
            .run(&["--verify", file.to_str().unwrap(), "-"], b"hello")
            .stderr;
        let valid = format!("[GNUPG:] VALIDSIG {fingerprint}");
        assert!(verified.contains(&valid), "{verified}");

        // And comes back.
        let export = ["--armor", "--export-secret-keys"];
        let back = other.run_with("correct horse", &export, b"").stdout;
        let back = OwnKey::from_armored(&back).unwrap();
        assert!(back.is_locked());
        let back = back.unlock(b"correct horse").unwrap().signer().unwrap();
        assert_eq!(back.sign(b"hello"), key.sign(b"hello"));
    }
}

#[test]
fn gpg_sees_a_key_that_we_retire_or_revoke_as_revoked_and_why() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.new_key("alice", "ed25519");
    let made = SecretKey::from_armored(&gpg.export_secret("alice")).unwrap();
    for key in [ours(), made] {
        let at = key.created() + 100;
        for (ended, reason) in [
            (key.retire(at, OsRng), "20x,01"),
            (key.revoke(at, Withdrawal::Compromised, OsRng), "20x,02"),
            (key.revoke(at, Withdrawal::NoReason, OsRng), "20x,00"),
        ] {
            let ended = ended.unwrap();
            // The public half, and the file.
            for armored in [&ended.public_armored(), &*ended.to_armored()] {
                let gpg = Gpg::new().unwrap();
                gpg.run(&["--import"], armored.as_bytes());
                assert_eq!(gpg.list("--list-keys", "pub")[0][1], "r");
                let signatures = gpg.list("--check-sigs", "rev");
                assert_eq!(signatures.len(), 1, "{signatures:?}");
                let [good, dated, class] = [1, 5, 10].map(|field| &*signatures[0][field]);
                assert_eq!([good, class], ["!", reason]);
                assert_eq!(dated, at.to_string());
                assert_eq!(gpg.export(&[]), [ended.published().clone()]);
            }
        }
    }
}

#[test]
fn a_secret_that_gpg_left_out_is_missed() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.new_key("alice", "ed25519");
    let fingerprint = gpg.fingerprint("alice");
    gpg.run(&["--quick-add-key", &fingerprint, "cv25519", "encr"], b"");
    let export = |command| gpg.run(&["--armor", command, "alice"], b"").stdout;
    // Only what encrypts is there.
    let error = OwnKey::from_armored(&export("--export-secret-subkeys")).unwrap_err();
    assert_eq!(error, KeyError::SecretElsewhere);
    let error = OwnKey::from_armored(&export("--export")).unwrap_err();
    assert_eq!(error, KeyError::PublicNotSecret);
    // All keys at once.
    gpg.new_key("bob", "ed25519");
    let all = gpg.run(&["--armor", "--export-secret-keys"], b"").stdout;
    assert_eq!(
        OwnKey::from_armored(&all).unwrap_err(),
        KeyError::SeveralKeys
    );
    gpg.run(&["--quick-gen-key", "carol", "rsa2048", "sign"], b"");
    let error = OwnKey::from_armored(&gpg.export_secret("carol")).unwrap_err();
    assert_eq!(error, KeyError::Algorithm("an RSA key"));
}
