//! A web server that hands out keys, as a forge does, and can be told to answer otherwise.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the server answers to a question.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Close,
    /// Not a byte is sent, and the connection is held.
    Never,
    /// The body does not end.
    Endless,
}

impl Reply {
    /// A status with an empty body.
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            then: Then::Close,
        }
    }

    /// Status 200 with this body.
    pub fn body(body: impl Into<Vec<u8>>) -> Reply {
        Reply {
            body: body.into(),
            ..Reply::status(200)
        }
    }

    /// No answer at all, on a connection that stays open.
    pub fn never() -> Reply {
        Reply {
            then: Then::Never,
            ..Reply::status(200)
        }
    }

    /// A body that does not end.
    pub fn endless() -> Reply {
        Reply {
            then: Then::Endless,
            ..Reply::status(200)
        }
    }

    /// The same with a header more.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same after some time.
    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }
}

/// A server on this machine that answers for the keys of users at `/USER.gpg`. An unknown user is
/// answered with status 404.
#[derive(Debug)]
pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The thread that listens, until the server is stopped.
    listener: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    requests: Mutex<Vec<String>>,
    /// Open connections, to be closed when the server stops.
    connections: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl KeyServer {
    /// Starts one that knows nobody.
    pub fn start() -> KeyServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let server = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            for connection in listener.incoming() {
                if server.stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(connection) = connection {
                    let server = Arc::clone(&server);
                    // Whoever goes away before the answer is there is none of our business.
                    thread::spawn(move || serve(&server, connection));
                }
            }
        });
        KeyServer {
            address,
            shared,
            listener: Mutex::new(Some(listener)),
        }
    }

    /// Where the keys are: `http://127.0.0.1:PORT/{user}.gpg`.
    pub fn template(&self) -> String {
        format!("http://{}/{{user}}.gpg", self.address)
    }

    /// From now on `user` publishes what is in `armored`.
    pub fn publish(&self, user: &str, armored: &str) {
        self.answer(user, Reply::body(armored));
    }

    /// From now on there is no such user.
    pub fn withdraw(&self, user: &str) {
        self.shared.replies.lock().unwrap().remove(user);
    }

    /// From now on this is what is answered for `user`.
    pub fn answer(&self, user: &str, reply: Reply) {
        let mut replies = self.shared.replies.lock().unwrap();
        replies.insert(user.to_owned(), reply);
    }

    /// The first line of every request so far, such as `GET /octocat.gpg HTTP/1.1`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Stops listening: connections are refused from now on.
    pub fn stop(&self) {
        let Some(listener) = self.listener.lock().unwrap().take() else {
            return;
        };
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The listener looks up when somebody comes, and then goes away.
        drop(TcpStream::connect(self.address));
        listener.join().unwrap();
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(server: &Shared, connection: TcpStream) -> std::io::Result<()> {
    let open = connection.try_clone()?;
    server.connections.lock().unwrap().push(open);
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
    }
    let request = request.trim_end().to_owned();
    let user = (request.split(' ').nth(1))
        .and_then(|path| path.strip_prefix('/')?.strip_suffix(".gpg"))
        .unwrap_or_default();
    let reply = server.replies.lock().unwrap().get(user).cloned();
    server.requests.lock().unwrap().push(request);
    let reply = reply.unwrap_or_else(|| Reply::status(404));
    thread::sleep(reply.delay);
    let result = send(&reply, &connection);
    connection.shutdown(Shutdown::Both)?;
    result
}

fn send(reply: &Reply, mut connection: &TcpStream) -> std::io::Result<()> {
    if let Then::Never = reply.then {
        // Until the other side has had enough, or the server is stopped.
        let mut byte = String::new();
        BufReader::new(connection).read_line(&mut byte)?;
        return Ok(());
    }
    let mut head = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    connection.write_all((head + "\r\n").as_bytes())?;
    connection.write_all(&reply.body)?;
    while let Then::Endless = reply.then {
        connection.write_all(&[b'a'; 4096])?;
    }
    Ok(())
}
