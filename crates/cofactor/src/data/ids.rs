//! Raw ids (the user's own) and dense indices (ours), and the way between them.
//!
//! Dense indices follow the order of the raw ids: numbers by value, texts by bytes. So "ties by raw id" is "ties by
//! index", a lookup is a binary search, and the same ratings give the same model whatever the order of the
//! file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A user's dense index: `0..m` in the order of the raw ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct User(pub u32);

/// An item's dense index: `0..n` in the order of the raw ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Item(pub u32);

impl User {
    /// As a position in a slice.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Item {
    /// As a position in a slice.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A raw id, as the data spelled it. In JSON an integer is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum RawId<'a> {
    /// Written as a decimal integer without leading zeros or a plus sign, so that it prints as it was read.
    Integer(i64),
    /// Anything else.
    Text(&'a str),
}

impl fmt::Display for RawId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => write!(f, "{id}"),
            Self::Text(id) => f.write_str(id),
        }
    }
}

/// The raw ids of one side (users or items), sorted; an id's position is its dense index.
///
/// All integers, or all texts: one column of a file has one type. Cost: 8 bytes an integer, 8 bytes and its length a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdMap {
    /// Strictly increasing.
    Integers(Vec<i64>),
    /// `bytes[ends[i-1]..ends[i]]` is the i-th text; strictly increasing by bytes.
    Texts {
        /// All texts, one after the other.
        bytes: String,
        /// Where each text ends.
        ends: Vec<u64>,
    },
}

impl IdMap {
    /// The integers `0..n` as raw ids: for data that have no other.
    pub fn range(n: usize) -> Self {
        Self::Integers((0..n as i64).collect())
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(ids) => ids.len(),
            Self::Texts { ends, .. } => ends.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The raw id at a dense index.
    ///
    /// # Panics
    /// When the index is not below [`Self::len`].
    pub fn raw(&self, index: usize) -> RawId<'_> {
        match self {
            Self::Integers(ids) => RawId::Integer(ids[index]),
            Self::Texts { bytes, ends } => {
                let start = if index == 0 { 0 } else { ends[index - 1] as usize };
                RawId::Text(&bytes[start..ends[index] as usize])
            }
        }
    }

    /// The dense index of a raw id as a person writes it, by binary search. `None`: unknown.
    pub fn index_of(&self, written: &str) -> Option<usize> {
        match self {
            Self::Integers(ids) => ids.binary_search(&canonical_integer(written.as_bytes())?).ok(),
            Self::Texts { ends, .. } => {
                let (mut low, mut high) = (0, ends.len());
                while low < high {
                    let middle = usize::midpoint(low, high);
                    match self.raw(middle).cmp(&RawId::Text(written)) {
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Greater => high = middle,
                        std::cmp::Ordering::Equal => return Some(middle),
                    }
                }
                None
            }
        }
    }

    /// The dense index of a raw id, which is the same id as the text that it prints as. `None`: unknown.
    pub fn find(&self, id: RawId<'_>) -> Option<usize> {
        match (self, id) {
            (Self::Integers(ids), RawId::Integer(id)) => ids.binary_search(&id).ok(),
            (Self::Texts { .. }, RawId::Integer(id)) => self.index_of(&id.to_string()),
            (_, RawId::Text(written)) => self.index_of(written),
        }
    }

    /// All raw ids in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RawId<'_>> {
        (0..self.len()).map(|index| self.raw(index))
    }

    /// Whether the ids are strictly increasing and the texts well cut: what a file must prove before it is used.
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Integers(ids) => ids.is_sorted_by(|a, b| a < b),
            Self::Texts { bytes, ends } => {
                let cut_well = ends.is_sorted()
                    && ends
                        .iter()
                        .all(|&end| usize::try_from(end).is_ok_and(|end| bytes.is_char_boundary(end)))
                    && ends.last().map_or(0, |&end| end as usize) == bytes.len();
                cut_well && (1..ends.len()).all(|index| self.raw(index - 1) < self.raw(index))
            }
        }
    }
}

