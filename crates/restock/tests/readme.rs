//! What the README shows is what the program prints.

use std::path::Path;
use std::process::Command;

/// What a run in the root of the repository prints.
fn printed(args: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(args)
        .current_dir(root)
        .env_clear()
        .env("LANG", "C")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "restock {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Every text block is a command with its output or, the first, the plan of the example shop; `...` is a cut.
#[test]
fn the_samples_of_the_readme_are_up_to_date() {
    let readme = include_str!("../../../README.md");
    let blocks: Vec<&str> =
        readme.split("\n```text\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 3, "blocks of README.md that show output");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().display().to_string();
    let plan = printed(&["plan", "--project", "examples/shop", "--out", &out]).replace(&out, "examples/shop/out");
    for block in blocks {
        let (text, shown) = match block.strip_prefix("$ restock ").and_then(|block| block.split_once('\n')) {
            Some((args, shown)) => (printed(&args.split(' ').collect::<Vec<_>>()), shown),
            None => (plan.clone(), block),
        };
        let mut lines = text.lines();
        for line in shown.lines().filter(|line| !line.is_empty() && *line != "...") {
            assert!(lines.any(|other| other == line), "{line:?} is not what the program prints, or not in this order");
        }
    }
}
