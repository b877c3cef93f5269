//! Work that takes its time: on a thread of its own and without the interpreter's lock, while the calling thread hears of its progress and of Ctrl-C.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use cofactor::fit::run::Interrupt;
use pyo3::prelude::*;
use serde_json::Value;

use crate::errors::{defect, raised};

/// How often the calling thread looks for Ctrl-C.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// How often progress is told at most.
const TOLD: Duration = Duration::from_millis(100);

/// Who is told while work goes on.
#[derive(Default)]
pub(crate) struct Watchers {
    /// Called with every event as JSON, and waited for; what it returns is true to stop.
    pub(crate) callback: Option<Py<PyAny>>,
    /// Called with an event as JSON now and then.
    pub(crate) progress: Option<Py<PyAny>>,
}

/// The worker's end.
pub(crate) struct Watch {
    messages: Sender<Message>,
    interrupt: Interrupt,
    has_callback: bool,
    has_progress: bool,
    told: RefCell<Option<Instant>>,
}

struct Message {
    event: Value,
    /// Where the callback's verdict goes; without it the message is progress.
    verdict: Option<Sender<bool>>,
}

impl Watch {
    /// The request to stop at once.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Tells of an event that the callback hears of; says whether to go on.
    pub(crate) fn event(&self, event: impl Fn() -> Value) -> ControlFlow<()> {
        self.progress(&event);
        if !self.has_callback {
            return ControlFlow::Continue(());
        }
        let (verdict, answer) = channel();
        // Whoever does not listen or answer any more wants nothing more.
        let sent = self.messages.send(Message { event: event(), verdict: Some(verdict) });
        let stop = sent.is_err() || answer.recv().unwrap_or(true);
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tells of an event that is only shown, if it is time for that.
    pub(crate) fn progress(&self, event: impl Fn() -> Value) {
        if self.has_progress && self.told.borrow().is_none_or(|told| told.elapsed() >= TOLD) {
            *self.told.borrow_mut() = Some(Instant::now());
            // Progress that nobody hears is no loss.
            drop(self.messages.send(Message { event: event(), verdict: None }));
        }
    }
}

/// Does `work` and waits for it.
///
/// # Errors
/// The work's own; what a watcher raised; `KeyboardInterrupt` at most a tick and a row's work after Ctrl-C.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    watchers: &Watchers,
    work: impl FnOnce(&Watch) -> cofactor::Result<T> + Send,
) -> PyResult<T> {
    let interrupt = Interrupt::default();
    let (messages, inbox) = channel();
    let watch = Watch {
        messages,
        interrupt: interrupt.clone(),
        has_callback: watchers.callback.is_some(),
        has_progress: watchers.progress.is_some(),
        told: RefCell::new(None),
    };
    let (done, raised_meanwhile) = py.detach(move || {
        thread::scope(|scope| {
            let worker = scope.spawn(move || work(&watch));
            let meanwhile = attend(watchers, &inbox, &interrupt);
            (worker.join(), meanwhile)
        })
    });
    match (raised_meanwhile, done) {
        (Err(error), _) => Err(error),
        (Ok(()), Ok(Ok(value))) => Ok(value),
        (Ok(()), Ok(Err(error))) => Err(raised(py, &error)),
        (Ok(()), Err(payload)) => Err(defect(py, &*payload)),
    }
}

/// Serves the worker until it is done. Once something has been raised, the worker is asked to stop.
fn attend(watchers: &Watchers, inbox: &Receiver<Message>, interrupt: &Interrupt) -> PyResult<()> {
    let mut outcome = Ok(());
    loop {
        let served = match inbox.recv_timeout(TICK) {
            Err(RecvTimeoutError::Disconnected) => return outcome,
            _ if outcome.is_err() => continue,
            received => Python::attach(|py| {
                if let Ok(message) = received {
                    message.serve(py, watchers)?;
                }
                py.check_signals()
            }),
        };
        if served.is_err() {
            interrupt.request();
            outcome = served;
        }
    }
}

impl Message {
    fn serve(self, py: Python<'_>, watchers: &Watchers) -> PyResult<()> {
        let text = self.event.to_string();
        match (self.verdict, &watchers.callback, &watchers.progress) {
            (Some(verdict), Some(callback), _) => {
                let stop = callback.call1(py, (text,))?.is_truthy(py)?;
                // A worker that is gone needs no verdict.
                verdict.send(stop).ok();
                Ok(())
            }
            (None, _, Some(progress)) => progress.call1(py, (text,)).map(drop),
            _ => Ok(()),
        }
    }
}
