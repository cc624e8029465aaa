//! The command `consign-registry`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use consign_registry::http::{Settings, router};
use consign_registry::import::{Outcome, Wanted, import};
use consign_registry::registry::Registry;
use consign_registry::store::Store;
use consign_registry::token::{Tokens, User};
use consign_statement::RegistryId;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long requests that are under way may take once the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A small cargo registry that stores signatures and hands out no keys.
#[derive(Parser)]
#[command(version)]
enum Command {
    /// Serve the registry, until interrupted or terminated.
    Serve(Serve),
    /// Make, list and revoke the tokens of users, also while the registry is served.
    #[command(subcommand)]
    Token(Token),
    /// Take over packages that cargo has downloaded, with their index entries.
    Import(Import),
}

#[derive(Parser)]
struct Serve {
    /// The folder that holds the registry; made where it is not there.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Where to listen. Port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The address at which clients see the registry, if that is not where it listens. It is part
    /// of what is signed: the index is at URL/index/.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Ask for a token also where the index is read and packages are downloaded.
    #[arg(long)]
    auth_required: bool,
    /// The most bytes that a .crate file may have.
    #[arg(long, value_name = "BYTES", default_value_t = 10 * 1024 * 1024)]
    max_upload_size: usize,
    /// Write a line on standard error for each request.
    #[arg(long)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Token {
    /// Make a token and print it. It can be seen only now: what is kept is its digest.
    New {
        /// The folder that holds the registry; made where it is not there.
        #[arg(long, value_name = "DIR")]
        root: PathBuf,
        /// Whose it is to be.
        #[arg(long, value_name = "NAME")]
        user: User,
    },
    /// List the tokens: id, user, age.
    List {
        /// The folder that holds the registry.
        #[arg(long, value_name = "DIR")]
        root: PathBuf,
    },
    /// Revoke a token.
    Revoke {
        /// The folder that holds the registry.
        #[arg(long, value_name = "DIR")]
        root: PathBuf,
        /// The id of the token, as `token list` prints it.
        id: String,
    },
}

#[derive(Parser)]
struct Import {
    /// The folder that holds the registry; made where it is not there.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The folder in which cargo keeps what it has downloaded.
    #[arg(long, value_name = "DIR")]
    cargo_home: PathBuf,
    /// Who is to own the packages. Without owners nobody can publish further versions.
    #[arg(long, value_name = "NAME")]
    owner: Option<User>,
    /// What to import; everything that was downloaded where nothing is named.
    #[arg(value_name = "NAME[@VERSION]")]
    wanted: Vec<Wanted>,
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Serve(command) => command.run(),
        Command::Token(command) => command.run(),
        Command::Import(command) => command.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Serve {
    fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Runtime::new().context("cannot start")?;
        let done = runtime.block_on(self.serve());
        // A request that is still at work is left to itself, as if the process had been killed.
        runtime.shutdown_background();
        done
    }

    async fn serve(self) -> Result<()> {
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr().context("cannot listen")?;
        let base_url = self.url.unwrap_or_else(|| format!("http://{address}"));
        let base_url = base_url.trim_end_matches('/').to_owned();
        let identity = RegistryId::from_index_url(&format!("{base_url}/index/"))
            .with_context(|| format!("`{base_url}` cannot be the address of a registry"))?;
        let settings = Settings {
            base_url,
            auth_required: self.auth_required,
            max_upload: self.max_upload_size,
            verbose: self.verbose,
        };
        let app = router(Registry::open(&self.root, identity)?, settings);
        let told_to_stop = told_to_stop().context("cannot catch signals")?;
        let (told, stop) = oneshot::channel::<()>();
        let server = axum::serve(listener, app).with_graceful_shutdown(async move {
            told_to_stop.await;
            drop(told);
        });
        // Connections are taken from here on: they wait until the server looks at them.
        print_line(&format!("listening on http://{address}"));
        tokio::select! {
            done = server => done.context("cannot serve"),
            () = grace(stop) => bail!("stopped with requests under way"),
        }
    }
}

/// From this call on the signals that ask a process to stop do not end it, but this future.
#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            // It cannot be caught, and so ends the process by itself.
            std::future::pending().await
        }
    })
}

/// Ends [`GRACE`] after the other end of the channel was dropped.
async fn grace(stop: oneshot::Receiver<()>) {
    // Nothing is ever sent.
    let _ = stop.await;
    tokio::time::sleep(GRACE).await;
}

impl Token {
    fn run(self) -> Result<()> {
        match self {
            Token::New { root, user } => print_line(&Tokens::at(&root).create(&user)?),
            Token::List { root } => {
                for token in Tokens::at(&root).list()? {
                    print_line(&format!(
                        "{}  {}  {}",
                        token.id,
                        token.user,
                        age(token.created)
                    ));
                }
            }
            Token::Revoke { root, id } => Tokens::at(&root).revoke(&id)?,
        }
        Ok(())
    }
}

/// How long ago a time in Unix seconds was, in days.
fn age(created: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs().saturating_sub(created));
    match seconds / (24 * 60 * 60) {
        0 => "made today".into(),
        1 => "made a day ago".into(),
        days => format!("made {days} days ago"),
    }
}

impl Import {
    fn run(self) -> Result<()> {
        let home: &Path = &self.cargo_home;
        if !home.is_dir() {
            bail!("`{}` is no folder", home.display());
        }
        let store = Store::open(&self.root)?;
        import(
            &store,
            home,
            &self.wanted,
            self.owner.as_ref(),
            |line, outcome| {
                let (name, version) = (line.name(), line.version());
                print_line(&match outcome {
                    Outcome::Imported => format!("imported {name} {version}"),
                    Outcome::Present => format!("skipped {name} {version}: it is there already"),
                    Outcome::NameTaken(taken) => {
                        format!("skipped {name} {version}: its name is taken by `{taken}`")
                    }
                });
            },
        )?;
        Ok(())
    }
}

/// Prints a line at once. Whoever no longer listens does not stop what was to be done.
fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
