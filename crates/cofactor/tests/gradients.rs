//! Each update against the gradient of the objective, by central finite differences in f64.

use cofactor_kernels::{Block, Entry, Isa, Sgd, padded, sgd};

/// One rating's share of the objective, equation (3) of `algo/mf.rs`, for one user and one item.
struct Objective {
    rating: f64,
    mean: f64,
    reg: f64,
    bias_reg: f64,
}

/// p, q, b_u, b_i in one vector of 2k + 2 entries.
impl Objective {
    fn value(&self, parameters: &[f64]) -> f64 {
        let k = (parameters.len() - 2) / 2;
        let (p, rest) = parameters.split_at(k);
        let (q, b) = rest.split_at(k);
        let dot: f64 = p.iter().zip(q).map(|(p, q)| p * q).sum();
        let error = self.rating - (self.mean + b[0] + b[1] + dot);
        let squared = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        error * error + self.reg * (squared(p) + squared(q)) + self.bias_reg * squared(b)
    }

    fn gradient(&self, parameters: &[f64]) -> Vec<f64> {
        let h = 1e-6;
        (0..parameters.len())
            .map(|at| {
                let shifted = |by: f64| {
                    let mut moved = parameters.to_owned();
                    moved[at] += by;
                    self.value(&moved)
                };
                (shifted(h) - shifted(-h)) / (2.0 * h)
            })
            .collect()
    }
}

/// The kernel's step divided by −η must be the gradient: the kernel takes 2η as its rate, as `algo/mf.rs` hands it over.
fn step_of_the_kernel(objective: &Objective, rate: f64, parameters: &[f64], biased: bool) -> Vec<f64> {
    let k = (parameters.len() - 2) / 2;
    let stride = padded(k);
    let row = |values: &[f64]| {
        let mut row = vec![0.0_f32; stride];
        row.iter_mut().zip(values).for_each(|(entry, &value)| *entry = value as f32);
        row
    };
    let (mut p, mut q) = (row(&parameters[..k]), row(&parameters[k..2 * k]));
    let (mut b_u, mut b_i) = ([parameters[2 * k] as f32], [parameters[2 * k + 1] as f32]);
    let step = Sgd {
        mean: objective.mean as f32,
        rate: (2.0 * rate) as f32,
        keep_user: (1.0 - 2.0 * rate * objective.reg) as f32,
        keep_item: (1.0 - 2.0 * rate * objective.reg) as f32,
        bias_rate: (2.0 * rate) as f32,
        keep_bias: (1.0 - 2.0 * rate * objective.bias_reg) as f32,
    };
    let entry = Entry { user: 0, item: 0, value: objective.rating as f32 };
    let biases = biased.then_some((&mut b_u[..], &mut b_i[..]));
    sgd(Isa::detect(), &step, &[entry], stride, Block { users: &mut p, items: &mut q, biases });
    let after = p[..k].iter().chain(&q[..k]).chain(&b_u).chain(&b_i);
    after.zip(parameters).map(|(&after, &before)| (f64::from(after) - before) / -rate).collect()
}

fn largest_difference(objective: &Objective, parameters: &[f64], biased: bool) -> f64 {
    let gradient = objective.gradient(parameters);
    // Large enough that the step stands out of f32's rounding; one step is linear in the rate, so its size does not matter.
    let step = step_of_the_kernel(objective, 0.05, parameters, biased);
    let compared = if biased { parameters.len() } else { parameters.len() - 2 };
    gradient.iter().zip(&step).take(compared).map(|(g, s)| (g - s).abs()).fold(0.0, f64::max)
}

fn point(k: usize, biased: bool) -> Vec<f64> {
    let wave = |at: usize| f64::from(((at as f64 * 1.7 + 0.3).sin() * 0.6) as f32);
    let mut parameters: Vec<f64> = (0..2 * k + 2).map(wave).collect();
    if !biased {
        parameters[2 * k..].fill(0.0);
    }
    parameters
}

#[test]
fn plain_and_biased_updates_follow_the_gradient() {
    for k in [1, 5, 8, 16, 20, 64] {
        for biased in [false, true] {
            let objective = Objective {
                rating: 4.0,
                mean: if biased { 3.5 } else { 0.0 },
                reg: 0.03,
                bias_reg: if biased { 0.02 } else { 0.0 },
            };
            let difference = largest_difference(&objective, &point(k, biased), biased);
            assert!(difference < 2e-4, "k = {k}, biased = {biased}: {difference}");
        }
    }
}

#[test]
fn the_comparison_notices_a_wrong_penalty() {
    let objective = Objective { rating: 4.0, mean: 3.5, reg: 0.03, bias_reg: 0.02 };
    let parameters = point(5, true);
    let gradient = Objective { reg: 0.06, ..objective }.gradient(&parameters);
    let step = step_of_the_kernel(&objective, 0.05, &parameters, true);
    let difference = gradient.iter().zip(&step).map(|(g, s)| (g - s).abs()).fold(0.0, f64::max);
    assert!(difference > 1e-3, "{difference}");
}

/// The baseline's biases are the minimum of its objective: there, the gradient is zero.
#[test]
fn the_baseline_ends_where_its_gradient_is_zero() {
    use cofactor::data::ratings::{Duplicates, RatingsBuilder};
    use cofactor::fit::run::Run;
    let mut builder = RatingsBuilder::new(false);
    for cell in 0..200_usize {
        if cell % 3 != 1 {
            let value = 1.0 + (cell * 7 % 5) as f32;
            builder.push(&(cell / 20).to_string(), &(cell % 20).to_string(), value, None);
        }
    }
    let train =
        builder.finish("grid", None, Duplicates::Error, |_, _| Default::default()).expect("no cell twice");
    let pairs =
        [("reg_user".into(), "3".into()), ("reg_item".into(), "2".into()), ("epochs".into(), "200".into())];
    let baseline = cofactor::registry::find("baseline").expect("it is listed");
    let algorithm = baseline.configure_written(None, &pairs).expect("valid");
    let model = algorithm.fit(&train, &mut Run::new(1, 1).expect("a thread")).expect("it trains");
    let factors = model.factors().expect("biases");
    let mut user_gradient: Vec<f64> = factors.user_bias.iter().map(|&b| 2.0 * 3.0 * f64::from(b)).collect();
    let mut item_gradient: Vec<f64> = factors.item_bias.iter().map(|&b| 2.0 * 2.0 * f64::from(b)).collect();
    for r in train.iter() {
        let (b_u, b_i) = (factors.user_bias[r.user.index()], factors.item_bias[r.item.index()]);
        let error = f64::from(r.value) - f64::from(factors.mean) - f64::from(b_u) - f64::from(b_i);
        user_gradient[r.user.index()] -= 2.0 * error;
        item_gradient[r.item.index()] -= 2.0 * error;
    }
    let largest = user_gradient.iter().chain(&item_gradient).fold(0.0, |max, g| f64::max(max, g.abs()));
    assert!(largest < 1e-4, "{largest}");
}
