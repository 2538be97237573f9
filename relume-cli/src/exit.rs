//! From what went wrong to an exit code and one line of words.

use std::any::Any;

use relume_media::ErrorKind;

/// Exit codes of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Everything was done.
    Done = 0,
    /// Some of several inputs failed.
    SomeFailed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// An input cannot be read or is of an unsupported kind.
    Input = 3,
    /// An output cannot be written.
    Output = 4,
    /// The model is missing or not what it should be.
    Model = 5,
    /// Device or memory; also faults of the program itself.
    Machine = 6,
    /// Another program that is needed is missing.
    Tool = 7,
    /// Interrupted by the user.
    Interrupted = 130,
}

/// Why something was not done: the exit code it leads to, and the cause with its remedy.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The exit code when nothing else failed.
    pub code: Code,
    /// One line for people.
    pub message: String,
    /// Whether all that is wrong is that the result exists.
    pub(crate) exists: bool,
}

impl Failure {
    /// A failure with a message that names cause and remedy.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), exists: false }
    }

    /// A mistake on the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A result that exists and was to be left alone.
    pub(crate) fn exists(name: &str) -> Self {
        let message =
            format!("{name}: exists already; --overwrite replaces it, --skip-existing leaves it");
        Self { exists: true, ..Self::new(Code::Output, message) }
    }

    /// The user pressed Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Self::new(Code::Interrupted, "interrupted; unfinished pictures left nothing behind")
    }

    /// A fault of the program itself, out of a caught panic.
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let said = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self::new(Code::Machine, format!("a fault of relume itself, please report it: {said}"))
    }
}

impl From<relume_media::Error> for Failure {
    fn from(error: relume_media::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Write | ErrorKind::Encode => Code::Output,
            ErrorKind::Parameter => Code::Usage,
            ErrorKind::Tool => Code::Tool,
            ErrorKind::Cancelled => return Self::interrupted(),
            _ => Code::Input,
        };
        Self::new(code, error.to_string())
    }
}

impl From<relume::Error> for Failure {
    fn from(error: relume::Error) -> Self {
        use relume::ErrorKind as Kind;
        let error = match error {
            relume::Error::Media(error) => return error.into(),
            other => other,
        };
        let code = match error.kind() {
            Kind::Input | Kind::Workflow => Code::Input,
            Kind::Output => Code::Output,
            Kind::Model => Code::Model,
            Kind::Parameter => Code::Usage,
            Kind::Cancelled => return Self::interrupted(),
            _ => Code::Machine,
        };
        Self::new(code, error.to_string())
    }
}

/// Errors of training, datasets and evaluation.
impl From<relume_train::Error> for Failure {
    fn from(error: relume_train::Error) -> Self {
        use relume_train::Error;
        let code = match &error {
            Error::Recipe { .. } | Error::Dataset { .. } | Error::Setup(_) | Error::Media(_) => {
                Code::Input
            }
            Error::RunFolder { .. } => Code::Output,
            Error::Library(_) | Error::Network(_) => Code::Model,
            _ => Code::Machine,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Error;

    #[test]
    fn every_kind_of_error_has_its_code() {
        let cases = [
            (ErrorKind::Decode, Code::Input),
            (ErrorKind::Unsupported, Code::Input),
            (ErrorKind::Limits, Code::Input),
            (ErrorKind::Read, Code::Input),
            (ErrorKind::Write, Code::Output),
            (ErrorKind::Encode, Code::Output),
            (ErrorKind::Parameter, Code::Usage),
            (ErrorKind::Tool, Code::Tool),
            (ErrorKind::Cancelled, Code::Interrupted),
        ];
        for (kind, code) in cases {
            assert_eq!(Failure::from(Error::new(kind, "x")).code, code, "{kind:?}");
        }
    }
}
