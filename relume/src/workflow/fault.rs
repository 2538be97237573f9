//! What is wrong with a workflow file: where, what, and what to do about it.

use std::fmt;

/// One mistake in a workflow file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Fault {
    /// The file as it was named, or the change from outside (`--set …`).
    pub file: String,
    /// Line, from 1; 0 where there is none.
    pub line: usize,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// Everything that is wrong with a workflow, by file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// One mistake alone.
    pub(super) fn one(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self(vec![Fault { file: file.to_owned(), line, message: message.into() }])
    }

    /// `value`, unless something was found wrong.
    pub(super) fn unless<T>(mut found: Vec<Fault>, value: T) -> Result<T, Self> {
        if found.is_empty() {
            return Ok(value);
        }
        found.sort();
        found.dedup();
        Err(Self(found))
    }

    /// The mistakes, sorted by file and line; at least one.
    pub fn list(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
