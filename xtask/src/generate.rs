//! Generated files: the example shop.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use restock_inventory::retail_simulator::{ChainConfig, chain};
use restock_store::write::{Format, dataset};

/// Where the example shop's tables are.
const SHOP: &str = "examples/shop/data";
/// Chosen once; any other seed gives another shop.
const SHOP_SEED: u64 = 2026;

/// Writes the generated files and returns what went wrong.
pub(crate) fn write(root: &Path) -> Vec<String> {
    let folder = root.join(SHOP);
    match shop(&folder) {
        Ok(paths) => {
            let bytes: u64 = paths.iter().filter_map(|path| fs::metadata(path).ok()).map(|meta| meta.len()).sum();
            println!("wrote {} files, {} kB, in {SHOP}", paths.len(), bytes / 1000);
            Vec::new()
        }
        Err(error) => vec![format!("{SHOP}: {error}")],
    }
}

/// Says where the committed files differ from what [`write()`] would write.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let fresh = root.join("target/xtask/shop");
    // Left over from an earlier run; its absence is fine.
    let _ = fs::remove_dir_all(&fresh);
    if let Err(error) = shop(&fresh) {
        return vec![format!("{}: {error}", fresh.display())];
    }
    differences(&root.join(SHOP), &fresh)
        .unwrap_or_else(|error| vec![format!("{SHOP}: {error}")])
        .into_iter()
        .map(|difference| format!("{SHOP}/{difference}; run `cargo xtask generate`"))
        .collect()
}

fn shop(folder: &Path) -> Result<Vec<PathBuf>, String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    dataset(&chain(&ChainConfig::example_shop(), SHOP_SEED), folder, Format::Csv).map_err(|error| error.to_string())
}

fn differences(committed: &Path, fresh: &Path) -> io::Result<Vec<String>> {
    let names = |folder: &Path| -> io::Result<BTreeSet<String>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
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
        assert_eq!(differences(&old, &new).unwrap(), Vec::<String>::new());
        fs::write(new.join("a.csv"), "x\n1\n3\n").unwrap();
        fs::write(new.join("b.csv"), "").unwrap();
        assert_eq!(differences(&old, &new).unwrap(), ["b.csv is missing", "a.csv:3: is \"2\", would be \"3\""]);
    }

    #[test]
    fn the_shop_is_small_enough_to_ship() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: u64 = shop(folder.path()).unwrap().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(bytes < 1_500_000, "{bytes} bytes");
    }
}
