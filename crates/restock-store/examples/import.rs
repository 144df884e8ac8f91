//! Imports files or folders and prints what was recognised: `import PATH... [--map MAPPING.toml]`.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;

use restock_store::{ImportOptions, Mapping, import};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sources = Vec::new();
    let mut mapping = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--map" {
            mapping = Some(Mapping::from_toml_file(arguments.next().ok_or("--map needs a file")?)?);
        } else {
            sources.push(PathBuf::from(argument));
        }
    }
    let start = std::time::Instant::now();
    let import = import(&sources, mapping.as_ref(), &ImportOptions::default(), &|_, _, _| {})?;
    println!("{:.3} s, hash {}", start.elapsed().as_secs_f64(), &import.hash[..16]);
    for table in &import.tables {
        println!("{table:?}");
    }
    for note in &import.notes {
        println!("note: {note}");
    }
    for error in import.row_errors.iter().take(20) {
        println!("row error: {error}");
    }
    let dataset = &import.dataset;
    println!(
        "{} row errors, {} items, {} locations, {} suppliers, {} sales rows, bucket {:?}",
        import.n_row_errors,
        dataset.items.len(),
        dataset.locations.len(),
        dataset.suppliers.len(),
        dataset.sales.len(),
        import.bucket
    );
    println!("first item {:?}", dataset.items.first());
    Ok(())
}
