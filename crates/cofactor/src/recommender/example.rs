//! Somebody to show a model by.

use rand::RngExt;

use crate::data::ids::User;
use crate::data::ratings::Ratings;
use crate::fit::rng::{Purpose, stream};

/// With fewer ratings there is little taste to recognise, with more there is everything.
const RATINGS: std::ops::RangeInclusive<usize> = 20..=200;

/// A user with a decent number of ratings (20 to 200 where somebody has as many), drawn by the seed; `None` where nobody has rated.
pub fn example_user(ratings: &Ratings, seed: u64) -> Option<User> {
    let counts: Vec<usize> = ratings.user_counts().collect();
    let with = |wanted: &dyn Fn(usize) -> bool| -> Vec<u32> {
        (0..counts.len() as u32).filter(|&user| wanted(counts[user as usize])).collect()
    };
    let decent = with(&|count| RATINGS.contains(&count));
    let users = if decent.is_empty() { with(&|count| count > 0) } else { decent };
    if users.is_empty() {
        return None;
    }
    let drawn = stream(seed, Purpose::Example, 0).random_range(0..users.len());
    Some(User(users[drawn]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    fn ratings(counts: &[usize]) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, &count) in counts.iter().enumerate() {
            builder.ids().0.number_integer(user as i64);
            for item in 0..count {
                builder.push(&user.to_string(), &item.to_string(), 3.0, None);
            }
        }
        builder.finish("example", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    #[test]
    fn it_has_a_decent_number_of_ratings_where_there_are_such() {
        let ratings = ratings(&[0, 3, 20, 900, 200, 19]);
        let drawn: std::collections::BTreeSet<u32> =
            (0..50).filter_map(|seed| example_user(&ratings, seed)).map(|user| user.0).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [2, 4]);
        assert_eq!(example_user(&ratings, 7), example_user(&ratings, 7));
    }

    #[test]
    fn otherwise_it_is_anybody_who_has_rated() {
        assert_eq!(example_user(&ratings(&[0, 3]), 1), Some(User(1)));
        assert_eq!(example_user(&ratings(&[0, 0]), 1), None);
    }
}
