use cofactor_kernels::{Isa, Link};
use serde_json::{Map, Value, json};

use super::*;
use crate::data::attributes::{Attributes, Column, TITLE, Values};
use crate::data::ratings::{Duplicates, Ratings, RatingsBuilder, Scale};
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::run::Run;

const SCALE: Scale = Scale { min: 1.0, max: 5.0 };

fn ratings(entries: impl Iterator<Item = (u32, u32, f32)>, titles: &[&str], scale: Scale) -> Ratings {
    let mut builder = RatingsBuilder::new(false);
    entries.for_each(|(user, item, value)| builder.push(&user.to_string(), &item.to_string(), value, None));
    let columns = |_: &IdMap, items: &IdMap| {
        let title = |id: RawId<'_>| titles.get(id.to_string().parse::<usize>().unwrap()).copied();
        let values = Values::Text(items.iter().map(|id| title(id).unwrap_or_default().to_owned()).collect());
        let items = Attributes { columns: vec![Column { name: TITLE.into(), values }] };
        (Attributes::default(), items)
    };
    builder.finish("test", Some(scale), Duplicates::Error, columns).unwrap()
}

fn trained(algorithm: &str, config: Value, ratings: Ratings) -> Recommender {
    let Value::Object(config) = config else { panic!("a config is an object") };
    let configured = registry::find(algorithm).unwrap().configure(&config).unwrap();
    let model = configured.fit(&ratings, &mut Run::new(1, 1).unwrap()).unwrap();
    Recommender::new(ModelFile::new(algorithm, configured.config(), 1, ratings, model)).unwrap()
}

/// Even users like even items, odd ones odd items; a fifth of the pairs is unrated.
fn checkerboard() -> Recommender {
    let pairs = (0..40_u32).flat_map(|user| (0..30_u32).map(move |item| (user, item)));
    let rated = pairs.filter(|(user, item)| (user * 3 + item) % 5 != 0);
    let value = |user: u32, item: u32| if user % 2 == item % 2 { 5.0 } else { 1.0 };
    let entries = rated.map(|(user, item)| (user, item, value(user, item)));
    trained(
        "mf",
        json!({ "factors": 4, "rate": 0.02, "epochs": 200, "reg": 0.02 }),
        ratings(entries, &[], SCALE),
    )
}

/// A model made by hand whose users are exactly what folding in their ratings gives, but for a faint prior.
fn planted() -> Recommender {
    let (m, n, k) = (12, 25, 3);
    let wave = |x: usize| ((x * x * 37 + x * 11) % 41) as f32 / 20.0 - 1.0;
    let (p, q): (Vec<f32>, Vec<f32>) =
        ((0..m * k).map(wave).collect(), (0..n * k).map(|x| wave(x + 5)).collect());
    let factors = Factors {
        isa: Isa::detect(),
        link: Link::Identity,
        mean: 3.0,
        users: Matrix::from_dense(m, k, &p),
        items: Matrix::from_dense(n, k, &q),
        user_bias: (0..m).map(|user| wave(user + 3) / 4.0).collect(),
        item_bias: (0..n).map(|item| wave(item + 7) / 4.0).collect(),
        prior: Prior {
            mean: vec![0.1, 0.0, -0.1, 0.05],
            precision: (0..16).map(|at| if at % 5 == 0 { 1e-3 } else { 0.0 }).collect(),
        },
        unseen_item: vec![0.0; k + 1],
    };
    let pairs = (0..m as u32).flat_map(|user| (0..n as u32).map(move |item| (user, item)));
    let entries = pairs.filter(|(user, item)| (user + item) % 4 != 0).map(|(user, item)| {
        let query = Query { user: Some(User(user)), item: Some(Item(item)), time: None };
        (user, item, factors.predict(query))
    });
    let seen = ratings(entries, &[], Scale { min: 0.5, max: 5.5 });
    let configured = registry::find("mf").unwrap().configure(&Map::new()).unwrap();
    let model = configured.restore(factors.tensors(), &seen).unwrap();
    Recommender::new(ModelFile::new("mf", configured.config(), 0, seen, model)).unwrap()
}

