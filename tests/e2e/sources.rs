//! Every way by which the packages of a registry come to a user: honest, and not.

use std::fs;
use std::path::Path;
use std::process::Command;

use consign_statement::RegistryId;
use consign_testbed::{Home, Output, PackageBuilder, Registry, consign, stock};
use serde_json::{Value, json};

use crate::World;
use crate::world::copy_packages;

/// `foo` 1.0.0: its index line, and its archive.
pub type Foo = (Value, Vec<u8>);

/// A way: makes `foo` come to a new user by it, in place of the registry. Gives that user.
pub type Way = fn(&World, &Foo) -> Home;

pub const WAYS: [(&str, Way); 4] = [
    ("the registry itself", registry_itself),
    ("a sparse mirror", sparse_mirror),
    ("a mirror in git", git_mirror),
    ("a local registry", local_registry),
];

fn registry_itself(world: &World, (line, archive): &Foo) -> Home {
    put(&world.registry, line, archive);
    new_user(world)
}

fn sparse_mirror(world: &World, (line, archive): &Foo) -> Home {
    let mirror = Registry::start(&world.sandbox);
    copy_packages(&world.registry, &mirror);
    put(&mirror, line, archive);
    let user = new_user(world);
    let index = mirror.index_url();
    replace(world, &user, &format!("registry = \"{index}\""));
    // It is served as long as the test lasts.
    world.keep(mirror);
    user
}

fn git_mirror(world: &World, served: &Foo) -> Home {
    let user = new_user(world);
    let index = git_index(user.path(), served);
    replace(world, &user, &format!("registry = \"{index}\""));
    user
}

fn local_registry(world: &World, (line, archive): &Foo) -> Home {
    let user = new_user(world);
    let folder = user.path().join("local-registry");
    fs::create_dir_all(folder.join("index/3/f")).unwrap();
    fs::write(folder.join("index/3/f/foo"), format!("{line}\n")).unwrap();
    fs::write(folder.join("foo-1.0.0.crate"), archive).unwrap();
    replace(
        world,
        &user,
        &format!("local-registry = '{}'", folder.display()),
    );
    user
}

/// Somebody who has never seen anything of the registry.
pub fn new_user(world: &World) -> Home {
    let name = (1..)
        .map(|n| format!("user-{n}"))
        .find(|name| !world.sandbox.path().join("homes").join(name).exists());
    let user = world.sandbox.home(&name.unwrap());
    user.use_registry(&world.registry, None);
    user.use_keys(&world.keys);
    user
}

/// Has the user take from another source what is the registry's.
pub fn replace(world: &World, user: &Home, source: &str) {
    user.add_config(&format!(
        "[source.original]\nregistry = \"{}\"\nreplace-with = \"other\"\n[source.other]\n{source}",
        world.registry.index_url()
    ));
}

/// Puts `foo` where a registry keeps it.
pub fn put(registry: &Registry, line: &Value, archive: &[u8]) {
    fs::write(registry.crate_path("foo", "1.0.0"), archive).unwrap();
    registry.write_index("foo", &format!("{line}\n"));
}

/// An index of the old kind, a git repository, in a folder; the archive lies beside it. Gives its
/// URL.
pub fn git_index(folder: &Path, (line, archive): &Foo) -> String {
    let folder = folder.join("git-index");
    fs::create_dir_all(folder.join("3/f")).unwrap();
    let dl = format!("file://{}/{{crate}}-{{version}}.crate", folder.display());
    fs::write(folder.join("config.json"), json!({ "dl": dl }).to_string()).unwrap();
    fs::write(folder.join("3/f/foo"), format!("{line}\n")).unwrap();
    fs::write(folder.join("foo-1.0.0.crate"), archive).unwrap();
    for args in [
        &["init", "--quiet"][..],
        &["add", "."],
        &[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t",
            "commit",
            "--quiet",
            "-m",
            "index",
        ],
    ] {
        let status = Command::new("git").args(args).current_dir(&folder).status();
        assert!(status.unwrap().success(), "git {args:?}");
    }
    format!("file://{}", folder.display())
}

pub fn honest(world: &World) -> Foo {
    let archive = fs::read(world.registry.crate_path("foo", "1.0.0")).unwrap();
    (world.registry.line("foo", "1.0.0"), archive)
}

/// Takes the signature away.
fn strip((line, archive): &mut Foo) {
    *archive = consign_testbed::crate_without_file(archive, consign_statement::carrier::NAME);
    line["cksum"] = consign_statement::Digest::of(archive).to_string().into();
    let line = line.as_object_mut().unwrap();
    line.remove("signature");
    line.remove("key_locator");
}

