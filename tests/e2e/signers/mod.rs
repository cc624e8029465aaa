//! Who may sign what: what is expected of a package once it was seen, and what happens when that changes.
//!
//! - [`hijacks`]: an upgrade to a package that was taken over, and its honest twin;
//! - [`files`]: which signers file serves, who writes it and when;
//! - [`commands`]: `cargo signers`;
//! - [`serving`]: what could stand in the way of a file, or of what was seen;
//! - [`levels`]: what is new, and git;
//! - [`updates`]: what `cargo update` and the resolver make of it;
//! - [`maintainers`]: what `cargo publish` says before;
//! - [`words`]: all refusals, to be read.

mod commands;
mod files;
mod hijacks;
pub mod levels;
mod maintainers;
mod serving;
mod updates;
mod words;

use std::fs;
use std::path::Path;

use consign_identity::Identity;
use consign_identity::openpgp::{OsRng, SecretKey};
use consign_testbed::{Output, Reply};

use crate::World;

/// A key that `identity` signs with.
pub fn key_of(identity: &str) -> SecretKey {
    SecretKey::generate(&identity.parse().unwrap(), 1_700_000_000, OsRng).unwrap()
}

impl World {
    /// Publishes a version of `foo` by the registry account of octocat, signed as `identity` with `key`:
    /// what everybody can do who has that account's token.
    pub fn publish_foo_as(&self, version: &str, identity: &str, key: &SecretKey) {
        self.publish_unsigned(self.library("foo", version));
        let identity: Identity = identity.parse().unwrap();
        let token = self.registry.token("octocat");
        self.registry.sign("foo", version, &identity, key, &token);
    }

    /// Somebody at GitHub, with a key that the account publishes.
    pub fn stranger(&self, user: &str) -> SecretKey {
        let key = key_of(&format!("github:{user}"));
        self.keys.publish(user, &key.public_armored());
        key
    }

    /// A forge of the user's, called `corp`, that has numbers for its accounts.
    pub fn use_corp(&self) {
        let url = self.keys.url();
        self.user.add_config(&format!(
            "[signing.identities.corp]\nkind = \"forgejo\"\nhost = \"{url}\""
        ));
    }

    /// From now on `name` at `corp` is the account with this number, and publishes `keys`.
    pub fn corp_account(&self, name: &str, number: u64, keys: &[&SecretKey]) {
        let armored: String = keys.iter().map(|key| key.public_armored()).collect();
        self.keys.publish(name, &armored);
        let body = format!("{{\"id\": {number}, \"login\": \"{name}\"}}");
        let path = format!("/api/v1/users/{name}");
        self.keys.route(&path, Reply::body(body));
    }

    /// Runs the command that a message offers, which begins with `cargo signers allow`, with a reason.
    #[track_caller]
    pub fn do_what_it_says(&self, folder: &Path, message: &str) -> Output {
        let at = message.find("`cargo signers allow").unwrap();
        let command = message[at + 1..].split('`').next().unwrap();
        let words = command.split(' ').skip(1);
        let words: Vec<_> = words.map(|word| word.replace("WHY", "asked")).collect();
        self.user
            .cargo(&consign_testbed::consign(), folder)
            .args(words)
            .run()
            .succeeded()
    }
}

/// A command and its messages. (All of these may be indented, which a text in the source loses.)
pub fn told(output: &Output) -> String {
    format!("$ {}\n{}", output.command, output.stderr)
}

/// The `Cargo.signers` of a folder.
pub fn signers_file(folder: &Path) -> String {
    fs::read_to_string(folder.join("Cargo.signers")).unwrap()
}

/// What a home has seen in workspaces without a file.
pub fn sightings(world: &World) -> Vec<String> {
    let folder = world.user.path().join("signing/workspaces");
    let files = fs::read_dir(folder).into_iter().flatten();
    files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}
