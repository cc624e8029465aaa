//! Archives that unpack to something else than files in their own folder, signed by whoever may.
//!
//! Nobody can sign them with our cargo. The attacker is therefore one who has a key that counts and
//! writes his own tools.

use std::fs;
use std::io::{Read as _, Write as _};

use consign_statement::{Digest, Locator, Release, index, sign};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::{EVIL, Scene, Victim};
use crate::World;
use crate::recorder::Recorder;

/// A `.crate` that is being made by hand, entry by entry.
pub struct Archive {
    gz: GzEncoder<Vec<u8>>,
}

impl Archive {
    fn new() -> Archive {
        let gz = GzEncoder::new(Vec::new(), Compression::fast());
        Archive { gz }
    }

    /// A file, whatever its path.
    pub fn file(&mut self, path: &str, content: &str) {
        let mut content = content.as_bytes().to_owned();
        self.header(path, EntryType::Regular, "", content.len() as u64);
        content.resize(content.len().next_multiple_of(512), 0);
        self.gz.write_all(&content).unwrap();
    }

    /// A file of that many zeros, a multiple of 512.
    fn zeros(&mut self, path: &str, length: u64) {
        self.header(path, EntryType::Regular, "", length);
        std::io::copy(&mut std::io::repeat(0).take(length), &mut self.gz).unwrap();
    }

    /// What is neither a file nor a directory; a link leads to `target`.
    pub fn special(&mut self, path: &str, kind: EntryType, target: &str) {
        self.header(path, kind, target, 0);
    }

    /// It is written as it is: the `tar` crate refuses some of what an attacker would write.
    fn header(&mut self, path: &str, kind: EntryType, target: &str, length: u64) {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_size(length);
        header.set_cksum();
        self.gz.write_all(header.as_bytes()).unwrap();
    }

    fn finish(mut self) -> Vec<u8> {
        self.gz.write_all(&[0; 1024]).unwrap();
        self.gz.finish().unwrap()
    }
}

/// Puts an archive in the place of `foo` 1.0.0, signed by octocat over just these bytes.
///
/// Where such an archive has no tree that could be signed, any digest stands for it.
pub fn publish_by_hand(world: &World, fill: impl FnOnce(&mut Archive)) {
    let mut archive = Archive::new();
    fill(&mut archive);
    let bytes = archive.finish();
    let cksum = Digest::of(&bytes);
    let tree = consign_statement::tree::of_crate(&bytes[..], "foo", "1.0.0", 1 << 30);
    let tree = tree.unwrap_or(cksum);
    fs::write(world.registry.crate_path("foo", "1.0.0"), &bytes).unwrap();
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["cksum"] = cksum.to_string().into();
        let text = line.to_string();
        let entry: index::Entry<'_> = serde_json::from_str(&text).unwrap();
        let release = Release::from_index(&entry).unwrap();
        let key = world.secret_key();
        let locator = Locator::new("github", "octocat", None, key.public_key()).unwrap();
        let registry = world.registry.identity();
        let fields = sign(&release, &registry, &tree, locator, 1_900_000_000, &key).unwrap();
        let fields = serde_json::to_value(fields).unwrap();
        line["key_locator"] = fields["key_locator"].clone();
        line["signature"] = fields["signature"].clone();
    });
}

/// What a package needs to be one.
fn fill(archive: &mut Archive) {
    let manifest = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
    let lib = "pub fn name() -> &'static str { \"foo 1.0.0\" }";
    archive.file("foo-1.0.0/Cargo.toml", manifest);
    archive.file("foo-1.0.0/src/lib.rs", lib);
}

/// A scene in which `foo` is such an archive: a good package, and something beside it.
fn scene(more: impl FnOnce(&mut Archive)) -> Scene {
    let world = World::with_foo(["1.0.0"]);
    publish_by_hand(&world, |archive| {
        fill(archive);
        more(archive);
    });
    Scene::of(world)
}

/// The `.crate` of `foo` in `bytes` as that of another version: its root and its manifest say so.
pub fn renumbered(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut made = Archive::new();
    for entry in tar::Archive::new(GzDecoder::new(bytes)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let version = |version: &str| format!("version = \"{version}\"");
        made.file(
            &path.replacen(from, to, 1),
            &content.replace(&version(from), &version(to)),
        );
    }
    made.finish()
}

const UNFIT: &str = "`github:octocat` signed an archive that may not be unpacked: ";

