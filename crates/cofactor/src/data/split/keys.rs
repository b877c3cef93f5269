//! A pseudo-random key for each pair of user and item, from the seed and the raw ids alone.

use std::fmt::Write;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::data::ids::{IdMap, Item, User};
use crate::data::ratings::Catalog;

/// Keys that are uniform over the 64-bit integers and do not depend on the order of a file nor on what else is in it.
///
/// Memory: 8 bytes a user and an item; a key costs a few instructions.
pub(super) struct Keys {
    users: Vec<u64>,
    items: Vec<u64>,
}

impl Keys {
    pub(super) fn new(catalog: &Catalog, seed: u64) -> Self {
        let users = hashes(&catalog.users, seed).into_iter().map(mix).collect();
        Self { users, items: hashes(&catalog.items, seed) }
    }

    /// The key of a user alone.
    pub(super) fn of_user(&self, user: User) -> u64 {
        self.users[user.index()]
    }

    pub(super) fn of(&self, user: User, item: Item) -> u64 {
        mix(self.users[user.index()].wrapping_add(self.items[item.index()]))
    }
}

/// The ids are hashed as they are written: another id in the file may turn a column of integers into texts.
fn hashes(ids: &IdMap, seed: u64) -> Vec<u64> {
    let mut written = String::new();
    ids.iter()
        .map(|id| {
            written.clear();
            write!(written, "{id}").expect("a String takes any text");
            xxh3_64_with_seed(written.as_bytes(), seed)
        })
        .collect()
}

/// The output function of SplitMix64 (Steele, Lea and Flood 2014): a bijection in which each input bit changes half of the output bits.
pub(super) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // The first outputs of the published generator from the state 1234567.
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(mix(1_234_567_u64.wrapping_add(step)), 3_203_168_211_198_807_973);
    }

    #[test]
    fn an_id_has_the_same_key_as_integer_and_as_text() {
        let catalog = |users| Catalog { users, items: IdMap::Integers(vec![5]), ..Catalog::default() };
        let integers = Keys::new(&catalog(IdMap::Integers(vec![7, 12])), 1);
        let texts = Keys::new(&catalog(IdMap::Texts { bytes: "127a".into(), ends: vec![2, 3, 4] }), 1);
        assert_eq!(integers.of(User(0), Item(0)), texts.of(User(1), Item(0)));
        assert_eq!(integers.of(User(1), Item(0)), texts.of(User(0), Item(0)));
        let reseeded = Keys::new(&catalog(IdMap::Integers(vec![7, 12])), 2);
        assert_ne!(integers.of(User(0), Item(0)), reseeded.of(User(0), Item(0)));
    }
}