/// Collects raw ids in the order of a file and numbers them as they appear; [`Self::finish`] sorts them.
///
/// Ids stay integers until the first one that is not; from then on all are texts.
#[derive(Debug, Default)]
pub struct IdCollector {
    /// The numbers of the integers from 0 to [`DIRECT`], which most data number their users and items with.
    direct: Vec<u32>,
    /// Those of all other integers.
    integers: HashMap<i64, u32, Hasher>,
    /// How many integers have a number.
    numbered: u32,
    texts: Option<HashMap<Box<[u8]>, u32, Hasher>>,
    last: Option<(i64, u32)>,
}

/// Four times as fast as the standard hasher on integers; no hash order ever reaches a result.
type Hasher = foldhash::fast::FixedState;

/// Smaller integers are looked up in a table of at most 4 MiB.
const DIRECT: usize = 1 << 20;

/// An entry of that table that no id has taken.
const UNSEEN: u32 = u32::MAX;

impl IdCollector {
    /// The provisional number of a raw id: `0, 1, …` in order of first appearance.
    pub fn number(&mut self, written: &str) -> u32 {
        if self.texts.is_none() {
            if let Some(id) = canonical_integer(written.as_bytes()) {
                return self.number_integer(id);
            }
            self.become_texts();
        }
        let texts = self.texts.as_mut().expect("`become_texts` has just made it");
        if let Some(&number) = texts.get(written.as_bytes()) {
            return number;
        }
        let number = texts.len() as u32;
        texts.insert(written.as_bytes().into(), number);
        number
    }

    /// The same for an id that has been read already.
    #[inline]
    pub fn number_raw(&mut self, id: RawId<'_>) -> u32 {
        match id {
            RawId::Integer(id) => self.number_integer(id),
            RawId::Text(id) => self.number(id),
        }
    }

    /// The same for an integer: the fast path, and the one for Parquet's integer columns.
    pub fn number_integer(&mut self, id: i64) -> u32 {
        if self.texts.is_some() {
            return self.number(&id.to_string());
        }
        if let Ok(index) = usize::try_from(id)
            && index < DIRECT
        {
            return self.number_small(index);
        }
        // Files are often sorted by user, so the last id is the likeliest one.
        if let Some((last, number)) = self.last
            && last == id
        {
            return number;
        }
        let next = self.numbered;
        let number = *self.integers.entry(id).or_insert(next);
        self.numbered += u32::from(number == next);
        self.last = Some((id, number));
        number
    }

    #[inline]
    fn number_small(&mut self, index: usize) -> u32 {
        if index >= self.direct.len() {
            self.direct.resize((index + 1).next_power_of_two(), UNSEEN);
        }
        let entry = &mut self.direct[index];
        if *entry == UNSEEN {
            *entry = self.numbered;
            self.numbered += 1;
        }
        *entry
    }

    /// How many different ids have been seen.
    pub fn len(&self) -> usize {
        self.texts.as_ref().map_or(self.numbered as usize, HashMap::len)
    }

    /// Whether none has been seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sorted ids, and for each provisional number its dense index.
    pub fn finish(mut self) -> (IdMap, Vec<u32>) {
        match self.texts.take() {
            None => {
                let mut pairs = self.take_integers();
                pairs.sort_unstable();
                let ranks = ranks(pairs.iter().map(|&(_, number)| number), pairs.len());
                (IdMap::Integers(pairs.into_iter().map(|(id, _)| id).collect()), ranks)
            }
            Some(texts) => {
                let mut pairs: Vec<(Box<[u8]>, u32)> = texts.into_iter().collect();
                pairs.sort_unstable();
                let ranks = ranks(pairs.iter().map(|&(_, number)| number), pairs.len());
                let (mut bytes, mut ends) = (String::new(), Vec::with_capacity(pairs.len()));
                for (text, _) in &pairs {
                    bytes.push_str(&text_of(text));
                    ends.push(bytes.len() as u64);
                }
                (IdMap::Texts { bytes, ends }, ranks)
            }
        }
    }

