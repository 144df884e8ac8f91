//! Rules of this repository that no compiler checks. Each problem names a file and, where there is one, a line.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// Crates by layer; a crate may use crates of lower layers only. Crates of one layer do not know each other.
const LAYERS: &[&[&str]] = &[
    &["restock-core", "restock-dashboard"],
    &["restock-adapt", "restock-forecast", "restock-inventory", "restock-ledger", "restock-store"],
    &["restock-intake", "restock-learning", "restock-pretrained"],
    &["restock-engine"],
    &["restock-server"],
    &["restock", "restock-cluster", "restock-python"],
];

/// Crates that nothing is built on, outside of the layers: they may use any crate.
const TOOLS: &[&str] = &["restock-fuzz", "xtask"];

/// Files with `unsafe` code.
const MAY_BE_UNSAFE: &[&str] = &["crates/restock-pretrained/src/kernels/reduced.rs"];

/// Longer than this, a Rust file holds more than one concept.
const MAX_RUST_LINES: usize = 1300;
/// Rust files that may be longer, with the most lines they may have.
const LONG_FILES: &[(&str, usize)] = &[];
const MAX_BYTES: usize = 256 * 1024;
/// Larger files, with the most bytes they may have.
const LARGE_FILES: &[(&str, usize)] = &[
    ("examples/shop/data/sales.csv", 1_000_000),
    ("examples/shop/data/receipts.csv", 450_000),
    ("crates/restock-pretrained/models/base.safetensors", 16_000_000),
    ("crates/restock-pretrained/models/nano.safetensors", 3_000_000),
];

/// Built from source elsewhere in the repository.
const BUILT: &str = "crates/restock-dashboard/assets/";

/// Files every reader looks for, and what they must contain.
const EXPECTED: &[(&str, &str)] = &[
    ("README.md", "# Restock"),
    ("ARCHITECTURE.md", "# Architecture"),
    ("CONTRIBUTING.md", "# Contributing"),
    ("CHANGELOG.md", "## Unreleased"),
    ("LICENSE-MIT", "MIT License"),
    ("LICENSE-APACHE", "Apache License"),
    ("deny.toml", "[licenses]"),
];

/// Text that must not be in the repository, in two halves so that this file does not find itself.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("TO", "DO", "is unfinished work: finish it or file an issue"),
    ("FIX", "ME", "is unfinished work: finish it or file an issue"),
    ("/ro", "ot/", "is a path of one machine"),
    ("/ho", "me/", "is a path of one machine"),
    ("/wor", "k/", "is a path of one machine"),
    ("/Use", "rs/", "is a path of one machine"),
    ("crates", ".io", "is the host of a package registry: name the package only"),
    ("pypi", ".org", "is the host of a package registry: name the package only"),
];

struct File {
    /// Relative to the workspace, with `/`.
    path: String,
    bytes: usize,
    /// `None` when it is not text.
    text: Option<String>,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Written by hand, so that the rules for writing hold.
    fn is_prose_or_code(&self) -> bool {
        let name = self.path.rsplit('/').next().expect("a path has a last part");
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        name != "Cargo.lock"
            && !self.path.starts_with(BUILT)
            && (ending.is_empty() || ["rs", "toml", "md", "py", "sh", "html", "css", "js"].contains(&ending))
            && !name.starts_with("LICENSE")
    }
}

/// Every problem in the workspace at `root`.
pub(crate) fn problems(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    if let Err(error) = collect(root, root, &mut files) {
        return vec![format!("{}: {error}", root.display())];
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut found = Vec::new();
    for file in &files {
        sizes(file, &mut found);
        if file.is_prose_or_code() {
            writing(file, &mut found);
        }
        if file.is_rust() {
            rust(file, &mut found);
        }
        if file.path.ends_with("Cargo.toml") && file.path != "Cargo.toml" {
            manifest(file, &mut found);
        }
        if file.path.starts_with("examples/mappings/")
            && file.path.ends_with(".toml")
            && let Err(error) = restock_store::Mapping::from_toml_file(root.join(&file.path))
        {
            found.push(format!("{}: {error}", file.path));
        }
    }
    expected(&files, &mut found);
    explained_dependencies(&files, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if ![".git", "target", "out", ".venv", "__pycache__", "node_modules"].contains(&name.as_str()) {
                collect(root, &path, files)?;
            }
            continue;
        }
        let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
        let bytes = fs::read(&path)?;
        files.push(File { path: relative, bytes: bytes.len(), text: String::from_utf8(bytes).ok() });
    }
    Ok(())
}

