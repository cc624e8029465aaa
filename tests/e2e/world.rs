//! Where most tests begin: a publisher with a key, a registry, and somebody who builds.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use consign_identity::Identity;
use consign_identity::openpgp::{OsRng, SecretKey};
use consign_testbed::{Home, KeyServer, Output, PackageBuilder, Registry, Run, Sandbox};
use consign_testbed::{consign, stock};

/// A registry; `octocat`, who has a key and publishes it; and a user who builds.
pub struct World {
    pub registry: Registry,
    /// Other registries that a test started.
    others: RefCell<Vec<Registry>>,
    pub keys: KeyServer,
    /// Publishes, as the identity `github:octocat`.
    pub octocat: Home,
    /// Builds.
    pub user: Home,
    pub sandbox: Sandbox,
}

impl World {
    pub fn new() -> World {
        let sandbox = Sandbox::new();
        let registry = Registry::start(&sandbox);
        let keys = KeyServer::start();
        let octocat = sandbox.home("octocat");
        octocat.use_registry(&registry, Some(&registry.token("octocat")));
        octocat.use_keys(&keys);
        let user = sandbox.home("user");
        user.use_registry(&registry, None);
        user.use_keys(&keys);
        let world = World {
            registry,
            others: RefCell::default(),
            keys,
            octocat,
            user,
            sandbox,
        };
        world.make_key(&world.octocat, "octocat");
        world
    }

    /// Keeps a registry running until the end.
    pub fn keep(&self, registry: Registry) {
        self.others.borrow_mut().push(registry);
    }

    /// A key for `github:USER` in a home, which the account then publishes.
    pub fn make_key(&self, home: &Home, user: &str) {
        let identity = format!("github:{user}");
        self.as_publisher(home, ["key", "new", "--sign-as", &identity])
            .run()
            .succeeded();
        let shown = self
            .as_publisher(home, ["key", "show", &identity])
            .run()
            .succeeded();
        self.keys.publish(user, &shown.stdout);
    }

    fn as_publisher<const N: usize>(&self, home: &Home, args: [&str; N]) -> Run {
        home.cargo(&consign(), self.sandbox.path()).args(args)
    }

    /// The secret key of octocat.
    pub fn secret_key(&self) -> SecretKey {
        SecretKey::from_armored(&fs::read(key_file(&self.octocat, "octocat")).unwrap()).unwrap()
    }

    /// Publishes a package signed by octocat.
    pub fn publish(&self, package: PackageBuilder) {
        let folder = package.write();
        self.octocat
            .cargo(&consign(), &folder)
            .args(["publish", "--no-verify"])
            .run()
            .succeeded();
    }

    /// Publishes a package with stock cargo, which signs nothing.
    pub fn publish_unsigned(&self, package: PackageBuilder) {
        let folder = package.write();
        self.octocat
            .cargo(&stock(), &folder)
            .args(["publish", "--no-verify"])
            .run()
            .succeeded();
    }

    /// Publishes a package signed by octocat, to a registry that keeps of an index entry what it knows. All
    /// registries by others do.
    pub fn publish_elsewhere(&self, package: PackageBuilder) {
        let folder = package.write();
        let output = self
            .octocat
            .cargo(&consign(), &folder)
            .args(["publish", "--no-verify"])
            .run()
            .succeeded();
        let published = output.stderr.lines().find_map(|line| {
            let line = line.trim_start().strip_prefix("Uploaded ")?;
            line.split_once(" to registry")
        });
        let (name, version) = published.unwrap().0.split_once(" v").unwrap();
        self.index_forgets(name, version);
    }

    /// Of the index entry of a version, all is gone that other registries do not keep.
    pub fn index_forgets(&self, name: &str, version: &str) {
        self.registry.edit_line(name, version, |line| {
            let line = line.as_object_mut().unwrap();
            for member in ["key_locator", "signature", "rust_version"] {
                line.remove(member);
            }
        });
    }

    /// Serves other bytes for a version, and says so in the index.
    pub fn serve_instead(&self, name: &str, version: &str, archive: &[u8]) {
        fs::write(self.registry.crate_path(name, version), archive).unwrap();
        let cksum = consign_statement::Digest::of(archive).to_string();
        self.registry
            .edit_line(name, version, |line| line["cksum"] = cksum.into());
    }

