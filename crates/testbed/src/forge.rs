//! The interface of a forge, as GitHub, GitLab or Forgejo document it: a web server that keeps
//! the keys that are added to an account, and shows them to everyone.
//!
//! ```text
//!                                GitHub, below /api/v3     GitLab, /api/v4     Forgejo, /api/v1
//! whose the token is             user                      user                user
//! the account's keys, and more   user/gpg_keys             user/gpg_keys       user/gpg_keys
//!   to prove that one is its own                                               user/gpg_key_token
//! its SSH signing keys           user/ssh_signing_keys     user/keys
//!   for everyone                 users/U/ssh_signing_keys  users/U/keys
//! its number, for everyone       users/U                   users?username=U    users/U
//! its keys, for everyone         /U.gpg                    /U.gpg              /U.gpg
//! ```

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

/// A forge on this machine, with one account or more.
#[derive(Debug)]
pub struct ForgeServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    software: Software,
    accounts: Mutex<Vec<Account>>,
    requests: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

/// What runs at the forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// GitHub.
    GitHub,
    /// GitLab.
    GitLab,
    /// Forgejo, as it is for a key whose address the account does not have.
    Forgejo,
}

#[derive(Debug)]
struct Account {
    user: String,
    token: String,
    number: Option<u64>,
    added: Vec<(u64, String)>,
    ssh: Vec<(u64, String)>,
    /// The signatures by which keys were proven to be their owner's.
    proofs: Vec<String>,
    last: u64,
    /// Whether its number is not told.
    is_silent: bool,
    /// Whether keys are no longer taken.
    closed: bool,
    /// What is answered next to whoever waits for a token.
    device: Vec<Value>,
}

/// The number of the first account; the next ones follow.
pub const ACCOUNT: u64 = 583_231;

/// What a key has to sign at Forgejo.
pub const CHALLENGE: &str = "3e4d1f0b8f1fbd3b1c4d5e6f708192a3";

impl ForgeServer {
    /// Starts a GitHub at which `user` has an account, and a token for it.
    pub fn start(user: &str, token: &str) -> ForgeServer {
        ForgeServer::of(Software::GitHub, user, token)
    }

    /// Starts one of another kind.
    pub fn of(software: Software, user: &str, token: &str) -> ForgeServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            address,
            software,
            accounts: Mutex::default(),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            for connection in listener.incoming() {
                if server.stopped.load(Ordering::SeqCst) {
                    return;
                }
                // Whoever goes away before the answer is there is none of our business.
                let _ = connection.and_then(|connection| serve(&server, connection));
            }
        });
        let forge = ForgeServer {
            address,
            shared,
            listener: Some(listener),
        };
        forge.add_account(user, token);
        forge
    }

    /// Another account, and a token for it.
    pub fn add_account(&self, user: &str, token: &str) {
        let mut accounts = self.shared.accounts.lock().unwrap();
        let number = ACCOUNT + u64::try_from(accounts.len()).unwrap();
        accounts.push(Account {
            user: user.to_owned(),
            token: token.to_owned(),
            number: Some(number),
            added: Vec::new(),
            ssh: Vec::new(),
            proofs: Vec::new(),
            last: 0,
            is_silent: false,
            closed: false,
            device: Vec::new(),
        });
    }

    /// Looks at the first account, or changes it.
    fn first<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        act(&mut self.shared.accounts.lock().unwrap()[0])
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The armored keys of the first account.
    pub fn keys(&self) -> Vec<String> {
        let key = |(_, key): &(u64, String)| key.clone();
        self.first(|account| account.added.iter().map(key).collect())
    }

    /// The lines of its SSH signing keys.
    pub fn ssh_keys(&self) -> Vec<String> {
        let key = |(_, key): &(u64, String)| key.clone();
        self.first(|account| account.ssh.iter().map(key).collect())
    }

    /// The armored signatures by which its keys were proven to be their owner's.
    pub fn proofs(&self) -> Vec<String> {
        self.first(|account| account.proofs.clone())
    }

    /// Its name is somebody else's from now on, who has these keys; or nobody's any more.
    pub fn hand_over(&self, number: Option<u64>, armored: &[&str]) {
        let keys = armored.iter().map(|key| (*key).to_owned());
        self.first(|account| {
            account.number = number;
            account.added = (100..).zip(keys).collect();
        });
    }

    /// From now on the forge fails where it is asked for its number.
    pub fn fail_at_number(&self) {
        self.first(|account| account.is_silent = true);
    }

    /// From now on no key is added to it.
    pub fn close(&self) {
        self.first(|account| account.closed = true);
    }

    /// From now on keys are added again.
    pub fn open(&self) {
        self.first(|account| account.closed = false);
    }

    /// What is answered, one after the other, to whoever asks for a token by the device flow.
    pub fn device_flow(&self, answers: impl IntoIterator<Item = Value>) {
        self.first(|account| account.device = answers.into_iter().collect());
    }

    /// Method and path of every request so far, such as `POST /api/v3/user/gpg_keys`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for ForgeServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The listener looks up when somebody comes, and then goes away.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

