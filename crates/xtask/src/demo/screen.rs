//! What the audience sees: text in the width of the terminal, coloured where it is one.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::stage::Cargo;
use super::table::{self, Outcome};

/// How each kind of text looks.
pub mod look {
    use super::{AnsiColor, Style};

    /// Headings.
    pub const TITLE: Style = AnsiColor::Cyan.on_default().bold();
    /// What somebody typed.
    pub const TYPED: Style = Style::new().bold();
    /// The prompt before it, and the edge of what the command says.
    pub const PROMPT: Style = AnsiColor::Blue.on_default();
    /// Stock cargo's name.
    pub const STOCK: Style = AnsiColor::Yellow.on_default();
    /// Consign's.
    pub const CONSIGN: Style = AnsiColor::Cyan.on_default();
    /// What matters less.
    pub const FAINT: Style = Style::new().dimmed();
    /// What is as it should be.
    pub const GOOD: Style = AnsiColor::Green.on_default().bold();
    /// What is not.
    pub const BAD: Style = AnsiColor::Red.on_default().bold();
}

/// The widest text that is pleasant to read.
const WIDEST: usize = 100;
/// The edge before everything but headings.
const MARGIN: &str = "   ";

/// Standard output.
pub struct Screen {
    out: AutoStream<std::io::Stdout>,
    is_terminal: bool,
    columns: Option<usize>,
}

impl Screen {
    /// Takes `CARGO_TERM_COLOR`, `NO_COLOR` and what standard output is into account.
    pub fn new() -> Screen {
        let choice = match std::env::var("CARGO_TERM_COLOR").as_deref() {
            Ok("always") => ColorChoice::Always,
            Ok("never") => ColorChoice::Never,
            _ => ColorChoice::Auto,
        };
        let stdout = std::io::stdout();
        let columns = terminal_size::terminal_size_of(&stdout);
        Screen {
            is_terminal: stdout.is_terminal(),
            out: AutoStream::new(stdout, choice),
            columns: columns.map(|(width, _)| usize::from(width.0).clamp(40, WIDEST)),
        }
    }

    /// Whether colours are shown.
    pub fn has_colour(&self) -> bool {
        self.out.current_choice() != ColorChoice::Never
    }

    /// A line as it is. Where nobody reads any more, nothing is lost.
    pub fn line(&mut self, text: impl Display) {
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.line("");
    }

    /// A heading, over the whole width.
    pub fn heading(&mut self, text: &str) {
        let rule = "─".repeat(self.width().saturating_sub(text.chars().count() + 4));
        self.gap();
        self.line(format_args!(
            "{title}── {text} {rule}{title:#}",
            title = look::TITLE
        ));
    }

    /// A paragraph. Line ends in it count as spaces.
    pub fn paragraph(&mut self, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in wrapped(&text, self.width() - MARGIN.len(), "") {
            self.line(format_args!("{MARGIN}{line}"));
        }
    }

    /// A command that somebody types, with the name of the program where that is not plain.
    pub fn typed(&mut self, who: &str, folder: &str, command: &str, program: Option<Cargo>) {
        let (prompt, typed) = (look::PROMPT, look::TYPED);
        let remark = match program {
            Some(cargo) => format!("    {0}# {cargo}{0:#}", cargo.look()),
            None => String::new(),
        };
        self.gap();
        self.line(format_args!(
            "{MARGIN}{prompt}{who}:{folder}${prompt:#} {typed}{command}{typed:#}{remark}"
        ));
    }

    /// Lines that a command wrote.
    pub fn written(&mut self, text: &str) {
        let edge = format!("{0}│{0:#} ", look::PROMPT);
        for line in text.lines() {
            let room = match self.columns {
                Some(columns) => columns - MARGIN.len() - 2,
                None => usize::MAX,
            };
            let plain = strip_str(line).to_string();
            let indent = plain.len() - plain.trim_start().len() + 4;
            for line in wrapped(line, room, &" ".repeat(indent)) {
                self.line(format_args!("{MARGIN}{edge}{line}"));
            }
        }
    }

