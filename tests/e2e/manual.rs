//! `cargo help` for our own commands, whose pages are written as upstream's are: one for `man`, and one
//! in plain text.

use std::fs;
use std::path::{Path, PathBuf};

use consign_testbed::{Sandbox, consign};

/// The commands that have pages.
fn documented() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
    let pages = fs::read_dir(folder).unwrap();
    let pages = pages.map(|page| page.unwrap().path().with_extension(""));
    let mut all: Vec<_> = pages
        .map(|page| (page.file_name().unwrap().to_str().unwrap().to_owned(), page))
        .collect();
    all.sort();
    all.dedup();
    all
}

fn printed(args: &[&str]) -> String {
    let sandbox = Sandbox::new();
    let run = sandbox.home("user").cargo(&consign(), sandbox.path());
    // As where there is no `man`.
    let run = run.env("__CARGO_TEST_FORCE_HELP_TXT", "1").args(args);
    run.run().succeeded().stdout
}

/// The words of a page for `man`, without its markup.
fn words_of_man(page: &str) -> Vec<String> {
    let mut text = String::new();
    for line in page.lines() {
        let line = match line.split_once(' ') {
            Some((".SH" | ".SS", heading)) => heading.trim_matches('"'),
            _ if line.starts_with('.') || line.starts_with('\'') => continue,
            _ => line,
        };
        text += line;
        text.push('\n');
    }
    for (markup, meant) in [
        (r"\h'-04'\(bu\h'+03'", "o "),
        (r"\h'-04' ", ""),
        (r"\h'+01'", " "),
        (r"\[em]", "—"),
        (r"\fB", ""),
        (r"\fI", ""),
        (r"\fR", ""),
        (r"\&", ""),
        (r"\-", "-"),
    ] {
        text = text.replace(markup, meant);
    }
    assert!(!text.contains('\\'), "unknown markup in: {text}");
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn help_of_a_command_of_ours_is_its_page() {
    let documented = documented();
    let names: Vec<_> = documented.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        ["cargo-key", "cargo-sign", "cargo-signers", "cargo-verify"]
    );
    for (name, page) in documented {
        let command = name.strip_prefix("cargo-").unwrap();
        let text = fs::read_to_string(page.with_extension("txt")).unwrap();
        assert_eq!(printed(&["help", command]), text);
    }
}

#[test]
fn both_forms_of_a_page_say_the_same() {
    for (name, page) in documented() {
        let man = fs::read_to_string(page.with_extension("1")).unwrap();
        let text = fs::read_to_string(page.with_extension("txt")).unwrap();
        let (title, text) = text.split_once('\n').unwrap();
        assert_eq!(title, format!("{}(1)", name.to_uppercase()));
        let text: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words_of_man(&man), text, "{name}");
    }
}

#[test]
fn page_tells_of_every_subcommand_and_option() {
    for (name, page) in documented() {
        let command = name.strip_prefix("cargo-").unwrap();
        let text = fs::read_to_string(page.with_extension("txt")).unwrap();
        let help = printed(&[command, "--help"]);
        for option in own_options(&help) {
            assert!(text.contains(&option), "{name} does not tell of `{option}`");
        }
        let commands = help.split("Commands:").nth(1).unwrap_or_default();
        let commands = commands.split("\n\n").next().unwrap_or_default();
        for subcommand in commands
            .lines()
            .filter_map(|line| line.split_whitespace().next())
        {
            let named = format!("cargo {command} {subcommand}");
            assert!(text.contains(&named), "{name} does not tell of `{named}`");
            let help = printed(&[command, subcommand, "--help"]);
            for option in own_options(&help) {
                assert!(text.contains(&option), "{name} does not tell of `{option}`");
            }
        }
    }
}

/// The options in a help page that not every command has.
fn own_options(help: &str) -> Vec<String> {
    let common = printed(&["version", "--help"]);
    let options = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    options
        .filter(|option| !common.contains(*option))
        .map(str::to_owned)
        .collect()
}