    /// All integers with their numbers, in no order.
    fn take_integers(&mut self) -> Vec<(i64, u32)> {
        self.last = None;
        let direct = std::mem::take(&mut self.direct);
        let small = direct.into_iter().enumerate().filter(|&(_, number)| number != UNSEEN);
        let small = small.map(|(id, number)| (id as i64, number));
        std::mem::take(&mut self.integers).into_iter().chain(small).collect()
    }

    #[cold]
    fn become_texts(&mut self) {
        self.texts = Some(
            self.take_integers()
                .into_iter()
                .map(|(id, number)| (id.to_string().into_bytes().into_boxed_slice(), number))
                .collect(),
        );
    }
}

/// Texts enter as `&str`, so they are UTF-8 and this never replaces anything.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn ranks(numbers_in_order: impl Iterator<Item = u32>, len: usize) -> Vec<u32> {
    let mut ranks = vec![0; len];
    for (rank, number) in numbers_in_order.enumerate() {
        ranks[number as usize] = rank as u32;
    }
    ranks
}

/// The integer that prints exactly as `written`, if there is one.
pub fn canonical_integer(written: &[u8]) -> Option<i64> {
    let (negative, digits) = match written {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let leading_zero = digits.first() == Some(&b'0') && (digits.len() > 1 || negative);
    if digits.is_empty() || digits.len() > 19 || leading_zero {
        return None;
    }
    // 19 digits always fit u64.
    let mut value = 0_u64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn collect(written: &[&str]) -> (IdMap, Vec<u32>) {
        let mut collector = IdCollector::default();
        let numbers: Vec<u32> = written.iter().map(|id| collector.number(id)).collect();
        let (map, ranks) = collector.finish();
        (map, numbers.into_iter().map(|number| ranks[number as usize]).collect())
    }

    #[test]
    fn integers_sort_by_value_and_texts_by_bytes() {
        let (map, indices) = collect(&["10", "9", "10", "-3"]);
        assert_eq!(map, IdMap::Integers(vec![-3, 9, 10]));
        assert_eq!(indices, [2, 1, 2, 0]);

        let (map, indices) = collect(&["3000000", "1048576", "1048575", "0", "3000000", "1048576"]);
        assert_eq!(map, IdMap::Integers(vec![0, 1_048_575, 1_048_576, 3_000_000]));
        assert_eq!(indices, [3, 2, 1, 0, 3, 2]);

        let (map, indices) = collect(&["10", "9", "b"]);
        assert_eq!(map.iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["10", "9", "b"]);
        assert_eq!(indices, [0, 1, 2]);
    }

    #[test]
    fn an_id_that_would_not_print_as_it_was_read_is_a_text() {
        for written in ["007", "+7", "-0", "1.0", "", " 7", "9999999999999999999"] {
            assert_eq!(canonical_integer(written.as_bytes()), None, "{written:?}");
        }
        assert_eq!(canonical_integer(b"0"), Some(0));
        assert_eq!(canonical_integer(b"-12"), Some(-12));
        for id in [i64::MIN, i64::MAX] {
            assert_eq!(canonical_integer(id.to_string().as_bytes()), Some(id));
        }
        assert_eq!(canonical_integer(b"9223372036854775808"), None);
    }

    #[test]
    fn a_damaged_map_is_recognised() {
        assert!(!IdMap::Integers(vec![2, 1]).is_valid());
        assert!(!IdMap::Texts { bytes: "ä".into(), ends: vec![1] }.is_valid());
        assert!(!IdMap::Texts { bytes: "ab".into(), ends: vec![1] }.is_valid());
        assert!(!IdMap::Texts { bytes: "ab".into(), ends: vec![1, 900] }.is_valid());
    }

    proptest! {
        #[test]
        fn every_id_finds_its_way_back(ids in proptest::collection::vec("[a-c0-9ü-]{0,4}", 0..40)) {
            let written: Vec<&str> = ids.iter().map(String::as_str).collect();
            let (map, indices) = collect(&written);
            prop_assert!(map.is_valid());
            for (id, &index) in written.iter().zip(&indices) {
                prop_assert_eq!(map.raw(index as usize).to_string(), *id);
                prop_assert_eq!(map.index_of(id), Some(index as usize));
            }
            prop_assert_eq!(map.index_of("no such id"), None);
        }
    }
}
