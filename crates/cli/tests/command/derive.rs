//! `cofactor derive`.

use crate::support::Scratch;

#[test]
fn a_model_is_derived_in_every_format() {
    let scratch = Scratch::new();
    let said = scratch.run("derive mf --preset lesson");
    assert_eq!(said.status, Some(0), "{}", said.err);
    for piece in [
        "## Objective",
        "definition of e_ui",
        "= −2e_ui·q_i",
        "p_u ← p_u + 2ηe_ui·q_i",
        "no computer algebra",
    ] {
        assert!(said.out.contains(piece), "{piece}: {}", said.out);
    }
    assert!(scratch.run("derive mf --format latex").out.contains(r"\frac{\partial"));
    assert!(scratch.run("derive mf --format mathml").out.starts_with("<math"));
    let page = scratch.run("derive als --format html").out;
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
}

#[test]
fn a_check_prints_the_largest_differences() {
    let scratch = Scratch::new();
    let said = scratch.run("derive svdpp --check");
    assert_eq!(said.status, Some(0), "{}", said.out);
    assert_eq!(said.out.matches("They agree.").count(), 2, "{}", said.out);
    let checked = scratch.json("derive als --check");
    let check = &checked["objectives"][0]["check"];
    assert_eq!(check["passed"], true);
    assert!(check["training"]["values"].as_u64().unwrap() > 1000);
    assert!(check["training"]["largest"].as_f64().unwrap() > 0.0, "f32 rounds");
}

#[test]
fn what_has_no_derivation_is_answered_with_what_has() {
    let scratch = Scratch::new();
    let said = scratch.run("derive alss");
    assert_eq!(said.status, Some(2));
    assert!(
        said.err.contains("did you mean 'als'?") && said.err.contains("ials, bpr, logistic"),
        "{}",
        said.err
    );
    let said = scratch.run("derive");
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("svdpp") && said.err.contains("bpr"), "{}", said.err);
    let said = scratch.run("derive knn");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("these have a derivation"), "{}", said.err);
    assert_eq!(scratch.run("derive mf --set reg=-1").status, Some(2));
}
