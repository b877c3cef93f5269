//! Which instructions the kernels use.

use fearless_simd::Level;

/// An instruction set that this CPU has.
#[derive(Debug, Clone, Copy)]
pub struct Isa(pub(crate) Level);

impl Isa {
    /// The best one of this CPU. The CPU is asked once; later calls read the answer.
    pub fn detect() -> Self {
        static BEST: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
        Self(*BEST.get_or_init(Level::new))
    }

    /// The one that every CPU of this architecture has. Slow where it lacks fused multiply-add, and the same bits.
    pub fn baseline() -> Self {
        Self(Level::baseline())
    }

    /// Every instruction set that this CPU has, from the baseline up.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::baseline()];
        #[cfg(target_arch = "x86_64")]
        {
            let best = Self::detect().0;
            all.extend(best.as_sse4_2().map(|token| Self(Level::Sse4_2(token))));
            all.extend(best.as_avx2().map(|token| Self(Level::Avx2(token))));
            all.extend(best.as_avx512().map(|token| Self(Level::Avx512(token))));
        }
        all
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Sse2(_) => "SSE2",
            #[cfg(target_arch = "x86_64")]
            Level::Sse4_2(_) => "SSE4.2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => "AVX2 + FMA",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => "NEON",
            _ => "portable",
        }
    }
}
