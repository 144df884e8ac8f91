//! Generated files: the example shop and the pictures of the guide.

#[path = "../../crates/restock/src/chart.rs"]
mod chart;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use restock_inventory::problems::{KINDS, solve};
use restock_inventory::retail_simulator::{ChainConfig, chain};
use restock_store::write::{Format, dataset};

/// Where the example shop's tables are.
const SHOP: &str = "examples/shop/data";
/// Chosen once; any other seed gives another shop.
const SHOP_SEED: u64 = 2026;

/// Where the guide's pages and pictures are.
const GUIDE: &str = "crates/restock-inventory/guide";

/// Writes the generated files and returns what went wrong.
pub(crate) fn write(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    match shop(&root.join(SHOP)) {
        Ok(paths) => {
            let bytes: u64 = paths.iter().filter_map(|path| fs::metadata(path).ok()).map(|meta| meta.len()).sum();
            println!("wrote {} files, {} kB, in {SHOP}", paths.len(), bytes / 1000);
        }
        Err(error) => problems.push(format!("{SHOP}: {error}")),
    }
    match pictures(&root.join(GUIDE)) {
        Ok(n_pictures) => println!("wrote {n_pictures} pictures in {GUIDE}"),
        Err(error) => problems.push(format!("{GUIDE}: {error}")),
    }
    problems
}

/// Says where the committed files differ from what [`write()`] would write.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let (fresh_shop, fresh_guide) = (root.join("target/xtask/shop"), root.join("target/xtask/guide"));
    for folder in [&fresh_shop, &fresh_guide] {
        // Left over from an earlier run; its absence is fine.
        let _ = fs::remove_dir_all(folder);
    }
    if let Err(error) = shop(&fresh_shop) {
        return vec![format!("{}: {error}", fresh_shop.display())];
    }
    if let Err(error) = pictures(&fresh_guide) {
        return vec![format!("{}: {error}", fresh_guide.display())];
    }
    let compare = |folder: &str, fresh: &Path, ending: &str| -> Vec<String> {
        differences(&root.join(folder), fresh, ending)
            .unwrap_or_else(|error| vec![format!("{folder}: {error}")])
            .into_iter()
            .map(|difference| format!("{folder}/{difference}; run `cargo xtask generate`"))
            .collect()
    };
    [compare(SHOP, &fresh_shop, ""), compare(GUIDE, &fresh_guide, ".svg")].concat()
}

/// Solves the example of every kind of problem and draws its charts, as `restock solve --out` does. Returns how many.
fn pictures(folder: &Path) -> Result<usize, String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let mut n_pictures = 0;
    for kind in KINDS {
        let solved = solve(kind.example_table()).map_err(|error| format!("{}: {error}", kind.name))?;
        for (number, chart) in (1..).zip(&solved.charts) {
            let path = folder.join(format!("{}-{number}.svg", kind.name));
            fs::write(&path, chart::svg(chart)).map_err(|error| format!("{}: {error}", path.display()))?;
            n_pictures += 1;
        }
    }
    Ok(n_pictures)
}

fn shop(folder: &Path) -> Result<Vec<PathBuf>, String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    dataset(&chain(&ChainConfig::example_shop(), SHOP_SEED), folder, Format::Csv).map_err(|error| error.to_string())
}

/// Compares the files of two folders whose names end so.
fn differences(committed: &Path, fresh: &Path, ending: &str) -> io::Result<Vec<String>> {
    let names = |folder: &Path| -> io::Result<BTreeSet<String>> {
        let all: Vec<String> = fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?;
        Ok(all.into_iter().filter(|name| name.ends_with(ending)).collect())
    };
    let (old, new) = (names(committed)?, names(fresh)?);
    let mut found: Vec<String> = old.difference(&new).map(|name| format!("{name} is no longer generated")).collect();
    found.extend(new.difference(&old).map(|name| format!("{name} is missing")));
    for name in old.intersection(&new) {
        let (old, new) = (fs::read_to_string(committed.join(name))?, fs::read_to_string(fresh.join(name))?);
        if old == new {
            continue;
        }
        let same = old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count();
        let line = |text: &str| text.lines().nth(same).map_or("nothing".to_owned(), |line| format!("{line:?}"));
        found.push(format!("{name}:{}: is {}, would be {}", same + 1, line(&old), line(&new)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_found_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        for path in [&old, &new] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("a.csv"), "x\n1\n2\n").unwrap();
        }
        assert_eq!(differences(&old, &new, "").unwrap(), Vec::<String>::new());
        fs::write(new.join("a.csv"), "x\n1\n3\n").unwrap();
        fs::write(new.join("b.csv"), "").unwrap();
        assert_eq!(differences(&old, &new, ".svg").unwrap(), Vec::<String>::new());
        assert_eq!(differences(&old, &new, "").unwrap(), ["b.csv is missing", "a.csv:3: is \"2\", would be \"3\""]);
    }

    #[test]
    fn the_shop_is_small_enough_to_ship() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: u64 = shop(folder.path()).unwrap().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(bytes < 1_500_000, "{bytes} bytes");
    }
}