    /// A library called `name` in a folder of its own.
    pub fn library(&self, name: &str, version: &str) -> PackageBuilder {
        let folder = format!("{name}-{version}");
        self.sandbox.package(name).version(version).folder(&folder)
    }

    /// Publishes `foo` in these versions, signed by octocat.
    pub fn with_foo<const N: usize>(versions: [&str; N]) -> World {
        let world = World::new();
        for version in versions {
            world.publish(world.library("foo", version));
        }
        world
    }

    /// The folder of a program that depends on `foo` 1 and prints its name.
    pub fn app(&self) -> PathBuf {
        self.app_with("foo", "1")
    }

    /// The folder of a program that depends on one package and prints its name.
    pub fn app_with(&self, name: &str, requirement: &str) -> PathBuf {
        self.sandbox
            .package("app")
            .dependency(name, requirement)
            .program(&format!("println!(\"{{}}\", {name}::name());"))
            .write()
    }

    /// What the user gets from our cargo in a folder.
    #[track_caller]
    pub fn cargo<const N: usize>(&self, folder: &Path, args: [&str; N]) -> Output {
        self.run(folder, args).run()
    }

    /// Our cargo, about to be run by the user in a folder.
    pub fn run<const N: usize>(&self, folder: &Path, args: [&str; N]) -> Run {
        self.user.cargo(&consign(), folder).args(args)
    }

    /// What `cargo fetch --require-signatures` says: it resolves, downloads and unpacks.
    #[track_caller]
    pub fn fetch(&self, folder: &Path) -> Output {
        self.cargo(folder, ["fetch", "--require-signatures"])
    }

    /// The error of `cargo fetch`, with signatures required.
    #[track_caller]
    pub fn refusal(&self, folder: &Path) -> String {
        self.fetch(folder).failed().normalised().stderr
    }

    /// From here on nothing is in the user's cache or in the lockfile of [`app`](Self::app).
    pub fn forget_registry(&self) {
        fs::remove_dir_all(self.user.path().join("registry")).unwrap();
        fs::remove_file(self.sandbox.path().join("app/Cargo.lock")).unwrap();
    }

    /// Makes the user's remembered answers older by so much.
    pub fn age_answers(&self, by: Duration) {
        self.redate_answers(|asked| asked - by.as_secs());
    }

    /// The same, but later than now.
    pub fn postdate_answers(&self, by: Duration) {
        self.redate_answers(|asked| asked + by.as_secs());
    }

    fn redate_answers(&self, date: impl Fn(u64) -> u64) {
        for answer in fs::read_dir(self.user.path().join("signing/answers")).unwrap() {
            let path = answer.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let asked = json["asked"].as_u64().unwrap();
            json["asked"] = date(asked).into();
            fs::write(path, json.to_string()).unwrap();
        }
    }

    /// Which version of a package the lockfile of a folder names.
    pub fn locked(&self, folder: &Path, name: &str) -> String {
        let lockfile = fs::read_to_string(folder.join("Cargo.lock")).unwrap();
        let at = lockfile.find(&format!("name = \"{name}\"\n")).unwrap();
        let version = lockfile[at..].lines().nth(1).unwrap();
        version
            .trim_start_matches("version = ")
            .trim_matches('"')
            .to_owned()
    }

    /// The identity `github:octocat`.
    pub fn identity(&self) -> Identity {
        "github:octocat".parse().unwrap()
    }
}

/// The file of the one key that a home has for `github:USER`.
pub fn key_file(home: &Home, user: &str) -> PathBuf {
    let folder = home.path().join("signing/keys/github").join(user);
    let files = fs::read_dir(&folder).unwrap();
    let mut files = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "asc"));
    let file = files.next().unwrap();
    assert!(
        files.next().is_none(),
        "several keys in {}",
        folder.display()
    );
    file
}

/// A key that claims to be of `github:USER`, as anybody could make one.
pub fn other_key(user: &str) -> SecretKey {
    let identity = format!("github:{user}").parse().unwrap();
    SecretKey::generate(&identity, 1_700_000_000, OsRng).unwrap()
}

/// What somebody does who downloads a registry and serves it as his own.
pub fn copy_packages(from: &Registry, to: &Registry) {
    for package in fs::read_dir(from.root().join("packages")).unwrap() {
        let package = package.unwrap();
        let folder = to.root().join("packages").join(package.file_name());
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(package.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
}
