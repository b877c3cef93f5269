use super::*;

fn small() -> Synth {
    Synth { users: 60, items: 80, ratings: 1_500, k: 3, ..Synth::DEFAULT }
}

#[test]
fn the_sizes_are_those_asked_for() {
    for synth in [
        Synth::DEFAULT,
        small(),
        Synth { users: 3, items: 5, ratings: 3, ..small() },
        Synth { users: 3, items: 5, ratings: 15, ..small() },
        Synth { users: 1, items: 1, ratings: 1, k: 0, ..small() },
        Synth { users: 50, items: 40, ratings: 1_990, ..small() },
    ] {
        let ratings = generate(&synth).unwrap().ratings;
        let sizes = (ratings.users(), ratings.items(), ratings.len());
        assert_eq!(sizes, (synth.users, synth.items, synth.ratings), "{synth}");
        assert!(ratings.user_counts().all(|count| count > 0), "{synth}");
        assert!(ratings.catalog().item_attributes.is_valid(synth.items));
        assert!(ratings.catalog().user_attributes.is_valid(synth.users));
    }
}

#[test]
fn the_same_seed_gives_the_same_data() {
    let fingerprint = |synth: &Synth| generate(synth).unwrap().ratings.fingerprint();
    assert_eq!(fingerprint(&small()), fingerprint(&small()));
    assert_ne!(fingerprint(&small()), fingerprint(&Synth { seed: 2, ..small() }));
    // Pinned: the name of a synthetic set stands for these very data, on every machine and in every version.
    assert_eq!(fingerprint(&small()), "eee93918778ba4f487ccc7b608e9da823eaa6abbdaec159ded076832539c1793");
}

#[test]
fn without_noise_the_ratings_are_the_truth() {
    let planted = generate(&Synth { noise: 0.0, rounded: false, ..small() }).unwrap();
    for rating in planted.ratings.iter() {
        assert_eq!(rating.value, planted.truth.expected(rating.user, rating.item));
    }
}

#[test]
fn the_noise_has_the_deviation_asked_for() {
    let synth = Synth { noise: 0.7, rounded: false, ..Synth::DEFAULT };
    let Planted { ratings, truth } = generate(&synth).unwrap();
    let squares: f64 =
        ratings.iter().map(|r| f64::from(r.value - truth.expected(r.user, r.item)).powi(2)).sum();
    let deviation = (squares / ratings.len() as f64).sqrt();
    assert!((deviation - 0.7).abs() < 0.01, "{deviation}");
}

#[test]
fn activity_and_popularity_are_skewed_as_in_real_data() {
    let ratings = generate(&Synth::DEFAULT).unwrap().ratings;
    let mut users: Vec<usize> = ratings.user_counts().collect();
    users.sort_unstable();
    assert!((LEAST_ACTIVITY..25).contains(&users[0]), "{}", users[0]);
    // MovieLens 100K: the median user has 65 ratings, the busiest 737.
    assert!((40..90).contains(&users[471]) && users[942] > 400, "{} {}", users[471], users[942]);
    let mut items = ratings.item_counts();
    items.sort_unstable();
    let top: usize = items[items.len() - 168..].iter().sum();
    assert!((30_000..50_000).contains(&top), "a tenth of the items has {top} ratings");
    assert_eq!(ratings.scale(), Scale { min: 1.0, max: 5.0 });
}

#[test]
fn a_sample_follows_the_weights_either_way() {
    let synth = Synth { users: 1, items: 40, ratings: 1, ..small() };
    let mut popularity = Popularity::new(&synth);
    let mut share = |count: usize| {
        let (mut draws, mut first) = (stream(1, Purpose::Synthetic, 0), vec![0.0; 40]);
        for user in 0..40_000 {
            first[popularity.sample(user, count, &mut draws)[0] as usize] += 1.0 / 40_000.0;
        }
        first
    };
    let (drawn_again, by_clocks) = (share(5), share(6));
    let sum: f64 = popularity.weights.iter().sum();
    for (item, weight) in popularity.weights.iter().enumerate() {
        assert!((drawn_again[item] - weight / sum).abs() < 0.006, "{item}");
        assert!((by_clocks[item] - weight / sum).abs() < 0.006, "{item}");
    }
}

#[test]
fn a_name_tells_the_parameters() {
    assert_eq!(Synth::parse("synth").unwrap(), Synth::DEFAULT);
    let name = "synth:users=60,items=80,ratings=1500,k=3,noise=0.25,seed=9,rounded=false";
    assert_eq!(Synth::parse(name).unwrap().to_string(), name);
    assert!(Synth::is_name(name) && Synth::is_name("synth") && !Synth::is_name("synthetic"));
}

#[test]
fn a_wrong_name_is_refused_in_words() {
    let message = |name: &str| Synth::parse(name).unwrap_err().to_string();
    assert_eq!(
        message("synth:user=3"),
        "no parameter of synthetic data is called 'user'\n  help: did you mean 'users'? There are: users, items, \
         ratings, k, noise, seed, rounded"
    );
    assert_eq!(message("synth:users=many"), "synth:users = many: expected a whole number");
    assert_eq!(
        message("synth:users=10,items=10"),
        "synth:ratings = 100000: expected a whole number from 10 to 100\n  help: each user has a rating, and rates no \
         item twice"
    );
    assert_eq!(message("synth:noise=-1"), "synth:noise = -1: expected a number from 0 to 100");
    assert_eq!(message("synth:k=513"), "synth:k = 513: expected a whole number from 0 to 512");
}
