use restock_inventory::published::suites;
fn main() {
    let mut a = std::env::args().skip(1);
    let name = a.next().unwrap();
    let filter = a.next().unwrap_or_default();
    let small = a.next().is_some();
    for suite in suites().into_iter().filter(|s| s.name == name) {
        for case in suite.cases.iter().filter(|c| c.id.contains(&filter) && !(small && c.large)) {
            let (cs, t) = case.run();
            println!("{} large={} {:.2?}", case.id, case.large, t);
            for c in cs {
                println!(
                    "   {} {:45} pub {:.6} ours {:.6} diff {:+.2e} tol {:.1e}",
                    if c.holds() { "ok " } else { "BAD" },
                    c.quantity,
                    c.published,
                    c.ours,
                    c.ours - c.published,
                    c.tolerance
                );
            }
        }
    }
}
