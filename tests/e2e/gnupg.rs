//! The system's GnuPG, with a key of its own making.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use consign_testbed::skipped;

use crate::World;

/// A keyring with one Ed25519 key without a passphrase.
pub struct GnuPg {
    home: PathBuf,
    address: String,
}

impl GnuPg {
    /// Makes the key. `None` where there is no GnuPG: then there is nothing to be tried.
    pub fn with_key_of(world: &World, address: &str) -> Option<GnuPg> {
        // The path to its sockets must be short.
        let home = world.sandbox.path().join("g");
        fs::create_dir(&home).unwrap();
        crate::keys::set_mode(&home, 0o700);
        let gnupg = GnuPg {
            home,
            address: address.to_owned(),
        };
        if Command::new("gpg").arg("--version").output().is_err() {
            skipped("there is no gpg");
            return None;
        }
        gnupg.gpg(&["--quick-generate-key", address, "ed25519", "sign", "never"]);
        Some(gnupg)
    }

    /// The secret key, armored.
    pub fn secret(&self) -> String {
        self.gpg(&["--armor", "--export-secret-keys"])
    }

    /// The public key, armored.
    pub fn public(&self) -> String {
        self.gpg(&["--armor", "--export"])
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
        let file = self.home.join("key.pgp");
        fs::write(&file, self.public()).unwrap();
        let (_, domain) = self.address.split_once('@').unwrap();
        fs::create_dir_all(folder.join(domain)).unwrap();
        let mut command = Command::new(tool);
        command
            .arg("--directory")
            .arg(folder)
            .arg("--install-key")
            .args([&file, Path::new(&self.address)]);
        self.run(command);
        Some(())
    }

    fn gpg(&self, args: &[&str]) -> String {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        command.args(["--passphrase", ""]).args(args);
        self.run(command)
    }

    fn run(&self, mut command: Command) -> String {
        let output = command.env("GNUPGHOME", &self.home).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for GnuPg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", &self.home)
            .status();
    }
}
