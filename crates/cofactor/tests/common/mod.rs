//! Data that the integration tests share.

use cofactor::data::ratings::{Duplicates, Ratings, RatingsBuilder};
use cofactor::fit::rng::{Purpose, stream};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// A planted matrix of rank 2 with biases: r = 3 + b_u + b_i + pᵀq + noise, 60 % of its cells given.
pub(crate) fn planted(users: usize, items: usize, noise: f64, seed: u64) -> Ratings {
    let mut draw = stream(seed, Purpose::Synthetic, 0);
    let mut normal = move || -> f64 { StandardNormal.sample(&mut draw) };
    let mut vectors = |rows: usize| -> Vec<[f64; 3]> {
        (0..rows).map(|_| [normal() * 0.7, normal() * 0.7, normal() * 0.3]).collect()
    };
    let (p, q) = (vectors(users), vectors(items));
    let mut cells = stream(seed, Purpose::Synthetic, 1);
    let mut builder = RatingsBuilder::new(true);
    for (u, p) in p.iter().enumerate() {
        for (i, q) in q.iter().enumerate() {
            if cells.random::<f64>() < 0.6 {
                let error: f64 = StandardNormal.sample(&mut cells);
                let value = 3.0 + p[2] + q[2] + p[0] * q[0] + p[1] * q[1] + noise * error;
                builder.push(
                    &u.to_string(),
                    &format!("item {i}"),
                    value as f32,
                    Some((u * items + i) as i64),
                );
            }
        }
    }
    builder.finish("planted", None, Duplicates::Error, |_, _| Default::default()).expect("each cell once")
}

/// Two tastes: even users take most of the even items, odd users most of the odd ones.
pub(crate) fn checkerboard(users: u32, items: u32) -> Ratings {
    let mut builder = RatingsBuilder::new(false);
    for (u, i) in (0..users).flat_map(|u| (0..items).map(move |i| (u, i))) {
        if u % 2 == i % 2 && (u * 5 + i * 3) % 7 != 0 {
            builder.push(&u.to_string(), &i.to_string(), 1.0, None);
        }
    }
    builder
        .finish("checkerboard", None, Duplicates::Error, |_, _| Default::default())
        .expect("each cell once")
}
