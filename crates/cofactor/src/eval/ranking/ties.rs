//! What the metrics of one user's ranking are worth on average over the orders of equal scores.
//!
//! A tie group is the t candidates of one score; a candidates score higher, r of the t are relevant, h relevant ones score higher. The group takes the
//! ranks a + 1 … a + t, and each order of it is as likely as any other, independent of the other groups'. So
//!
//! ```text
//! P(rank a+s is relevant)              = r/t                                                       (1)
//! P(the first relevant one is at a+s)  = C(t−s, r−1) / C(t, r)                                     (2)
//! P(none among the first m)            = C(t−m, r) / C(t, r)                                       (3)
//! E[hits up to a+s | a+s is relevant]  = h + 1 + (r−1)(s−1)/(t−1)                                  (4)
//! ```
//! and every expectation below is a sum over the groups that hold a relevant candidate. Cost: the ranks of these groups up to the cutoff.

/// The candidates of one score, some of which are relevant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// a: how many candidates score higher.
    pub ahead: usize,
    /// t: how many have this score.
    pub size: usize,
    /// r: how many of them are relevant; at least one.
    pub relevant: usize,
}

/// Where the relevant ones stand among one user's candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// C: how many candidates there are.
    candidates: usize,
    /// R: how many of them are relevant; at least one.
    relevant: usize,
    /// The groups that hold relevant candidates, the highest score first.
    groups: Vec<Group>,
}

/// Σ 1/log₂(p+1) over the ranks p up to each: what all hits up to there are worth.
#[derive(Debug, Clone)]
pub struct Discounts(Vec<f64>);

impl Discounts {
    /// For ranks up to `most`. Cost: one logarithm a rank.
    pub fn up_to(most: usize) -> Self {
        let mut sums = Vec::with_capacity(most + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for rank in 1..=most {
            sum += 1.0 / libm::log2(rank as f64 + 1.0);
            sums.push(sum);
        }
        Self(sums)
    }

    fn of_ranks(&self, after: usize, until: usize) -> f64 {
        self.0[until] - self.0[after]
    }
}

impl Ranked {
    /// From the number of candidates and the groups that hold relevant ones, the highest score first.
    ///
    /// # Panics
    /// When there is no group.
    pub fn new(candidates: usize, groups: Vec<Group>) -> Self {
        let relevant = groups.iter().map(|group| group.relevant).sum();
        assert!(relevant > 0, "somebody without relevant candidates has no ranking");
        Self { candidates, relevant, groups }
    }

    /// From each candidate's score and whether it is relevant; `None` where none is.
    pub fn of(candidates: &[(f32, bool)]) -> Option<Self> {
        let mut sorted = candidates.to_vec();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut ahead = 0;
        let mut groups = Vec::new();
        for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
            let relevant = tied.iter().filter(|candidate| candidate.1).count();
            if relevant > 0 {
                groups.push(Group { ahead, size: tied.len(), relevant });
            }
            ahead += tied.len();
        }
        (!groups.is_empty()).then(|| Self::new(candidates.len(), groups))
    }

    /// R.
    pub fn relevant(&self) -> usize {
        self.relevant
    }

    /// The hits among the first `n`, on average.
    fn hits(&self, n: usize) -> f64 {
        let of = |group: &Group| group.relevant as f64 * group.within(n) as f64 / group.size as f64;
        self.groups.iter().map(of).sum()
    }

    /// Hits among the first N, divided by N.
    pub fn precision(&self, n: usize) -> f64 {
        self.hits(n) / n as f64
    }

    /// Hits among the first N, divided by R.
    pub fn recall(&self, n: usize) -> f64 {
        self.hits(n) / self.relevant as f64
    }

    /// Hits among the first N, divided by the most that there can be: min(N, R).
    pub fn recall_capped(&self, n: usize) -> f64 {
        self.hits(n) / self.relevant.min(n) as f64
    }

    /// DCG over the first N ranks, divided by that of the best order.
    pub fn ndcg(&self, n: usize, discounts: &Discounts) -> f64 {
        let gain = |group: &Group| {
            let share = group.relevant as f64 / group.size as f64;
            share * discounts.of_ranks(group.ahead, group.ahead + group.within(n))
        };
        let dcg: f64 = self.groups.iter().take_while(|group| group.ahead < n).map(gain).sum();
        dcg / discounts.of_ranks(0, self.relevant.min(n))
    }

