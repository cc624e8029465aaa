//! Makes a published crate root fit for `include!`.
//!
//! `include!` is how a crate is compiled from a folder whose name is known only to its build
//! script. It is stricter than a crate root in two ways, and both are put right by rule, without a
//! patch:
//!
//! - Inner doc comments (`//!`) are no items: they are left out, line by line.
//! - A macro that is exported from an included file counts as made by a macro, and rustc warns of
//!   every use by path. Such macros are taken out of the copy; the crate defines them itself.

use std::fs;
use std::path::Path;

use crate::set::SetError;

/// Leaves the inner doc comments out of the file at `path`. Line numbers stay as they are.
pub fn without_inner_docs(path: &Path) -> Result<(), SetError> {
    rewrite(path, |text| {
        text.split_inclusive('\n')
            .map(|line| match line.starts_with("//!") {
                true => "\n",
                false => line,
            })
            .collect()
    })
}

/// Takes the exported macros out of the file at `path` and returns them, in order, as [`exported_macros`] does.
/// Line numbers stay as they are.
pub fn without_exported_macros(path: &Path) -> Result<Vec<String>, SetError> {
    let mut macros = Vec::new();
    rewrite(path, |text| cut_exported_macros(text, &mut macros))?;
    Ok(macros)
}

/// The exported macros in a text, in order, without comments and white space, so that they can be compared.
pub fn exported_macros(text: &str) -> Vec<String> {
    let mut macros = Vec::new();
    cut_exported_macros(text, &mut macros);
    macros
}

fn cut_exported_macros(text: &str, macros: &mut Vec<String>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if line.trim_end() != "#[macro_export]" {
            kept.push(line);
            continue;
        }
        // Its documentation would be left without an item.
        for above in kept.iter_mut().rev() {
            if !above.starts_with("///") {
                break;
            }
            *above = "\n";
        }
        kept.push("\n");
        let mut cut = String::new();
        for line in lines.by_ref() {
            if !line.trim_start().starts_with("//") {
                cut.extend(line.split_whitespace());
            }
            kept.push("\n");
            if line.trim_end() == "}" {
                break;
            }
        }
        macros.push(cut);
    }
    kept.concat()
}

fn rewrite(path: &Path, change: impl FnOnce(&str) -> String) -> Result<(), SetError> {
    let failed = |what| {
        move |source| SetError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    };
    let text = fs::read_to_string(path).map_err(failed("read"))?;
    fs::write(path, change(&text)).map_err(failed("write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_macros_go_with_their_documentation() {
        let text = "fn a() {}\n\n/// Says it.\n#[macro_export]\nmacro_rules! say {\n    () => {\n    };\n}\n\nfn b() {}\n";
        let mut macros = Vec::new();
        let cut = cut_exported_macros(text, &mut macros);
        assert_eq!(macros, ["macro_rules!say{()=>{};}"]);
        assert_eq!(cut, "fn a() {}\n\n\n\n\n\n\n\n\nfn b() {}\n");
    }
}
