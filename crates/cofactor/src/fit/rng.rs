//! Random streams keyed by what they are for.
//!
//! A draw depends on the run's seed, its purpose and its row (or block, or epoch) and on nothing else, so the order in which
//! threads come to it does not matter.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// The generator behind every stream: small, fast, and with the same output on every platform.
pub type Stream = Pcg64Mcg;

/// What a stream is for. The number is part of the key, so a new purpose takes a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The start of the users' factors; by user.
    UserFactors = 1,
    /// The start of the items' factors; by item.
    ItemFactors = 2,
    /// The order of the ratings within a block; by block.
    BlockOrder = 3,
    /// The order of the strata in an epoch; by epoch.
    StratumOrder = 4,
    /// What synthetic data are drawn from; by row.
    Synthetic = 5,
    /// Which user or item is picked as an example; by occasion.
    Example = 6,
    /// The order of the rows in a pass; by pass.
    RowOrder = 7,
    /// The key of a chain's normal numbers; by chain.
    Chain = 8,
    /// What a sweep of a chain draws beside its weights; by chain and sweep.
    Sweep = 9,
    /// How the items are dealt into blocks; by epoch.
    ItemDeal = 10,
    /// Which triples are drawn; by epoch and block.
    Triples = 11,
    /// Which triples somebody new is folded in by.
    FoldIn = 12,
    /// Where a search for a subspace starts; by row.
    Subspace = 13,
    /// Which parameters a trial of a search has; by trial.
    Proposal = 20,
    /// Where a derivation is checked; by point.
    Check = 30,
}

/// The stream of that seed, purpose and row.
pub fn stream(seed: u64, purpose: Purpose, row: u64) -> Stream {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[8..].copy_from_slice(&row.to_le_bytes());
    Pcg64Mcg::from_seed(xxh3_128_with_seed(&key, seed).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, purpose, row| stream(seed, purpose, row).random::<u64>();
        let first = draw(1, Purpose::UserFactors, 2);
        assert_eq!(first, draw(1, Purpose::UserFactors, 2));
        assert_ne!(first, draw(2, Purpose::UserFactors, 2));
        assert_ne!(first, draw(1, Purpose::ItemFactors, 2));
        assert_ne!(first, draw(1, Purpose::UserFactors, 3));
    }
}
