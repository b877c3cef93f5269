use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::data::ratings::{Duplicates, RatingsBuilder};

/// User, item, time; the value is a function of the pair.
type Cell = (u8, u8, i64);

fn ratings(cells: &[Cell], with_times: bool) -> Ratings {
    let mut builder = RatingsBuilder::new(with_times);
    for (user, item, time) in cells {
        let value = f32::from((u16::from(*user) * 7 + u16::from(*item) * 3) % 5 + 1);
        builder.push(&user.to_string(), &item.to_string(), value, with_times.then_some(*time));
    }
    builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
}

/// The pairs by raw ids.
fn pairs(part: &Ratings) -> BTreeSet<(String, String)> {
    let catalog = part.catalog();
    part.iter().map(|r| (catalog.user_id(r.user).to_string(), catalog.item_id(r.item).to_string())).collect()
}

fn planned<'a>(written: &str, ratings: &'a Ratings, seed: u64) -> Result<Plan<'a>> {
    plan(written.parse()?, ratings, seed, &nothing_published)
}

fn tested(written: &str, ratings: &Ratings, seed: u64) -> BTreeSet<(String, String)> {
    planned(written, ratings, seed).map(|plan| pairs(&plan.fold(0).test)).unwrap_or_default()
}

/// A full square of ratings; the time is unique and increases by user, then item.
fn square(side: u8) -> Vec<Cell> {
    (0..side).flat_map(|u| (0..side).map(move |i| (u, i, i64::from(u) * 1000 + i64::from(i)))).collect()
}

fn cells() -> impl Strategy<Value = Vec<Cell>> {
    proptest::collection::btree_map((0_u8..12, 0_u8..12), -9_i64..9, 1..90)
        .prop_map(|cells| cells.into_iter().map(|((u, i), t)| (u, i, t)).collect())
}

fn shuffled(cells: &[Cell], salt: u64) -> Vec<Cell> {
    let mut cells = cells.to_vec();
    cells.sort_by_key(|&(u, i, _)| keys::mix(salt ^ (u64::from(u) << 8 | u64::from(i))));
    cells
}

