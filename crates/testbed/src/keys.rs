//! A web server that hands out keys, as a forge does, and can be told to answer otherwise.
//!
//! It is also the way to every other host of a test: whoever has it for a proxy finds there, over
//! HTTPS and under any name, what was [routed](KeyServer::route) to that name.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use crate::Authority;

/// What the server answers to a question.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    then: Then,
    /// What is answered from the second time on, if that is something else.
    later: Option<Box<Reply>>,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Close,
    /// Not a byte is sent, and the connection is held.
    Never,
    /// The body does not end.
    Endless,
    /// The body ends before its time.
    CutOff,
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
            later: None,
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

    /// The same, but the connection ends before the body does.
    pub fn cut_off(self) -> Reply {
        Reply {
            then: Then::CutOff,
            ..self
        }
    }

    /// The same with a header more. With an `ETag`, whoever names that is told that nothing has
    /// changed (304), as by any web server.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same once, and from then on `later`.
    pub fn and_then(self, later: Reply) -> Reply {
        Reply {
            later: Some(Box::new(later)),
            ..self
        }
    }

    /// The same after some time.
    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// What is sent to somebody who has what is called `etag`.
    fn unless_known(self, etag: Option<&str>) -> Reply {
        let ours = self.headers.iter();
        let mut ours = ours.filter(|(name, _)| name.eq_ignore_ascii_case("etag"));
        match (ours.next(), etag) {
            (Some((_, ours)), Some(etag)) if ours == etag => Reply {
                delay: self.delay,
                ..Reply::status(304)
            },
            _ => self,
        }
    }
}

/// A server on this machine that answers for the keys of users at `/USER.gpg`, and for whatever else
/// it is told. What is unknown is answered with status 404.
#[derive(Debug)]
pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The thread that listens, until the server is stopped.
    listener: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// By path, or by URL.
    replies: Mutex<HashMap<String, Reply>>,
    /// The head of each.
    requests: Mutex<Vec<String>>,
    authority: Option<Authority>,
    /// Open connections by the other side's address, to be closed when the server stops.
    connections: Mutex<HashMap<SocketAddr, TcpStream>>,
    stopped: AtomicBool,
}

impl KeyServer {
    /// Starts one that knows nobody.
    pub fn start() -> KeyServer {
        KeyServer::launch(Shared::default())
    }

    /// Starts one that is also the proxy behind which the hosts of URLs are, with certificates of
    /// this authority.
    pub fn proxy(authority: Authority) -> KeyServer {
        KeyServer::launch(Shared {
            authority: Some(authority),
            ..Shared::default()
        })
    }

