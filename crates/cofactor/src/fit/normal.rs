//! The standard normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// φ(x).
pub(crate) fn density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x) / (2.0 * PI).sqrt()
}

/// Φ(x).
pub(crate) fn cumulative(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Φ⁻¹(p), 0 < p < 1. By bisection, to 10⁻¹².
pub(crate) fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    while high - low > 1e-12 {
        let middle = f64::midpoint(low, high);
        if cumulative(middle) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_are_those_of_the_tables() {
        assert!((quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-11);
        assert!((quantile(0.1) + 1.281_551_565_544_6).abs() < 1e-11);
        assert!((cumulative(1.0) - 0.841_344_746_068_542_9).abs() < 1e-15);
        assert!((density(1.0) - 0.241_970_724_519_143_37).abs() < 1e-15);
    }
}