    /// Whether there is a hit among the first N, by (3).
    pub fn hit_rate(&self, n: usize) -> f64 {
        let first = self.groups[0];
        let (within, misses) = (first.within(n), first.size - first.relevant);
        if within > misses {
            return 1.0;
        }
        // C(t−m, r) / C(t, r) is also C(t−r, m) / C(t, m): the shorter product of the two.
        let (few, many) =
            if within < first.relevant { (within, misses) } else { (first.relevant, first.size - within) };
        let none: f64 =
            (0..few).map(|factor| (many - factor) as f64 / (first.size - factor) as f64).product();
        1.0 - none
    }

    /// 1 / the rank of the first hit, 0 beyond N; by (2).
    pub fn reciprocal_rank(&self, n: usize) -> f64 {
        let Group { ahead, size, relevant } = self.groups[0];
        let mut chance = relevant as f64 / size as f64;
        let mut sum = 0.0;
        for place in 1..=self.groups[0].within(n).min(size - relevant + 1) {
            sum += chance / (ahead + place) as f64;
            chance *= (size - place + 1 - relevant) as f64 / (size - place).max(1) as f64;
        }
        sum
    }

    /// The precision at each hit among the first N, summed and divided by min(N, R); by (1) and (4).
    pub fn average_precision(&self, n: usize) -> f64 {
        let (mut sum, mut higher) = (0.0, 0.0);
        for group in self.groups.iter().take_while(|group| group.ahead < n) {
            let (t, r) = (group.size as f64, group.relevant as f64);
            let companions = (r - 1.0) / (t - 1.0).max(1.0);
            for place in 1..=group.within(n) {
                let hits = higher + 1.0 + companions * (place - 1) as f64;
                sum += r / t * hits / (group.ahead + place) as f64;
            }
            higher += r;
        }
        sum / self.relevant.min(n) as f64
    }

    /// The chance that a relevant candidate stands before one that is not; ½ where there is none of those.
    pub fn auc(&self) -> f64 {
        let others = self.candidates - self.relevant;
        if others == 0 {
            return 0.5;
        }
        let (mut before, mut sum) = (0, 0.0);
        for group in &self.groups {
            let tied = group.size - group.relevant;
            let ahead = group.ahead - before;
            sum += group.relevant as f64 * ((others - ahead - tied) as f64 + tied as f64 / 2.0);
            before += group.relevant;
        }
        sum / (self.relevant as f64 * others as f64)
    }

    /// The mean of the relevant ones' percentiles: 0 for the first rank, 1 for the last; ½ where there is one candidate.
    pub fn percentile_rank(&self) -> f64 {
        if self.candidates < 2 {
            return 0.5;
        }
        let of = |group: &Group| group.relevant as f64 * (group.ahead as f64 + (group.size - 1) as f64 / 2.0);
        let sum: f64 = self.groups.iter().map(of).sum();
        sum / (self.relevant as f64 * (self.candidates - 1) as f64)
    }
}