    fn launch(shared: Shared) -> KeyServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(shared);
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
        format!("{}/{{user}}.gpg", self.url())
    }

    /// The server itself: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The authority by which the hosts behind it can be told.
    pub fn authority(&self) -> Option<&Authority> {
        self.shared.authority.as_ref()
    }

    /// From now on `user` publishes what is in `armored`.
    pub fn publish(&self, user: &str, armored: &str) {
        self.answer(user, Reply::body(armored));
    }

    /// From now on there is no such user.
    pub fn withdraw(&self, user: &str) {
        let path = format!("/{user}.gpg");
        self.shared.replies.lock().unwrap().remove(&path);
    }

    /// From now on this is what is answered for `user`.
    pub fn answer(&self, user: &str, reply: Reply) {
        self.route(&format!("/{user}.gpg"), reply);
    }

    /// From now on this is what is answered at `place`: a path, `/keys/octocat`, or a URL,
    /// `https://host.example/octocat`. Without a query it stands for all.
    pub fn route(&self, place: &str, reply: Reply) {
        let mut replies = self.shared.replies.lock().unwrap();
        replies.insert(place.to_owned(), reply);
    }

    /// The first line of every request so far, such as `GET /octocat.gpg HTTP/1.1`.
    pub fn requests(&self) -> Vec<String> {
        let first_line = |head: String| head.lines().next().unwrap_or_default().to_owned();
        self.heads().into_iter().map(first_line).collect()
    }

    /// Every request so far, to the end of its headers, whose names are in lower case.
    pub fn heads(&self) -> Vec<String> {
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
        for (_, connection) in self.shared.connections.lock().unwrap().drain() {
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
    let (peer, open) = (connection.peer_addr()?, connection.try_clone()?);
    server.connections.lock().unwrap().insert(peer, open);
    let result = answer(server, &mut &connection, "");
    // A server that runs for long would have no file descriptor left.
    server.connections.lock().unwrap().remove(&peer);
    connection.shutdown(Shutdown::Both)?;
    result
}

/// A connection, be it encrypted or not.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// Answers one request to `host`, which is empty for the server itself.
fn answer(server: &Shared, stream: &mut dyn Stream, host: &str) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let head = read_head(&mut stream, host)?;
    let mut words = head.split(' ');
    let (method, place) = (words.next(), words.next().unwrap_or_default().to_owned());
    server.requests.lock().unwrap().push(head.clone());
    if method == Some("CONNECT") {
        return tunnel(server, stream.into_inner(), &place);
    }
    let reply = {
        let mut replies = server.replies.lock().unwrap();
        let without_query = place.split('?').next().unwrap_or_default();
        let name = match replies.contains_key(&place) {
            true => &place,
            false => without_query,
        };
        let mut reply = replies.get(name).cloned();
        if let Some(later) = reply.as_mut().and_then(|reply| reply.later.take()) {
            replies.insert(name.to_owned(), *later);
        }
        reply.unwrap_or_else(|| Reply::status(404))
    };
    let etag = head.lines().find_map(|l| l.strip_prefix("if-none-match: "));
    let reply = reply.unless_known(etag);
    thread::sleep(reply.delay);
    send(&reply, stream.get_mut())
}

/// Reads the lines of a request before its body, names of headers in lower case, and the body too.
fn read_head(stream: &mut impl std::io::BufRead, host: &str) -> std::io::Result<String> {
    let mut head = String::new();
    stream.read_line(&mut head)?;
    head = head.replacen(" /", &format!(" {host}/"), 1);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim_end().split_once(':').unwrap_or((&line, ""));
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        if name == "content-length" {
            length = value.parse().unwrap_or_default();
        }
        head += &format!("{name}: {value}\n");
    }
    std::io::copy(&mut stream.take(length), &mut std::io::sink())?;
    Ok(head)
}

/// Lets a request for `address`, `host.example:443`, through to that host, if it is one of ours.
fn tunnel(server: &Shared, stream: &mut dyn Stream, address: &str) -> std::io::Result<()> {
    let name = address.strip_suffix(":443").unwrap_or(address);
    let host = format!("https://{name}");
    let is_ours = {
        let replies = server.replies.lock().unwrap();
        let prefix = format!("{host}/");
        replies.keys().any(|place| place.starts_with(&prefix))
    };
    let Some(authority) = server.authority.as_ref().filter(|_| is_ours) else {
        return stream.write_all(b"HTTP/1.1 502 No such host\r\nconnection: close\r\n\r\n");
    };
    stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let connection = ServerConnection::new(authority.server(name)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    answer(server, &mut stream, &host)?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn send(reply: &Reply, connection: &mut dyn Stream) -> std::io::Result<()> {
    if let Then::Never = reply.then {
        // Until the other side has had enough, or the server is stopped.
        connection.read_exact(&mut [0])?;
        return Ok(());
    }
    let mut head = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Then::CutOff = reply.then {
        head += &format!("content-length: {}\r\n", reply.body.len() + 1);
    }
    connection.write_all((head + "\r\n").as_bytes())?;
    connection.write_all(&reply.body)?;
    while let Then::Endless = reply.then {
        connection.write_all(&[b'a'; 4096])?;
    }
    connection.flush()
}
