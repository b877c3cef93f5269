//! The main job on the real MovieLens 100K, where it can be had without asking the network for long.

use crate::support::{Said, Scratch};

/// The lesson's claim is a test MSE of about 0.91.
#[test]
fn the_lesson_on_movielens_100k_keeps_its_promise() {
    let scratch = Scratch::new();
    let mut command =
        scratch.command("run ml-100k --preset lesson --split user:0.2 --seed 1 --json --offline");
    match real_data() {
        Some((name, place)) => command.env(name, place),
        None => {
            println!("left out: MovieLens 100K is neither in the cache nor in the folder of COFACTOR_MIRROR");
            return;
        }
    };
    let said = Said::of(command.output().unwrap());
    assert_eq!(said.status, Some(0), "{}", said.err);
    let report = said.object();
    assert_eq!((report["data"]["users"].as_u64(), report["data"]["items"].as_u64()), (Some(943), Some(1682)));
    let mse = report["metrics"]["mse"]["mean"].as_f64().unwrap();
    assert!(mse <= 0.91, "{mse}");
    assert_eq!(scratch.names("cofactor-run"), ["model.cofactor", "report.html", "report.json"]);
    let said = Said::of(
        scratch
            .command("predict cofactor-run/model.cofactor --user 42 --item")
            .arg("Fargo (1996)")
            .output()
            .unwrap(),
    );
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!(said.out.contains("Fargo (1996)"), "{}", said.out);
}

/// The variable to set, and its value: a mirror that holds the archive, or the cache of the person who runs the tests.
fn real_data() -> Option<(&'static str, std::path::PathBuf)> {
    #[expect(clippy::disallowed_methods, reason = "a test takes its data from where its runner says")]
    let variable = |name: &str| std::env::var(name).ok().map(std::path::PathBuf::from);
    if let Some(mirror) = variable("COFACTOR_MIRROR")
        && mirror.join("ml-100k.zip").is_file()
    {
        return Some(("COFACTOR_MIRROR", mirror));
    }
    let cache = variable("COFACTOR_CACHE").or_else(cofactor::data::datasets::Store::platform_cache)?;
    cache.join("ml-100k").is_dir().then_some(("COFACTOR_CACHE", cache))
}