fn run(world: &World, user: &Home) -> Output {
    let app = world.app();
    let _ = fs::remove_file(app.join("Cargo.lock"));
    let _ = fs::remove_dir_all(app.join("target"));
    let args = ["run", "--quiet", "--require-signatures"];
    user.cargo(&consign(), &app).args(args).run()
}

/// Whatever is served in place of `foo`, it is refused by every way with these words.
fn refused_by_every_way(change: impl Fn(&mut Foo), words: &str) {
    let world = World::with_foo(["1.0.0"]);
    let mut served = honest(&world);
    change(&mut served);
    for (name, way) in WAYS {
        let output = run(&world, &way(&world, &served));
        assert_eq!(output.status, Some(101), "{name}: {}", output.stderr);
        assert!(output.stderr.contains(words), "{name}: {}", output.stderr);
    }
}

#[test]
fn mirror_of_a_registry_carries_its_signatures() {
    let world = World::with_foo(["1.0.0"]);
    let served = honest(&world);
    for (name, way) in WAYS {
        let user = way(&world, &served);
        let output = run(&world, &user);
        assert_eq!(output.stdout, "foo 1.0.0\n", "{name}: {}", output.stderr);
        // Here nothing but the source knows which registry it stands for.
        let args = ["vendor", "--respect-source-config", "--require-signatures"];
        let output = user.cargo(&consign(), &world.app()).args(args).run();
        assert_eq!(output.status, Some(0), "{name}: {}", output.stderr);
    }
}

/// Nor is what was unpacked before taken for unsigned, or believed.
#[test]
fn mirror_of_a_registry_has_what_its_packages_carry() {
    let world = World::new();
    world.publish_elsewhere(world.library("foo", "1.0.0"));
    let served = honest(&world);
    for (name, way) in WAYS {
        let user = way(&world, &served);
        for _ in 0..2 {
            let output = run(&world, &user);
            assert_eq!(output.stdout, "foo 1.0.0\n", "{name}: {}", output.stderr);
        }
        let sources = fs::read_dir(user.path().join("registry/src")).unwrap();
        for registry in sources {
            let file = registry.unwrap().path().join("foo-1.0.0/src/lib.rs");
            fs::write(file, "pub fn name() -> &'static str { \"evil\" }").unwrap();
        }
        // Who never saw it signed knows it by what it carries alone.
        fs::remove_dir_all(user.path().join("signing")).unwrap();
        fs::remove_dir_all(world.app().join("target")).unwrap();
        let output = user.cargo(&consign(), &world.app()).args(["run"]).run();
        assert_eq!(output.stdout, "foo 1.0.0\n", "{name}: {}", output.stderr);
        let again = "was unpacked again, since not all was as it was signed (`src/lib.rs`)";
        assert!(output.stderr.contains(again), "{name}: {}", output.stderr);
    }
}

/// What stands in for two registries has one folder for the package that both have. What the third one has
/// under the same name and version is another package.
#[test]
fn package_is_unpacked_from_the_archive_of_its_own_registry() {
    let world = World::new();
    let [other, _third] = ["other", "third"].map(|name| {
        let registry = Registry::start(&world.sandbox);
        let known = format!(
            "[registries.{name}]\nindex = \"{}\"\n",
            registry.index_url()
        );
        world.user.add_config(&known);
        let token = registry.token("octocat");
        world
            .octocat
            .add_config(&format!("{known}token = \"{token}\""));
        registry
    });
    let publish = |cargo: &Path, name: &str, package: PackageBuilder| {
        let args = ["publish", "--no-verify", "--registry", name];
        let publish = world.octocat.cargo(cargo, &package.write());
        publish.args(args).run().succeeded();
    };
    let foo_of = |name: &str| {
        let lib = format!("pub fn name() -> &'static str {{ \"of {name}\" }}");
        world.library("foo", "1.0.0").file("src/lib.rs", lib)
    };
    for (name, registry) in [("demo", &world.registry), ("other", &other)] {
        publish(&consign(), name, foo_of(name));
        registry.edit_line("foo", "1.0.0", |line| {
            let line = line.as_object_mut().unwrap();
            line.remove("key_locator");
            line.remove("signature");
        });
    }
    publish(&stock(), "third", foo_of("third"));
    let tool = |name: &str, main: &str| world.library(name, "1.0.0").program(main);
    let both = tool("both", "println!(\"{} {}\", foo::name(), bar::name());");
    let both = both
        .dependency("foo", "1")
        .dependency_line("bar = { package = \"foo\", version = \"1\", registry = \"other\" }");
    publish(&consign(), "third", both);
    let own = tool("own", "println!(\"{}\", foo::name());");
    let own = own.dependency_line("foo = { version = \"1\", registry = \"third\" }");
    publish(&consign(), "third", own);

    let mirror = Registry::start(&world.sandbox);
    // Where it is not known which of two registries is meant, it is the first.
    let first = match world.registry.index_url() < other.index_url() {
        true => &world.registry,
        false => &other,
    };
    copy_packages(first, &mirror);
    let stands_in = |name: &str, of: &Registry| {
        format!(
            "[source.{name}]\nregistry = \"{}\"\nreplace-with = \"mirror\"\n",
            of.index_url()
        )
    };
    world.user.add_config(&format!(
        "{}{}[source.mirror]\nregistry = \"{}\"",
        stands_in("first", &world.registry),
        stands_in("second", &other),
        mirror.index_url()
    ));
    let install = ["install", "--debug", "--registry", "third", "both", "own"];
    world.cargo(world.sandbox.path(), install).succeeded();
    let own = world.user.path().join("bin/own");
    let own = own.with_extension(std::env::consts::EXE_EXTENSION);
    let printed = Command::new(own).output().unwrap().stdout;
    assert_eq!(String::from_utf8(printed).unwrap(), "of third\n");
}