impl Group {
    /// How many of its ranks are among the first `n`.
    fn within(&self, n: usize) -> usize {
        n.saturating_sub(self.ahead).min(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The metrics of one order without ties, straight from their definitions.
    fn of_order(order: &[bool], n: usize) -> [f64; 9] {
        let relevant = order.iter().filter(|&&is| is).count() as f64;
        let first = &order[..n.min(order.len())];
        let hits = first.iter().filter(|&&is| is).count() as f64;
        let discounted = |order: &[bool]| -> f64 {
            (1..).zip(order).filter(|(_, is)| **is).map(|(p, _)| 1.0 / f64::from(p + 1).log2()).sum()
        };
        let mut best = order.to_vec();
        best.sort_by_key(|&is| !is);
        best.truncate(n);
        let precision_at = |p: usize| order[..p].iter().filter(|&&is| is).count() as f64 / p as f64;
        let precisions: f64 = (1..=first.len()).filter(|&p| order[p - 1]).map(precision_at).sum::<f64>()
            / relevant.min(n as f64);
        let first_hit = first.iter().position(|&is| is).map_or(0.0, |p| 1.0 / (p + 1) as f64);
        let (mut pairs, mut right, mut percentiles) = (0.0, 0.0, 0.0);
        for (p, _) in order.iter().enumerate().filter(|(_, is)| **is) {
            percentiles += p as f64 / (order.len() - 1).max(1) as f64 / relevant;
            for (q, _) in order.iter().enumerate().filter(|(_, is)| !**is) {
                pairs += 1.0;
                right += f64::from(u8::from(p < q));
            }
        }
        [
            hits / n as f64,
            hits / relevant,
            hits / relevant.min(n as f64),
            discounted(first) / discounted(&best),
            f64::from(u8::from(hits > 0.0)),
            first_hit,
            precisions,
            if pairs > 0.0 { right / pairs } else { 0.5 },
            if order.len() < 2 { 0.5 } else { percentiles },
        ]
    }

    /// Every order that the scores allow, each once for each permutation of the candidates.
    fn orders(candidates: &[(f32, bool)]) -> Vec<Vec<bool>> {
        fn extend(left: &[(f32, bool)], so_far: &mut Vec<bool>, all: &mut Vec<Vec<bool>>) {
            let highest = left.iter().map(|candidate| candidate.0).fold(f32::NEG_INFINITY, f32::max);
            if left.is_empty() {
                all.push(so_far.clone());
            }
            for (at, candidate) in left.iter().enumerate().filter(|(_, candidate)| candidate.0 == highest) {
                let mut rest = left.to_vec();
                rest.remove(at);
                so_far.push(candidate.1);
                extend(&rest, so_far, all);
                so_far.pop();
            }
        }
        let mut all = Vec::new();
        extend(candidates, &mut Vec::new(), &mut all);
        all
    }

    fn expected(ranked: &Ranked, n: usize) -> [f64; 9] {
        [
            ranked.precision(n),
            ranked.recall(n),
            ranked.recall_capped(n),
            ranked.ndcg(n, &Discounts::up_to(ranked.candidates.max(n))),
            ranked.hit_rate(n),
            ranked.reciprocal_rank(n),
            ranked.average_precision(n),
            ranked.auc(),
            ranked.percentile_rank(),
        ]
    }

    proptest! {
        #[test]
        fn they_are_the_means_over_all_orders_of_the_ties(
            candidates in proptest::collection::vec((0_u8..3, any::<bool>()), 1..8),
            n in 1_usize..10,
        ) {
            let candidates: Vec<(f32, bool)> =
                candidates.into_iter().map(|(score, relevant)| (f32::from(score), relevant)).collect();
            let Some(ranked) = Ranked::of(&candidates) else { return Ok(()) };
            let orders = orders(&candidates);
            let mut means = [0.0; 9];
            for order in &orders {
                for (mean, value) in means.iter_mut().zip(of_order(order, n)) {
                    *mean += value / orders.len() as f64;
                }
            }
            for (place, (found, mean)) in expected(&ranked, n).into_iter().zip(means).enumerate() {
                prop_assert!((found - mean).abs() < 1e-9, "metric {}: {} is not {}", place, found, mean);
            }
        }
    }

    #[test]
    fn a_constant_model_is_as_good_as_a_random_order() {
        let candidates: Vec<(f32, bool)> = (0..1000).map(|place| (1.0, place < 20)).collect();
        let ranked = Ranked::of(&candidates).unwrap();
        assert!((ranked.precision(10) - 0.02).abs() < 1e-12);
        assert!((ranked.recall(50) - 0.05).abs() < 1e-12);
        assert!((ranked.auc() - 0.5).abs() < 1e-12 && (ranked.percentile_rank() - 0.5).abs() < 1e-12);
        // 1 − C(990, 20)/C(1000, 20).
        let none: f64 = (0..20).map(|factor| f64::from(990 - factor) / f64::from(1000 - factor)).product();
        assert!((ranked.hit_rate(10) - (1.0 - none)).abs() < 1e-12);
    }

    #[test]
    fn nobody_without_relevant_candidates_is_ranked() {
        assert_eq!(Ranked::of(&[(1.0, false), (2.0, false)]), None);
        assert_eq!(Ranked::of(&[]), None);
    }
}