proptest! {
    #[test]
    fn the_parts_of_each_fold_divide_the_ratings(
        cells in cells(),
        seed in any::<u64>(),
        spec in prop::sample::select(vec!["user:0.3", "random:0.4", "kfold:2", "kfold:3", "loo", "time:0.3", "strong:2", "none"]),
    ) {
        let ratings = ratings(&cells, true);
        if let Ok(plan) = planned(spec, &ratings, seed) {
            for index in 0..plan.names().len() {
                let fold = plan.fold(index);
                prop_assert!(pairs(&fold.train).is_disjoint(&pairs(&fold.test)));
                let folded = fold.folded.as_ref().map(pairs).unwrap_or_default();
                prop_assert!(folded.is_disjoint(&pairs(&fold.test)) && folded.is_disjoint(&pairs(&fold.train)));
                prop_assert_eq!(&(&pairs(&fold.train) | &pairs(&fold.test)) | &folded, pairs(&ratings));
                prop_assert_eq!(fold.test.len(), if spec == "none" { 0 } else { plan.test_sizes()[index] });
                prop_assert!(!fold.train.is_empty());
                prop_assert!(spec == "none" || !fold.test.is_empty());
                prop_assert!(std::sync::Arc::ptr_eq(fold.train.catalog(), ratings.catalog()));
            }
        }
    }

    #[test]
    fn each_user_gives_the_exact_share(cells in cells(), seed in any::<u64>(), share in 0.01_f64..0.99) {
        let ratings = ratings(&cells, false);
        if let Ok(plan) = planned(&format!("user:{share}"), &ratings, seed) {
            let fold = plan.fold(0);
            for (user, row) in ratings.rows() {
                let exact = ((share * row.len() as f64).round() as usize).min(row.len().max(1) - 1);
                prop_assert_eq!(fold.test.row(user).len(), exact);
            }
        }
    }

    #[test]
    fn k_folds_test_everything_once(cells in cells(), seed in any::<u64>()) {
        let ratings = ratings(&cells, false);
        if let Ok(plan) = planned("kfold:3", &ratings, seed) {
            let mut times_tested = BTreeMap::new();
            for fold in 0..3 {
                for pair in pairs(&plan.fold(fold).test) {
                    *times_tested.entry(pair).or_insert(0) += 1;
                }
            }
            prop_assert_eq!(times_tested.len(), ratings.len());
            prop_assert!(times_tested.values().all(|&count| count == 1));
        }
    }

    #[test]
    fn the_order_of_the_file_does_not_matter(
        cells in cells(),
        seed in any::<u64>(),
        salt in any::<u64>(),
        spec in prop::sample::select(vec!["user:0.3", "random:0.4", "kfold:2", "loo", "time:0.3", "strong:3"]),
    ) {
        let (forward, other) = (ratings(&cells, true), ratings(&shuffled(&cells, salt), true));
        prop_assert_eq!(tested(spec, &forward, seed), tested(spec, &other, seed));
    }

    #[test]
    fn other_ratings_do_not_move_a_rating(
        cells in cells(),
        more in cells(),
        seed in any::<u64>(),
        spec in prop::sample::select(vec!["random:0.4", "kfold:2"]),
    ) {
        let all: BTreeMap<(u8, u8), i64> = more.iter().chain(&cells).map(|&(u, i, t)| ((u, i), t)).collect();
        let all: Vec<Cell> = all.into_iter().map(|((u, i), t)| (u, i, t)).collect();
        let (small, large) = (ratings(&cells, false), ratings(&all, false));
        if let (Ok(before), Ok(after)) = (planned(spec, &small, seed), planned(spec, &large, seed)) {
            let (before, after) = (pairs(&before.fold(0).test), pairs(&after.fold(0).test));
            prop_assert_eq!(before, &after & &pairs(&small));
        }
    }

    #[test]
    fn other_users_do_not_move_a_rating(cells in cells(), more in cells(), seed in any::<u64>()) {
        let others = more.iter().map(|&(u, i, t)| (u + 100, i + 50, t));
        let all: Vec<Cell> = cells.iter().copied().chain(others).collect();
        let (small, large) = (ratings(&cells, false), ratings(&all, false));
        for spec in ["user:0.3", "user:0.6"] {
            let expected = &tested(spec, &large, seed) & &pairs(&small);
            prop_assert_eq!(tested(spec, &small, seed), expected);
        }
    }

    #[test]
    fn the_latest_share_is_the_nearest_that_moments_allow(cells in cells(), share in 0.05_f64..0.95) {
        let ratings = ratings(&cells, true);
        if let Ok(plan) = planned(&format!("time:{share}"), &ratings, 0) {
            let fold = plan.fold(0);
            let (_, end) = fold.train.time_span().unwrap();
            let (start, _) = fold.test.time_span().unwrap();
            prop_assert!(end < start);
            let wanted = (share * ratings.len() as f64).round();
            let miss = (fold.test.len() as f64 - wanted).abs();
            for moment in -9_i64..=9 {
                let size = ratings.iter().filter(|r| r.time.unwrap() >= moment).count();
                prop_assert!((size as f64 - wanted).abs() >= miss);
            }
            prop_assert_eq!(plan.leakage(), None);
        }
    }
}

#[test]
fn random_shares_are_near_and_the_seed_matters() {
    let ratings = ratings(&square(60), false);
    for (spec, share) in [("random:0.1", 0.1_f64), ("random:0.5", 0.5), ("kfold:4", 0.25)] {
        let sizes = planned(spec, &ratings, 3).unwrap().test_sizes();
        // Four standard deviations of a binomial.
        let slack = 4.0 * (3600.0 * share * (1.0 - share)).sqrt();
        for size in sizes {
            assert!((size as f64 - 3600.0 * share).abs() < slack, "{spec}: {size}");
        }
    }
    for spec in ["user:0.2", "random:0.2", "kfold:5"] {
        let (one, two) = (tested(spec, &ratings, 1), tested(spec, &ratings, 2));
        let common = (&one & &two).len();
        // 144 would be held out by both if the seeds were independent.
        assert!((80..220).contains(&common), "{spec}: {common}");
    }
}