fn history(entries: &[(&str, f32)]) -> Vec<HistoryEntry> {
    entries.iter().map(|&(item, value)| HistoryEntry { item: item.to_owned(), value }).collect()
}

fn ids(recommendation: &Recommendation<'_>) -> Vec<u32> {
    recommendation.picks.iter().map(|pick| pick.item.id.to_string().parse().unwrap()).collect()
}

/// The first line of what went wrong.
fn problem<T>(result: Result<T>) -> String {
    result.err().unwrap().parts().0
}

#[test]
fn even_users_are_given_even_items() {
    let recommender = checkerboard();
    let request = Request { n: 3, ..Request::default() };
    for user in 0..40 {
        let picks = recommender.recommend(Who::User(&user.to_string()), &request).unwrap();
        assert_eq!((picks.basis, picks.picks.len()), (Basis::Model, 3));
        for item in ids(&picks) {
            assert_eq!(item % 2, user % 2, "user {user} is given {item}");
            assert_eq!((user * 3 + item) % 5, 0, "user {user} has rated {item}");
        }
    }
    let newcomer = history(&[("0", 5.0), ("1", 1.0), ("4", 5.0)]);
    let picks = recommender.recommend(Who::History(&newcomer), &request).unwrap();
    assert_eq!(picks.basis, Basis::FoldIn);
    assert!(ids(&picks).iter().all(|&item| item % 2 == 0 && item != 0 && item != 4), "{picks:?}");
    for neighbour in recommender.similar_items("7", 5).unwrap() {
        assert_eq!(neighbour.id.to_string().parse::<u32>().unwrap() % 2, 1);
        assert!(neighbour.similarity > 0.8 && neighbour.ratings == 32, "{neighbour:?}");
    }
    for neighbour in recommender.similar_users("8", 5).unwrap() {
        assert_eq!(neighbour.id.to_string().parse::<u32>().unwrap() % 2, 0);
    }
}

#[test]
fn a_list_is_the_sorted_list_of_all_predictions() {
    let recommender = planted();
    let request = Request { n: 30, exclude_seen: false, ..Request::default() };
    let picks = recommender.recommend(Who::User("5"), &request).unwrap();
    let mut expected: Vec<(u32, f32)> = (0..25)
        .map(|item| (item, recommender.predict("5", &item.to_string(), Unknown::Error).unwrap().value))
        .collect();
    expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    assert_eq!(ids(&picks), expected.iter().map(|&(item, _)| item).collect::<Vec<_>>());
    for (pick, (_, value)) in picks.picks.iter().zip(&expected) {
        assert!((pick.score - value).abs() < 1e-5);
    }
}

#[test]
fn a_filter_allows_and_denies() {
    let recommender = planted();
    let listed = |allow: Option<&[&str]>, deny: &[&str], exclude_seen| {
        let owned = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect();
        let request =
            Request { n: 99, exclude_seen, allow: allow.map(owned), deny: owned(deny), ..Request::default() };
        let mut listed = ids(&recommender.recommend(Who::User("0"), &request).unwrap());
        listed.sort_unstable();
        listed
    };
    assert_eq!(listed(None, &[], true), [0, 4, 8, 12, 16, 20, 24]);
    assert_eq!(listed(None, &["4", "24"], true), [0, 8, 12, 16, 20]);
    assert_eq!(listed(Some(&["1", "2", "4"]), &[], true), [4]);
    assert_eq!(listed(Some(&["1", "2", "4"]), &["2"], false), [1, 4]);
    assert!(listed(Some(&[]), &[], false).is_empty());
    let request = Request { deny: vec!["99".to_owned()], ..Request::default() };
    assert_eq!(problem(recommender.recommend(Who::User("0"), &request)), "item '99' is unknown");
}

