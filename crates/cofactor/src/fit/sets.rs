//! Rows that are a vector of their own and the sum of a set: p_u + z_u for users, q_i + w_i for items.
//!
//! The set of a user is what the user rated, N(u); that of an item is who rated it, U(i). Every row gives one vector to the sets of
//! the other side that it is in: an item j gives y_j, a user v gives x_v.
//! ```text
//! z_u = s_u·|N(u)|^−½ Σ_{j∈N(u)} y_j        w_i = s_i·|U(i)|^−½ Σ_{v∈U(i)} x_v
//! ```
//! The biases are one more coordinate of all these vectors, kept beside them.

use cofactor_kernels::{self as kernels, Isa, Link, Mates, Own, RowStep, shift_rows, sum_rows};
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use rayon::ThreadPool;

use super::factors::{Factors, Matrix, Prior, mean_of_rows};
use super::model::Query;
use super::rng::{Purpose, stream};
use super::run::Run;
use super::sweep::rows;
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;

/// The ratings seen from one side.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// A row is a user, its mates are items.
    ByUser(&'a Ratings),
    /// A row is an item, its mates are users.
    ByItem(&'a Ratings),
}

impl<'a> View<'a> {
    /// How many ratings each row has.
    pub fn counts(self) -> Vec<usize> {
        match self {
            Self::ByUser(ratings) => ratings.user_counts().collect(),
            Self::ByItem(ratings) => ratings.item_counts(),
        }
    }

    /// The mates of a row, increasing, and its ratings.
    pub fn row(self, row: usize) -> (&'a [u32], &'a [f32]) {
        match self {
            Self::ByUser(ratings) => {
                let row = ratings.row(User(row as u32));
                (bytemuck::cast_slice(row.items), row.values)
            }
            Self::ByItem(ratings) => {
                let (users, values) = ratings.by_item().column(Item(row as u32));
                (bytemuck::cast_slice(users), values)
            }
        }
    }
}

/// A number for each rating, row by row of a view.
#[derive(Debug, Clone)]
pub struct PerRating<T> {
    /// Where each row starts; one more than there are rows.
    pub starts: Vec<usize>,
    /// The numbers.
    pub all: Vec<T>,
}

impl<T: Copy> PerRating<T> {
    /// Those of a row.
    pub fn row(&self, row: usize) -> &[T] {
        &self.all[self.starts[row]..self.starts[row + 1]]
    }

    /// That of a rating.
    pub fn of(&self, at: At) -> T {
        self.all[self.starts[at.row] + at.place]
    }

    /// Another number for each rating.
    pub fn map<U>(&self, to: impl Fn(T) -> U) -> PerRating<U> {
        PerRating { starts: self.starts.clone(), all: self.all.iter().copied().map(to).collect() }
    }
}

/// All that is learned of one side. Memory: 3 padded rows of k entries for each user or item, 4 where it drifts.
#[derive(Debug, Clone)]
pub struct Side {
    /// p_u or q_i.
    pub own: Matrix,
    /// b_u or b_i.
    pub own_bias: Vec<f32>,
    /// What a row gives to the sets that it is in: x_v or y_j.
    pub gift: Matrix,
    /// The gifts' biases.
    pub gift_bias: Vec<f32>,
    /// z_u or w_i.
    pub set: Matrix,
    /// The biases of the sets.
    pub set_bias: Vec<f32>,
    /// a, where the own vectors drift: in a rating they are p_u + dev·a_u.
    pub slope: Option<Matrix>,
    /// How many ratings each row has.
    pub counts: Vec<usize>,
    /// What multiplies the penalty of a row: (n̄/n)^ν for its n ratings, n̄ the mean of n over the rows that have any.
    pub weight: Vec<f32>,
    /// s, how strongly a set counts.
    pub strength: f32,
}

impl Side {
    /// A side at its start: normal noise of that spread in the own vectors of the rows with ratings, everything else at zero.
    pub fn start(counts: Vec<usize>, k: usize, spread: f64, purpose: Purpose, run: &Run<'_>) -> Self {
        let n = counts.len();
        let mut own = Matrix::zeros(n, k);
        let seed = run.seed();
        rows(run.pool(), &mut own, |row, entries| {
            if counts[row] > 0 {
                let mut stream = stream(seed, purpose, row as u64);
                for entry in &mut entries[..k] {
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    *entry = (spread * noise) as f32;
                }
            }
        });
        Self {
            own,
            own_bias: vec![0.0; n],
            gift: Matrix::zeros(n, k),
            gift_bias: vec![0.0; n],
            set: Matrix::zeros(n, k),
            set_bias: vec![0.0; n],
            slope: None,
            counts,
            weight: vec![1.0; n],
            strength: 0.0,
        }
    }

    /// With sets of that strength, and penalties weighed by that power of n̄/n.
    #[must_use]
    pub fn with(mut self, strength: f64, power: f64) -> Self {
        let counts = &self.counts;
        let rated = counts.iter().filter(|&&count| count > 0).count();
        let mean = counts.iter().sum::<usize>() as f64 / rated.max(1) as f64;
        self.weight = counts.iter().map(|&n| libm::pow(mean / n.max(1) as f64, power) as f32).collect();
        self.strength = strength as f32;
        self
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.own.rows()
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let biases = self.own_bias.iter().chain(&self.gift_bias).chain(&self.set_bias);
        let vectors = [&self.own, &self.gift, &self.set].into_iter().chain(&self.slope);
        vectors.into_iter().all(Matrix::is_finite) && biases.into_iter().all(|bias| bias.is_finite())
    }

    /// Sums the set of one row anew, from what its members give now; returns the sum.
    fn build_set(&mut self, isa: Isa, row: usize, members: &[u32], mates: &Self) -> Before {
        let strength = self.strength;
        sum_set(isa, strength, members, mates, self.set.row_mut(row));
        self.set_bias[row] = set_bias(strength, members, mates);
        Before { set: self.set.row(row).to_vec(), bias: self.set_bias[row] }
    }

    /// Moves what the members of a row's set give, after the row's ratings have moved the sum itself from where it was `before`.
    ///
    /// In n moves z ← κz + … of the sum each member would have moved by y ← κy + … n times too, always by the same pull: it ends at
    /// κⁿ·y + (z − κⁿ·z°)/(s·√n). `keep` is κ of the vectors and of the biases.
    fn hand_over(
        &self,
        isa: Isa,
        row: usize,
        members: &[u32],
        before: &Before,
        keep: (f32, f32),
        mates: &mut Self,
    ) {
        let n = members.len();
        let kept = |keep: f32| f64::from(keep).powi(n as i32) as f32;
        let (kept, bias_kept) = (kept(keep.0), kept(keep.1));
        let share = 1.0 / (self.strength * (n as f32).sqrt());
        let moves = self.set.row(row).iter().zip(&before.set);
        let by: Vec<f32> = moves.map(|(now, before)| share * (now - kept * before)).collect();
        shift_rows(isa, members, kept, &by, mates.gift.as_mut_slice());
        let by = share * (self.set_bias[row] - bias_kept * before.bias);
        for &member in members {
            let bias = &mut mates.gift_bias[member as usize];
            *bias = bias_kept * *bias + by;
        }
    }

    /// Sums all sets anew, on all threads.
    pub fn build_sets(&mut self, view: View<'_>, mates: &Self, run: &Run<'_>) {
        let (strength, isa) = (self.strength, run.isa());
        rows(run.pool(), &mut self.set, |row, sum| sum_set(isa, strength, view.row(row).0, mates, sum));
        for (row, bias) in self.set_bias.iter_mut().enumerate() {
            *bias = set_bias(strength, view.row(row).0, mates);
        }
    }

    /// The vector of a row, its own and its set's; k entries with their padding.
    pub fn sum(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        self.own.row(row).iter().zip(self.set.row(row)).map(|(own, set)| own + set)
    }

    /// The bias of a row, its own and its set's.
    pub fn bias(&self, row: usize) -> f32 {
        self.own_bias[row] + self.set_bias[row]
    }

    /// The vectors and the biases of all rows.
    pub fn learned(&self, pool: &ThreadPool) -> Learned<'_> {
        let mut vectors = Matrix::zeros(self.own.rows(), self.own.columns());
        rows(pool, &mut vectors, |row, entries| {
            entries.iter_mut().zip(self.sum(row)).for_each(|(entry, sum)| *entry = sum);
        });
        let biases = (0..self.own.rows()).map(|row| self.bias(row)).collect();
        Learned { vectors, biases, counts: &self.counts }
    }
}