#[test]
fn the_validation_part_is_independent_of_the_test_part() {
    let ratings = ratings(&square(40), false);
    let fold = planned("user:0.2", &ratings, 5).unwrap().fold(0);
    let inner = validation(&fold.train, 0.25, 5).unwrap();
    assert_eq!(inner.test.len(), 320);
    assert_eq!(inner.train.len(), 960);
    assert!(pairs(&inner.test).is_disjoint(&pairs(&fold.test)));
    // Keys in common would hold out the same pairs of the whole.
    let of_all = validation(&ratings, 0.2, 5).unwrap();
    let common = (&pairs(&of_all.test) & &pairs(&fold.test)).len();
    assert!((30..100).contains(&common), "{common}");
}

#[test]
fn leave_one_out_takes_the_latest_and_leaves_the_only_one() {
    let ratings = ratings(&[(1, 1, 5), (1, 2, 9), (1, 3, 7), (2, 1, 4)], true);
    let plan = planned("loo", &ratings, 0).unwrap();
    assert_eq!(pairs(&plan.fold(0).test), BTreeSet::from([("1".into(), "2".into())]));
    assert_eq!(plan.leakage(), None);
    assert_eq!(plan.fold(0).unseen(), Unseen { users: 0, items: 1, ratings: 1 });
}

#[test]
fn a_tie_of_the_latest_is_broken_by_the_seed() {
    let ratings = ratings(&[(1, 1, 5), (1, 2, 5), (1, 3, 5)], true);
    let chosen: BTreeSet<_> = (0..40).flat_map(|seed| tested("loo", &ratings, seed)).collect();
    assert_eq!(chosen.len(), 3);
}

#[test]
fn leave_one_out_without_times_goes_by_the_seed() {
    let ratings = ratings(&square(6), false);
    let plan = planned("loo", &ratings, 1).unwrap();
    assert!(plan.fold(0).test.user_counts().all(|count| count == 1));
    assert_ne!(tested("loo", &ratings, 1), tested("loo", &ratings, 2));
}

#[test]
fn users_are_held_out_whole_and_bring_four_fifths() {
    let ratings = ratings(&square(15), true);
    let fold = planned("strong:4", &ratings, 9).unwrap().fold(0);
    let folded = fold.folded.as_ref().unwrap();
    let counts = fold.train.user_counts().zip(folded.user_counts()).zip(fold.test.user_counts());
    let mut held_out = 0;
    for ((train, folded), test) in counts {
        assert!(matches!((train, folded, test), (15, 0, 0) | (0, 12, 3)), "{train} {folded} {test}");
        held_out += usize::from(test > 0);
    }
    assert_eq!(held_out, 4);
    assert_eq!(fold.unseen(), Unseen::default());
    assert!(planned("strong:15", &ratings, 9).is_err());
}

#[test]
fn published_candidates_are_rows_of_the_fold() {
    let ratings = ratings(&[(1, 1, 5), (1, 2, 9), (1, 3, 1), (2, 1, 3)], false);
    let published = |name: &str| match name {
        "ncf" => Ok(vec![(User(0), Item(1))]),
        CANDIDATES => Ok(vec![(User(0), Item(2)), (User(0), Item(1)), (User(0), Item(2))]),
        other => panic!("{other}"),
    };
    let plan = plan(Spec::Ncf, &ratings, 0, &published).unwrap();
    let fold = plan.fold(0);
    assert_eq!(fold.candidates.unwrap().row(User(0)).items, [Item(1), Item(2)]);
    assert_eq!(pairs(&fold.test), BTreeSet::from([("1".into(), "2".into())]));
}