#[test]
fn lists_for_all_are_the_lists_for_each() {
    let recommender = checkerboard();
    let request = Request { n: 4, reasons: 2, ..Request::default() };
    for threads in [1, 3] {
        let mut users = Vec::new();
        let mut take = |picks: UserPicks<'_>| {
            let user = picks.user.to_string();
            assert_eq!(picks.list, recommender.recommend(Who::User(&user), &request).unwrap());
            assert_eq!(picks.list.picks[0].reasons.len(), 2);
            users.push(user);
            Ok(())
        };
        recommender.recommend_all(&request, threads, &mut take).unwrap();
        assert_eq!(users, (0..40).map(|user| user.to_string()).collect::<Vec<_>>());
    }
    let mut taken = 0;
    let stopped = recommender.recommend_all(&request, 2, |_| {
        taken += 1;
        if taken == 3 { Err(Error::unsupported("enough", "")) } else { Ok(()) }
    });
    assert_eq!((problem(stopped), taken), ("enough".to_owned(), 3));
}

#[test]
fn folding_in_a_users_own_ratings_finds_their_vector() {
    let recommender = planted();
    let mut inside_the_scale = 0;
    for user in 0..12 {
        let user = user.to_string();
        let entries: Vec<HistoryEntry> = recommender
            .history(&user)
            .unwrap()
            .into_iter()
            .map(|(item, value)| HistoryEntry { item: item.id.to_string(), value: SCALE.clip(value) })
            .collect();
        let inside = recommender.history(&user).unwrap().iter().all(|&(_, value)| SCALE.clip(value) == value);
        inside_the_scale += usize::from(inside);
        for item in (0..25).map(|item| item.to_string()) {
            let known = recommender.explain(Who::User(&user), &item).unwrap();
            assert!((known.score - known.explained_score).abs() < 0.01, "{known:?}");
            if inside {
                let new = recommender.explain(Who::History(&entries), &item).unwrap();
                assert_eq!((new.score, new.score), (new.explained_score, known.explained_score));
            }
        }
    }
    assert!(inside_the_scale > 2, "{inside_the_scale}");
}

#[test]
fn an_explanation_adds_up() {
    for recommender in [planted(), checkerboard()] {
        for (user, item) in (0..12).flat_map(|user| (0..25).map(move |item| (user, item))) {
            let explained = recommender.explain(Who::User(&user.to_string()), &item.to_string()).unwrap();
            let shares = explained.contributions.iter().map(|contribution| f64::from(contribution.share));
            let parts = [explained.mean, explained.item_bias, explained.prior].map(f64::from);
            let sum = parts.iter().sum::<f64>() + shares.clone().sum::<f64>();
            let size = parts.iter().map(|part| part.abs()).sum::<f64>() + shares.map(f64::abs).sum::<f64>();
            assert!((sum - f64::from(explained.explained_score)).abs() < 1e-4 * size, "{explained:?}");
            let trained = recommender.predict(&user.to_string(), &item.to_string(), Unknown::Error).unwrap();
            assert_eq!(explained.score, trained.value);
        }
    }
    let newcomer = history(&[("0", 5.0), ("1", 1.0)]);
    let recommender = checkerboard();
    let explained = recommender.explain(Who::History(&newcomer), "2").unwrap();
    // The bias says that one 5 and one 1 are neither generous nor mean; the taste, that both speak for an even item.
    assert!(explained.contributions.iter().all(|contribution| contribution.taste > 0.0), "{explained:?}");
}