/// What one side comes to.
pub struct Learned<'a> {
    /// The sum of each row's own vector and its set's.
    pub vectors: Matrix,
    /// The sum of its own bias and its set's.
    pub biases: Vec<f32>,
    /// How many ratings each row has.
    pub counts: &'a [usize],
}

/// The sum of a set, vector and bias, as it was once.
struct Before {
    set: Vec<f32>,
    bias: f32,
}

/// The rates and penalties of one pass, in the form in which they are applied: each η stands for 2η of the objective's gradient.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// η of the vectors.
    pub rate: f32,
    /// η_b of the biases.
    pub bias_rate: f32,
    /// λ of the own vectors.
    pub reg: f32,
    /// λ_b of the own biases.
    pub bias_reg: f32,
    /// λ_s of the gifts and of their biases.
    pub set_reg: f32,
    /// λ of a slope, for all ratings of its row together.
    pub slope_reg: f32,
}

/// What stays while the ratings of one row are visited.
#[derive(Clone, Copy)]
struct Still<'a> {
    /// 1 − ηλ of each mate.
    mate_keep: &'a [f32],
    /// What the slopes count in each rating.
    devs: &'a [f32],
    isa: Isa,
}

/// One rating, as its row comes to it.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// The row of the pass.
    pub row: usize,
    /// Its mate on the other side.
    pub mate: usize,
    /// The place of the rating in the row.
    pub place: usize,
    /// The rating less the inner product.
    pub rest: f32,
}

