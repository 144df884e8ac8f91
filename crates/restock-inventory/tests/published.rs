//! Published numbers of all suites. The large problems run with `cargo test --release -- --ignored`.

use restock_inventory::published::suites;

fn hold(large: bool) -> usize {
    let mut n_numbers = 0;
    let mut broken = Vec::new();
    for suite in suites() {
        for case in suite.cases.iter().filter(|case| case.large == large) {
            let (comparisons, _) = case.run();
            n_numbers += comparisons.len();
            for comparison in comparisons.into_iter().filter(|comparison| !comparison.holds()) {
                broken.push(format!("{} {}: {comparison:?}", suite.name, case.id));
            }
        }
    }
    assert!(broken.is_empty(), "{} of {n_numbers} numbers differ:\n{}", broken.len(), broken.join("\n"));
    n_numbers
}

#[test]
fn small_problems_match() {
    assert!(hold(false) >= 400);
}

#[test]
#[ignore = "minutes of dynamic programming"]
fn large_problems_match() {
    hold(true);
}
