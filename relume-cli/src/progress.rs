//! Progress with the time left, on stderr if that is a terminal; and Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use relume_media::Progress;

use crate::console::harmless;
use crate::exit::{Code, Failure};

/// Parts of one piece of work that a bar tells apart.
const PARTS: u64 = 1_000_000;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes the first Ctrl-C finish the tile at hand and stop, the second stop at once.
pub(crate) fn catch_interrupts() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(Code::Interrupted as i32);
        }
    })
    .map_err(|error| Failure::new(Code::Machine, format!("cannot listen for Ctrl-C: {error}")))
}

/// Stops as a first Ctrl-C does.
pub(crate) fn interrupt() {
    INTERRUPTED.store(true, Ordering::SeqCst);
}

/// Whether the user asked to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Progress that nobody watches, and a Ctrl-C cancels.
#[cfg(feature = "queue")]
pub(crate) fn stoppable() -> Progress<'static> {
    Progress::silent().cancel_on(&INTERRUPTED)
}

/// One bar for all inputs, weighed by their size (pixels, or whatever the caller counts).
pub(crate) struct Meter {
    bar: ProgressBar,
}

impl Meter {
    /// A bar for `total` in all; invisible when stderr is no terminal or `hidden`.
    pub(crate) fn new(total: u64, hidden: bool) -> Self {
        let bar = ProgressBar::new(total.max(1));
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        bar.set_draw_target(target);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {eta} left  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar }
    }

    /// A bar for one piece of work that tells its own progress.
    pub(crate) fn of_one(name: &str, hidden: bool) -> Self {
        let meter = Self::new(PARTS, hidden);
        meter.begin(name);
        meter
    }

    /// Progress of the one piece of work, which a Ctrl-C cancels.
    pub(crate) fn whole(&self) -> Progress<'_> {
        self.within(PARTS)
    }

    /// Names the input at hand.
    pub(crate) fn begin(&self, name: &str) {
        self.bar.set_message(harmless(name).into_owned());
    }

    /// Progress within an input of `size`, which a Ctrl-C cancels.
    pub(crate) fn within(&self, size: u64) -> Progress<'_> {
        self.within_telling(size, |_| {})
    }

    /// The same; `tell` hears of it too.
    pub(crate) fn within_telling<'a>(
        &'a self,
        size: u64,
        tell: impl Fn(f32) + Send + Sync + 'a,
    ) -> Progress<'a> {
        let start = self.bar.position();
        Progress::new(move |share| {
            self.bar.set_position(start + (f64::from(share) * size as f64) as u64);
            tell(share);
        })
        .cancel_on(&INTERRUPTED)
    }

    /// One more of the inputs is done.
    pub(crate) fn one_more(&self) {
        self.bar.inc(1);
    }

    /// The input that began at `start` is done, whatever came of it.
    pub(crate) fn finish(&self, start: u64, size: u64) {
        self.bar.set_position(start + size);
    }

    /// So much is done in all.
    pub(crate) fn reach(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// So much was done before: the time left is told from what comes.
    pub(crate) fn skip_to(&self, position: u64) {
        self.bar.set_position(position);
        self.bar.reset_eta();
    }

    /// What is done so far.
    pub(crate) fn position(&self) -> u64 {
        self.bar.position()
    }

    /// Does something that prints, with the bar out of the way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
