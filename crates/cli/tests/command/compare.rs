//! `compare`: several models over one split.

use std::fs;

use crate::support::{SMALL, Scratch};

#[test]
fn models_are_compared_over_the_same_folds() {
    let scratch = Scratch::new();
    let command = format!(
        "compare {SMALL} --models baseline:mean,mf:lesson+epochs=3,baseline --split kfold:3 --seed 5"
    );
    let said = scratch.run(&format!("{command} --report page.html"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    for word in
        ["to the best", "p adjusted", "mf:lesson+epochs=3", "Holm", "page.html", "what these users did later"]
    {
        assert!(said.out.contains(word), "'{word}' is missing: {}", said.out);
    }
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    assert!(page.contains("<figure id=\"rmse\">") && page.contains("<figure id=\"differences\">"));
    let compared = scratch.json(&command);
    let models = compared["models"].as_array().unwrap();
    assert_eq!(models.len(), 3);
    let rmse: Vec<f64> =
        models.iter().map(|model| model["metrics"]["rmse"]["mean"].as_f64().unwrap()).collect();
    assert!(rmse.is_sorted(), "{rmse:?}");
    assert!(models[0].get("difference").is_none());
    let (low, high) = (&models[2]["difference"]["low"], &models[2]["difference"]["high"]);
    assert!(low.as_f64().unwrap() < rmse[2] - rmse[0] && rmse[2] - rmse[0] < high.as_f64().unwrap());
    let won: u64 = models.iter().map(|model| model["folds_won"].as_u64().unwrap()).sum();
    assert_eq!(won, 3);
    assert!(models.iter().all(|model| model["seconds"]["fit"].as_f64().unwrap() > 0.0));
    let alone = scratch.json(&format!("evaluate {SMALL} --model baseline --split kfold:3 --seed 5"));
    let baseline = models.iter().find(|model| model["label"] == "baseline").unwrap();
    assert_eq!(baseline["metrics"], alone["metrics"], "as if it had been alone");
}

#[test]
fn all_models_can_be_stopped_early() {
    let scratch = Scratch::new();
    let compared = scratch.json(&format!("compare {SMALL} --models all --early-stopping"));
    let models = compared["models"].as_array().unwrap();
    let names: Vec<&str> = models.iter().map(|model| model["model"].as_str().unwrap()).collect();
    assert!(names.contains(&"mf") && names.contains(&"baseline"), "{names:?}");
    let mf = models.iter().find(|model| model["model"] == "mf").unwrap();
    assert_eq!(mf["folds"][0]["early_stopping"]["epochs"], mf["config"]["epochs"]);
}

#[test]
fn a_model_that_diverges_is_named_and_the_others_are_compared() {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("compare {SMALL} --models baseline,baseline:mean,mf:lesson+rate=1"));
    assert_eq!(said.status, Some(1));
    assert!(said.out.contains("mf:lesson+rate=1 could not be fitted: training diverged"), "{}", said.out);
    assert!(said.out.contains("baseline:mean\t"), "{}", said.out);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let scratch = Scratch::new();
    for (models, message) in [
        ("mf", "nothing to be compared with"),
        ("mf,mf", "named twice"),
        ("mf,als:none", "no "),
        ("mf,mf:lesson+factors", "sets nothing"),
        ("mf,mf:lesson+factor=3", "no parameter is called 'factor'"),
    ] {
        let said = scratch.run(&format!("compare {SMALL} --models {models}"));
        assert_eq!(said.status, Some(2), "{models}: {}", said.err);
        assert!(said.err.contains(message), "{models}: {}", said.err);
    }
}
