//! FFmpeg as a program of its own: found, asked for its version, run, and its last words kept.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use super::timestamps::{Stamp, Stamps};
use crate::{Error, ErrorKind, Result};

/// The oldest FFmpeg that knows `-fps_mode`.
const OLDEST: u32 = 5;
/// Lines of FFmpeg's complaints that are kept.
const LAST_LINES: usize = 6;

/// FFmpeg and ffprobe on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ffmpeg {
    program: PathBuf,
    probe: PathBuf,
    version: String,
}

impl Ffmpeg {
    /// Finds FFmpeg: the program (or the folder with it) that was `named`, else the one on the
    /// search path. ffprobe is looked for beside it, then on the search path.
    ///
    /// # Errors
    /// [`ErrorKind::Tool`] when one of the two is missing, does not run, or is older than 5.1.
    pub fn find(named: Option<&Path>) -> Result<Self> {
        let program = match named {
            Some(folder) if folder.is_dir() => folder.join(executable("ffmpeg")),
            Some(program) => program.to_owned(),
            None => PathBuf::from("ffmpeg"),
        };
        let version = version(&program)?;
        let beside = program.with_file_name(executable("ffprobe"));
        let has_folder = program.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
        let probe = if has_folder && beside.is_file() { beside } else { PathBuf::from("ffprobe") };
        self::version(&probe)?;
        Ok(Self { program, probe, version })
    }

    /// The version as FFmpeg tells it, such as `5.1.9` or `n9.0.2-17-g2a571b6068`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A command line of FFmpeg that says nothing but errors and asks nothing.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-hide_banner", "-nostats", "-nostdin", "-v", "error", "-y"]);
        command
    }

    /// A command line of ffprobe that answers in JSON.
    pub(super) fn probe_command(&self) -> Command {
        let mut command = Command::new(&self.probe);
        command.args(["-v", "error", "-of", "json"]);
        command
    }

    /// What FFmpeg says about one of its encoders; empty when it has none of this name.
    pub(super) fn help_of_encoder(&self, name: &str) -> String {
        let mut command = Command::new(&self.program);
        command.args(["-hide_banner", "-v", "error", "-h", &format!("encoder={name}")]);
        command.stdin(Stdio::null()).output().map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }
}

/// A path as FFmpeg takes it for nothing but a file: names such as `http:a.mp4` or `concat:a|b`
/// would lead it elsewhere. What such a file refers to may be files alone, never addresses.
pub(super) fn as_file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// The version of FFmpeg or ffprobe at `program`.
fn version(program: &Path) -> Result<String> {
    let missing = |why: String| {
        let remedy = "install FFmpeg 5.1 or newer (apt install ffmpeg, brew install ffmpeg), or \
                      name it with --ffmpeg";
        Error::new(ErrorKind::Tool, format!("{}: {why}; {remedy}", program.display()))
    };
    let output =
        Command::new(program).arg("-version").stdin(Stdio::null()).output().map_err(|cause| {
            missing(format!("videos need this program, and it did not start: {cause}"))
        })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(2).unwrap_or_default().to_owned();
    if !output.status.success() || !text.contains(" version ") {
        return Err(missing("is no FFmpeg".to_owned()));
    }
    // Builds from the development line are called `N-12345`, and are new enough.
    let major: Option<u32> =
        version.trim_start_matches('n').split(['.', '-']).next().and_then(|v| v.parse().ok());
    match major {
        Some(major) if major < OLDEST => Err(missing(format!("is version {version}, too old"))),
        _ => Ok(version),
    }
}

/// Keeps a Ctrl-C at the terminal from ending FFmpeg: this program decides when it ends.
fn apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(command, 0x0000_0200);
    #[cfg(not(any(unix, windows)))]
    let _ = command;
}

/// A running FFmpeg. Dropping it ends it.
pub(super) struct Process {
    child: Child,
    words: Option<JoinHandle<VecDeque<String>>>,
    doing: &'static str,
    kind: ErrorKind,
}

impl Process {
    /// Starts `command`, which is `doing` something; its failure is an error of `kind`. Lines that
    /// tell times of frames go to `stamps`.
    pub(super) fn start(
        mut command: Command,
        doing: &'static str,
        kind: ErrorKind,
        stamps: Option<Sender<Stamp>>,
    ) -> Result<Self> {
        command.stderr(Stdio::piped());
        apart(&mut command);
        let mut child = command.spawn().map_err(|cause| {
            Error::io(ErrorKind::Tool, format!("FFmpeg did not start for {doing}"), cause)
        })?;
        let stderr = child.stderr.take();
        let words = std::thread::spawn(move || {
            let mut stamps = stamps.map(Stamps::new);
            let mut last = VecDeque::new();
            let mut lines = BufReader::new(match stderr {
                Some(stderr) => stderr,
                None => return last,
            });
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                line.clear();
                if stamps.as_mut().is_some_and(|stamps| stamps.take(&text)) || text.is_empty() {
                    continue;
                }
                if last.len() == LAST_LINES {
                    last.pop_front();
                }
                last.push_back(text);
            }
            last
        });
        Ok(Self { child, words: Some(words), doing, kind })
    }

    /// Where to write to it.
    pub(super) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Where to read from it.
    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for it to end; gives its complaints.
    ///
    /// # Errors
    /// When it failed or was ended from outside; the message repeats its own last words.
    pub(super) fn finish(&mut self) -> Result<String> {
        let status = self.child.wait().map_err(|cause| {
            Error::io(ErrorKind::Tool, format!("lost sight of FFmpeg {}", self.doing), cause)
        })?;
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        let words = Vec::from(words).join(" / ");
        if status.success() { Ok(words) } else { Err(self.failure(&status.to_string(), &words)) }
    }

    fn failure(&self, status: &str, words: &str) -> Error {
        let doing = self.doing;
        if words.contains("No space left on device") {
            let message = format!("FFmpeg {doing}: no space left on the disk; make room first");
            return Error::new(ErrorKind::Write, message);
        }
        let said = if words.is_empty() { "it said nothing more" } else { words };
        Error::new(self.kind, format!("FFmpeg failed {doing} ({status}): {said}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.words.is_some() {
            // Already gone is as good.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs `command` to its end.
pub(super) fn run(mut command: Command, doing: &'static str, kind: ErrorKind) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Process::start(command, doing, kind, None)?.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_the_remedy() {
        let error = Ffmpeg::find(Some(Path::new("/nowhere/ffmpeg"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tool);
        let message = error.to_string();
        assert!(message.contains("/nowhere/ffmpeg") && message.contains("--ffmpeg"), "{message}");
    }
}