    /// What nobody wants to see written.
    pub fn alarm(&mut self, text: &str) {
        self.written(&format!("{0}{1}{0:#}", look::BAD, text.trim_end()));
    }

    /// Something that went well.
    pub fn good(&mut self, text: &str) {
        self.point("✓", look::GOOD, text);
    }

    /// What a cargo made of it.
    pub fn verdict(&mut self, cargo: Cargo, outcome: Outcome) {
        let what = table::cell(outcome, 0);
        self.line(format_args!("{MARGIN}{0}{cargo}{0:#} {what}", cargo.look()));
    }

    /// Something that went badly.
    pub fn bad(&mut self, text: impl Display) {
        self.line(format_args!("{MARGIN}{0}✗ {text}{0:#}", look::BAD));
    }

    /// A remark of the narrator's, from behind the scenes.
    pub fn aside(&mut self, text: &str) {
        self.point("▸", look::TITLE, text);
    }

    fn point(&mut self, mut bullet: &str, style: Style, text: &str) {
        for line in wrapped(text, self.width() - MARGIN.len() - 2, "") {
            self.line(format_args!("{MARGIN}{style}{bullet}{style:#} {line}"));
            bullet = " ";
        }
    }

    /// Says `what` is going on as long as `work` takes, on a terminal with the time that went by.
    pub fn while_waiting<T>(&mut self, what: &str, work: impl FnOnce() -> T) -> T {
        if !self.is_terminal {
            self.line(format_args!("{MARGIN}… {what}"));
            return work();
        }
        let (done, wait) = mpsc::channel::<()>();
        let since = Instant::now();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut out = std::io::stdout();
                loop {
                    let _ = write!(out, "\r{MARGIN}… {what} ({})", time(since.elapsed()));
                    let _ = out.flush();
                    let second = wait.recv_timeout(Duration::from_secs(1));
                    if second != Err(RecvTimeoutError::Timeout) {
                        // Back to the beginning of a line that is empty again.
                        let _ = write!(out, "\r\x1b[K");
                        let _ = out.flush();
                        return;
                    }
                }
            });
            // Dropped at the end of `work`, also where that panics.
            let _done = done;
            work()
        })
    }

    fn width(&self) -> usize {
        self.columns.unwrap_or(WIDEST)
    }
}

/// A time for people: `42 s`, `3 min 05 s`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 60 {
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {:02} s", seconds % 60),
    }
}

/// `line` in pieces that are at most `width` wide, where its words allow it. All but the first
/// begin with `indent`. Escape sequences take no room.
fn wrapped(line: &str, width: usize, indent: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut used = 0;
    for (n, word) in line.split(' ').enumerate() {
        let wide = strip_str(word).to_string().chars().count();
        if used > indent.len() && used + 1 + wide > width {
            pieces.push(std::mem::replace(&mut piece, indent.to_owned()));
            used = indent.len();
        } else if n > 0 {
            piece.push(' ');
            used += 1;
        }
        piece += word;
        used += wide;
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_fits_stays_as_it_is() {
        assert_eq!(wrapped("  a  b ", 7, "    "), ["  a  b "]);
    }

    #[test]
    fn a_long_line_is_broken_between_words_and_indented() {
        assert_eq!(
            wrapped("one two three four", 9, "  "),
            ["one two", "  three", "  four"]
        );
    }

    #[test]
    fn a_word_that_is_too_long_stands_alone() {
        assert_eq!(wrapped("a bbbbbbbbb c", 4, ""), ["a", "bbbbbbbbb", "c"]);
    }

    #[test]
    fn escape_sequences_take_no_room() {
        let red = "\u{1b}[31mred\u{1b}[0m";
        let line = format!("{red} {red}");
        assert_eq!(wrapped(&line, 7, ""), [line]);
    }

    #[test]
    fn minutes_are_told_apart_from_seconds() {
        assert_eq!(time(Duration::from_secs(59)), "59 s");
        assert_eq!(time(Duration::from_secs(185)), "3 min 05 s");
    }
}
