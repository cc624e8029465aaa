//! The differences that are meant, as `tests/upstream/differences.toml` lists them.
//!
//! Nothing is in that file without a reason. A help page that is listed there may have the words that
//! are listed beside it, and must be stock cargo's in everything else.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How many words are shown of a page that differs.
const EXCERPT: usize = 12;

/// All of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intended {
    /// Tests that are meant to fail, in groups of one reason.
    #[serde(default)]
    pub difference: Vec<Difference>,
    /// Tests that compare what a command prints for `--help`.
    pub help: Help,
}

/// Tests that fail for the same reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    pub reason: String,
    pub tests: Vec<String>,
}

/// Help pages that say a little more than stock cargo's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Help {
    pub reason: String,
    /// What they say more.
    pub adds: Vec<String>,
    /// For each test, the command of which it shows the help.
    pub pages: BTreeMap<String, String>,
}

impl Intended {
    /// Reads the file's text.
    pub fn read(text: &str) -> anyhow::Result<Intended> {
        Ok(toml::from_str(text)?)
    }

    /// The tests that are listed, each with its reason.
    pub fn reasons(&self) -> BTreeMap<&str, &str> {
        let groups = self.difference.iter().flat_map(|group| {
            let tests = group.tests.iter();
            tests.map(|test| (test.as_str(), group.reason.as_str()))
        });
        let pages = self.help.pages.keys();
        groups
            .chain(pages.map(|test| (test.as_str(), self.help.reason.as_str())))
            .collect()
    }
}

impl Help {
    /// A few words of our page, from where it differs from stock's and should not; `None` where it is
    /// stock's page with each of the additions at most once.
    ///
    /// Only words are compared: a flag that is longer than the others moves the text of all of them.
    pub fn unexpected(&self, stock: &str, ours: &str) -> Option<String> {
        let (stock, mut ours) = (words(stock), words(ours));
        for added in &self.adds {
            if let Some(start) = ours
                .windows(words(added).len())
                .position(|found| found == words(added))
            {
                ours.drain(start..start + words(added).len());
            }
        }
        let same = stock
            .iter()
            .zip(&ours)
            .take_while(|(stock, ours)| stock == ours);
        let same = same.count();
        (stock != ours).then(|| ours[same..ours.len().min(same + EXCERPT)].join(" "))
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [[difference]]
        reason = "the version is named"
        tests = ["version::verbose"]

        [help]
        reason = "a flag of ours"
        adds = ["--require-signatures Refuse"]
        pages = { "cargo_build::help::case" = "build" }
    "#;
    const STOCK: &str = "Options:\n  --locked  Lock\n\nMore.\n";

    fn intended() -> Intended {
        Intended::read(TEXT).expect("the text is well-formed")
    }

    #[test]
    fn tests_of_both_kinds_have_their_reasons() {
        let reasons = [
            ("cargo_build::help::case", "a flag of ours"),
            ("version::verbose", "the version is named"),
        ];
        assert_eq!(intended().reasons(), BTreeMap::from(reasons));
    }

    #[test]
    fn a_difference_without_a_reason_is_refused() {
        let text = TEXT.replace(r#"reason = "the version is named""#, "");
        assert!(Intended::read(&text).is_err());
    }

    #[test]
    fn a_page_may_say_what_is_listed_in_whatever_layout() {
        for ours in [
            STOCK,
            "Options:\n  --locked              Lock\n  --require-signatures  Refuse\n\nMore.\n",
            "Options:\n  --locked\n    Lock\n\n  --require-signatures\n    Refuse\n\nMore.\n",
        ] {
            assert_eq!(intended().help.unexpected(STOCK, ours), None, "{ours}");
        }
    }

    #[test]
    fn a_page_may_say_nothing_else_and_nothing_twice() {
        for (added, found) in [
            ("--other", "--other More."),
            ("--require-signatures", "--require-signatures More."),
            (
                "--require-signatures Refuse --require-signatures Refuse",
                "--require-signatures Refuse More.",
            ),
        ] {
            let ours = STOCK.replace("More.", &format!("{added} More."));
            let unexpected = intended().help.unexpected(STOCK, &ours);
            assert_eq!(unexpected.as_deref(), Some(found));
        }
    }

    #[test]
    fn a_page_may_not_say_less() {
        for ours in ["Options:\n  --locked  Lock\n", "Options:\n\nMore.\n"] {
            assert!(intended().help.unexpected(STOCK, ours).is_some(), "{ours}");
        }
    }
}
