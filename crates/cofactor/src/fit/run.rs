//! One run of a fit: its seed, its threads, who watches it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cofactor_kernels::Isa;
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::model::{Query, Tensors};
use super::rng::{Purpose, Stream, stream};
use crate::data::ids::User;
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};

/// The circumstances of a fit. They never change its result, but for the seed; only [`Self::isa`] and the threads change its speed.
pub struct Run<'a> {
    seed: u64,
    isa: Isa,
    pool: ThreadPool,
    valid: Option<&'a Ratings>,
    observer: Observer<'a>,
    interrupt: Interrupt,
    checkpoints: Option<Checkpoints<'a>>,
    resumed: Option<Tensors>,
    /// How many epochs a fit before this one has made.
    before: usize,
    epochs: Vec<Epoch>,
    last: Instant,
}

/// A request to stop at once, for everybody who holds a clone of it.
///
/// An observer can end a fit between two epochs, and the fit returns what it has. This ends it in the middle of one: sweeps look at it for every
/// row or tile and leave the rest out, and the fit returns [`Error::Interrupted`]. Whoever does not ask gets the same bits as ever.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks; returns whether somebody had asked before.
    pub fn request(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Whether somebody has asked.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who keeps the states of a fit, and how often.
struct Checkpoints<'a> {
    every: usize,
    /// The epoch after which the last one was kept.
    last: usize,
    save: Saver<'a>,
}

type Saver<'a> = Box<dyn FnMut(Tensors) -> Result<()> + 'a>;
type Observer<'a> = Box<dyn FnMut(&Epoch) -> ControlFlow<()> + 'a>;

/// What one pass over the training part came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// The RMSE on the training part; for SGD the running one, each rating before its own update.
    pub train_rmse: f64,
    /// The RMSE on the validation part, if there is one, not clipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub valid_rmse: Option<f64>,
    /// Wall time of this epoch, validation included.
    pub seconds: f64,
}

impl<'a> Run<'a> {
    /// A run on `threads` threads (0: as many as the machine has cores), with the best kernels of this CPU.
    pub fn new(seed: u64, threads: usize) -> Result<Self> {
        Ok(Self {
            seed,
            isa: Isa::detect(),
            pool: thread_pool(threads)?,
            valid: None,
            observer: Box::new(|_| ControlFlow::Continue(())),
            interrupt: Interrupt::default(),
            checkpoints: None,
            resumed: None,
            before: 0,
            epochs: Vec::new(),
            last: Instant::now(),
        })
    }

    /// Measures each epoch on this part too.
    #[must_use]
    pub fn with_valid(mut self, valid: &'a Ratings) -> Self {
        self.valid = Some(valid);
        self
    }

