//! Upstream's dependencies in our manifest.
//!
//! The dependency tables and features of the fork are upstream's, with a few entries of our own. What
//! upstream added, changed or took away from one release to the next is done to ours, entry by entry;
//! everything else stays as it is, comments and order too.

use std::collections::BTreeSet;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// Which tables follow; each also below `target.*`.
const DEPENDENCIES: [&str; 2] = ["dependencies", "build-dependencies"];

/// Entries that are ours though upstream has one by that name: we compile a patched copy.
const OURS: &[&str] = &["crates-io"];

/// Does to `ours` what was done from `old` to `new`, and gives how many entries that changed.
pub fn carry(old: &DocumentMut, new: &DocumentMut, ours: &mut DocumentMut) -> usize {
    let mut paths: BTreeSet<Vec<String>> = BTreeSet::new();
    paths.insert(vec!["features".to_owned()]);
    for name in DEPENDENCIES {
        paths.insert(vec![name.to_owned()]);
        for manifest in [old, new] {
            let targets = manifest.get("target").and_then(Item::as_table_like);
            for (target, _) in targets.into_iter().flat_map(|targets| targets.iter()) {
                let path = ["target", target, name];
                paths.insert(path.map(str::to_owned).into());
            }
        }
    }
    let mut changed = 0;
    for path in paths {
        changed += carry_table(at(old, &path), at(new, &path), ours, &path);
    }
    changed
}

fn at<'a>(manifest: &'a DocumentMut, path: &[String]) -> Option<&'a Item> {
    let root = Some(manifest.as_item());
    path.iter().fold(root, |item, key| item?.get(key))
}

fn carry_table(
    old: Option<&Item>,
    new: Option<&Item>,
    ours: &mut DocumentMut,
    path: &[String],
) -> usize {
    let keys = [old, new]
        .into_iter()
        .flatten()
        .filter_map(Item::as_table_like);
    let keys: BTreeSet<_> = keys
        .flat_map(|table| table.iter().map(|(key, _)| key.to_owned()))
        .collect();
    let mut changed = 0;
    for key in keys.iter().filter(|key| !OURS.contains(&key.as_str())) {
        let entry = |table: Option<&Item>| table?.get(key).and_then(compact);
        let (before, after) = (entry(old), entry(new));
        if meaning(before.as_ref()) == meaning(after.as_ref()) {
            continue;
        }
        changed += 1;
        let mut item = ours.as_item_mut();
        for part in path {
            let table = item
                .as_table_like_mut()
                .expect("a table is a table in every manifest");
            item = table.entry(part).or_insert_with(|| {
                let mut table = Table::new();
                table.set_implicit(part == "target");
                Item::Table(table)
            });
        }
        let Some(table) = item.as_table_like_mut() else {
            continue;
        };
        match after {
            // In its place: `insert` would take away the comment above.
            Some(value) => *table.entry(key).or_insert(Item::None) = Item::Value(value),
            None => remove(table, key),
        }
    }
    changed
}

/// Removes an entry. The comment above it may be about more than this one, and goes to the next.
fn remove(table: &mut dyn TableLike, key: &str) {
    let comment = table
        .key(key)
        .and_then(|key| key.leaf_decor().prefix()?.as_str().map(str::to_owned))
        .filter(|prefix| prefix.contains('#'));
    let mut keys = table.iter().map(|(key, _)| key.to_owned());
    let next = keys.by_ref().skip_while(|other| other != key).nth(1);
    drop(keys);
    table.remove(key);
    if let (Some(comment), Some(next)) = (comment, next)
        && let Some(mut next) = table.key_mut(&next)
    {
        next.leaf_decor_mut().set_prefix(comment);
    }
}

/// An entry on one line: a published manifest has a table for each.
fn compact(item: &Item) -> Option<Value> {
    let Some(table) = item.as_table() else {
        return item.as_value().cloned();
    };
    let entries: Vec<_> = table
        .iter()
        .filter_map(|(key, item)| Some((key, flat(item.as_value()?))))
        .collect();
    match &entries[..] {
        [("version", version)] => Some(version.clone()),
        _ => Some(Value::InlineTable(InlineTable::from_iter(entries))),
    }
}

/// The same without line breaks.
fn flat(value: &Value) -> Value {
    let mut value = match value.as_array() {
        Some(array) => Value::Array(array.iter().map(flat).collect()),
        None => value.clone(),
    };
    value.decor_mut().clear();
    value
}

fn meaning(value: Option<&Value>) -> Option<String> {
    value.map(|value| flat(value).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(old: &str, new: &str, ours: &str) -> (usize, String) {
        let parse = |text: &str| text.parse::<DocumentMut>().expect("it is TOML");
        let mut ours = parse(ours);
        let changed = carry(&parse(old), &parse(new), &mut ours);
        (changed, ours.to_string())
    }

    #[test]
    fn what_upstream_changed_is_changed_and_the_rest_stays() {
        let old = "[dependencies.a]\nversion = \"1\"\n[dependencies.b]\nversion = \"1\"\n\
                   [dependencies.crates-io]\nversion = \"1\"\n";
        let new = "[dependencies.b]\nversion = \"2\"\nfeatures = [\n  \"x\",\n]\n\
                   [dependencies.c]\nversion = \"3\"\n[dependencies.crates-io]\nversion = \"2\"\n";
        let ours = "[dependencies]\nmine.workspace = true\n# Upstream's.\na = \"1\"\nb = \"1\"\n\
                    crates-io = { path = \"x\" }\n";
        let expected = "[dependencies]\nmine.workspace = true\n# Upstream's.\nb = { version = \"2\", features = [\"x\"] }\n\
                        crates-io = { path = \"x\" }\nc = \"3\"\n";
        assert_eq!(carried(old, new, ours), (3, expected.to_owned()));
    }

    #[test]
    fn dependencies_of_a_platform_and_features_follow_too() {
        let old =
            "[features]\nf = [\"a\"]\n[target.\"cfg(unix)\".dependencies.libc]\nversion = \"1\"\n";
        let new =
            "[features]\nf = [\"b\"]\n[target.\"cfg(unix)\".dependencies.libc]\nversion = \"2\"\n";
        let ours = "[features]\nf = [\"a\"]\n\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n";
        let expected =
            "[features]\nf = [\"b\"]\n\n[target.'cfg(unix)'.dependencies]\nlibc = \"2\"\n";
        assert_eq!(carried(old, new, ours), (2, expected.to_owned()));
    }

    #[test]
    fn same_release_changes_nothing() {
        let same = "[dependencies.a]\nversion = \"1\"\nfeatures = [\"x\"]\n";
        let ours = "[dependencies]\na = { version = \"1\", features = [\"x\"] }\n";
        assert_eq!(carried(same, same, ours), (0, ours.to_owned()));
    }
}
