//! The main job on the real MovieLens 100K, where it can be had without asking the network for long.

use crate::support::{Said, Scratch, real_data};

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