#[test]
fn a_known_future_is_counted() {
    // User 1 is tested at 5 and trained up to 9; user 2 is tested at its newest.
    let ratings = ratings(&[(1, 1, 5), (1, 2, 9), (2, 1, 3), (2, 2, 4)], true);
    let published = |_: &str| Ok(vec![(User(0), Item(0)), (User(1), Item(1))]);
    let plan = plan("official:u1".parse().unwrap(), &ratings, 0, &published).unwrap();
    assert_eq!(plan.share_with_known_future(), Some(0.5));
    assert!(plan.leakage().unwrap().starts_with("50 % of the test ratings are older"));
}

proptest! {
    #[test]
    fn the_known_future_equals_a_naive_count(cells in cells(), seed in any::<u64>()) {
        let ratings = ratings(&cells, true);
        if let Ok(plan) = planned("kfold:3", &ratings, seed) {
            let mut known = 0;
            for fold in (0..3).map(|fold| plan.fold(fold)) {
                known += fold.test.iter()
                    .filter(|r| fold.train.row(r.user).iter().any(|other| other.time > r.time))
                    .count();
            }
            prop_assert_eq!(plan.share_with_known_future(), Some(known as f64 / ratings.len() as f64));
        }
    }
}

#[test]
fn published_files_are_checked_against_the_data() {
    let ratings = ratings(&[(1, 1, 5), (1, 2, 9), (2, 1, 3)], true);
    let with = |held_out: Vec<(User, Item)>| {
        let published = move |_: &str| Ok(held_out.clone());
        plan("official:ua".parse().unwrap(), &ratings, 0, &published).map(|plan| pairs(&plan.fold(0).test))
    };
    assert_eq!(with(vec![(User(0), Item(1))]).unwrap(), BTreeSet::from([("1".into(), "2".into())]));
    assert_eq!(
        with(vec![(User(1), Item(1))]).unwrap_err().to_string(),
        "split 'official:ua': ua.test rates item 2 by user 2, which the data do not\n  help: use the data set as it was \
         published, or another split"
    );
    assert!(with(vec![(User(0), Item(0)); 2]).unwrap_err().to_string().contains("twice"));
    assert!(with(vec![(User(0), Item(0)), (User(0), Item(1)), (User(1), Item(0))]).is_err());
}

#[test]
fn a_split_that_cannot_be_says_why() {
    let (timed, untimed) = (ratings(&[(1, 1, 5), (2, 2, 5)], true), ratings(&[(1, 1, 0), (2, 2, 0)], false));
    let cases = [
        ("time:0.2", &untimed, "it goes by time, and the data have no times\n  help: use user:0.2"),
        ("strong:2", &timed, "0 users have two ratings or more\n  help: hold out fewer users"),
        ("ncf", &timed, "these data come without published test files\n  help: only the data set ml-1m-ncf"),
        (
            "lightgcn",
            &timed,
            "these data come without published test files\n  help: only the data set gowalla",
        ),
        ("time:0.5", &timed, "gets none\n  help: too many ratings have the same time"),
        ("loo", &timed, "no user has two ratings"),
        (
            "user:0.5",
            &timed,
            "of 2 ratings, the test part of fold user:0.5 gets none\n  help: each user keeps",
        ),
        ("kfold:9", &timed, "use fewer folds"),
        ("random:0.999999", &timed, "none is left for training"),
        (
            "official:u1",
            &timed,
            "these data come without published test files\n  help: only the data set ml-100k",
        ),
    ];
    for (spec, data, message) in cases {
        let error = planned(spec, data, 1).err().unwrap().to_string();
        assert!(error.starts_with(&format!("split '{spec}': ")), "{error}");
        assert!(error.contains(message), "{error}");
    }
    let empty = timed.filter(|_| false);
    assert!(planned("none", &empty, 1).is_err());
}