#[test]
fn nobody_is_given_an_answer_by_accident() {
    let recommender = planted();
    let unknown = recommender.predict("no such user", "3", Unknown::Error).unwrap_err().to_string();
    let expected = "user 'no such user' is unknown\n  help: 12 were trained on, from '0' to '11'; somebody new can bring a \
                    few ratings, or be given what is popular";
    assert_eq!(unknown, expected);
    assert_eq!(problem(recommender.predict("1", "25", Unknown::Error)), "item '25' is unknown");
    assert_eq!(problem(recommender.history("12")), "user '12' is unknown");
    assert_eq!(problem(recommender.explain(Who::User("12"), "1")), "user '12' is unknown");
    assert_eq!(problem(recommender.similar_users("12", 1)), "user '12' is unknown");

    let mean = recommender.predict("12", "3", Unknown::Mean).unwrap();
    let query = Query { user: None, item: Some(Item(3)), time: None };
    assert_eq!((mean.value, mean.basis), (recommender.file().model.predict(query), Basis::Mean));
    assert!(!mean.known_user && mean.known_item);

    let popular = recommender.predict("12", "3", Unknown::Popular).unwrap();
    let all: Vec<f32> = recommender.file().seen.by_item().column(Item(3)).1.to_vec();
    let mu = recommender.file().seen.mean();
    let sum: f64 = all.iter().map(|&value| f64::from(value)).sum();
    assert_eq!(popular.value, ((sum + 10.0 * mu) / (all.len() as f64 + 10.0)) as f32);
    let nothing = recommender.predict("12", "x", Unknown::Popular).unwrap();
    assert_eq!((nothing.value, nothing.known_item), (mu as f32, false));

    let list =
        |unknown| recommender.recommend(Who::User("12"), &Request { n: 3, unknown, ..Request::default() });
    assert_eq!(problem(list(Unknown::Error)), "user '12' is unknown");
    assert_eq!(list(Unknown::Mean).unwrap().basis, Basis::Mean);
    let picks = list(Unknown::Popular).unwrap();
    let scores: Vec<f32> = picks.picks.iter().map(|pick| pick.score).collect();
    let mut expected = recommender.popularity().to_vec();
    expected.sort_by(|a, b| b.total_cmp(a));
    assert_eq!((picks.basis, &scores[..]), (Basis::Popular, &expected[..3]));
}

#[test]
fn whoever_has_no_training_rating_is_unknown() {
    let all = ratings(
        (0..6).flat_map(|user| (0..6).map(move |item| (user, item, (1 + user % 5) as f32))),
        &[],
        SCALE,
    );
    let recommender = trained("baseline", json!({}), all.filter(|r| r.user.0 != 2 && r.item.0 != 4));
    let hint = recommender.predict("2", "1", Unknown::Error).unwrap_err().parts().1.unwrap();
    assert!(hint.starts_with("no training rating is theirs"), "{hint}");
    let hint = recommender.predict("1", "4", Unknown::Error).unwrap_err().parts().1.unwrap();
    assert_eq!(hint, "it has no training rating");
    let request = Request { exclude_seen: false, ..Request::default() };
    assert_eq!(ids(&recommender.recommend(Who::User("1"), &request).unwrap()), [0, 1, 2, 3, 5]);
    let count = |unknown| {
        let mut count = 0;
        let request = Request { unknown, ..Request::default() };
        recommender
            .recommend_all(&request, 1, |_| {
                count += 1;
                Ok(())
            })
            .unwrap();
        count
    };
    assert_eq!((count(Unknown::Error), count(Unknown::Popular)), (5, 6));
}

#[test]
fn a_model_without_vectors_says_so() {
    let all = ratings(
        (0..6).flat_map(|user| (0..6).map(move |item| (user, item, (1 + user % 5) as f32))),
        &[],
        SCALE,
    );
    let recommender = trained("baseline", json!({}), all);
    let error = recommender.similar_items("1", 3).unwrap_err().to_string();
    assert_eq!(
        error,
        "a 'baseline' model has no vectors to compare\n  help: train a model with factors, such as 'mf', or 'knn' of that side"
    );
}

