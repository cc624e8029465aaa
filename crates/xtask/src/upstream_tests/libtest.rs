//! What a test program prints: the names of its tests, and how each of them ended.

use serde::{Deserialize, Serialize};

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    Failed,
    /// By a condition of its own: it needs a nightly compiler, a container, the network.
    Ignored,
}

/// The names in what `--list` prints.
pub fn names(list: &str) -> Vec<String> {
    list.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect()
}

/// The test that a line tells of, and its outcome; `None` for every other line.
pub fn outcome(line: &str) -> Option<(&str, Outcome)> {
    let (name, ended) = line.trim_end().strip_prefix("test ")?.split_once(" ... ")?;
    let outcome = match ended
        .split_once(", ")
        .map_or(ended, |(ended, _reason)| ended)
    {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Ignored,
        _ => return None,
    };
    Some((
        name.strip_suffix(" - should panic").unwrap_or(name),
        outcome,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_benchmarks_and_the_total_are_not() {
        let list = "a::b: test\na::c: benchmark\nd: test\n\n2 tests, 1 benchmark\n";
        assert_eq!(names(list), ["a::b", "d"]);
    }

    #[test]
    fn each_way_to_end_is_read() {
        for (line, expected) in [
            ("test a::b ... ok\n", ("a::b", Outcome::Passed)),
            ("test a::b ... FAILED", ("a::b", Outcome::Failed)),
            ("test a::b ... ignored", ("a::b", Outcome::Ignored)),
            (
                "test a::b ... ignored, requires nightly, or so",
                ("a::b", Outcome::Ignored),
            ),
            ("test a::b - should panic ... ok", ("a::b", Outcome::Passed)),
        ] {
            assert_eq!(outcome(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn other_lines_tell_of_no_test() {
        for line in [
            "",
            "running 2 tests",
            "test a::b has been running for over 60 seconds",
            "test a::b ... ",
            "test result: ok. 2 passed; 0 failed; 0 ignored",
            "---- a::b stdout ----",
        ] {
            assert_eq!(outcome(line), None, "{line}");
        }
    }
}
