use super::*;
use serde_json::json;

const NASTY: &str = "<script>\"&'</title>";

/// A run on invented films, one of which has a hostile title.
pub(super) fn sample() -> Report {
    let estimate = json!({"mean": 0.9431, "stderr": 0.004, "low": 0.935, "high": 0.951, "n": 20_000, "users": 900,
        "average": "ratings", "clipped": true});
    let items: Vec<Value> = (0..60)
        .map(|i| {
            let title = if i == 7 { NASTY.to_owned() } else { format!("The Invented Film No. {i} (19{:02})", 30 + i) };
            let genre = ["Comedy", "Drama", "</style><script>"][i % 3];
            json!({"title": title, "x": (i % 3) as f64 + i as f64 / 90.0, "y": (i * 37 % 60) as f64, "n": 300 - 4 * i,
                "mean": 3.5, "genres": [genre]})
        })
        .collect();
    let groups = json!([{"low": 0, "high": 0, "n": 40, "rmse": 1.1, "stderr": 0.1},
        {"low": 1, "high": 9, "n": 400, "rmse": 1.0, "stderr": 0.02}, {"low": 10, "high": 700, "n": 9000, "rmse": 0.9, "stderr": 0.01}]);
    let report = json!({
        "version": "0.1.0",
        "command": "cofactor run 'a <b>.csv' --seed 1",
        "data": {"name": NASTY, "users": 943, "items": 1682, "ratings": 100_000, "density": 0.063, "scale": [1.0, 5.0],
            "fingerprint": "0123abcd", "time_span": [874_724_710, 893_286_638],
            "histogram": [{"value": 1.0, "count": 6110}, {"value": 2.0, "count": 11_370}, {"value": 3.0, "count": 27_145},
                {"value": 4.0, "count": 34_174}, {"value": 5.0, "count": 21_201}]},
        "split": {"spec": "user:0.2", "train": 80_000, "test": 20_000, "leakage": "It leaks & leaks.",
            "unseen": {"users": 0, "items": 26, "ratings": 31}},
        "model": {"name": "mf", "title": "matrix factorization", "config": {"k": 5, "note": NASTY},
            "documentation": "# MF\nLetters.\n\n## Model\n```text\nr̂_ui = p_uᵀq_i     (1)\n```\n\n## Cost\nO(N).\n"},
        "seed": 1, "threads": 2,
        "metrics": {"rmse": estimate, "mae": estimate, "mse": estimate},
        "seconds": {"read": 0.04, "split": 0.01, "fit": 0.1, "evaluate": 0.03, "total": 0.2},
        "epochs": [{"epoch": 1, "train_rmse": 1.1, "valid_rmse": 1.2, "seconds": 0.1},
            {"epoch": 2, "train_rmse": 0.9, "valid_rmse": 1.0, "seconds": 0.1}],
        "machine": {"os": "linux", "arch": "x86_64", "isa": "avx2", "cores": 2},
        "coverage": [{"promised": 0.5, "found": 0.51, "stderr": 0.01}],
        "chains": [{"name": "noise", "burn_in": 1, "chains": [[1.0, 2.0, 1.5]], "r_hat": 1.01, "effective": 40.0}],
        "diagnostics": {
            "errors": {"edges": [-2.0, -1.0, 0.0, 1.0, 2.0], "counts": [1, 5, 6, 2], "mean": 0.1, "deviation": 0.8},
            "by_rating": [{"rating": 1.0, "n": 9, "predicted": 2.6, "deviation": 0.5, "rmse": 1.8},
                {"rating": 5.0, "n": 9, "predicted": 4.0, "deviation": 0.5, "rmse": 1.1}],
            "calibration": [{"predicted": 2.5, "observed": 2.4, "stderr": 0.02, "n": 50},
                {"predicted": 4.0, "observed": 4.0, "stderr": 0.02, "n": 50}],
            "by_user_activity": groups, "by_item_popularity": groups,
            "shares": [{"value": 1.0, "ratings": 0.4, "predictions": 0.2}, {"value": 2.0, "ratings": 0.6, "predictions": 0.8}],
            "item_map": {"variance": [0.3, 0.2], "items": items}},
        "example": {"user": NASTY, "liked": [{"title": NASTY, "rating": 5.0}],
            "picks": [{"title": NASTY, "predicted": 4.6, "held_out": 3.5, "reasons": [{"title": NASTY, "rating": 1.0, "share": 0.4}]}]},
    });
    serde_json::from_value(report).unwrap()
}

/// The tags of a page, and the text between them.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|piece| piece.split('>').next().unwrap_or(piece)).collect()
}

#[test]
fn a_report_comes_back_from_its_json() {
    let report = sample();
    assert_eq!(Report::from_json(&report.to_json()).unwrap(), report);
    let message = Report::from_json("{}").unwrap_err().to_string();
    assert!(message.contains("missing field `version`") && message.contains("cofactor run"), "{message}");
}

