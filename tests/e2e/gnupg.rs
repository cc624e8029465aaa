//! The system's GnuPG, and a key of its own making.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use consign_testbed::skipped;

use crate::World;
use crate::keys::set_mode;

/// The system's GnuPG, with a folder of its own.
pub struct Gnupg {
    pub home: PathBuf,
}

impl Gnupg {
    /// `None` where there is none, which is said.
    pub fn new(world: &World) -> Option<Gnupg> {
        let home = world.sandbox.path().join("g");
        fs::create_dir(&home).unwrap();
        set_mode(&home, 0o700);
        if Command::new("gpg").arg("--version").output().is_err() {
            skipped("there is no gpg");
            return None;
        }
        Some(Gnupg { home })
    }

    /// What `gpg ARGS` prints, given `input`, with this passphrase for all keys.
    pub fn run(&self, passphrase: &str, args: &[&str], input: &str) -> String {
        let secret = ["--batch", "--yes", "--passphrase", passphrase];
        self.gpg(&[&secret, args].concat(), input)
    }

    /// Answers what `gpg ARGS` asks, which it does not in batch mode.
    pub fn answer(&self, args: &[&str], answers: &str) {
        let how = ["--no-tty", "--passphrase", "", "--command-fd", "0"];
        self.gpg(&[&how, args].concat(), answers);
    }

    fn gpg(&self, args: &[&str], input: &str) -> String {
        let mut child = Command::new("gpg")
            .args(["--quiet", "--pinentry-mode", "loopback"])
            .args(args)
            .env("GNUPGHOME", &self.home)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", &self.home)
            .status();
    }
}

/// A keyring with one Ed25519 key without a passphrase.
pub struct Keyring {
    gnupg: Gnupg,
    address: String,
}

impl Keyring {
    /// Makes the key. `None` where there is no GnuPG: then there is nothing to be tried.
    pub fn with_key_of(world: &World, address: &str) -> Option<Keyring> {
        let gnupg = Gnupg::new(world)?;
        let new = ["--quick-generate-key", address, "ed25519", "sign", "never"];
        gnupg.run("", &new, "");
        let address = address.to_owned();
        Some(Keyring { gnupg, address })
    }

    /// The secret key, armored.
    pub fn secret(&self) -> String {
        self.gnupg.run("", &["--armor", "--export-secret-keys"], "")
    }

    /// The public key, armored.
    pub fn public(&self) -> String {
        self.gnupg.run("", &["--armor", "--export"], "")
    }

    /// Puts the public key into the Web Key Directory below `folder`, with GnuPG's own tool for that.
    /// `None` where that is not there.
    pub fn install(&self, folder: &Path) -> Option<()> {
        let tool = ["/usr/lib/gnupg", "/usr/libexec", "/usr/bin"];
        let tool = tool.map(|folder| Path::new(folder).join("gpg-wks-client"));
        let Some(tool) = tool.iter().find(|tool| tool.is_file()) else {
            skipped("there is no gpg-wks-client");
            return None;
        };
        let file = self.gnupg.home.join("key.pgp");
        fs::write(&file, self.public()).unwrap();
        let (_, domain) = self.address.split_once('@').unwrap();
        fs::create_dir_all(folder.join(domain)).unwrap();
        let output = Command::new(tool)
            .arg("--directory")
            .arg(folder)
            .arg("--install-key")
            .args([&file, Path::new(&self.address)])
            .env("GNUPGHOME", &self.gnupg.home)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool:?}: {stderr}");
        Some(())
    }
}
