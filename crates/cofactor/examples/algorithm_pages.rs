//! Writes the pages of all algorithms: `cargo run -p cofactor --example algorithm_pages`.

use std::fs;
use std::path::Path;

use cofactor::derive::documented;
use cofactor::registry::{ALGORITHMS, index};

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/algorithms");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for entry in ALGORITHMS {
        fs::write(folder.join(format!("{}.md", entry.name)), documented(entry))?;
    }
    fs::write(folder.join("README.md"), index())
}