    /// Calls `observer` after each epoch; `Break` ends the fit, which then returns what it has.
    #[must_use]
    pub fn with_observer(mut self, observer: impl FnMut(&Epoch) -> ControlFlow<()> + 'a) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Hands the state of a fit to `save` after at least `every` epochs each, so that another fit can go on from there with the same bits. Only algorithms that are
    /// [`RESUMABLE`](super::algorithm::Algorithm::RESUMABLE) do so, and each after epochs of its own choice.
    #[must_use]
    pub fn with_checkpoints(mut self, every: usize, save: impl FnMut(Tensors) -> Result<()> + 'a) -> Self {
        self.checkpoints = Some(Checkpoints { every, last: 0, save: Box::new(save) });
        self
    }

    /// Goes on from this state, which must be one of a fit to the same ratings with the same parameters and seed.
    #[must_use]
    pub fn with_state(mut self, state: Tensors) -> Self {
        self.resumed = Some(state);
        self
    }

    /// Listens to this request to stop.
    pub fn listen_to(&mut self, interrupt: &Interrupt) {
        self.interrupt = interrupt.clone();
    }

    /// The request to stop, which a sweep looks at before it begins with another row.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// [`Error::Interrupted`] if the work is to stop: what a fit asks before it uses what a sweep has left.
    pub fn check(&self) -> Result<()> {
        if self.interrupt.requested() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Uses these kernels instead of the CPU's best: for tests that compare them.
    #[must_use]
    pub fn with_isa(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// The seed that every stream comes from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The kernels to use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The threads.
    pub fn pool(&self) -> &ThreadPool {
        &self.pool
    }

    /// The validation part, if there is one.
    pub fn valid(&self) -> Option<&'a Ratings> {
        self.valid
    }

    /// The random stream of a purpose and a row.
    pub fn stream(&self, purpose: Purpose, row: u64) -> Stream {
        stream(self.seed, purpose, row)
    }

    /// Starts the clock of the first epoch: a fit calls it when its preparations are done.
    pub fn start(&mut self) {
        self.start_after(0);
    }

    /// [`Self::start`] of a fit that goes on after so many epochs.
    pub fn start_after(&mut self, epochs: usize) {
        self.before = epochs;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.last = epochs;
        }
        self.epochs.clear();
        self.last = Instant::now();
    }

    /// The state that a fit goes on from, if it does.
    pub fn resumed(&mut self) -> Option<Tensors> {
        self.resumed.take()
    }

    /// Whether a state after that many epochs is to be kept.
    pub fn wants_checkpoint(&self, epochs: usize) -> bool {
        self.checkpoints.as_ref().is_some_and(|kept| epochs >= kept.last + kept.every)
    }

    /// Keeps the state after that many epochs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&mut self, epochs: usize, state: Tensors) -> Result<()> {
        let Some(checkpoints) = &mut self.checkpoints else { return Ok(()) };
        checkpoints.last = epochs;
        (checkpoints.save)(state)
    }

    /// Ends an epoch: checks its loss, measures the validation part by `predict`, tells the observer.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss is not finite; `hint` says which parameter to change. [`Error::Interrupted`].
    pub fn end_epoch(
        &mut self,
        train_rmse: f64,
        hint: &str,
        predict: impl Fn(Query) -> f32 + Sync,
    ) -> Result<ControlFlow<()>> {
        self.check()?;
        let valid_rmse = self.valid.map(|valid| rmse(&self.pool, valid, predict));
        self.end_measured_epoch(train_rmse, valid_rmse, hint)
    }

    /// [`Self::end_epoch`] of a fit that has measured the validation part itself.
    pub fn end_measured_epoch(
        &mut self,
        train_rmse: f64,
        valid_rmse: Option<f64>,
        hint: &str,
    ) -> Result<ControlFlow<()>> {
        self.check()?;
        let number = self.before + self.epochs.len() + 1;
        for (loss, part) in [(Some(train_rmse), "training"), (valid_rmse, "validation")] {
            if let Some(loss) = loss
                && !loss.is_finite()
            {
                let what = format!("the RMSE of the {part} part is {loss}");
                return Err(Error::Diverged { epoch: number, what, hint: hint.to_owned() });
            }
        }
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        let epoch = Epoch { epoch: number, train_rmse, valid_rmse, seconds };
        let verdict = (self.observer)(&epoch);
        self.epochs.push(epoch);
        Ok(verdict)
    }

    /// The epochs of the last fit.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }
}

/// `threads` threads; 0: as many as the machine has cores.
pub fn thread_pool(threads: usize) -> Result<ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| {
        Error::parameter("threads", threads, "a number of threads that the system grants", error.to_string())
    })
}

/// Root mean squared error without clipping, summed by user in a fixed order.
fn rmse(pool: &ThreadPool, part: &Ratings, predict: impl Fn(Query) -> f32 + Sync) -> f64 {
    let by_user: Vec<f64> = pool.install(|| {
        (0..part.users() as u32)
            .into_par_iter()
            .with_min_len(256)
            .map(|user| {
                let user = User(user);
                part.row(user)
                    .iter()
                    .map(|rated| {
                        let query = Query { user: Some(user), item: Some(rated.item), time: rated.time };
                        f64::from(rated.value - predict(query)).powi(2)
                    })
                    .sum()
            })
            .collect()
    });
    (by_user.iter().sum::<f64>() / part.len().max(1) as f64).sqrt()
}
