//! `docs/attacks.md` and the tests beside this file say the same.
//!
//! A heading of the table is a module, a row is a test in it, and what the row says of the outcome is
//! what the test asks: `**hit**` is [`Ran::is_hit`](super::Ran::is_hit), and so on. Of our cargo, an
//! attack that hits or misleads is `**not stopped**`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A row: how the table says that stock cargo, and ours, came out of it.
type Outcomes = (String, String);

/// The words of the table, and what a test asks of the command.
const OF_STOCK: [(&str, &str); 6] = [
    ("hit", "is_hit"),
    ("misled", "is_misled"),
    ("misled", "gives_away"),
    ("refuses", "refuses"),
    ("repairs", "repairs"),
    ("unharmed", "is_unharmed"),
];
const OF_OURS: [(&str, &str); 6] = [
    ("not stopped", "is_hit"),
    ("not stopped", "is_misled"),
    ("not stopped", "gives_away"),
    ("refuses", "refuses"),
    ("repairs", "repairs"),
    ("unharmed", "is_unharmed"),
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the table, by module and test.
fn rows() -> BTreeMap<(String, String), Outcomes> {
    let text = fs::read_to_string(repository().join("docs/attacks.md")).unwrap();
    let mut module = String::new();
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        if let Some(link) = line.strip_prefix("Tests: [`") {
            module = link.split(".rs`]").next().unwrap().to_owned();
        }
        // What ends otherwise is a heading or an explanation.
        let Some(cells) = line
            .strip_prefix("| ")
            .and_then(|row| row.strip_suffix("` |"))
        else {
            continue;
        };
        let cells: Vec<_> = cells.split(" | ").collect();
        let [_holds, _does, stock, ours, test] = cells[..] else {
            panic!("a row of {} cells: {line}", cells.len());
        };
        let outcome = |cell: &str| {
            let bold = cell
                .strip_prefix("**")
                .and_then(|cell| cell.split("**").next());
            bold.unwrap_or_else(|| panic!("no outcome in bold: {cell}"))
                .to_owned()
        };
        let test = test.trim_start_matches('`').to_owned();
        let before = rows.insert(
            (module.clone(), test.clone()),
            (outcome(stock), outcome(ours)),
        );
        assert!(before.is_none(), "`{test}` has two rows");
    }
    rows
}

/// The bodies of the tests, by module and name.
fn tests() -> BTreeMap<(String, String), String> {
    let mut tests = BTreeMap::new();
    for file in fs::read_dir(repository().join("tests/e2e/attacks")).unwrap() {
        let path = file.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "table" {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for part in text.split("#[test]\n").skip(1) {
            let function = part.trim_start_matches("#[");
            let start = function.find("fn ").unwrap();
            let (name, body) = function[start + 3..].split_once("()").unwrap();
            let body = body.split("\n}\n").next().unwrap().to_owned();
            tests.insert((module.clone(), name.to_owned()), body);
        }
    }
    tests
}

#[test]
fn every_attack_has_one_row_and_every_row_a_test() {
    let (rows, tests) = (rows(), tests());
    let without_a_test: Vec<_> = rows.keys().filter(|row| !tests.contains_key(row)).collect();
    assert!(
        without_a_test.is_empty(),
        "no such tests: {without_a_test:#?}"
    );
    let without_a_row: Vec<_> = tests
        .keys()
        .filter(|test| !rows.contains_key(test))
        .collect();
    assert!(
        without_a_row.is_empty(),
        "not in the table: {without_a_row:#?}"
    );
}

#[test]
fn what_a_row_says_is_what_its_test_asks() {
    let tests = tests();
    for (row, (of_stock, of_ours)) in rows() {
        let body: String = tests[&row].split_whitespace().collect();
        let asks = |who: &str, outcome: &str, words: [(&str, &str); 6]| {
            let mut asked = words.iter().filter(|(word, _)| *word == outcome);
            asked.any(|(_, method)| body.contains(&format!("{who}.{method}(")))
        };
        assert!(
            asks("stock", &of_stock, OF_STOCK),
            "{row:?}: stock is not {of_stock}"
        );
        assert!(
            asks("consign", &of_ours, OF_OURS),
            "{row:?}: ours is not {of_ours}"
        );
    }
}
