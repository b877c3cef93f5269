//! implicit and irspack: the factors that they come to, as a model that can be judged like any other.

use std::fs;

use anyhow::{Result, ensure};
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::{Ratings, Row, Time};
use cofactor::fit::factors::Factors;
use cofactor::fit::model::{Model, Newcomer, Query, Tensors};
use serde::Deserialize;
use serde_json::json;

use crate::bench::Bench;
use crate::peer::{Process, Python};

/// What a peer is told to fit.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `implicit` or `irspack`.
    pub peer: &'static str,
    /// Factors.
    pub k: usize,
    /// Passes over both sides.
    pub epochs: usize,
    /// `CG` or `CHOLESKY`.
    pub solver: &'static str,
    /// α₀, the weight of a pair that was not taken.
    pub unobserved: f64,
    /// λ.
    pub reg: f64,
    /// ν, how λ grows with a row's pairs; implicit has 0.
    pub power: f64,
}

/// A process of both peers that has its ratings, each of which counts as taken.
pub struct Rankers<'a> {
    pub process: Process,
    bench: &'a Bench,
    sizes: [usize; 2],
}

/// What a peer has come to, and in how many CPU seconds.
pub struct Fitted {
    pub cpu: f64,
    pub factors: PeerFactors,
}

impl<'a> Rankers<'a> {
    /// Starts it.
    pub fn start(bench: &'a Bench, python: &Python, taken: &Ratings) -> Result<Self> {
        Ok(Self { process: python.ranking(bench, taken)?, bench, sizes: [taken.users(), taken.items()] })
    }

    /// The most memory that the process has held, in bytes.
    pub fn peak(&mut self) -> Result<f64> {
        #[derive(Deserialize)]
        struct Answer {
            peak: f64,
        }
        let told = json!({ "task": "memory" });
        Ok(serde_json::from_str::<Answer>(&self.process.ask(&told.to_string())?)?.peak)
    }

    /// Fits on one thread.
    pub fn fit(&mut self, settings: Settings) -> Result<Fitted> {
        #[derive(Deserialize)]
        struct Answer {
            cpu: f64,
        }
        let file = self.bench.scratch("ranking.factors");
        let Settings { peer, k, epochs, solver, unobserved, reg, power } = settings;
        let mut told = json!({
            "task": format!("fit_{peer}"), "k": k, "epochs": epochs, "solver": solver, "unobserved": unobserved, "reg": reg,
            "factors": file,
        });
        if peer == "irspack" {
            told["power"] = power.into();
        }
        let Answer { cpu } = serde_json::from_str(&self.process.ask(&told.to_string())?)?;
        let mut users: Vec<f32> = fs::read(&file)?
            .chunks_exact(size_of::<f32>())
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let [rows, columns] = self.sizes;
        ensure!(users.len() == (rows + columns) * k, "the peer's factors have another size");
        let items = users.split_off(rows * k);
        Ok(Fitted { cpu, factors: PeerFactors { k, users, items } })
    }
}

/// P and Q, a row for each user and each item.
pub struct PeerFactors {
    pub k: usize,
    pub users: Vec<f32>,
    pub items: Vec<f32>,
}

impl Model for PeerFactors {
    fn predict(&self, query: Query) -> f32 {
        let (Some(user), Some(item)) = (query.user, query.item) else { return 0.0 };
        let p = &self.users[user.index() * self.k..][..self.k];
        let q = &self.items[item.index() * self.k..][..self.k];
        p.iter().zip(q).map(|(p, q)| p * q).sum()
    }

    fn predict_all(&self, user: Option<User>, _: Option<Time>, out: &mut [f32]) {
        for (item, out) in out.iter_mut().enumerate() {
            *out = self.predict(Query { user, item: Some(Item(item as u32)), time: None });
        }
    }

    fn factors(&self) -> Option<&Factors> {
        None
    }

    fn fold_in<'a>(&'a self, _: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        None
    }

    fn tensors(&self) -> Tensors {
        Tensors::default()
    }
}
