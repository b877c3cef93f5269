//! What moves while something takes its time, on standard error and only on a terminal; and Ctrl-C.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use cofactor::data::datasets::Event;
use cofactor::fit::run::{self, Epoch};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;

/// Makes bars, or invisible ones where nobody would see them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    visible: bool,
    quiet: bool,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { visible: !quiet && io::stderr().is_terminal(), quiet }
    }

    /// A bar over the epochs of a fit, with its losses.
    pub(crate) fn epochs(self, name: &str, epochs: Option<u64>) -> ProgressBar {
        let Some(epochs) = epochs else { return self.spinner(name) };
        self.styled(
            ProgressBar::new(epochs),
            "  {prefix} {bar:30.cyan/dim} {pos}/{len}  {msg}  {elapsed} (eta {eta})",
            name,
        )
    }

    /// A bar over bytes; a total of zero means that it is not known.
    pub(crate) fn bytes(self, name: &str) -> ProgressBar {
        self.styled(
            ProgressBar::new(0),
            "  {prefix} {bar:30.cyan/dim} {bytes}/{total_bytes}  {bytes_per_sec}",
            name,
        )
    }

    /// A bar over things that are counted.
    pub(crate) fn counter(self, name: &str, total: usize) -> ProgressBar {
        self.styled(
            ProgressBar::new(total as u64),
            "  {prefix} {bar:30.cyan/dim} {human_pos}/{human_len} (eta {eta})",
            name,
        )
    }

    /// Something that turns: for work whose end is not known.
    pub(crate) fn spinner(self, name: &str) -> ProgressBar {
        let bar = self.styled(ProgressBar::new_spinner(), "  {spinner} {prefix} {msg}", name);
        if self.visible {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        bar
    }

    fn styled(self, bar: ProgressBar, template: &str, name: &str) -> ProgressBar {
        if !self.visible {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).expect("the templates above are well formed");
        bar.set_style(style.progress_chars("━╸─"));
        bar.set_prefix(name.to_owned());
        bar
    }
}

/// What is shown while a data set is fetched. Failures of single sources and the licence are told on standard error, bar or no bar.
pub(crate) struct Fetching {
    name: String,
    progress: Progress,
    bar: ProgressBar,
}

impl Fetching {
    pub(crate) fn new(name: &str, progress: Progress) -> Self {
        let bar = progress.spinner(&format!("Reading {name}"));
        Self { name: name.to_owned(), progress, bar }
    }

    pub(crate) fn tell(&mut self, event: Event<'_>) {
        match event {
            Event::Trying { .. } => {
                self.bar.finish_and_clear();
                self.bar = self.progress.bytes(&format!("Fetching {}", self.name));
            }
            Event::Received { bytes, total } => {
                if let Some(total) = total {
                    self.bar.set_length(total);
                }
                self.bar.set_position(bytes);
            }
            _ => {}
        }
        if let Some(remark) = event.remark(&self.name) {
            self.note(remark);
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn note(&self, text: impl Display) {
        if !self.progress.quiet {
            self.bar.suspend(|| anstream::eprintln!("{NOTE}note:{NOTE:#} {text}"));
        }
    }
}

const NOTE: Style = AnsiColor::Cyan.on_default();

/// An observer for a fit: moves the bar, and stops the fit after the epoch in which Ctrl-C was pressed.
pub(crate) fn observer(
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> impl FnMut(&Epoch) -> ControlFlow<()> + use<> {
    let (bar, interrupt) = (bar.clone(), interrupt.clone());
    move |epoch| {
        advance(&bar, epoch);
        if interrupt.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// One epoch further, with its losses.
pub(crate) fn advance(bar: &ProgressBar, epoch: &Epoch) {
    let held_out = epoch.valid_rmse.map(|rmse| format!(" · held out {rmse:.4}")).unwrap_or_default();
    bar.set_message(format!("RMSE training {:.4}{held_out}", epoch.train_rmse));
    bar.inc(1);
}

/// Ctrl-C. Within [`Self::defer`] the first press waits for the work to come to a good end; anywhere else, and at the second
/// press, the process ends at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    deferred: AtomicBool,
    requested: run::Interrupt,
}

impl Interrupt {
    /// Listens from now on. Once per process.
    pub(crate) fn listen() -> Self {
        let interrupt = Self::default();
        let flags = Arc::clone(&interrupt.0);
        let handler = move || {
            let again = flags.requested.request();
            if again || !flags.deferred.load(Ordering::SeqCst) {
                std::process::exit(i32::from(Failure::Interrupted.status()));
            }
        };
        // Where the system grants no handler, Ctrl-C ends the process as it always did.
        drop(ctrlc::set_handler(handler));
        interrupt
    }

    /// Whether it has been pressed.
    pub(crate) fn requested(&self) -> bool {
        self.0.requested.requested()
    }

    /// The same for the library, which then drops what it is at.
    pub(crate) fn request_to_stop(&self) -> &run::Interrupt {
        &self.0.requested
    }

    /// Does work that a first Ctrl-C must not cut short, such as writing a file; fails after it if there was one.
    pub(crate) fn defer<T>(&self, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.0.deferred.store(true, Ordering::SeqCst);
        let result = work();
        self.0.deferred.store(false, Ordering::SeqCst);
        if self.requested() { Err(Failure::Interrupted) } else { result }
    }
}
