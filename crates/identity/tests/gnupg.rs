//! The real `gpg` takes our keys for what they are, and we its.
//!
//! Needs GnuPG 2.1 or later. `CONSIGN_SKIP_GPG=1` skips these tests, loudly.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use consign_identity::Identity;
use consign_identity::openpgp::{KeyState, OsRng, PublishedKey, SecretKey, read_public};

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
            eprintln!("SKIPPED, since CONSIGN_SKIP_GPG=1: nothing was tried with the real gpg");
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
        let mut gpg = Command::new("gpg")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--batch", "--no-tty", "--status-fd", "2"])
            .args(["--pinentry-mode", "loopback", "--passphrase", ""])
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
        let listing = self.run(&["--with-colons", command], b"").stdout;
        String::from_utf8_lossy(&listing)
            .lines()
            .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>())
            .filter(|fields| fields[0] == record)
            .collect()
    }

    fn new_key(&self, name: &str, algorithm: &str) {
        self.run(&["--quick-gen-key", name, algorithm, "sign", "never"], b"");
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
    assert!(key.check(key.created).is_err());
    let secret = gpg.run(&["--armor", "--export-secret-keys"], b"").stdout;
    let error = SecretKey::from_armored(&secret).unwrap_err().to_string();
    assert_eq!(
        error,
        "the key cannot sign releases: its owner has revoked the key"
    );
}