#[test]
fn a_model_of_neighbours_compares_by_its_own_similarities() {
    let pairs = (0..40_u32).flat_map(|user| (0..30_u32).map(move |item| (user, item)));
    let value = |user: u32, item: u32| if user % 2 == item % 2 { 5.0 } else { 1.0 };
    let entries: Vec<_> = pairs.map(|(user, item)| (user, item, value(user, item))).collect();
    let of =
        |side: &str| trained("knn", json!({ "side": side }), ratings(entries.iter().copied(), &[], SCALE));
    let same_parity = |found: Vec<Neighbour<'_>>, count| {
        found.len() == count && found.iter().all(|n| n.id.to_string().parse::<u32>().unwrap() % 2 == 1)
    };
    assert!(same_parity(of("item").similar_items("7", 50).unwrap(), 14));
    assert!(same_parity(of("user").similar_users("7", 50).unwrap(), 19));
    assert!(of("user").similar_items("7", 3).is_err());
}

#[test]
fn items_are_found_by_what_people_write() {
    let titles = [
        "",
        "Star Wars (1977)",
        "Matrix, The (1999)",
        "Matrix Reloaded, The (2003)",
        "Léon: The Professional (1994)",
        "Sabrina (1954)",
        "Sabrina (1995)",
        "1",
        "Alien (1979)",
        "Aliens (1986)",
        "Schindler's List (1993)",
    ];
    let entries = (0..8).flat_map(|user| (1..=11).map(move |item| (user, item, 3.0)));
    let recommender =
        trained("baseline", json!({}), ratings(entries.filter(|e| e.0 != 3 || e.1 != 5), &titles, SCALE));
    let found = |text: &str| recommender.find_item(text).map(|item| item.id.to_string());
    for (text, id) in [
        ("1", "1"),
        ("11", "11"),
        ("Star Wars (1977)", "1"),
        ("star wars", "1"),
        ("STAR WARS 1977", "1"),
        ("the matrix", "2"),
        ("Matrix, The", "2"),
        ("matrix", "2"),
        ("reloaded", "3"),
        ("Reloaded (2003)", "3"),
        ("leon", "4"),
        ("Sabrina (1954)", "5"),
        ("sabrina 1995", "6"),
        ("alien", "8"),
        ("schindlers", "10"),
    ] {
        assert_eq!(found(text).unwrap(), id, "{text}");
    }
    let ambiguous = recommender.find_item("sabrina").unwrap_err().to_string();
    assert_eq!(
        ambiguous,
        "'sabrina' fits 2 items\n  help: say which one, by its id or its whole title: 'Sabrina (1995)' (id 6), 'Sabrina \
         (1954)' (id 5)"
    );
    let unknown = recommender.find_item("star wras").unwrap_err().to_string();
    assert_eq!(unknown, "item 'star wras' is unknown\n  help: did you mean 'Star Wars (1977)' (id 1)?");
    assert!(problem(recommender.find_item("Reloaded (1999)")).ends_with("is unknown"), "not in that year");
    let unknown = recommender.find_item("Gone with the Wind").unwrap_err().to_string();
    assert_eq!(unknown, "item 'Gone with the Wind' is unknown\n  help: 11 were trained on, from '1' to '11'");
    for nothing in ["", "  ", "?!", "()", "(1977)"] {
        assert!(problem(recommender.find_item(nothing)).ends_with("is unknown"));
    }
}

#[test]
fn a_history_is_checked_entry_by_entry() {
    let recommender = checkerboard();
    let refused = |entries: &[(&str, f32)]| {
        problem(recommender.recommend(Who::History(&history(entries)), &Request::default()))
    };
    assert_eq!(refused(&[]), "ratings = '': expected at least one rating");
    let scale = "expected a rating from 1 to 5";
    assert_eq!(refused(&[("1", 5.0), ("2", 5.5)]), format!("ratings, entry 2 = '2=5.5': {scale}"));
    assert_eq!(refused(&[("1", f32::NAN)]), format!("ratings, entry 1 = '1=NaN': {scale}"));
    assert_eq!(refused(&[("1", f32::INFINITY)]), format!("ratings, entry 1 = '1=inf': {scale}"));
    assert_eq!(
        refused(&[("1", 1.0), ("99", 1.0)]),
        "ratings, entry 2 = '99': expected an item of the model, but item '99' is unknown"
    );
    assert_eq!(
        refused(&[("3", 1.0), ("1", 1.0), ("3", 2.0)]),
        "ratings, entry 3 = '3': expected each item once, and entry 1 is the same one"
    );
}