#[test]
fn what_is_said_of_a_registry_holds_for_its_mirrors() {
    let world = World::with_foo(["1.0.0"]);
    let mut served = honest(&world);
    strip(&mut served);
    for (name, way) in WAYS {
        let user = way(&world, &served);
        user.add_config(
            "[signing]\nunsigned = \"deny\"\n[signing.registries.demo]\nunsigned = \"allow\"",
        );
        let output = user.cargo(&consign(), &world.app()).args(["fetch"]).run();
        assert_eq!(output.status, Some(0), "{name}: {}", output.stderr);
    }
}

#[test]
fn added_feature_is_refused_by_every_way() {
    let change = |(line, _): &mut Foo| line["features"] = json!({ "extra": [] });
    refused_by_every_way(change, "it was tampered with");
}

#[test]
fn stripped_signature_is_refused_by_every_way() {
    refused_by_every_way(strip, "version 1.0.0 is not signed");
}

#[test]
fn index_in_git_is_a_registry_of_its_own() {
    let world = World::with_foo(["1.0.0"]);
    let user = world.sandbox.home("user-of-git");
    user.use_keys(&world.keys);
    let mut served = honest(&world);
    let index = format!("file://{}", user.path().join("git-index").display());
    user.add_config(&format!("[registries.demo]\nindex = \"{index}\""));
    let identity = RegistryId::from_index_url(&index).unwrap();
    let (name, version) = ("foo", "1.0.0");
    let fields = world.registry.signed_fields_for(
        &identity,
        name,
        version,
        &world.identity(),
        &world.secret_key(),
    );
    served.0["key_locator"] = fields["key_locator"].clone();
    served.0["signature"] = fields["signature"].clone();
    assert_eq!(git_index(user.path(), &served), index);
    let output = run(&world, &user).succeeded();
    assert_eq!(output.stdout, "foo 1.0.0\n");
}

#[test]
fn dependency_from_another_registry_is_signed_for() {
    let world = World::with_foo(["1.0.0"]);
    let other = Registry::start(&world.sandbox);
    let known = format!("[registries.other]\nindex = \"{}\"\n", other.index_url());
    let token = other.token("octocat");
    world
        .octocat
        .add_config(&format!("{known}token = \"{token}\""));
    world.user.add_config(&known);
    let bar = world.library("bar", "1.0.0").dependency("foo", "1").write();
    let publish = ["publish", "--no-verify", "--registry", "other"];
    world
        .octocat
        .cargo(&consign(), &bar)
        .args(publish)
        .run()
        .succeeded();

    world
        .sandbox
        .package("app")
        .dependency_line("bar = { version = \"1\", registry = \"other\" }")
        .program("println!(\"{}\", bar::name());")
        .write();
    let app = world.sandbox.path().join("app");
    let args = ["run", "--quiet", "--require-signatures"];
    assert_eq!(world.cargo(&app, args).succeeded().stdout, "bar 1.0.0\n");

    // The same name from elsewhere is another dependency.
    other.edit_line("bar", "1.0.0", |line| {
        line["deps"][0]["registry"] = Value::Null;
    });
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    world.cargo(&app, args).failed();
}
