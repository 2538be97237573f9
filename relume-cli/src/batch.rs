//! The outcome of many inputs: counted, summed up, turned into one exit code.

use std::time::Instant;

use serde::Serialize;

use crate::console::{Console, complain};
use crate::exit::{Code, Failure};

/// Counts what came of each input.
pub(crate) struct Batch {
    command: &'static str,
    console: Console,
    start: Instant,
    done: usize,
    planned: usize,
    skipped: usize,
    failed: Vec<Code>,
    interrupted: bool,
}

#[derive(Serialize)]
struct Failed<'a> {
    input: &'a str,
    status: &'static str,
    error: Cause<'a>,
}

#[derive(Serialize)]
struct Cause<'a> {
    exit_code: u8,
    message: &'a str,
}

#[derive(Serialize)]
struct Summary {
    command: &'static str,
    done: usize,
    planned: usize,
    skipped: usize,
    failed: usize,
    interrupted: bool,
    seconds: f64,
    exit_code: u8,
}

impl Batch {
    /// Begins to count for a command.
    pub(crate) fn new(command: &'static str, console: Console) -> Self {
        Self {
            command,
            console,
            start: Instant::now(),
            done: 0,
            planned: 0,
            skipped: 0,
            failed: Vec::new(),
            interrupted: false,
        }
    }

    /// One input is done.
    pub(crate) fn done(&mut self) {
        self.done += 1;
    }

    /// One input would be done, were this no dry run.
    pub(crate) fn planned(&mut self) {
        self.planned += 1;
    }

    /// One input was left out on purpose.
    pub(crate) fn skipped(&mut self) {
        self.skipped += 1;
    }

    /// The user stopped the run: what is not done yet will not be.
    pub(crate) fn interrupted(&mut self) {
        self.interrupted = true;
    }

    /// One input failed: tells so at once, on stderr and as a record. A failure that concerns
    /// the whole run (nobody reads stdout any more) is handed back.
    pub(crate) fn failed(&mut self, input: &str, failure: Failure) -> Result<(), Failure> {
        if failure.message.is_empty() {
            return Err(failure);
        }
        complain(&failure);
        self.failed.push(failure.code);
        let error = Cause { exit_code: failure.code as u8, message: &failure.message };
        self.console.record(self.command, &Failed { input, status: "failed", error })
    }

    /// Sums up. All inputs failing for one kind of cause is that cause's exit code; some failing
    /// is [`Code::SomeFailed`].
    pub(crate) fn finish(self) -> Result<Code, Failure> {
        let code = self.code();
        let summary = Summary {
            command: self.command,
            done: self.done,
            planned: self.planned,
            skipped: self.skipped,
            failed: self.failed.len(),
            interrupted: self.interrupted,
            seconds: (self.start.elapsed().as_secs_f64() * 1e3).round() / 1e3,
            exit_code: code as u8,
        };
        self.console.record("summary", &summary)?;
        if self.planned == 0 && self.done + self.skipped + self.failed.len() > 1 {
            let mut words = format!("{} done", self.done);
            for (count, what) in [(self.skipped, "skipped"), (self.failed.len(), "failed")] {
                if count > 0 {
                    words += &format!(", {count} {what}");
                }
            }
            self.console.note(&words);
        }
        if self.interrupted {
            complain(&Failure::interrupted());
        }
        Ok(code)
    }

    fn code(&self) -> Code {
        match self.failed.first() {
            _ if self.interrupted => Code::Interrupted,
            None => Code::Done,
            Some(&first)
                if self.done + self.planned + self.skipped == 0
                    && self.failed.iter().all(|&c| c == first) =>
            {
                first
            }
            Some(_) => Code::SomeFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_sums_up() {
        let console = Console { json: false, quiet: true };
        let cases: [(usize, &[Code], Code); 5] = [
            (2, &[], Code::Done),
            (0, &[Code::Input], Code::Input),
            (0, &[Code::Output, Code::Output], Code::Output),
            (0, &[Code::Output, Code::Input], Code::SomeFailed),
            (1, &[Code::Input], Code::SomeFailed),
        ];
        for (done, failed, expected) in cases {
            let mut batch = Batch::new("test", console);
            batch.done = done;
            batch.failed = failed.to_vec();
            assert_eq!(batch.code(), expected);
        }
    }
}