fn sizes(file: &File, found: &mut Vec<String>) {
    let limit = |allowed: &[(&str, usize)], usual| {
        allowed.iter().find(|(path, _)| *path == file.path).map_or(usual, |(_, limit)| *limit)
    };
    let max_bytes = limit(LARGE_FILES, MAX_BYTES);
    if file.bytes > max_bytes {
        found.push(format!("{}: has {} bytes, at most {max_bytes} are allowed", file.path, file.bytes));
    }
    if let (true, Some(text)) = (file.is_rust(), &file.text) {
        let (n_lines, max_lines) = (text.lines().count(), limit(LONG_FILES, MAX_RUST_LINES));
        if n_lines > max_lines {
            found.push(format!("{}:{n_lines}: has {n_lines} lines, at most {max_lines} are allowed", file.path));
        }
    }
}

fn writing(file: &File, found: &mut Vec<String>) {
    let Some(text) = &file.text else {
        found.push(format!("{}: is not UTF-8", file.path));
        return;
    };
    for (idx, line) in text.lines().enumerate() {
        let place = format!("{}:{}", file.path, idx + 1);
        if line.ends_with([' ', '\t', '\r']) {
            found.push(format!("{place}: trailing whitespace"));
        }
        for (first, second, why) in FORBIDDEN {
            let word = format!("{first}{second}");
            if line.contains(&word) {
                found.push(format!("{place}: {word:?} {why}"));
            }
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found.push(format!("{}: does not end with a line break", file.path));
    }
}

fn rust(file: &File, found: &mut Vec<String>) {
    let Some(text) = &file.text else { return };
    let is_root = file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs");
    if is_root && !text.starts_with("//!") {
        found.push(format!("{}:1: starts without a //! line that says what the crate is for", file.path));
    }
    if MAY_BE_UNSAFE.contains(&file.path.as_str()) {
        return;
    }
    for (idx, line) in text.lines().enumerate() {
        let code = line.split("//").next().expect("split gives one part");
        let is_block = ["un", "safe "].concat();
        let allows = ["allow(un", "safe_code"].concat();
        let starts_word = code
            .find(&is_block)
            .is_some_and(|at| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"'));
        if starts_word || code.contains(&allows) {
            found.push(format!("{}:{}: {is_block}code outside the files that may have it", file.path, idx + 1));
        }
    }
}

fn layer_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

/// The layers hold, and the crate takes part in the workspace's rules.
fn manifest(file: &File, found: &mut Vec<String>) {
    let text = file.text.as_deref().unwrap_or_default();
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return found.push(format!("{}: {error}", file.path)),
    };
    let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str).unwrap_or_default();
    let own_layer = layer_of(name);
    if own_layer.is_none() && !TOOLS.contains(&name) {
        found.push(format!("{}: crate {name:?} is in no layer; add it to LAYERS in xtask/src/tidy.rs", file.path));
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for dependency in table.get(section).and_then(Value::as_table).into_iter().flat_map(Table::keys) {
            let (Some(own), Some(other)) = (own_layer, layer_of(dependency)) else { continue };
            if other >= own {
                let line = text.lines().position(|line| line.starts_with(dependency.as_str())).map_or(1, |idx| idx + 1);
                found.push(format!(
                    "{}:{line}: {name} (layer {}) uses {dependency} (layer {}); a crate uses lower layers only",
                    file.path,
                    own + 1,
                    other + 1
                ));
            }
        }
    }
    let lints = table.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
    if lints != Some(true) {
        found.push(format!("{}: lacks `lints.workspace = true`", file.path));
    }
}

fn expected(files: &[File], found: &mut Vec<String>) {
    for (path, content) in EXPECTED {
        match files.iter().find(|file| file.path == *path) {
            None => found.push(format!("{path}: is missing")),
            Some(file) if !file.text.as_deref().unwrap_or_default().contains(content) => {
                found.push(format!("{path}: does not contain {content:?}"));
            }
            Some(_) => {}
        }
    }
}

