//! The interface of a forge, as GitHub documents it, for one account: a web server that keeps the
//! OpenPGP keys that are added to it, and shows them to everyone.
//!
//! ```text
//! GET    /api/v3/user                 whose the token is
//! GET    /api/v3/user/gpg_keys        the account's keys, with their numbers
//! POST   /api/v3/user/gpg_keys        adds one
//! DELETE /api/v3/user/gpg_keys/ID     deletes one
//! GET    /USER.gpg                    its keys, for everyone
//! ```

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

/// A forge on this machine, with one account.
#[derive(Debug)]
pub struct ForgeServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    user: String,
    token: String,
    keys: Mutex<Keys>,
    requests: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct Keys {
    added: Vec<(u64, String)>,
    last: u64,
    /// Whether keys are no longer taken.
    closed: bool,
    /// What is answered next to whoever waits for a token.
    device: Vec<Value>,
}

/// The number of the account.
pub const ACCOUNT: u64 = 583_231;

impl ForgeServer {
    /// Starts one at which `user` has an account, and a token for it.
    pub fn start(user: &str, token: &str) -> ForgeServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            address,
            user: user.to_owned(),
            token: token.to_owned(),
            keys: Mutex::default(),
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
        ForgeServer {
            address,
            shared,
            listener: Some(listener),
        }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The armored keys of the account.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.shared.keys.lock().unwrap();
        keys.added.iter().map(|(_, key)| key.clone()).collect()
    }

    /// From now on no key is added.
    pub fn close(&self) {
        self.shared.keys.lock().unwrap().closed = true;
    }

    /// From now on keys are added again.
    pub fn open(&self) {
        self.shared.keys.lock().unwrap().closed = false;
    }

    /// What is answered, one after the other, to whoever asks for a token by the device flow.
    pub fn device_flow(&self, answers: impl IntoIterator<Item = Value>) {
        self.shared.keys.lock().unwrap().device = answers.into_iter().collect();
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
    let mut keys = server.keys.lock().unwrap();
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
    if line == format!("GET /{}.gpg", server.user) {
        let all: String = keys.added.iter().map(|(_, key)| key.as_str()).collect();
        return match all.is_empty() {
            true => (200, NO_KEYS.as_bytes().to_vec()),
            false => (200, all.into_bytes()),
        };
    }
    if !line.contains(" /api/v3/user") {
        return json(404, json!({"message": "Not Found"}));
    }
    let account = json!({"login": server.user, "id": ACCOUNT});
    if line == format!("GET /api/v3/users/{}", server.user) {
        return json(200, account);
    }
    if line == format!("GET /api/v3/users/{}/ssh_signing_keys", server.user) {
        return json(200, json!([]));
    }
    if request.authorization != format!("Bearer {}", server.token) {
        return json(401, json!({"message": "Bad credentials"}));
    }
    let number = line.strip_prefix("DELETE /api/v3/user/gpg_keys/");
    match (line, number.map(str::parse::<u64>)) {
        ("GET /api/v3/user", _) => json(200, account),
        ("GET /api/v3/user/gpg_keys", _) => {
            let entry = |(id, key): &(u64, String)| json!({"id": id, "raw_key": key});
            json(200, keys.added.iter().map(entry).collect())
        }
        ("POST /api/v3/user/gpg_keys", _) if keys.closed => {
            json(503, json!({"message": "Service Unavailable"}))
        }
        ("POST /api/v3/user/gpg_keys", _) => {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let Some(key) = body["armored_public_key"].as_str() else {
                return json(422, json!({"message": "Validation Failed"}));
            };
            keys.last += 1;
            let id = keys.last;
            keys.added.push((id, key.to_owned()));
            json(201, json!({"id": id, "raw_key": key}))
        }
        (_, Some(Ok(id))) if keys.added.iter().any(|(known, _)| *known == id) => {
            keys.added.retain(|(known, _)| *known != id);
            (204, Vec::new())
        }
        _ => json(404, json!({"message": "Not Found"})),
    }
}

/// What GitHub shows of an account without keys.
const NO_KEYS: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\
    Note: This user hasn't uploaded any GPG keys.\n\n\n\
    =twTO\n-----END PGP PUBLIC KEY BLOCK-----\n";