/// cargo makes sure that nothing is unpacked outside of the folder in which all packages are, and a
/// link leads from one of them to the next.
#[test]
fn link_to_a_neighbour_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish(world.library("bar", "1.0.0"));
    publish_by_hand(&world, |archive| {
        fill(archive);
        archive.special("foo-1.0.0/next", EntryType::Symlink, "../bar-1.0.0");
        archive.file("foo-1.0.0/next/src/lib.rs", EVIL);
    });
    let scene = Scene::building(world, |app| {
        let app = app.dependency("foo", "1").dependency("bar", "1");
        app.program("println!(\"{}\", bar::name());")
    });
    // What another program needed.
    scene.attack(|victim| {
        let other = scene.world.sandbox.package("other").folder(&victim.name());
        let other = other.dependency("bar", "1").program("").write();
        victim.run_in(&other, ["fetch"]).is_unharmed("");
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign
        .refuses(UNFIT)
        .says("`foo-1.0.0/next` is a symbolic link");
}

/// Sources are copied in full by some: a link has a file of the victim's copied with them.
#[test]
fn link_to_a_secret_is_refused() {
    let secret = "foo-1.0.0/src/secret";
    let scene = scene(|archive| archive.special(secret, EntryType::Symlink, "/etc/passwd"));
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    let link = scene.stock.unpacked("foo-1.0.0").join("src/secret");
    assert!(link.is_symlink());
    consign
        .refuses(UNFIT)
        .says("`foo-1.0.0/src/secret` is a symbolic link");
}

#[test]
fn hard_link_is_refused() {
    let hard = "foo-1.0.0/src/hard";
    let scene = scene(|archive| archive.special(hard, EntryType::Link, "foo-1.0.0/src/lib.rs"));
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign
        .refuses(UNFIT)
        .says("`foo-1.0.0/src/hard` is a hard link");
}

#[test]
fn absolute_path_is_refused() {
    let scene = scene(|archive| archive.file("/tmp/evil", ""));
    let (stock, consign) = scene.run(["run"]);
    stock.refuses("contains a file at \"/tmp/evil\" which isn't under \"foo-1.0.0\"");
    consign
        .refuses(UNFIT)
        .says("`/tmp/evil` is not below `foo-1.0.0/`");
}

/// Stock cargo leaves such a file out without a word.
#[test]
fn path_through_the_parent_is_refused() {
    let scene = scene(|archive| archive.file("foo-1.0.0/../bar-1.0.0/src/lib.rs", EVIL));
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign
        .refuses(UNFIT)
        .says("`../bar-1.0.0/src/lib.rs` has a name that no packaged file may have");
}

#[test]
fn file_beside_the_package_is_refused() {
    let scene = scene(|archive| archive.file("bar-1.0.0/src/lib.rs", EVIL));
    let (stock, consign) = scene.run(["run"]);
    stock.refuses("contains a file at \"bar-1.0.0/src/lib.rs\" which isn't under \"foo-1.0.0\"");
    consign
        .refuses(UNFIT)
        .says("`bar-1.0.0/src/lib.rs` is not below `foo-1.0.0/`");
}

/// Whoever reads a pipe that nobody writes to, waits.
#[test]
fn pipe_is_refused() {
    let scene = scene(|archive| archive.special("foo-1.0.0/fifo", EntryType::Fifo, ""));
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign
        .refuses(UNFIT)
        .says("`foo-1.0.0/fifo` is a named pipe");
}

#[test]
fn device_is_refused() {
    let scene = scene(|archive| archive.special("foo-1.0.0/device", EntryType::Char, ""));
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses(UNFIT).says("`foo-1.0.0/device` is a");
}

/// Who reviews the archive may see the one, and who unpacks it the other.
#[test]
fn path_that_is_there_twice_is_refused() {
    let scene = scene(|archive| archive.file("foo-1.0.0/src/lib.rs", EVIL));
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses(UNFIT).says("`src/lib.rs`");
}

/// On a file system that does not tell them apart the second is the one that is compiled.
#[test]
fn names_that_differ_in_case_are_refused() {
    let scene = scene(|archive| archive.file("foo-1.0.0/src/Lib.rs", EVIL));
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign
        .refuses(UNFIT)
        .says("`src/Lib.rs` cannot be in one package with `src/lib.rs`");
}

/// The mark by which cargo knows that all was unpacked.
#[test]
fn file_of_cargos_own_is_refused() {
    let scene = scene(|archive| archive.file("foo-1.0.0/.cargo-ok", "{\"v\":1}"));
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign
        .refuses(UNFIT)
        .says("`.cargo-ok` has a name that no packaged file may have");
}

/// Six hundred megabytes of nothing, packed into less than three.
#[test]
fn compression_bomb_is_refused_before_it_is_unpacked() {
    let scene = scene(|archive| archive.zeros("foo-1.0.0/zeros", 600 << 20));
    let (stock, consign) = scene.run(["fetch"]);
    stock.refuses("maximum limit reached when reading");
    consign.refuses(UNFIT);
    // Stock cargo has written what the limit allows.
    let zeros = scene.stock.unpacked("foo-1.0.0").join("zeros");
    assert!(fs::metadata(zeros).unwrap().len() > 500 << 20);
    let unpacked = scene.consign.home.path().join("registry/src");
    let registries = fs::read_dir(unpacked).into_iter().flatten();
    for registry in registries {
        assert!(!registry.unwrap().path().join("foo-1.0.0").exists());
    }
}

/// Nobody is led to sign such a thing by accident.
#[cfg(unix)]
#[test]
fn package_with_names_that_differ_in_case_cannot_be_published() {
    let scene = Scene::with_foo();
    let package = scene.world.library("bar", "1.0.0");
    let folder = package.file("a", "").file("A", "").write();
    let publish = |mut victim: Victim| {
        // A registry that does not look at what it is given.
        let registry = Recorder::start();
        let index = format!(
            "[registries.recorder]\nindex = \"{}\"",
            registry.index_url()
        );
        victim.home.add_config(&index);
        victim.app = folder.clone();
        let publish = ["publish", "--no-verify", "--registry", "recorder"];
        let cargo = victim.home.cargo(&victim.cargo, &victim.app).args(publish);
        victim.ran(cargo.env("CARGO_REGISTRIES_RECORDER_TOKEN", "t"))
    };
    // Of the publishers, ours has a key.
    let octocat = Victim {
        home: scene.world.octocat.clone(),
        ..scene.consign
    };
    let (stock, consign) = (publish(scene.stock), publish(octocat));
    stock.is_misled("");
    consign.refuses("cannot be in one package with");
}