/// Every outside dependency is explained in one row of the table in `ARCHITECTURE.md`, and every row is a dependency.
fn explained_dependencies(files: &[File], found: &mut Vec<String>) {
    let text_of = |path: &str| files.iter().find(|file| file.path == path).and_then(|file| file.text.as_deref());
    let (Some(manifest), Some(architecture)) = (text_of("Cargo.toml"), text_of("ARCHITECTURE.md")) else { return };
    let table: Table = match manifest.parse() {
        Ok(table) => table,
        Err(error) => return found.push(format!("Cargo.toml: {error}")),
    };
    let dependencies =
        table.get("workspace").and_then(|workspace| workspace.get("dependencies")).and_then(Value::as_table);
    let names: Vec<&str> = (dependencies.into_iter().flat_map(Table::keys).map(String::as_str))
        .filter(|name| layer_of(name).is_none())
        .collect();
    let rows: Vec<(usize, &str)> = architecture
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with("## Dependencies"))
        .filter_map(|(idx, line)| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| (idx + 1, name)))
        .collect();
    let manifests = || files.iter().filter(|file| file.path != "Cargo.toml" && file.path.ends_with("Cargo.toml"));
    let line_of = |name: &str| manifest.lines().position(|line| line.starts_with(name)).map_or(1, |idx| idx + 1);
    for name in &names {
        let is_used = |file: &File| {
            let uses = |line: &str| line.strip_prefix(*name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
            file.text.as_deref().unwrap_or_default().lines().any(uses)
        };
        if !manifests().any(is_used) {
            found.push(format!("Cargo.toml:{}: no crate uses {name}", line_of(name)));
        }
        if !rows.iter().any(|(_, row)| row == name) {
            found.push(format!("Cargo.toml:{}: ARCHITECTURE.md does not say why {name} is used", line_of(name)));
        }
    }
    for (line, name) in rows {
        if !names.contains(&name) {
            found.push(format!("ARCHITECTURE.md:{line}: {name} is not a dependency of the workspace"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), bytes: text.len(), text: Some(text.to_owned()) }
    }

    fn found_by(check: impl Fn(&File, &mut Vec<String>), path: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(&file(path, text), &mut found);
        found
    }

    #[test]
    fn a_crate_uses_lower_layers_only() {
        let with = |name: &str, dependency: &str| {
            let text = format!(
                "[package]\nname = \"{name}\"\n[dependencies]\n{dependency}.workspace = true\n[lints]\nworkspace = true\n"
            );
            found_by(manifest, "crates/x/Cargo.toml", &text)
        };
        assert_eq!(with("restock-engine", "restock-forecast"), Vec::<String>::new());
        assert_eq!(
            with("restock-forecast", "restock-inventory"),
            ["crates/x/Cargo.toml:4: restock-forecast (layer 2) uses restock-inventory (layer 2); \
              a crate uses lower layers only"]
        );
        assert_eq!(with("restock-core", "restock").len(), 1);
        assert_eq!(with("restock-unknown", "serde").len(), 1);
        assert_eq!(with("restock-fuzz", "restock-server"), Vec::<String>::new());
    }

    #[test]
    fn code_is_written_by_the_rules() {
        assert_eq!(found_by(writing, "a.rs", "let a = 1; \n"), ["a.rs:1: trailing whitespace"]);
        assert_eq!(found_by(writing, "a.rs", &format!("\n// {}{}\n", "TO", "DO")).len(), 1);
        assert_eq!(found_by(writing, "a.md", "no end").len(), 1);
        assert_eq!(found_by(rust, "crates/a/src/lib.rs", "mod a;\n").len(), 1);
        let code = format!("fn a() {{ un{} {{ b() }} }}\n", "safe");
        assert_eq!(found_by(rust, "a.rs", &code).len(), 1);
        assert_eq!(found_by(rust, "a.rs", &format!("// not un{} at all\n", "safe")), Vec::<String>::new());
    }

    #[test]
    fn files_stay_small() {
        assert_eq!(found_by(sizes, "a.rs", &"a\n".repeat(MAX_RUST_LINES)), Vec::<String>::new());
        assert_eq!(found_by(sizes, "a.rs", &"a\n".repeat(MAX_RUST_LINES + 1)).len(), 1);
        assert_eq!(found_by(sizes, "a.csv", &"a".repeat(MAX_BYTES + 1)).len(), 1);
    }

    #[test]
    fn every_dependency_is_explained() {
        let manifest = file("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\nrestock-core = { path = \"x\" }\n");
        let user = file("crates/a/Cargo.toml", "[dependencies]\nserde.workspace = true\n");
        let mut found = Vec::new();
        explained_dependencies(
            &[manifest, user, file("ARCHITECTURE.md", "## Dependencies\n| `toml` | reads |\n")],
            &mut found,
        );
        assert_eq!(
            found,
            [
                "Cargo.toml:2: ARCHITECTURE.md does not say why serde is used",
                "ARCHITECTURE.md:2: toml is not a dependency of the workspace",
            ]
        );
    }
}
