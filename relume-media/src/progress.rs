//! How the libraries talk to a person: report a share of the work done, ask whether to stop.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, ErrorKind, Result};

/// Receives progress and may cancel. Cheap to share between threads.
pub struct Progress<'a> {
    report: Box<dyn Fn(f32) + Send + Sync + 'a>,
    cancelled: Option<&'a AtomicBool>,
}

impl<'a> Progress<'a> {
    /// Reports to nobody and never cancels.
    pub fn silent() -> Self {
        Self { report: Box::new(|_| {}), cancelled: None }
    }

    /// Calls `report` with the share of the work done, 0 to 1, possibly from several threads.
    pub fn new(report: impl Fn(f32) + Send + Sync + 'a) -> Self {
        Self { report: Box::new(report), cancelled: None }
    }

    /// Stops the work at the next safe point once `flag` is true.
    #[must_use]
    pub fn cancel_on(mut self, flag: &'a AtomicBool) -> Self {
        self.cancelled = Some(flag);
        self
    }

    /// Progress of a part of the work, from `start` to `end` (shares of the whole).
    pub fn part(&self, start: f32, end: f32) -> Progress<'_> {
        Progress {
            report: Box::new(move |share| (self.report)(start + share * (end - start))),
            cancelled: self.cancelled,
        }
    }

    /// Tells the receiver that `share` (0 to 1) of the work is done.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when the caller asked to stop.
    pub fn report(&self, share: f32) -> Result<()> {
        if self.cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        (self.report)(share.clamp(0.0, 1.0));
        Ok(())
    }
}
