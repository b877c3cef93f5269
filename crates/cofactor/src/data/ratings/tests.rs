use super::*;
use crate::data::ids::Item;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Triple = (u8, u8, i8, i64);

fn build(triples: &[Triple], policy: Duplicates) -> Result<Ratings, Rejected> {
    let mut builder = RatingsBuilder::new(true);
    for (user, item, value, time) in triples {
        builder.push(&user.to_string(), &item.to_string(), f32::from(*value), Some(*time));
    }
    builder.finish("test", None, policy, |_, _| Default::default())
}

fn listed(ratings: &Ratings) -> Vec<Triple> {
    let catalog = ratings.catalog();
    ratings
        .iter()
        .map(|r| {
            let user = catalog.user_id(r.user).to_string().parse().unwrap();
            let item = catalog.item_id(r.item).to_string().parse().unwrap();
            (user, item, r.value as i8, r.time.unwrap())
        })
        .collect()
}

#[test]
fn each_policy_for_duplicates() {
    let triples = [(1, 1, 4, 20), (2, 1, 3, 5), (1, 1, 2, 10), (1, 0, 5, 1)];
    let refused = build(&triples, Duplicates::Error).unwrap_err();
    let pairs = DuplicatePairs { surplus: 1, first: vec![("1".into(), "1".into())] };
    assert_eq!(refused, Rejected::Duplicates(pairs));
    let of = |policy| listed(&build(&triples, policy).unwrap())[1];
    assert_eq!(of(Duplicates::Last), (1, 1, 4, 20));
    assert_eq!(of(Duplicates::Mean), (1, 1, 3, 20));
    assert_eq!(of(Duplicates::Sum), (1, 1, 6, 20));
}

#[test]
fn what_is_not_finite_or_off_the_scale_is_refused_with_its_row() {
    for (value, declared) in
        [(f32::NAN, None), (f32::INFINITY, None), (6.0, Some(Scale { min: 1.0, max: 5.0 }))]
    {
        let mut builder = RatingsBuilder::new(false);
        builder.push("a", "b", 1.0, None);
        builder.push("a", "c", value, None);
        let refused =
            builder.finish("test", declared, Duplicates::Sum, |_, _| Default::default()).unwrap_err();
        assert!(refused.to_string().starts_with(&format!("rating 2 is {value}, ")), "{refused}");
    }
}

#[test]
fn times_far_apart_are_kept() {
    let triples = [(1, 1, 1, i64::MIN), (1, 2, 1, i64::MAX), (1, 3, 1, 0), (0, 3, 1, -7)];
    let ratings = build(&triples, Duplicates::Error).unwrap();
    assert_eq!(ratings.time_span(), Some((i64::MIN, i64::MAX)));
    assert_eq!(listed(&ratings)[0], (0, 3, 1, -7));
}

#[test]
fn the_fingerprint_ignores_the_order_of_the_file() {
    let forward = build(&[(1, 1, 4, 20), (2, 1, 3, 5), (1, 2, 2, 10)], Duplicates::Error).unwrap();
    let backward = build(&[(1, 2, 2, 10), (2, 1, 3, 5), (1, 1, 4, 20)], Duplicates::Error).unwrap();
    let other = build(&[(1, 2, 2, 10), (2, 1, 3, 5), (1, 1, 4, 21)], Duplicates::Error).unwrap();
    assert_eq!(forward.fingerprint(), backward.fingerprint());
    assert_ne!(forward.fingerprint(), other.fingerprint());
}

proptest! {
    #[test]
    fn building_sorts_and_keeps_everything(
        cells in proptest::collection::btree_map((0_u8..9, 0_u8..9), (-5_i8..5, -9_i64..9), 0..60),
        shuffle in any::<u64>(),
    ) {
        let mut triples: Vec<Triple> = cells.iter().map(|(&(u, i), &(v, t))| (u, i, v, t)).collect();
        let sorted = triples.clone();
        triples.sort_by_key(|&(u, i, _, _)| (u64::from(u) * 31 + u64::from(i) * 17) ^ (shuffle >> 3));
        let ratings = build(&triples, Duplicates::Error).unwrap();
        prop_assert_eq!(listed(&ratings), sorted);
        let by_item: BTreeMap<(u32, u32), f32> =
            ratings.iter().map(|r| ((r.item.0, r.user.0), r.value)).collect();
        let mut listed_by_item = Vec::new();
        for item in 0..ratings.items() {
            let (users, values) = ratings.by_item().column(Item(item as u32));
            listed_by_item.extend(users.iter().zip(values).map(|(u, &v)| ((item as u32, u.0), v)));
        }
        prop_assert_eq!(listed_by_item, by_item.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_filter_divides_the_ratings(
        cells in proptest::collection::btree_map((0_u8..9, 0_u8..9), (-5_i8..5, -9_i64..9), 1..60),
        modulus in 1_u32..4,
    ) {
        let triples: Vec<Triple> = cells.iter().map(|(&(u, i), &(v, t))| (u, i, v, t)).collect();
        let ratings = build(&triples, Duplicates::Error).unwrap();
        let chosen = |r: Rating| (r.user.0 + r.item.0).is_multiple_of(modulus);
        let (yes, no) = (ratings.filter(chosen), ratings.filter(|r| !chosen(r)));
        let mut together: Vec<Triple> = listed(&yes).into_iter().chain(listed(&no)).collect();
        together.sort_unstable();
        prop_assert_eq!(together, triples);
    }
}
