//! How unevenly items are taken.

use crate::report::plot::{Anchor, Axis, Plot};

/// Points of the curve, beside its start.
const STEPS: usize = 100;

/// The share of all ratings that the most popular items hold, for each share of the items, as a picture that stands alone. `counts`: how often each item was taken.
pub(crate) fn long_tail_picture(counts: &[usize]) -> String {
    let points = shares(counts);
    let mut plot = Plot::new(Axis::rounded(0.0, 100.0, 5), Axis::rounded(0.0, 100.0, 5));
    plot.line("curve quiet", [(0.0, 0.0), (100.0, 100.0)]);
    plot.line("curve", points.iter().copied());
    plot.text("quiet", (60.0, 60.0), (12, 12), Anchor::Start, "if all were taken alike");
    let (x, y) = points[STEPS / 10];
    plot.dot("dot", (x, y), 4.5, "the most popular tenth");
    plot.text("label", (x, y), (12, 4), Anchor::Start, &format!("a tenth holds {y:.0} %"));
    plot.picture("% of the items, the most popular first", "% of all that was taken", "The long tail")
}

/// (% of the items, % of what was taken), a hundred steps, from (0, 0) to (100, 100).
fn shares(counts: &[usize]) -> Vec<(f64, f64)> {
    let mut falling = counts.to_vec();
    falling.sort_unstable_by(|a, b| b.cmp(a));
    let all = falling.iter().sum::<usize>().max(1) as f64;
    let of_first = |items: usize| falling[..items].iter().sum::<usize>() as f64;
    (0..=STEPS)
        .map(|step| {
            let items = step * falling.len() / STEPS;
            (100.0 * items as f64 / falling.len().max(1) as f64, 100.0 * of_first(items) / all)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_popular_come_first() {
        // One of four items holds seven of ten.
        let points = shares(&[1, 7, 1, 1]);
        assert_eq!((points[0], points[25], points[100]), ((0.0, 0.0), (25.0, 70.0), (100.0, 100.0)));
        let counts: Vec<usize> = std::iter::once(90).chain(std::iter::repeat_n(10, 9)).collect();
        assert!(long_tail_picture(&counts).contains("a tenth holds 50 %"));
    }

    #[test]
    fn nothing_taken_is_drawn_all_the_same() {
        assert!(long_tail_picture(&[]).starts_with("<svg"));
    }
}
