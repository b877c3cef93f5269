use proptest::prelude::*;

use super::*;
use crate::Isa;

/// The vectors that Random123 publishes with Threefry.
#[test]
fn the_words_are_those_of_the_published_vectors() {
    assert_eq!(twin::words([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
    assert_eq!(twin::words([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
    assert_eq!(
        twin::words([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]),
        [0xc492_3a9c, 0x483d_f7a0]
    );
}

/// Box and Muller in f64 on the same words.
#[test]
fn the_normal_numbers_are_those_of_exact_functions() {
    let mut worst = 0.0_f64;
    for counter in 0..20_000 {
        let extreme = [[0, u32::MAX], [u32::MAX, 0], [u32::MAX, u32::MAX], [0, 0]];
        let words =
            extreme.get(counter as usize).copied().unwrap_or_else(|| twin::words([1, 2], [counter, 0]));
        let u = f64::from(2 * (words[0] >> 9) + 1) / 2_f64.powi(24);
        let turn = 2.0 * std::f64::consts::PI * f64::from(words[1] >> 8) / 2_f64.powi(24);
        let radius = (-2.0 * libm::log(u)).sqrt();
        for (found, exact) in
            twin::normals(words).iter().zip([radius * libm::cos(turn), radius * libm::sin(turn)])
        {
            worst = worst.max((f64::from(*found) - exact).abs());
        }
    }
    assert!(worst < 1e-6, "{worst:e}");
}

/// The moments of many numbers, and for each of twelve keys the share of them in sixteen parts that are equally likely.
#[test]
fn the_normal_numbers_are_normal() {
    const QUANTILES: [f64; 15] = [
        -1.534_120_54,
        -1.150_349_38,
        -0.887_146_56,
        -0.674_489_75,
        -0.488_776_41,
        -0.318_639_36,
        -0.157_310_68,
        0.0,
        0.157_310_68,
        0.318_639_36,
        0.488_776_41,
        0.674_489_75,
        0.887_146_56,
        1.150_349_38,
        1.534_120_54,
    ];
    let (keys, of_key) = (12, 200_000);
    let mut moments = [0.0_f64; 4];
    let mut chi_squared = 0.0;
    for key in 0..keys {
        let mut parts = [0.0_f64; 16];
        for counter in 0..of_key / 2 {
            for value in twin::normals(twin::words([key, 11], [counter, 3])).map(f64::from) {
                parts[QUANTILES.partition_point(|&quantile| quantile < value)] += 1.0;
                (1..).zip(&mut moments).for_each(|(power, moment)| *moment += value.powi(power));
            }
        }
        let expected = f64::from(of_key) / 16.0;
        chi_squared += parts.iter().map(|part| (part - expected).powi(2) / expected).sum::<f64>();
    }
    // The 0.999 quantile of χ² with 12·15 degrees of freedom.
    assert!(chi_squared < 243.0, "{chi_squared}");
    let n = f64::from(keys * of_key);
    // Four standard errors of each mean.
    for (moment, (exact, variance)) in
        moments.iter().zip([(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0_f64)])
    {
        assert!((moment / n - exact).abs() < 4.0 * (variance / n).sqrt(), "{moments:?}");
    }
}

const ROWS: usize = 6;
const COLUMNS: usize = 5;
const RATINGS: usize = 20;

/// Everything that the kernels take, at random: `numbers` hold any of the tables, of `lanes` chains.
#[derive(Debug, Clone)]
struct World {
    lanes: usize,
    numbers: Vec<f32>,
    keys: Vec<u32>,
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl World {
    /// A table of that many rows, `which` of many.
    fn table(&self, which: usize, rows: usize) -> Vec<f32> {
        let skip = which * 97;
        self.numbers.iter().cycle().skip(skip).step_by(3).take(rows * self.lanes).copied().collect()
    }

    fn positive(&self, which: usize, entries: usize) -> Vec<f32> {
        self.numbers.iter().cycle().skip(which * 31).take(entries).map(|x| x.abs() + 0.1).collect()
    }

    /// [`ROWS`] ranges of [`RATINGS`] entries.
    fn ranges(&self) -> Vec<usize> {
        let mut starts = self.starts.clone();
        starts.extend([0, RATINGS]);
        starts.sort_unstable();
        starts
    }

    fn places(&self, below: usize, which: usize) -> Vec<u32> {
        self.rows.iter().cycle().skip(which).take(RATINGS).map(|row| row % below as u32).collect()
    }
}

fn worlds() -> impl Strategy<Value = World> {
    let lanes = prop_oneof![Just(8_usize), Just(16)];
    let numbers = proptest::collection::vec(-2.0_f32..2.0, 601);
    let keys = proptest::collection::vec(any::<u32>(), 32);
    let starts = proptest::collection::vec(0..=RATINGS, ROWS - 1);
    let rows = proptest::collection::vec(any::<u32>(), RATINGS + 7);
    (lanes, numbers, keys, starts, rows).prop_map(|(lanes, numbers, keys, starts, rows)| World {
        lanes,
        numbers,
        keys: keys[..2 * lanes].to_vec(),
        starts,
        rows,
    })
}

fn bits(tables: &[&[f32]]) -> Vec<u32> {
    tables.iter().flat_map(|table| table.iter().map(|value| value.to_bits())).collect()
}

/// Runs `kernel` with every instruction set and compares what it leaves in the tables with what `twin` leaves.
fn compare(tables: &[Vec<f32>], twin: impl Fn(&mut [Vec<f32>]), kernel: impl Fn(Isa, &mut [Vec<f32>])) {
    let mut expected = tables.to_vec();
    twin(&mut expected);
    let views: Vec<&[f32]> = expected.iter().map(Vec::as_slice).collect();
    assert!(views.iter().all(|table| table.iter().all(|value| value.is_finite())));
    for isa in Isa::all() {
        let mut found = tables.to_vec();
        kernel(isa, &mut found);
        let found: Vec<&[f32]> = found.iter().map(Vec::as_slice).collect();
        assert_eq!(bits(&found), bits(&views), "{}", isa.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn draws_give_the_bits_of_the_twin(world in worlds(), linear in any::<bool>(), slot in any::<u32>()) {
        let lanes = world.lanes;
        let square = if linear { 0.0 } else { 1.0 };
        let (mean, precision, alpha) = (world.table(0, 1), world.positive(1, lanes), world.positive(2, lanes));
        let prior = Conditional { mean: &mean, precision: &precision, noise: &alpha };
        let noise = Noise { keys: &world.keys, sweep: 5, slot };
        let counts: Vec<f32> = world.places(4, 0).iter().take(ROWS).map(|&count| count as f32).collect();
        let (rest, values) = (world.table(3, ROWS), world.positive(4, ROWS));

        let of_rows = world.table(6, 4 * ROWS);
        macro_rules! own {
            ($tables:expr) => {
                OneHot { counts: &counts, square, rest: &rest, sums: &of_rows, weights: &mut $tables[0] }
            };
        }
        compare(
            &[world.table(5, ROWS)],
            |tables| twin::one_hot(&prior, noise, own!(tables)),
            |isa, tables| one_hot(isa, &prior, noise, own!(tables)),
        );

        let sums = world.table(7, 4 * ROWS);
        compare(
            &[world.table(8, 4 * ROWS)],
            |tables| twin::set_start(lanes, (&values, &counts), square, &rest, &sums, &mut tables[0]),
            |isa, tables| set_start(isa, lanes, (&values, &counts), square, &rest, &sums, &mut tables[0]),
        );

        let (starts, rows) = (world.ranges(), world.places(ROWS, 1));
        let column_fourths = world.positive(9, ROWS);
        // The state is no sums of squares: firm priors keep the weights from running away.
        let firm: Vec<f32> = precision.iter().map(|lambda| 50.0 + lambda).collect();
        let prior = Conditional { precision: &firm, ..prior };
        macro_rules! set {
            ($tables:expr) => {{
                let [weights, state] = $tables else { unreachable!() };
                SetColumns {
                    starts: &starts, rows: &rows, fourths: &values, column_fourths: &column_fourths, square, weights, state,
                }
            }};
        }
        compare(
            &[world.table(10, ROWS), world.table(11, 4 * ROWS)],
            |tables| twin::set_columns(&prior, noise, set!(tables)),
            |isa, tables| set_columns(isa, &prior, noise, set!(tables)),
        );
    }

    #[test]
    fn rows_and_sessions_give_the_bits_of_the_twin(world in worlds(), linear in any::<bool>(), sets in any::<bool>()) {
        let lanes = world.lanes;
        let square = if linear { 0.0 } else { 1.0 };
        let (starts, members) = (world.ranges(), world.places(COLUMNS, 0));
        let (own, weights, values) = (world.table(0, ROWS), world.table(1, COLUMNS), world.positive(2, ROWS));
        let set = SetRows { starts: &starts, members: &members, values: &values };
        let empty = vec![0.0; ROWS * lanes];
        compare(
            &[empty.clone(), empty.clone()],
            |tables| {
                let [sum, squares] = tables else { unreachable!() };
                twin::set_sums(lanes, set, &weights, sum, squares);
            },
            |isa, tables| {
                let [sum, squares] = tables else { unreachable!() };
                set_sums(isa, lanes, set, &weights, sum, squares);
            },
        );

        let of_sets: Vec<Vec<f32>> = (10..14).map(|which| world.table(which, ROWS)).collect();
        let of_sets = [[&of_sets[0][..], &of_sets[1]], [&of_sets[2], &of_sets[3]]];
        let of_sets = if sets { &of_sets[..] } else { &[] };
        macro_rules! block {
            ($tables:expr) => {{
                let [rest, sum, within] = $tables else { unreachable!() };
                Compose { own: &own, sets: of_sets, rest, sum, within }
            }};
        }
        compare(
            &[empty.clone(), empty.clone(), empty.clone()],
            |tables| twin::compose(block!(tables)),
            |isa, tables| compose(isa, lanes, block!(tables)),
        );

        let (before, now) = ([&own[..], &empty], [&world.table(14, ROWS)[..], &world.table(15, ROWS)]);
        compare(
            &[world.table(16, 4 * ROWS)],
            |tables| twin::settle(lanes, (&values, square), before, now, &mut tables[0]),
            |isa, tables| settle(isa, lanes, (&values, square), before, now, &mut tables[0]),
        );

        let table = world.table(3, 150);
        for isa in Isa::all() {
            assert_eq!(sums(isa, lanes, &table), twin::sums(lanes, &table));
        }

        // As many sessions as there are entries in the ranges, each once.
        let sessions: Vec<u32> = (0..RATINGS as u32).rev().collect();
        let (counts, others) = (world.positive(4, RATINGS), world.table(5, COLUMNS));
        let other = world.places(COLUMNS, 2);
        let owned =
            Owned { starts: &starts, sessions: &sessions, counts: &counts, square, other: &other, others: &others };
        let of_sessions = world.table(6, 4 * RATINGS);
        compare(
            &[world.table(7, 4 * ROWS)],
            |tables| twin::gather(lanes, owned, &of_sessions, &mut tables[0]),
            |isa, tables| gather(isa, lanes, owned, &of_sessions, &mut tables[0]),
        );
        let (before, now) = (world.table(8, ROWS), world.table(9, ROWS));
        compare(
            &[of_sessions],
            |tables| twin::scatter(lanes, owned, [&before, &now], [&now, &own], &mut tables[0]),
            |isa, tables| scatter(isa, lanes, owned, [&before, &now], [&now, &own], &mut tables[0]),
        );
        let (user, day) = (world.places(ROWS, 3), world.places(COLUMNS, 4));
        compare(
            &[vec![0.0; RATINGS * lanes], vec![0.0; RATINGS * lanes]],
            |tables| {
                let [sum, within] = tables else { unreachable!() };
                twin::join(lanes, (&user, &day), (&before, &now), &others, (sum, within));
            },
            |isa, tables| {
                let [sum, within] = tables else { unreachable!() };
                join(isa, lanes, (&user, &day), (&before, &now), &others, (sum, within));
            },
        );
        compare(
            std::slice::from_ref(&own),
            |tables| twin::shift(&before, &now, &mut tables[0]),
            |isa, tables| shift(isa, lanes, &before, &now, &mut tables[0]),
        );
    }

    #[test]
    fn passes_over_ratings_give_the_bits_of_the_twin(world in worlds(), after in any::<bool>(), linear in any::<bool>()) {
        let lanes = world.lanes;
        let (starts, items) = (world.ranges(), world.places(COLUMNS, 0));
        let tables: Vec<Vec<f32>> = (0..3).map(|which| world.table(which, ROWS)).collect();
        let of_items: Vec<Vec<f32>> = (3..6).map(|which| world.table(which, COLUMNS)).collect();
        let sides = Sides {
            session_level: &tables[0],
            item_level: &of_items[0],
            factor: Some((&tables[1], &of_items[1])),
        };
        let done = after.then_some((&tables[2][..], &of_items[2][..]));
        let rest = world.table(6, RATINGS);
        let state = [rest.clone(), vec![0.0; 4 * ROWS * lanes], vec![0.0; ROWS * lanes]];
        compare(
            &state,
            |state| {
                let [rest, sums, _] = state else { unreachable!() };
                twin::by_session(lanes, (&starts, &items), done, sides, rest, sums);
            },
            |isa, state| {
                let [rest, sums, _] = state else { unreachable!() };
                by_session(isa, lanes, (&starts, &items), done, sides, rest, sums);
            },
        );
        compare(
            &state,
            |state| {
                let [rest, sums, squares] = state else { unreachable!() };
                twin::linear_by_session(lanes, (&starts, &items), done, sides, rest, (sums, squares));
            },
            |isa, state| {
                let [rest, sums, squares] = state else { unreachable!() };
                linear_by_session(isa, lanes, (&starts, &items), done, sides, rest, (sums, squares));
            },
        );
        // The tables change their roles: the ranges are those of items.
        let sides = Sides {
            session_level: &of_items[0],
            item_level: &tables[0],
            factor: (!linear).then_some((&of_items[1], &tables[1])),
        };
        let places: Vec<u32> = (0..RATINGS as u32).rev().collect();
        compare(
            &state[1..2],
            |state| twin::by_item(lanes, (&starts, &places, &items), sides, &rest, &mut state[0]),
            |isa, state| by_item(isa, lanes, (&starts, &places, &items), sides, &rest, &mut state[0]),
        );
    }
}

/// The functions of the normal distribution against those of `libm`, by their error in units of themselves in the lower tail.
#[test]
fn the_functions_of_the_normal_distribution_are_exact_enough() {
    let exact = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    for step in -900..=500 {
        let x = step as f32 * 0.01;
        let wanted = exact(f64::from(x));
        let found = f64::from(twin::cumulative(x));
        // 6·10⁻⁸ of x/√2 are 12·10⁻⁸ of the exponent x²/2, which is rounded by 6·10⁻⁸ of itself once more.
        let bound = 1e-6 + 9e-8 * f64::from(x * x);
        assert!((found - wanted).abs() < bound * wanted, "Φ({x}) = {found}, not {wanted}");
        let p = twin::cumulative(x).min(1.0 - 1.0 / 16_777_216.0);
        let back = f64::from(twin::quantile(p));
        // By the exact distribution function, so that only Φ⁻¹ is tested; near 1 a step of f32 is wide.
        assert!(
            (exact(back) - f64::from(p)).abs() < 2e-5 * f64::from(p).min(0.05) + 6e-8,
            "Φ⁻¹({p}) = {back}"
        );
        assert!(
            (f64::from(twin::log(p)) - libm::log(f64::from(p))).abs()
                < 2e-6 * (1.0 - libm::log(f64::from(p)))
        );
        assert!((f64::from(twin::exp(x)) / libm::exp(f64::from(x)) - 1.0).abs() < 1e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn probit_gives_the_bits_of_the_twin(world in worlds()) {
        let lanes = world.lanes;
        let (starts, items) = (world.ranges(), world.places(COLUMNS, 0));
        let (of_sessions, of_items) = (world.table(0, ROWS), world.table(1, COLUMNS));
        let (done_sessions, done_items) = (world.table(2, ROWS), world.table(3, COLUMNS));
        let sides = Sides { session_level: &of_sessions, item_level: &of_items, factor: None };
        let done = (&done_sessions[..], &done_items[..]);
        let rest = world.table(4, RATINGS);
        compare(
            &[world.table(5, RATINGS)],
            |tables| twin::predict_hidden(lanes, (&starts, &items), done, sides, &rest, &mut tables[0]),
            |isa, tables| predict_hidden(isa, lanes, (&starts, &items), done, sides, &rest, &mut tables[0]),
        );

        let values = [1.0, 2.0, 3.5];
        let mut thresholds = vec![-40.0; lanes];
        thresholds.extend(world.table(6, 1));
        thresholds.extend(world.positive(7, lanes).iter().zip(&world.table(6, 1)).map(|(gap, low)| low + gap));
        thresholds.extend(vec![40.0; lanes]);
        let levels: Vec<u8> = world.places(3, 1).into_iter().map(|level| level as u8).collect();
        let steps = Steps { thresholds: &thresholds, values: &values, levels: &levels };
        let predicted = world.table(8, RATINGS);
        let expected = twin::threshold_terms(lanes, steps, &predicted);
        for isa in Isa::all() {
            prop_assert_eq!(&threshold_terms(isa, lanes, steps, &predicted), &expected, "{}", isa.name());
        }

        macro_rules! out {
            ($tables:expr) => {{
                let [hidden, rest, sums, squares] = $tables else { unreachable!() };
                Hidden { hidden, rest, sums, squares }
            }};
        }
        let empty = |rows: usize| vec![0.0; rows * lanes];
        let keys = (&world.keys[..], 9);
        compare(
            &[predicted, empty(RATINGS), empty(4 * ROWS), empty(ROWS)],
            |tables| twin::draw_hidden(lanes, keys, (&starts, &items), sides, steps, out!(tables)),
            |isa, tables| draw_hidden(isa, lanes, keys, (&starts, &items), sides, steps, out!(tables)),
        );
        let of_samples: Vec<f32> = world.numbers[..64].to_vec();
        compare(
            &[world.numbers[100..132].to_vec()],
            |tables| twin::expected_ratings(&values, &of_samples, &mut tables[0]),
            |isa, tables| expected_ratings(isa, &values, &of_samples, &mut tables[0]),
        );
    }
}
