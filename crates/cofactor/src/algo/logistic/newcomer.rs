//! Somebody new: the minimum of (2) in their p and b, with Q fixed, and what each of their items adds to it.

use cofactor_kernels::{Isa, NormalEquations, Samples, dot, sigmoid};

use super::Chances;
use crate::data::ids::Item;
use crate::data::ratings::Row;
use crate::fit::factors::Factors;
use crate::fit::model::{Newcomer, Parts, Share};
use crate::fit::taken::is_taken;

/// Newton's method is at its end after a handful of steps.
const MOST_STEPS: usize = 40;

impl Chances {
    /// The minimum of (2) for somebody new, and what each of their items adds to it. Cost: O(nk²) a step of Newton's, of which there are some ten.
    pub(super) fn folded(&self, history: Row<'_>) -> Chance<'_> {
        let k = self.factors.k();
        let own: Vec<f32> = history
            .values
            .iter()
            .map(|&r| if is_taken(r, self.knobs.implicit_from) { self.knobs.alpha as f32 * r } else { 0.0 })
            .collect();
        let mut chance = Chance {
            factors: &self.factors,
            p: vec![0.0; k],
            bias: 0.0,
            shares: vec![vec![0.0; k]; history.len()],
        };
        if own.iter().all(|&weight| weight == 0.0) {
            return chance;
        }
        let mut newton = Newton {
            isa: Isa::detect(),
            model: self,
            // α r of each item; most are zero.
            taken: vec![0.0; self.factors.items.rows()],
            equations: NormalEquations::new(k),
        };
        for (item, &weight) in history.items.iter().zip(&own) {
            newton.taken[item.index()] = weight;
        }
        newton.descend(&mut chance);
        newton.share(history.items, &mut chance);
        chance
    }
}

/// Newton's method for the minimum of (2) in one user, with Q fixed.
struct Newton<'a> {
    isa: Isa,
    model: &'a Chances,
    taken: Vec<f32>,
    equations: NormalEquations,
}

impl Newton<'_> {
    /// z of each item.
    fn scores(&self, chance: &Chance<'_>) -> Vec<f32> {
        let mut scores = vec![0.0; self.taken.len()];
        self.model.factors.score_all(&chance.p, chance.bias, &mut scores);
        scores
    }

    /// (2).
    fn objective(&self, chance: &Chance<'_>) -> f64 {
        let scores = self.scores(chance);
        // ln(1 + eᶻ).
        let softplus = |z: f64| z.max(0.0) + libm::log1p(libm::exp(-z.abs()));
        let term = |&item: &u32| {
            let (z, taken) = (f64::from(scores[item as usize]), f64::from(self.taken[item as usize]));
            let said = if taken > 0.0 { taken * softplus(-z) } else { 0.0 };
            softplus(z) + said
        };
        let squares: f64 = chance.p.iter().map(|&p| f64::from(p).powi(2)).sum();
        self.model.items.iter().map(term).sum::<f64>() + self.model.knobs.reg * squares
    }

    /// The second derivative of (2) at these scores, and minus the first; returns what belongs to the bias of both.
    fn assemble(&mut self, chance: &Chance<'_>) -> (f32, f32) {
        let scores = self.scores(chance);
        let items = &self.model.items;
        let (mut weights, mut errors) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
        for &item in items {
            let (sigma, taken) = (sigmoid(scores[item as usize]), self.taken[item as usize]);
            weights.push((1.0 + taken) * sigma * (1.0 - sigma));
            errors.push(taken.mul_add(1.0 - sigma, -sigma));
        }
        let held = 2.0 * self.model.knobs.reg as f32;
        // A direction that nothing determines is left at zero.
        self.equations.clear(held.max(1e-6));
        let matrix = self.model.factors.items.as_slice();
        self.equations
            .add(self.isa, Samples { matrix, rows: items, weights: Some(&weights), targets: &errors });
        let held: Vec<f32> = chance.p.iter().map(|&p| -held * p).collect();
        self.equations.add_to_right_hand_side(&held);
        self.equations.factor(self.isa);
        (weights.iter().sum(), errors.iter().sum())
    }

    /// Steps, each halved until it leads down.
    fn descend(&mut self, chance: &mut Chance<'_>) {
        let mut value = self.objective(chance);
        for _ in 0..MOST_STEPS {
            let (weight, error) = self.assemble(chance);
            let mut by = vec![0.0; chance.p.len()];
            let bias_by = self.equations.solve_with_bias(self.isa, weight, error, &mut by);
            let (p, bias) = (chance.p.clone(), chance.bias);
            let mut length = 1.0_f32;
            let lower = loop {
                chance.p = p.iter().zip(&by).map(|(p, by)| length.mul_add(*by, *p)).collect();
                chance.bias = length.mul_add(bias_by, bias);
                let now = self.objective(chance);
                if now < value {
                    break value - now;
                }
                length /= 2.0;
                if length < 1e-3 {
                    (chance.p, chance.bias) = (p, bias);
                    return;
                }
            };
            value -= lower;
            if lower < 1e-9 * value {
                return;
            }
        }
    }

    /// A⁻¹ times each item's own part of Ap + g, with A the second derivative and g minus the first.
    fn share(&mut self, items: &[Item], chance: &mut Chance<'_>) {
        self.assemble(chance);
        let mut right: Vec<f32> = self.equations.right_hand_side().collect();
        for (item, share) in items.iter().zip(&mut chance.shares) {
            let (q, taken) = (self.model.factors.items.row(item.index()), self.taken[item.index()]);
            let k = chance.p.len();
            let mut p = vec![0.0; q.len()];
            p[..k].copy_from_slice(&chance.p);
            let product = dot(self.isa, &p, q);
            let sigma = sigmoid(product + (chance.bias + self.model.factors.item_bias[item.index()]));
            let by = taken * (1.0 - sigma) * sigma.mul_add(product, 1.0);
            let own: Vec<f32> = q[..k].iter().map(|&q| by * q).collect();
            let change: Vec<f32> = own.iter().zip(&right).map(|(own, right)| own - right).collect();
            self.equations.add_to_right_hand_side(&change);
            right = own;
            self.equations.solve(self.isa, share);
        }
    }
}

