//! What the fuzz targets run: each parser of untrusted bytes, and what has to hold of whatever it
//! accepts. Compiled for them and for the tests only.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::tree::{self, Tree, TreeError};
use crate::{Claim, Digest, Locator, RegistryId, Release, Statement, index};

/// The two fields of a line: the quick way out hides nothing, and what is read is written and read
/// again as the same.
pub fn claim(line: &[u8]) {
    let claim = Claim::from_json(line);
    if claim == Ok(Claim::Unsigned) {
        // A line that is no object at all has no fields either.
        assert!(matches!(
            Claim::parse(line),
            Ok(Claim::Unsigned) | Err(crate::Malformed::Json(_))
        ));
    }
    if let Ok(Claim::Signed(fields)) = claim {
        let written = serde_json::to_vec(&fields).expect("fields can be written");
        assert_eq!(Claim::from_json(&written), Ok(Claim::Signed(fields)));
    }
}

/// A whole line: whatever it tells, told again in another order it gives the same statement.
pub fn entry(line: &[u8]) {
    let Ok(mut entry) = serde_json::from_slice::<index::Entry<'_>>(line) else {
        return;
    };
    let Ok(release) = Release::from_index(&entry) else {
        return;
    };
    let statement = statement(&release);
    let body = serde_json::from_slice::<serde_json::Value>(statement.body()).expect("a JSON body");
    assert_eq!(
        body["deps"].as_array().map(Vec::len),
        Some(entry.deps.len())
    );

    entry.deps.reverse();
    for dep in &mut entry.deps {
        dep.features.reverse();
    }
    let written = serde_json::to_vec(&entry).expect("an entry can be written");
    let again = serde_json::from_slice::<index::Entry<'_>>(&written).expect("and read again");
    let again = Release::from_index(&again).expect("as a release");
    assert_eq!(statement, self::statement(&again));
}

fn statement(release: &Release) -> Statement {
    let key = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key = key.parse().expect("a key");
    let signer = Locator::new("github", "octocat", None, key).expect("a locator");
    let registry = RegistryId::crates_io();
    Statement::new(release, &registry, &Digest::of(b""), &signer, 0).expect("a time in range")
}

/// A key locator: what is read is written and read again as the same.
pub fn locator(object: &[u8]) {
    if let Ok(locator) = Locator::from_json(object) {
        let written = serde_json::to_vec(&locator).expect("a locator can be written");
        assert_eq!(Locator::from_json(&written), Ok(locator));
    }
}

/// An archive, as it came and, since few inputs get past the checksum of gzip, as what is inside:
/// the digest is that of the files, in whatever order they are told, and an archive is accepted
/// whether its files are looked at or passed over.
pub fn archive(bytes: &[u8]) {
    for archive in [bytes, &gzip(bytes)] {
        let read = tree::of_crate(archive, "foo", "1.0.0", LIMIT);
        let passed = check(archive, |_| false);
        assert_eq!(read.is_ok(), passed.is_ok());
        let Ok(files) = check(archive, |_| true) else {
            continue;
        };
        let mut again = Tree::new();
        for (path, digest) in files.into_iter().rev() {
            again
                .add_file(path, digest)
                .expect("a path that was accepted");
        }
        assert_eq!(read.expect("the same archive"), again.finish());
    }
}

const LIMIT: u64 = 1 << 20;

fn check(
    archive: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Digest>, TreeError> {
    tree::check_tar(GzDecoder::new(archive), "foo", "1.0.0", LIMIT, wanted)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::none());
    gz.write_all(bytes).expect("memory takes all");
    gz.finish().expect("memory takes all")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The committed seeds of each target hold what the target asks for.
    #[test]
    fn the_seeds_pass() {
        let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
        type Target = (&'static str, fn(&[u8]));
        let targets: [Target; 4] = [
            ("claim", claim),
            ("entry", entry),
            ("locator", locator),
            ("archive", archive),
        ];
        for (name, target) in targets {
            let mut run = 0;
            for seed in seeds.join(name).read_dir().unwrap() {
                let seed = std::fs::read(seed.unwrap().path()).unwrap();
                target(&seed);
                run += 1;
            }
            assert!(run > 0, "no seed for {name}");
        }
    }

    /// A seed that is refused at once would lead the search nowhere.
    #[test]
    fn the_archives_among_the_seeds_are_read() {
        let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
        for seed in seeds.join("archive").read_dir().unwrap() {
            let path = seed.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            if path.extension().unwrap() == "tar" {
                bytes = gzip(&bytes);
            }
            let files = check(&bytes, |_| true).unwrap();
            assert!(files.len() >= 2, "{}", path.display());
        }
    }
}
