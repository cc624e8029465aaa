//! A server that is killed in the middle of a publish holds the whole version or none of it.
//!
//! The real server is killed with SIGKILL at moments spread over the time that a publish takes, and
//! some more, and started again on the same folder. What was acknowledged must be there; what is
//! there must be whole; what is not there must be publishable. `CONSIGN_SEED` repeats a run's
//! moments, as far as a machine repeats anything.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use support::{Server, request, send, token, upload};
use tempfile::TempDir;

const KILLS: u32 = 100;

/// On a machine where that takes long, fewer.
const LONGEST: Duration = Duration::from_secs(30);

/// A version to be published. Every third one is the first of its package.
struct Release {
    name: String,
    version: String,
    bytes: Vec<u8>,
}

impl Release {
    fn new(n: u32) -> Release {
        let (name, version) = (format!("package-{}", n / 3), format!("0.{}.0", n % 3));
        let folder = format!("{name}-{version}");
        let toml = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n");
        // Large enough that writing it takes a while, and of its own bytes.
        let mut random = Random(u64::from(n) + 1);
        let noise: Vec<u8> = (0..256 * 1024).map(|_| random.next() as u8).collect();
        let bytes = support::archive_of(&[
            (&format!("{folder}/Cargo.toml"), toml.as_bytes()),
            (&format!("{folder}/noise"), &noise),
        ]);
        Release {
            name,
            version,
            bytes,
        }
    }

    /// Whether the registry acknowledged it. A connection that breaks is no.
    fn publish(&self, url: &str, token: &str) -> bool {
        let body = upload(&request(&self.name, &self.version), &self.bytes);
        let headers = [("authorization", token)];
        match send(url, "PUT", "/api/v1/crates/new", &headers, &body) {
            Ok(reply) => {
                assert_eq!(reply.status, 200, "{}", reply.text());
                true
            }
            Err(_) => false,
        }
    }

    /// Whether a server that was killed has left anything of it.
    fn has_traces(&self, root: &Path) -> bool {
        let folder = root.join("packages").join(self.name.replace('-', "_"));
        let traces = |name: &String| name.starts_with('.') || name.starts_with(&self.version);
        files(&folder).iter().any(traces)
    }

    /// Whether it is there. Half of it fails the test.
    fn is_there(&self, server: &Server) -> bool {
        let index = server.get(&format!("/index/pa/ck/{}", self.name));
        assert!([200, 404].contains(&index.status), "{}", index.text());
        let text = if index.status == 200 {
            index.text()
        } else {
            String::new()
        };
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["vers"] == *self.version)
            .collect();
        let url = format!("/api/v1/crates/{}/{}/download", self.name, self.version);
        let download = server.get(&url);
        if lines.is_empty() {
            assert_eq!(
                download.status, 404,
                "{} {}: bytes without a line",
                self.name, self.version
            );
            return false;
        }
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(
            download.status, 200,
            "{} {}: a line without bytes",
            self.name, self.version
        );
        assert!(
            download.body == self.bytes,
            "{} {}: other bytes",
            self.name,
            self.version
        );
        let cksum = consign_statement::Digest::of(&self.bytes).to_string();
        assert_eq!(lines[0]["cksum"], *cksum);
        true
    }
}

#[test]
fn a_killed_publish_is_whole_or_not_at_all() {
    let seed = std::env::var("CONSIGN_SEED").map_or_else(
        |_| SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1,
        |seed| seed.parse().unwrap(),
    );
    println!("CONSIGN_SEED={seed}");
    let mut random = Random(seed);
    let root = TempDir::new().unwrap();
    let token = token(root.path(), "alice");
    let mut server = Server::start(root.path(), &[]);

    // How long a publish takes when nobody kills anything, with a server just started as below.
    let started = Instant::now();
    let mut undisturbed: Vec<Duration> = (0..5)
        .map(|n| {
            server.kill();
            server = Server::start(root.path(), &[]);
            let release = Release::new(3 * (KILLS + n));
            let started = Instant::now();
            assert!(release.publish(&server.url, &token));
            started.elapsed()
        })
        .collect();
    undisturbed.sort();
    let whole = undisturbed[2];

    let (mut acknowledged, mut kept, mut lost, mut half_way) = (0, 0, 0, 0);
    let mut all = Vec::new();
    for n in 0..KILLS {
        let release = Release::new(n);
        if started.elapsed() > LONGEST {
            break;
        }
        // One moment in each of as many equal parts of twice that time, early and late in turns.
        let part = whole * 2 / KILLS;
        let delay = part * (n * 37 % KILLS) + part.mul_f64(random.next() as f64 / u64::MAX as f64);
        let url = server.url.clone();
        let was_acknowledged = std::thread::scope(|scope| {
            let publisher = scope.spawn(|| release.publish(&url, &token));
            std::thread::sleep(delay);
            server.kill();
            publisher.join().unwrap()
        });
        let traces = release.has_traces(root.path());
        server = Server::start(root.path(), &[]);
        let is_there = release.is_there(&server);
        assert!(
            is_there || !was_acknowledged,
            "{} {}",
            release.name,
            release.version
        );
        if is_there {
            kept += 1;
        } else {
            lost += 1;
            half_way += u32::from(traces);
            assert!(release.publish(&server.url, &token));
            assert!(release.is_there(&server));
        }
        acknowledged += u32::from(was_acknowledged);
        all.push(release);
    }
    println!(
        "one publish {whole:?}; {kept} kept, {acknowledged} of them acknowledged; {lost} lost, \
         {half_way} of them half-way"
    );
    assert!(lost > 0, "no kill came before the end of a publish");
    // What was there has stayed there, and nothing else has come.
    assert!(all.iter().all(|release| release.is_there(&server)));
    assert_eq!(unfinished(root.path()), BTreeSet::new());
}

/// The names of the files that killed servers left unfinished.
fn unfinished(root: &Path) -> BTreeSet<String> {
    let packages = fs::read_dir(root.join("packages")).unwrap();
    packages
        .flat_map(|package| files(&package.unwrap().path()))
        .filter(|name| name.starts_with('.'))
        .collect()
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Marsaglia's xorshift: enough to pick moments and to make bytes that do not compress.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