struct Request {
    method: String,
    path: String,
    authorization: String,
    body: Vec<u8>,
}

fn serve(server: &Shared, connection: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        authorization: String::new(),
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => value.trim().clone_into(&mut request.authorization),
            _ => {}
        }
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    let path = request.path.split('?').next().unwrap_or_default();
    let line = format!("{} {path}", request.method);
    server.requests.lock().unwrap().push(line.clone());
    let (status, body) = answer(server, &line, &request);
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut connection = connection;
    connection.write_all(head.as_bytes())?;
    connection.write_all(&body)
}

fn answer(server: &Shared, line: &str, request: &Request) -> (u16, Vec<u8>) {
    let json = |status: u16, value: Value| (status, value.to_string().into_bytes());
    let mut accounts = server.accounts.lock().unwrap();
    // Whose it is says the path, or else the token.
    let is_meant = |account: &Account| {
        let Account { user, token, .. } = account;
        let ends = [format!("/{user}.gpg"), format!("?username={user}")];
        ends.iter().any(|end| request.path.ends_with(end))
            || request.path.contains(&format!("/users/{user}"))
            || request.authorization.ends_with(token)
    };
    let at = accounts.iter().position(is_meant).unwrap_or_default();
    let keys = &mut accounts[at];
    match line {
        "POST /login/device/code" => {
            return json(
                200,
                json!({
                    "device_code": "3584d83530557fdd1f46af8289938c8ef79f9dc5",
                    "user_code": "WDJB-MJHT",
                    "verification_uri": format!("http://{}/login/device", server.address),
                    "expires_in": 900,
                    "interval": 1,
                }),
            );
        }
        "POST /login/oauth/access_token" if !keys.device.is_empty() => {
            return json(200, keys.device.remove(0));
        }
        _ => {}
    }
    if line == format!("GET /{}.gpg", keys.user) {
        let all: String = keys.added.iter().map(|(_, key)| key.as_str()).collect();
        return match all.is_empty() {
            true => (200, NO_KEYS.as_bytes().to_vec()),
            false => (200, all.into_bytes()),
        };
    }
    let Some((method, path)) = line.split_once(server.software.api()) else {
        return json(404, json!({"message": "Not Found"}));
    };
    let (method, path) = (method.trim_end(), path.to_owned());
    let user = keys.user.clone();
    let (name, scheme) = match server.software {
        Software::GitHub => ("login", "Bearer"),
        Software::GitLab => ("username", "Bearer"),
        Software::Forgejo => ("login", "token"),
    };
    let account = keys.number.map(|id| json!({name: user, "id": id}));
    // What everybody may ask.
    let ssh = |keys: &Account| {
        let entry = |(id, key): &(u64, String)| json!({"id": id, "key": key, "title": "t", "usage_type": "signing"});
        keys.ssh.iter().map(entry).collect::<Value>()
    };
    if method == "GET" && path == "users" && server.software == Software::GitLab {
        return json(200, account.into_iter().collect());
    }
    if method == "GET" && path == format!("users/{user}") {
        return match account {
            Some(_) if keys.is_silent => json(500, json!({"message": "Server Error"})),
            Some(account) => json(200, account),
            None => json(404, json!({"message": "Not Found"})),
        };
    }
    if let Some(collection) = server.software.ssh()
        && method == "GET"
        && path == format!("users/{user}/{collection}")
    {
        return json(200, ssh(keys));
    }
    if request.authorization != format!("{scheme} {}", keys.token) {
        return json(401, json!({"message": "Bad credentials"}));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let (collection, number) = match path.rsplit_once('/') {
        Some((collection, number)) if number.parse::<u64>().is_ok() => {
            (collection.to_owned(), number.parse::<u64>().ok())
        }
        _ => (path, None),
    };
    let is_ssh = server
        .software
        .ssh()
        .is_some_and(|ssh| collection == format!("user/{ssh}"));
    match (method, &*collection, number) {
        ("GET", "user", None) => json(200, account.unwrap_or_default()),
        ("GET", "user/gpg_key_token", None) if server.software == Software::Forgejo => {
            (200, CHALLENGE.as_bytes().to_vec())
        }
        ("GET", "user/gpg_keys", None) => {
            let entry = |(id, key): &(u64, String)| server.software.listed(*id, key);
            json(200, keys.added.iter().map(entry).collect())
        }
        ("GET", _, None) if is_ssh => json(200, ssh(keys)),
        ("POST", ..) if keys.closed => json(503, json!({"message": "Service Unavailable"})),
        ("POST", "user/gpg_keys", None) => {
            let member = match server.software {
                Software::GitLab => "key",
                Software::GitHub | Software::Forgejo => "armored_public_key",
            };
            let Some(key) = body[member].as_str() else {
                return json(422, json!({"message": "Validation Failed"}));
            };
            if server.software == Software::Forgejo {
                let Some(proof) = body["armored_signature"].as_str() else {
                    let message = format!(
                        "None of the emails attached to the GPG key could be found. It may still be \
                         added if you provide a valid signature for the token: {CHALLENGE}"
                    );
                    return json(404, json!({"message": message}));
                };
                keys.proofs.push(proof.to_owned());
            }
            keys.last += 1;
            let id = keys.last;
            keys.added.push((id, key.to_owned()));
            json(201, server.software.listed(id, key))
        }
        ("POST", _, None) if is_ssh => {
            let usage = body["usage_type"].as_str();
            let Some(key) = body["key"]
                .as_str()
                .filter(|_| server.software == Software::GitHub || usage == Some("signing"))
            else {
                return json(422, json!({"message": "Validation Failed"}));
            };
            keys.last += 1;
            let id = keys.last;
            keys.ssh.push((id, key.to_owned()));
            json(201, json!({"id": id, "key": key}))
        }
        ("DELETE", "user/gpg_keys", Some(id)) if keys.added.iter().any(|(k, _)| *k == id) => {
            keys.added.retain(|(known, _)| *known != id);
            (204, Vec::new())
        }
        ("DELETE", _, Some(id)) if is_ssh && keys.ssh.iter().any(|(k, _)| *k == id) => {
            keys.ssh.retain(|(known, _)| *known != id);
            (204, Vec::new())
        }
        _ => json(404, json!({"message": "Not Found"})),
    }
}

impl Software {
    /// Where its interface is.
    fn api(self) -> &'static str {
        match self {
            Software::GitHub => "/api/v3/",
            Software::GitLab => "/api/v4/",
            Software::Forgejo => "/api/v1/",
        }
    }

    /// What its list of SSH signing keys is called.
    fn ssh(self) -> Option<&'static str> {
        match self {
            Software::GitHub => Some("ssh_signing_keys"),
            Software::GitLab => Some("keys"),
            Software::Forgejo => None,
        }
    }

    /// What it says of an OpenPGP key.
    fn listed(self, id: u64, key: &str) -> Value {
        match self {
            Software::GitHub => json!({"id": id, "raw_key": key}),
            Software::GitLab => json!({"id": id, "key": key}),
            Software::Forgejo => {
                let keys = consign_identity::openpgp::read_public(key.as_bytes());
                let ids = keys.unwrap_or_default().into_iter().map(|key| {
                    let fingerprint = key.fingerprint.to_string();
                    fingerprint[fingerprint.len() - 16..].to_owned()
                });
                json!({"id": id, "key_id": ids.collect::<Vec<_>>().first()})
            }
        }
    }
}

/// What GitHub shows of an account without keys.
const NO_KEYS: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\
    Note: This user hasn't uploaded any GPG keys.\n\n\n\
    =twTO\n-----END PGP PUBLIC KEY BLOCK-----\n";
