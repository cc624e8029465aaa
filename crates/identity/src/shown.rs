//! Text from outside, made fit for a message: escaped, and cut where it is long.

use std::fmt;

/// How many characters of a foreign text a message shows.
const LIMIT: usize = 64;

/// Prints a text in backquotes with everything escaped that could move a terminal's cursor or
/// pass for another text, and no more of it than fits a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    pub(crate) fn new(text: &str) -> Shown {
        Shown::at_most(LIMIT, text)
    }

    /// At most `limit` characters of `text`.
    pub(crate) fn at_most(limit: usize, text: &str) -> Shown {
        let mut shown: String = text
            .chars()
            .take(limit)
            .flat_map(|c| {
                let plain = c.is_ascii_graphic() || c == ' ';
                let escaped = (!plain).then(|| c.escape_unicode());
                plain
                    .then_some(c)
                    .into_iter()
                    .chain(escaped.into_iter().flatten())
            })
            .collect();
        if text.chars().nth(limit).is_some() {
            shown.push_str("...");
        }
        Shown(shown)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_long_texts_cut() {
        assert_eq!(Shown::new("octocat").to_string(), "`octocat`");
        assert_eq!(
            Shown::new("a\x1b[2J\u{202e}").to_string(),
            r"`a\u{1b}[2J\u{202e}`"
        );
        assert_eq!(Shown::new(&"x".repeat(1000)).to_string().len(), LIMIT + 5);
    }
}
