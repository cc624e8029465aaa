//! A registry that knows one index file, and keeps what is published to it as it came.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// A publish request.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The JSON, as it came.
    pub metadata: String,
    /// The `.crate`.
    pub archive: Vec<u8>,
}

/// The registry.
pub struct Recorder {
    address: SocketAddr,
    upload: Arc<Mutex<Option<Upload>>>,
}

/// What an index line gets beside what every registry keeps: of the request, which is given.
pub type Kept = fn(&Value) -> Value;

impl Recorder {
    /// One that keeps nothing of a signature in its index.
    pub fn start() -> Recorder {
        Recorder::keeping(|_| json!({}))
    }

    /// One whose index lines have these members besides.
    pub fn keeping(kept: Kept) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let upload = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&upload);
        // It ends with the program.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // Who hangs up early asks again.
                let _ = serve(connection, address, &shared, kept);
            }
        });
        Recorder { address, upload }
    }

    pub fn index_url(&self) -> String {
        format!("sparse+http://{}/", self.address)
    }

    /// What was published.
    pub fn upload(&self) -> Upload {
        self.upload.lock().unwrap().clone().expect("an upload")
    }
}

fn serve(
    mut connection: TcpStream,
    address: SocketAddr,
    upload: &Mutex<Option<Upload>>,
    kept: Kept,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        } else if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if header.starts_with("expect:") {
            connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;

    let answer = match request.split(' ').nth(1).unwrap_or_default() {
        "/config.json" => Some(json!({
            "dl": format!("http://{address}/dl"), "api": format!("http://{address}"),
        })),
        "/api/v1/crates/new" => {
            *upload.lock().unwrap() = Some(parse(&body));
            Some(json!({ "warnings": {} }))
        }
        // The index file of whatever it is that was published.
        _ => upload.lock().unwrap().as_ref().map(|upload| {
            let request: Value = serde_json::from_str(&upload.metadata).unwrap();
            let mut line = json!({
                "name": request["name"], "vers": request["vers"], "deps": [], "features": {},
                "cksum": "0".repeat(64), "yanked": false,
            });
            let kept = kept(&request).as_object().unwrap().clone();
            line.as_object_mut().unwrap().extend(kept);
            line
        }),
    };
    let (status, body) = match answer {
        Some(json) => ("200 OK", json.to_string()),
        None => ("404 Not Found", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all((head + &body).as_bytes())
}

/// Two parts, each behind its length in four bytes.
fn parse(mut body: &[u8]) -> Upload {
    let mut part = || {
        let (length, rest) = body.split_first_chunk().unwrap();
        let (part, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        body = rest;
        part.to_vec()
    };
    Upload {
        metadata: String::from_utf8(part()).unwrap(),
        archive: part(),
    }
}