/// The biases of one rating's row and mate.
pub struct Biases<'a> {
    /// The row's own.
    pub own: &'a mut f32,
    /// Its set's.
    pub set: &'a mut f32,
    /// The mate's own.
    pub mate: &'a mut f32,
    /// The mate's set's, which stays.
    pub mate_set: f32,
    /// What multiplies the penalties of the row and of the mate.
    weights: (f32, f32),
    /// s² of the row's set.
    strength: f32,
}

#[cfg(test)]
impl<'a> Biases<'a> {
    /// Biases whose penalties have their plain weights.
    pub(crate) fn new(own: &'a mut f32, set: &'a mut f32, mate: &'a mut f32) -> Self {
        Self { own, set, mate, mate_set: 0.0, weights: (1.0, 1.0), strength: 1.0 }
    }
}

impl Biases<'_> {
    /// Their sum.
    pub fn sum(&self) -> f32 {
        (*self.own + *self.set) + (*self.mate + self.mate_set)
    }
}

impl Pace {
    /// One pass over the rows of `own` in the order of the pass `number` (or, once the run is interrupted, over some of them), with the sets of `mates` fixed; returns Σ e².
    ///
    /// A row's set is summed once, moved with the row's own vector at each rating, and handed over to its members once. `error` is given each rating and its biases, moves
    /// the biases (by [`Self::descend`]), and returns e. `devs` are what the slopes count in each rating, where a side has them; those of `mates` stay.
    pub fn pass(
        &self,
        number: usize,
        view: View<'_>,
        (own, mates): (&mut Side, &mut Side),
        devs: Option<&PerRating<f32>>,
        run: &Run<'_>,
        mut error: impl FnMut(At, Biases<'_>) -> f32,
    ) -> f64 {
        let decline = self.rate * self.reg;
        let mate_keep: Vec<f32> = mates.weight.iter().map(|weight| 1.0 - decline * weight).collect();
        let set_keep = (1.0 - self.rate * self.set_reg, 1.0 - self.bias_rate * self.set_reg);
        let mut order: Vec<usize> = (0..own.rows()).filter(|&row| own.counts[row] > 0).collect();
        order.shuffle(&mut run.stream(Purpose::RowOrder, number as u64));
        let isa = run.isa();
        let mut squares = 0.0;
        for row in order {
            if run.interrupt().requested() {
                break;
            }
            let still = Still { mate_keep: &mate_keep, devs: devs.map_or(&[], |devs| devs.row(row)), isa };
            let (members, _) = view.row(row);
            let before = own.build_set(isa, row, members, mates);
            squares += self.visit(row, view, (own, mates), still, &mut error);
            if own.strength > 0.0 {
                own.hand_over(isa, row, members, &before, set_keep, mates);
            }
        }
        squares
    }

    /// The ratings of one row; returns Σ e².
    fn visit(
        &self,
        row: usize,
        view: View<'_>,
        (own, mates): (&mut Side, &mut Side),
        still: Still<'_>,
        error: &mut impl FnMut(At, Biases<'_>) -> f32,
    ) -> f64 {
        let (members, values) = view.row(row);
        let (weight, strength) = (own.weight[row], own.strength * own.strength);
        let slope_keep = 1.0 / (1.0 + self.rate * self.slope_reg / members.len() as f32);
        let step = RowStep {
            rate: self.rate,
            keep: 1.0 - self.rate * self.reg * weight,
            set_rate: self.rate * strength,
            set_keep: 1.0 - self.rate * self.set_reg,
            slope_rate: self.rate * slope_keep,
            slope_keep,
            mate_rate: self.rate,
        };
        let Side { own: p, set: z, own_bias, set_bias, slope, .. } = own;
        let mut squares = 0.0;
        let mut seen = |place: usize, product: f32| {
            let mate = members[place] as usize;
            let biases = Biases {
                own: &mut own_bias[row],
                set: &mut set_bias[row],
                mate: &mut mates.own_bias[mate],
                mate_set: mates.set_bias[mate],
                weights: (weight, mates.weight[mate]),
                strength,
            };
            let e = error(At { row, mate, place, rest: values[place] - product }, biases);
            squares += f64::from(e * e);
            e
        };
        let slope = slope.as_mut().map(|slopes| slopes.row_mut(row));
        let vectors = Own { factors: p.row_mut(row), set: z.row_mut(row), slope };
        let mate_vectors = Mates {
            rows: members,
            factors: mates.own.as_mut_slice(),
            keep: still.mate_keep,
            sets: mates.set.as_slice(),
            slopes: mates.slope.as_ref().map(Matrix::as_slice),
            devs: still.devs,
        };
        kernels::row(still.isa, &step, vectors, mate_vectors, &mut seen);
        squares
    }

    /// Moves the biases of a rating: b ← b + η_b(e·∂r̂/∂b − λ_b w·b), the set's by its strength. `slopes` are ∂r̂/∂b of the row's and of the mate's own bias.
    pub fn descend(&self, biases: Biases<'_>, e: f32, slopes: (f32, f32)) {
        let Biases { own, set, mate, weights, strength, .. } = biases;
        let pull = self.bias_rate * e;
        let decline = self.bias_rate * self.bias_reg;
        *own += pull * slopes.0 - decline * weights.0 * *own;
        *mate += pull * slopes.1 - decline * weights.1 * *mate;
        *set += strength * pull - self.bias_rate * self.set_reg * *set;
    }
}

fn sum_set(isa: Isa, strength: f32, members: &[u32], mates: &Side, sum: &mut [f32]) {
    sum_rows(isa, members, mates.gift.as_slice(), sum);
    let scale = scale(strength, members);
    for entry in sum {
        *entry *= scale;
    }
}

fn set_bias(strength: f32, members: &[u32], mates: &Side) -> f32 {
    let sum: f32 = members.iter().map(|&member| mates.gift_bias[member as usize]).sum();
    sum * scale(strength, members)
}

/// s·n^−½; an empty set is zero whatever it is scaled by.
fn scale(strength: f32, members: &[u32]) -> f32 {
    strength / (members.len().max(1) as f32).sqrt()
}

/// r̂ = μ + biases + (p_u + z_u)ᵀ(q_i + w_i) while the sides are still being learned; who and what is unknown counts as zero.
pub fn predict(mean: f32, users: &Side, items: &Side, query: Query) -> f32 {
    let (user, item) = (query.user.map(User::index), query.item.map(Item::index));
    let product = match (user, item) {
        (Some(user), Some(item)) => users.sum(user).zip(items.sum(item)).map(|(a, b)| a * b).sum(),
        _ => 0.0,
    };
    let biases = user.map_or(0.0, |user| users.bias(user)) + item.map_or(0.0, |item| items.bias(item));
    mean + biases + product
}

/// The learned model of two sides. A user or an item without ratings stands where the learned ones stand on average.
pub fn model(mean: f32, mut users: Learned<'_>, mut items: Learned<'_>, run: &Run<'_>) -> Factors {
    // The variance of a rating around its prediction.
    let noise = run.epochs().last().map_or(1.0, |epoch| epoch.train_rmse.powi(2));
    let prior = Prior::of(&users.vectors, &users.biases, users.counts, noise, true);
    let unseen_item = mean_of_rows(&items.vectors, &items.biases, items.counts);
    users.fill_unseen(&prior.mean);
    items.fill_unseen(&unseen_item);
    Factors {
        isa: run.isa(),
        link: Link::Identity,
        mean,
        users: users.vectors,
        items: items.vectors,
        user_bias: users.biases,
        item_bias: items.biases,
        prior,
        unseen_item,
    }
}

impl Learned<'_> {
    fn fill_unseen(&mut self, mean: &[f32]) {
        let k = self.vectors.columns();
        for (row, _) in self.counts.iter().enumerate().filter(|&(_, &count)| count == 0) {
            self.vectors.row_mut(row)[..k].copy_from_slice(&mean[..k]);
            self.biases[row] = mean[k];
        }
    }
}