#[test]
fn answers_are_json() {
    let recommender = planted();
    let request = Request { n: 1, reasons: 1, ..Request::default() };
    let picks = recommender.recommend(Who::User("3"), &request).unwrap();
    let json = serde_json::to_value(&picks).unwrap();
    assert_eq!(json["basis"], "model");
    assert!(
        json["picks"][0]["id"].is_number() && json["picks"][0]["reasons"][0]["share"].is_number(),
        "{json}"
    );
}

/// Even and odd items with titles, years and categories.
fn catalogued() -> Recommender {
    let titles =
        ["The Long Night (1990)", "Night Train (1991)", "Long Way Home, The (1992)", "Midnight (1993)"];
    let mut builder = RatingsBuilder::new(false);
    for user in 0..30_u32 {
        for item in (0..4_u32).filter(|item| user % (item + 1) == 0) {
            builder.push(
                &user.to_string(),
                &item.to_string(),
                if user % 2 == item % 2 { 5.0 } else { 2.0 },
                None,
            );
        }
    }
    let columns = |_: &IdMap, items: &IdMap| {
        let rows = items.len();
        let titles = Values::Text(titles.iter().take(rows).map(|title| (*title).to_owned()).collect());
        let genres = Values::Labels {
            labels: vec!["Drama".into(), "Western".into()],
            members: (0..rows).map(|item| vec![u16::from(item % 2 == 1)]).collect(),
        };
        let year = Values::Number((0..rows).map(|item| Some(1990.0 + item as f64)).collect());
        let named = |name: &str, values| Column { name: name.into(), values };
        let columns = vec![named(TITLE, titles), named("genres", genres), named("year", year)];
        (Attributes::default(), Attributes { columns })
    };
    let ratings = builder.finish("test", Some(SCALE), Duplicates::Error, columns).unwrap();
    trained("mf", json!({ "factors": 2, "epochs": 5 }), ratings)
}

#[test]
fn a_search_finds_whole_titles_then_beginnings_then_words_then_parts() {
    let recommender = catalogued();
    let found = |text: &str| -> Vec<String> {
        recommender.search(text, 10).iter().map(|details| details.item.id.to_string()).collect()
    };
    assert_eq!(found("night train"), ["1"]);
    // It begins "Night Train", is a word of "The Long Night", and a part of "Midnight".
    assert_eq!(found("night"), ["1", "0", "3"]);
    assert_eq!(found("long"), ["0", "2"], "an article does not count");
    assert_eq!(found("midnihgt"), ["3"], "letters may stand in another order");
    assert_eq!(found("2")[0], "2", "an id comes first");
    assert_eq!(found(""), ["0", "1", "2", "3"], "the most rated first");
    let details = recommender.item_details("Midnight").unwrap();
    assert_eq!((details.year, &details.categories[..], details.ratings), (Some(1993), &["Western"][..], 8));
}

#[test]
fn only_items_of_a_category_are_offered() {
    let recommender = catalogued();
    let ask = |categories: &[&str]| {
        let categories = categories.iter().map(|&name| name.to_owned()).collect();
        recommender
            .recommend(Who::User("1"), &Request { categories, exclude_seen: false, ..Request::default() })
    };
    let mut western = ids(&ask(&["western"]).unwrap());
    western.sort_unstable();
    assert_eq!(western, [1, 3]);
    assert_eq!(ids(&ask(&["Western", "Drama"]).unwrap()).len(), 4);
    assert!(ask(&["Musical"]).unwrap_err().to_string().contains("Drama, Western"));
}