#[test]
fn nothing_from_the_data_becomes_markup() {
    let html = sample().html();
    let scripts = tags(&html).into_iter().filter(|tag| tag.starts_with("script")).count();
    assert_eq!(scripts, 1, "the page's own script alone");
    assert_eq!(html.matches("</style>").count(), 2, "the page's own style and the map's rules");
    assert_eq!(html.matches("</title>").count(), html.matches("<title>").count());
    assert!(html.contains("&lt;script&gt;&quot;&amp;&#39;&lt;/title&gt;"));
    assert!(html.contains("&#39;a &lt;b&gt;.csv&#39;"));
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let html = sample().html();
    assert!(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'"));
    for tag in tags(&html) {
        let source = tag
            .split([' ', '\n'])
            .find(|attribute| attribute.starts_with("src=") || attribute.starts_with("href="));
        assert!(
            source.is_none_or(|source| source.starts_with("href=\"#") || source.starts_with("href=\"data:")),
            "{tag}"
        );
    }
    assert!(!html.contains("url(") && !html.contains("@import"));
}

#[test]
fn every_part_has_its_place() {
    let html = sample().html();
    for part in ["learning", "chains", "accuracy", "items", "picks", "equations", "run"] {
        assert!(html.contains(&format!("<section id=\"{part}\">")), "{part}");
        assert!(html.contains(&format!("<a href=\"#{part}\">")), "{part}");
    }
    for figure in [
        "curves",
        "errors",
        "by-rating",
        "calibration",
        "values",
        "by-activity",
        "by-popularity",
        "map",
        "coverage",
        "trace-0",
    ] {
        assert!(html.contains(&format!("<figure id=\"{figure}\"")), "{figure}");
    }
    assert!(html.contains("It leaks &amp; leaks."));
    assert!(html.contains("Off by 0.94 stars on average"));
}

#[test]
fn the_model_of_the_run_is_derived() {
    let mut report = sample();
    assert!(!report.html().contains("id=\"derivation\""), "an unknown parameter: another version's model");
    report.model.config = serde_json::from_value(json!({"factors": 5, "link": "logistic"})).unwrap();
    let html = report.html();
    assert!(html.contains("<section id=\"derivation\">") && html.contains("<a href=\"#derivation\">"));
    assert!(html.contains("logistic curve, chain rule") && html.contains("<mi>σ</mi>"));
}

#[test]
fn tags_are_closed_in_order() {
    let mut open = Vec::new();
    let mut report = sample();
    report.model.config = serde_json::from_value(json!({"factors": 5})).unwrap();
    let html = report.html();
    let body = &html[html.find("<body>").unwrap()..html.find("<script>").unwrap()];
    for tag in tags(body) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') && name != "input" {
            open.push(name);
        }
    }
    assert_eq!(open, ["body"]);
}

#[test]
fn a_bare_report_is_still_a_page() {
    let mut report = sample();
    let fold = json!({"name": "1/2", "train": 50, "test": 50, "metrics": report.metrics, "epochs": [],
        "unseen": {"users": 0, "items": 0, "ratings": 0}, "seconds": {"split": 0.0, "fit": 0.0, "evaluate": 0.0}});
    report.folds = vec![serde_json::from_value(fold).unwrap()];
    report.diagnostics = None;
    report.example = None;
    report.coverage.clear();
    report.chains.clear();
    report.epochs.clear();
    report.data.histogram.clear();
    report.data.time_span = None;
    report.model.documentation.clear();
    let html = report.html();
    for missing in ["learning", "chains", "items", "picks", "equations"] {
        assert!(!html.contains(&format!("id=\"{missing}\"")), "{missing}");
    }
    assert!(!html.contains("<figure") && html.contains("mean ± deviation"));
    report.metrics.clear();
    assert!(report.html().contains("<h1>mf on"));
}

/// Where each number of a JSON value stands.
fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(path.to_owned()),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(i, entry)| numbers(entry, &format!("{path}/{i}"), found));
        }
        Value::Object(entries) => {
            entries.iter().for_each(|(key, entry)| numbers(entry, &format!("{path}/{key}"), found));
        }
        _ => {}
    }
}

#[test]
fn no_number_makes_the_page_panic() {
    let mut report = serde_json::to_value(sample()).unwrap();
    report["diagnostics"]["item_map"]["items"].as_array_mut().unwrap().truncate(5);
    let mut paths = Vec::new();
    numbers(&report, "", &mut paths);
    assert!(paths.len() > 150);
    let extremes = [json!(0), json!(u64::MAX), json!(-1e308), json!(1e308), json!(1e-308)];
    let mut pages = 0;
    for (path, extreme) in paths.iter().flat_map(|path| extremes.iter().map(move |extreme| (path, extreme))) {
        let mut changed = report.clone();
        *changed.pointer_mut(path).unwrap() = extreme.clone();
        if let Ok(changed) = serde_json::from_value::<Report>(changed) {
            assert!(changed.html().ends_with("</html>\n"));
            pages += 1;
        }
    }
    assert!(pages > 500, "{pages}");
}
