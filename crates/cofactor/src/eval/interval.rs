//! The distribution behind every interval and p-value, and the standard error of a mean over clusters.

/// The 97.5 % point of the standard normal distribution.
pub const NORMAL_975: f64 = 1.959_963_984_540_054;

/// The 97.5 % points of Student's distribution with 1 to 9 degrees of freedom, from the published tables.
const STUDENT_975: [f64; 9] = [
    12.706_204_736,
    4.302_652_730,
    3.182_446_305,
    2.776_445_105,
    2.570_581_836,
    2.446_911_851,
    2.364_624_252,
    2.306_004_135,
    2.262_157_163,
];

/// The 97.5 % point of Student's t distribution: half the width of a 95 % interval in standard errors. Infinite with 0 degrees of
/// freedom.
///
/// From 10 degrees on by the expansion of Fisher and Cornish around the normal quantile, with an error below 5·10⁻⁶.
pub fn student_975(degrees: usize) -> f64 {
    match degrees {
        0 => f64::INFINITY,
        1..=9 => STUDENT_975[degrees - 1],
        _ => {
            let z = NORMAL_975;
            let d = degrees as f64;
            let first = (z.powi(3) + z) / 4.0;
            let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
            let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
            let fourth =
                (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z)
                    / 92_160.0;
            z + first / d + second / d.powi(2) + third / d.powi(3) + fourth / d.powi(4)
        }
    }
}

/// P(|T| ≥ |t|) for Student's T: the two-sided p-value. NaN with 0 degrees of freedom.
///
/// With d degrees of freedom it is I_x(d/2, 1/2) at x = d/(d + t²), the regularized incomplete beta function.
pub fn student_p(t: f64, degrees: usize) -> f64 {
    let d = degrees as f64;
    incomplete_beta(d / (d + t * t), d / 2.0, 0.5)
}

/// I_x(a, b), by the continued fraction on the side where it converges fast (Abramowitz and Stegun, 26.5.8).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 || x.is_nan() {
        return x;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b);
    let front = libm::exp(front + a * libm::log(x) + b * libm::log1p(-x)) / a;
    front / continued_fraction(x, a, b)
}

/// 1 + d₁/(1 + d₂/(1 + …)) with d_{2m} = m(b−m)x / ((a+2m−1)(a+2m)) and
/// d_{2m+1} = −(a+m)(a+b+m)x / ((a+2m)(a+2m+1)), from the front by Lentz's method.
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    const MOST_TERMS: usize = 500;
    const SMALL: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < SMALL { SMALL } else { value };
    let (mut fraction, mut c, mut d) = (1.0_f64, 1.0_f64, 0.0_f64);
    for term in 1..MOST_TERMS {
        let m = (term / 2) as f64;
        let coefficient = if term % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / away_from_zero(1.0 + coefficient * d);
        c = away_from_zero(1.0 + coefficient / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// The p-values of several tests, adjusted so that the chance of even one false alarm among them stays below the level that each is
/// compared with: Holm, "A simple sequentially rejective multiple test procedure", 1979.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &test) in order.iter().enumerate() {
        let others = (p_values.len() - rank) as f64;
        largest = largest.max((others * p_values[test]).min(1.0));
        adjusted[test] = largest;
    }
    adjusted
}

/// The mean over all members of clusters, and its standard error with the cluster as the unit that is drawn.
///
/// Each cluster is its number n_c of members and their sum S_c. With N = Σ n_c members in C clusters, the mean is M = Σ S_c / N and
/// SE² = C/(C−1) · Σ (S_c − M·n_c)² / N² (Cochran, "Sampling Techniques", 1977, section 9A). NaN without members; the standard
/// error is NaN with fewer than two clusters.
pub fn clustered_mean(clusters: impl Iterator<Item = (usize, f64)> + Clone) -> (f64, f64) {
    let mut count = 0.0;
    let (mut members, mut sum) = (0_usize, 0.0);
    for (size, part) in clusters.clone() {
        count += 1.0;
        members += size;
        sum += part;
    }
    let mean = sum / members as f64;
    let squares: f64 = clusters.map(|(size, part)| (part - mean * size as f64).powi(2)).sum();
    (mean, (count / (count - 1.0) * squares).sqrt() / members as f64)
}

/// The root of a mean with its standard error, by the delta method: SE(√M) = SE(M) / (2√M).
pub fn root((mean, stderr): (f64, f64)) -> (f64, f64) {
    if mean == 0.0 { (0.0, stderr) } else { (mean.sqrt(), stderr / (2.0 * mean.sqrt())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_belong_to_the_quantiles() {
        for degrees in [1, 2, 5, 9, 10, 30, 942, 138_492] {
            let p = student_p(student_975(degrees), degrees);
            assert!((p - 0.05).abs() < 2e-6, "{degrees}: {p}");
        }
        // One degree of freedom is Cauchy's distribution, two have a closed form.
        assert!((student_p(1.0, 1) - 0.5).abs() < 1e-12);
        assert!((student_p(3.0, 2) - (1.0 - 3.0 / 11.0_f64.sqrt())).abs() < 1e-12);
        // The normal distribution, at a point of its tables.
        assert!((student_p(-3.0, 100_000_000) - 0.002_699_796).abs() < 1e-7);
        assert_eq!(student_p(0.0, 7), 1.0);
        assert!(student_p(40.0, 942) < 1e-200 && student_p(40.0, 942) > 0.0);
        assert_eq!(student_p(f64::INFINITY, 7), 0.0);
    }

    #[test]
    fn holm_steps_down_and_never_falls() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(adjusted.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-12), "{adjusted:?}");
        assert_eq!(holm(&[0.7, 0.6]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        let table = [(1, 12.7062), (4, 2.7764), (10, 2.2281), (15, 2.1314), (30, 2.0423), (120, 1.9799)];
        for (degrees, quantile) in table {
            assert!((student_975(degrees) - quantile).abs() < 5.1e-5, "{degrees}: {}", student_975(degrees));
        }
        assert!((student_975(10_000_000) - NORMAL_975).abs() < 1e-6);
        assert!((1..200).all(|degrees| student_975(degrees) > student_975(degrees + 1)));
    }
}
