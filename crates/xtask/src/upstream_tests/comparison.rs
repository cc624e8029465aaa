//! What two runs of the same tests have in common, and what not.

use super::libtest::Outcome;
use super::suite::Outcomes;

/// How the tests that were run ended, with stock cargo and with Consign.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison<'a> {
    pub passed_on_both: Vec<&'a str>,
    /// A test that fails on stock cargo, on this machine, says nothing of Consign.
    pub failed_on_both: Vec<&'a str>,
    pub ignored: Vec<&'a str>,
    /// These fail on stock cargo only.
    pub passed_on_ours_only: Vec<&'a str>,
    /// These pass on stock cargo and not on Consign: what all this is about.
    pub differing: Vec<&'a str>,
}

impl<'a> Comparison<'a> {
    /// Compares the outcomes of all tests in `ours` with those that stock cargo had.
    pub fn new(stock: &Outcomes, ours: &'a Outcomes) -> Comparison<'a> {
        let mut comparison = Comparison::default();
        for (test, outcome) in ours {
            let kind = match (stock.get(test), outcome) {
                (Some(Outcome::Passed), Outcome::Passed) => &mut comparison.passed_on_both,
                (Some(Outcome::Passed), _) => &mut comparison.differing,
                (_, Outcome::Passed) => &mut comparison.passed_on_ours_only,
                (_, Outcome::Failed) => &mut comparison.failed_on_both,
                (_, Outcome::Ignored) => &mut comparison.ignored,
            };
            kind.push(test);
        }
        comparison
    }
}

/// The listed tests that should not be listed: they pass on both, or there is no such test.
pub fn stale<'a>(
    listed: impl IntoIterator<Item = &'a str>,
    known: &[String],
    passed_on_both: &[&str],
) -> Vec<&'a str> {
    let is_stale =
        |test: &&str| passed_on_both.contains(test) || !known.iter().any(|known| known == test);
    listed.into_iter().filter(is_stale).collect()
}

/// The tests among `known` that are in one of the modules `filters`, or are named there; all of
/// them where there are no filters. The second list is of the filters that nothing matches.
pub fn chosen<'a, 'f>(known: &'a [String], filters: &'f [&str]) -> (Vec<&'a str>, Vec<&'f str>) {
    let matches = |test: &str, filter: &str| {
        test.strip_prefix(filter.trim_end_matches("::"))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let known = known.iter().map(String::as_str);
    let tests = known
        .clone()
        .filter(|test| filters.is_empty() || filters.iter().any(|filter| matches(test, filter)));
    let idle = filters
        .iter()
        .copied()
        .filter(|filter| !known.clone().any(|test| matches(test, filter)));
    (tests.collect(), idle.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Failed, Ignored, Passed};

    fn outcomes(all: &[(&str, Outcome)]) -> Outcomes {
        let owned = |(test, outcome): &(&str, Outcome)| ((*test).to_owned(), *outcome);
        all.iter().map(owned).collect()
    }

    #[test]
    fn a_test_differs_where_it_passes_on_stock_and_not_on_ours() {
        let stock = outcomes(&[
            ("both", Passed),
            ("neither", Failed),
            ("ours", Failed),
            ("stock", Passed),
            ("stock_again", Passed),
            ("unused", Ignored),
            ("not_chosen", Passed),
        ]);
        let ours = outcomes(&[
            ("both", Passed),
            ("neither", Failed),
            ("ours", Passed),
            ("stock", Failed),
            ("stock_again", Ignored),
            ("unused", Ignored),
        ]);
        let expected = Comparison {
            passed_on_both: vec!["both"],
            failed_on_both: vec!["neither"],
            ignored: vec!["unused"],
            passed_on_ours_only: vec!["ours"],
            differing: vec!["stock", "stock_again"],
        };
        assert_eq!(Comparison::new(&stock, &ours), expected);
    }

    #[test]
    fn a_listed_test_is_stale_where_it_passes_or_is_gone() {
        let known = ["differs", "passes", "fails_on_stock"].map(str::to_owned);
        let listed = ["differs", "fails_on_stock", "gone", "passes"];
        assert_eq!(stale(listed, &known, &["passes"]), ["gone", "passes"]);
    }

    #[test]
    fn a_filter_is_a_module_or_a_test_and_not_a_part_of_a_name() {
        let known = [
            "alt_registry::a",
            "registry::a",
            "registry::b::c",
            "registry_auth::a",
        ];
        let known = known.map(str::to_owned);
        let choose = |filters| chosen(&known, filters).0;
        assert_eq!(choose(&["registry"]), ["registry::a", "registry::b::c"]);
        assert_eq!(choose(&["registry::"]), ["registry::a", "registry::b::c"]);
        assert_eq!(
            choose(&["registry::b", "alt_registry::a"]),
            ["alt_registry::a", "registry::b::c"]
        );
        assert_eq!(choose(&[]), known);
    }

    #[test]
    fn a_filter_that_nothing_matches_is_told() {
        let known = ["registry::a".to_owned()];
        assert_eq!(chosen(&known, &["registry", "registri"]).1, ["registri"]);
    }
}
