//! Long work beside the interpreter: its lock is released, and Ctrl-C stops the work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pyo3::prelude::*;
use relume_cli::Failure;
use relume_media::Progress;

use crate::errors::raised;

/// How often signals are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Does `work` on a thread of its own while this one waits for it and for signals. A signal whose
/// handler raises (Ctrl-C raises `KeyboardInterrupt`) stops the work at its next strip.
pub(crate) fn beside<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&Progress<'_>) -> Result<T, Failure> + Send,
) -> PyResult<T> {
    let stop = AtomicBool::new(false);
    let outcome = py.detach(|| {
        let (finished, waiting) = channel();
        std::thread::scope(|scope| {
            let stop = &stop;
            let working = scope.spawn(move || {
                let progress = Progress::new(|_| {}).cancel_on(stop);
                // On a computing thread: from outside, each of ten thousand parallel steps would wake
                // one and wait.
                let within = || rayon::scope(|_| work(&progress));
                let outcome = catch_unwind(AssertUnwindSafe(within));
                // Nobody waits any more where a signal came in the meantime.
                let _ = finished.send(());
                outcome.unwrap_or_else(|panic| Err(Failure::of_panic(panic.as_ref())))
            });
            let mut signal = Ok(());
            while waiting.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) && signal.is_ok() {
                signal = Python::attach(|py| py.check_signals());
                stop.store(signal.is_err(), Ordering::Relaxed);
            }
            let outcome = working.join();
            signal.map(|()| outcome)
        })
    })?;
    let outcome = outcome.unwrap_or_else(|panic| Err(Failure::of_panic(panic.as_ref())));
    outcome.map_err(|failure| raised(py, &failure))
}
