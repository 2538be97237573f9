//! The only file that prints: data to stdout, words to stderr.
#![allow(clippy::print_stderr, reason = "words for people go to stderr, and only from here")]

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::exit::{Code, Failure};

/// Version of the JSON that the program prints; it grows when a field changes its meaning.
pub(crate) const SCHEMA: u32 = 1;

/// Where output goes and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    /// One JSON object per line on stdout instead of text.
    pub(crate) json: bool,
    /// Only errors on stderr.
    pub(crate) quiet: bool,
}

impl Console {
    /// A line of data for people; not printed in JSON mode.
    pub(crate) fn text(self, line: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { print(&format!("{}\n", harmless(line))) }
    }

    /// A line of data for programs; printed in JSON mode only.
    pub(crate) fn record(self, kind: &str, fields: &impl Serialize) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Record<'a, T> {
            schema: u32,
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(flatten)]
            fields: &'a T,
        }
        if !self.json {
            return Ok(());
        }
        let line = serde_json::to_string(&Record { schema: SCHEMA, kind, fields })
            .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
        print(&format!("{line}\n"))
    }

    /// Words about the progress of things.
    pub(crate) fn note(self, words: &str) {
        if !self.quiet {
            say(words);
        }
    }

    /// Something that is not as the user may expect.
    pub(crate) fn warn(self, words: &str) {
        self.note(&format!("warning: {words}"));
    }
}

/// Tells what went wrong, in one line.
pub(crate) fn complain(failure: &Failure) {
    if !failure.message.is_empty() {
        say(&format!("relume: {}", failure.message));
    }
}

/// Writes bytes to stdout. A reader that went away ends the program without a word.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|cause| match cause.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(Code::Output, ""),
        _ => Failure::new(Code::Output, format!("stdout: could not write: {cause}")),
    })
}

fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

fn say(words: &str) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "{}", harmless(words));
}

/// Text without what would move a terminal's cursor or change its colors and title: names of files
/// and blocks of metadata come from strangers.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let harms = |sign: char| sign.is_control() && !matches!(sign, '\n' | '\t');
    if !text.contains(harms) {
        return Cow::Borrowed(text);
    }
    let shown = |sign: char| if harms(sign) { '\u{fffd}' } else { sign };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Whether stdout is a terminal, where picture bytes have no place.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_terminals_are_taken_out() {
        let title = "a\u{1b}]0;owned\u{7}.jpg: exists\n";
        assert_eq!(harmless(title), "a\u{fffd}]0;owned\u{fffd}.jpg: exists\n");
        assert!(matches!(harmless("Nächte.jpg\tfine"), Cow::Borrowed(_)));
    }
}
