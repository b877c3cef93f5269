//! The quantile behind every interval, and the standard error of a mean over clusters.

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
    fn quantiles_are_those_of_the_tables() {
        let table = [(1, 12.7062), (4, 2.7764), (10, 2.2281), (15, 2.1314), (30, 2.0423), (120, 1.9799)];
        for (degrees, quantile) in table {
            assert!((student_975(degrees) - quantile).abs() < 5.1e-5, "{degrees}: {}", student_975(degrees));
        }
        assert!((student_975(10_000_000) - NORMAL_975).abs() < 1e-6);
        assert!((1..200).all(|degrees| student_975(degrees) > student_975(degrees + 1)));
    }
}
