//! `cargo xtask demo`: the main job, on real input, as a play in numbered acts.
//!
//! What is seen is real: both cargos, the registry process, the key server, the packages. The
//! [`stage`] holds them, and keeps count of what went as told. People type commands at a [`shell`],
//! which shows them on the [`screen`] and checks what is answered. First all goes well: [`story`].
//! Then the registry turns hostile: [`attack`]. Last, a key is revoked. A [`table`] says what became of it all.

mod attack;
mod screen;
mod shell;
mod stage;
mod story;
mod table;

use std::process::ExitCode;
use std::time::Instant;

pub use screen::look;

use screen::Screen;
use stage::Stage;

use crate::surroundings::{ended, ensure_unconfigured, say_panics_plainly};

const OVERTURE: &str = "
    Cargo believes what a registry tells it: the checksum that a download is compared with comes
    from where the download comes from. Consign is cargo in which the registry only carries goods.
    Whoever publishes signs; whoever builds checks who signed, before anything is compiled.
    Here is the whole way, from a login on; then what a hostile registry can do to it; and at last a
    key is lost.";

/// Plays it all. Success only if everything went as told.
pub fn run() -> ExitCode {
    say_panics_plainly("demo");
    let since = Instant::now();
    let mut screen = Screen::new();
    let title = look::TITLE;
    screen.gap();
    screen.line(format_args!(
        "{title}Consign{title:#}: cargo with native signing"
    ));
    screen.gap();
    screen.paragraph(OVERTURE);

    if let Err(error) = ensure_unconfigured() {
        return ended(Err(error));
    }
    let mut stage = Stage::set(screen);
    let Some((cast, goods, honest)) = story::play(&mut stage) else {
        stage.screen.bad("what follows needs this, and is left out");
        return stage.close(&[], since);
    };
    let mut rows = vec![honest];
    rows.extend(attack::play_all(&mut stage, &cast, &goods));
    let (carol, shop) = story::end_well(&mut stage);
    story::revocation(&mut stage, &cast, &carol, &shop);
    stage.close(&rows, since)
}
