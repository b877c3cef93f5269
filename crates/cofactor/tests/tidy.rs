//! The direction of the imports, as ARCHITECTURE.md draws it: every `use crate::…` points downwards.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up: a module may import what stands before it, and itself.
const ORDER: &[&str] = &[
    "error",
    "fit::rng",
    "data",
    "fit",
    "algo",
    "registry",
    "derive",
    "eval",
    "tune",
    "store",
    "recommender",
    "report",
];

/// What an algorithm's file may import of the crate.
const FOR_ALGORITHMS: &[&str] = &["error", "data::ids", "data::ratings", "data::attributes", "fit"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `data/read/mod.rs` → `data::read`.
fn module_of(path: &Path, root: &Path) -> String {
    let relative = path.strip_prefix(root).expect("it was found there").with_extension("");
    let parts: Vec<&str> =
        relative.iter().filter_map(|part| part.to_str()).filter(|part| *part != "mod").collect();
    parts.join("::")
}

/// Everything that a file imports from its own crate, outside its tests.
fn imports(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or("");
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let mentions =
        lines.flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>());
    let path = |rest: String| -> String {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        rest[..end].trim_end_matches(':').to_owned()
    };
    mentions.map(path).filter(|path| !path.is_empty()).collect()
}

fn starts_with_module(path: &str, module: &str) -> bool {
    path == module || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

/// The rank of the longest entry of [`ORDER`] that the path begins with.
fn rank(path: &str) -> Option<usize> {
    let fits = |module: &&&str| starts_with_module(path, module);
    let best = ORDER.iter().filter(fits).max_by_key(|module| module.len())?;
    ORDER.iter().position(|module| module == best)
}

#[test]
fn imports_run_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("lib.rs") && !file.ends_with("tests.rs")) {
        let module = module_of(file, &root);
        let own = rank(&module).unwrap_or_else(|| panic!("{module} has no place in ORDER"));
        for import in imports(&fs::read_to_string(file).expect("it can be read")) {
            // `crate::Result` and `crate::Error` are the bottom.
            let Some(theirs) = rank(&import) else { continue };
            let sideways = module.starts_with("algo::")
                && !FOR_ALGORITHMS.iter().any(|m| starts_with_module(&import, m));
            if theirs > own || sideways {
                wrong.push(format!("{module} imports crate::{import}"));
            }
        }
    }
    assert!(files.len() > 10, "the sources were found");
    assert!(wrong.is_empty(), "against the direction of ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_reading_of_imports_finds_what_is_there() {
    let source = "use crate::data::ids::{Item};\n// crate::report\nlet x = crate::eval::metric::rmse(1);\n#[cfg(test)]\nuse crate::report;";
    assert_eq!(imports(source), ["data::ids", "eval::metric::rmse"]);
    assert!(rank("eval::metric") < rank("report") && rank("fit::rng") < rank("data::ids"));
}

#[test]
fn only_the_data_sets_open_a_socket_and_nothing_reads_the_environment() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let source = fs::read_to_string(&file).expect("it can be read");
        let code = source.split("#[cfg(test)]").next().unwrap_or("");
        let module = module_of(&file, &root);
        let may_download = module.starts_with("data::datasets");
        assert!(
            may_download || !(code.contains("ureq::") || code.contains("std::net")),
            "{module} opens a socket"
        );
        assert!(!code.contains("env::var"), "{module} reads the environment");
    }
}