#[test]
fn a_diverse_list_holds_items_that_differ_more() {
    let recommender = planted();
    let ask = |diversity: f32| {
        let request = Request { n: 5, diversity, exclude_seen: false, ..Request::default() };
        recommender.recommend(Who::User("3"), &request)
    };
    let factors = recommender.file().model.factors().unwrap();
    let likeness = |list: &Recommendation<'_>| -> f32 {
        let rows: Vec<&[f32]> = ids(list).iter().map(|&item| factors.items.entries(item as usize)).collect();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let pairs = (0..rows.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        pairs
            .map(|(a, b)| dot(rows[a], rows[b]) / (dot(rows[a], rows[a]) * dot(rows[b], rows[b])).sqrt())
            .sum()
    };
    let [plain, some, most] = [0.0, 0.5, 1.0].map(|diversity| ask(diversity).unwrap());
    assert_eq!(ids(&plain)[0], ids(&some)[0], "the best stays the first");
    assert!(likeness(&some) < likeness(&plain) && likeness(&most) < likeness(&plain));
    assert!(ask(1.5).is_err() && ask(f32::NAN).is_err());
}

#[test]
fn what_came_since_training_counts_beside_what_was_trained_on() {
    let recommender = planted();
    let request = Request { n: 30, ..Request::default() };
    let plain = recommender.recommend(Who::User("3"), &request).unwrap();
    assert_eq!(recommender.recommend(Who::Since("3", &[]), &request).unwrap(), plain);
    let unheard = history(&[("no such item", 3.0)]);
    assert_eq!(recommender.recommend(Who::Since("3", &unheard), &request).unwrap(), plain);
    let new = plain.picks[0].item.id.to_string();
    let news = history(&[(&new, 1.0), (&new, 5.0)]);
    let after = recommender.recommend(Who::Since("3", &news), &request).unwrap();
    assert_eq!((after.basis, ids(&after).len()), (Basis::FoldIn, ids(&plain).len() - 1));
    // The same as somebody new with all of the ratings, the last of an item.
    let mut all: Vec<HistoryEntry> = recommender
        .history("3")
        .unwrap()
        .iter()
        .map(|(item, value)| HistoryEntry { item: item.id.to_string(), value: *value })
        .collect();
    all.push(HistoryEntry { item: new, value: 5.0 });
    assert_eq!(recommender.recommend(Who::History(&all), &request).unwrap().picks, after.picks);
    let outside = history(&[("4", 9.0)]);
    assert!(recommender.recommend(Who::Since("3", &outside), &request).is_err());
}

#[test]
fn of_whom_is_forgotten_only_what_came_since_counts() {
    let recommender = planted();
    let request = Request { n: 30, ..Request::default() };
    let news = history(&[("4", 1.0), ("no such item", 2.0), ("4", 5.0), ("7", 2.0)]);
    let anew = history(&[("4", 5.0), ("7", 2.0)]);
    let (forgotten, new) = (Who::Forgotten("3", &news), Who::History(&anew));
    assert_eq!(
        recommender.recommend(forgotten, &request).unwrap(),
        recommender.recommend(new, &request).unwrap()
    );
    let items = ["5".to_owned()];
    let predicted = |who| recommender.predict_for(who, &items, Unknown::Error).unwrap().remove(0).1;
    assert_eq!(predicted(forgotten), predicted(new));
    assert_ne!(predicted(forgotten), predicted(Who::Since("3", &news)));
    assert_eq!(recommender.explain(forgotten, "5").unwrap(), recommender.explain(new, "5").unwrap());
    // Without anything since, nobody.
    let nothing = Who::Forgotten("3", &[]);
    for refused in [
        recommender.recommend(nothing, &request).map(drop),
        recommender.predict_for(nothing, &items, Unknown::Error).map(drop),
        recommender.explain(nothing, "5").map(drop),
    ] {
        assert!(refused.unwrap_err().parts().1.unwrap().contains("forgotten"));
    }
    let popular = Request { unknown: Unknown::Popular, ..request };
    assert_eq!(recommender.recommend(nothing, &popular).unwrap().basis, Basis::Popular);
    let mean = recommender.predict_for(nothing, &items, Unknown::Mean).unwrap().remove(0).1;
    assert_eq!((mean.basis, mean.known_user), (Basis::Mean, false));
}
