//! The order in which NumPy's `RandomState(seed).shuffle` leaves 0, 1, …, n − 1, which scikit-learn's shuffled folds follow.
//!
//! M. Matsumoto, T. Nishimura, "Mersenne twister: a 623-dimensionally equidistributed uniform pseudo-random number generator", ACM
//! Transactions on Modeling and Computer Simulation 8(1), 1998.

/// 0, 1, …, n − 1 as `numpy.random.RandomState(seed).shuffle(numpy.arange(n))` leaves them.
pub(super) fn shuffled(n: usize, seed: u32) -> Vec<u32> {
    let mut twister = Twister::new(seed);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for last in (1..n).rev() {
        order.swap(last, twister.up_to(last as u32) as usize);
    }
    order
}

const WORDS: usize = 624;
const AHEAD: usize = 397;

/// MT19937.
struct Twister {
    words: [u32; WORDS],
    next: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        for at in 1..WORDS {
            let before = words[at - 1];
            words[at] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(at as u32);
        }
        Self { words, next: WORDS }
    }

    /// A whole number from 0 to `max`: the first of the masked words that is not beyond it.
    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.word() & mask;
            if value <= max {
                return value;
            }
        }
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for at in 0..WORDS {
            let joined = (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % WORDS] & 0x7FFF_FFFF);
            let odd = if joined % 2 == 1 { 0x9908_B0DF } else { 0 };
            self.words[at] = self.words[(at + AHEAD) % WORDS] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Printed by NumPy 2.
    #[test]
    fn the_order_is_numpys() {
        assert_eq!(shuffled(10, 0), [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
        let twenty = [0, 17, 15, 1, 8, 5, 11, 3, 18, 16, 13, 2, 9, 19, 4, 12, 7, 10, 14, 6];
        assert_eq!(shuffled(20, 42), twenty);
        assert_eq!(shuffled(12, u32::MAX), [11, 8, 5, 9, 1, 10, 6, 0, 4, 7, 2, 3]);
        assert_eq!(shuffled(0, 0), [0_u32; 0]);
        assert_eq!(shuffled(1, 0), [0]);
    }

    /// As many as MovieLens 1M has ratings: the SHA-256 of NumPy's order as little-endian words of 32 bits.
    #[test]
    fn a_million_stand_as_numpy_leaves_them() {
        let bytes: Vec<u8> = shuffled(1_000_209, 0).into_iter().flat_map(u32::to_le_bytes).collect();
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "a207885f9265420184ff6598792005299ee256e5b2f8a43ae74dfec7da00f471");
    }
}