/// Somebody new.
pub(super) struct Chance<'a> {
    factors: &'a Factors,
    p: Vec<f32>,
    bias: f32,
    /// What each item of the history has in p.
    shares: Vec<Vec<f32>>,
}

impl Newcomer for Chance<'_> {
    fn score_all(&self, out: &mut [f32]) {
        self.factors.score_all(&self.p, self.bias, out);
    }

    fn parts(&self, item: Item) -> Parts {
        let q = self.factors.items.entries(item.index());
        let product = |p: &[f32]| p.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum::<f64>();
        let shares: Vec<f64> = self.shares.iter().map(|share| product(share)).collect();
        let rest = product(&self.p) - shares.iter().sum::<f64>();
        let share = |&adds: &f64| Share { all: adds as f32, taste: adds as f32 };
        Parts {
            mean: 0.0,
            item_bias: self.factors.item_bias[item.index()],
            prior: (f64::from(self.bias) + rest) as f32,
            shares: shares.iter().map(share).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::logistic::{Logistic, tests::ratings};
    use crate::data::ids::User;
    use crate::fit::algorithm::Algorithm;
    use crate::fit::run::Run;

    #[test]
    fn a_newcomer_stands_where_no_step_leads_lower() {
        let train = ratings();
        let logistic = Logistic { factors: 6, epochs: 20, ..Logistic::default() };
        let model = logistic.fit(&train, &mut Run::new(3, 1).unwrap()).unwrap();
        let row = train.row(User(4));
        let mut folded = model.folded(row);
        let mut taken = vec![0.0; train.items()];
        row.iter().for_each(|rated| taken[rated.item.index()] = rated.value);
        let newton = Newton { isa: Isa::detect(), model: &model, taken, equations: NormalEquations::new(6) };
        let least = newton.objective(&folded);
        for f in 0..6 {
            for step in [-0.02, 0.02] {
                folded.p[f] += step;
                assert!(newton.objective(&folded) > least, "{f} {step}");
                folded.p[f] -= step;
            }
        }
        for step in [-0.02, 0.02] {
            folded.bias += step;
            assert!(newton.objective(&folded) > least, "{step}");
            folded.bias -= step;
        }
    }
}
