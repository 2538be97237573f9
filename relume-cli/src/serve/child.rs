//! The program itself as a child process: it decodes, inspects, checks and restores, with bounded
//! memory and time. What a hostile photo breaks is the child.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::job::Item;
use super::settings::Settings;
use crate::exit::{Code, Failure};

/// The workflow of a job, in its folder.
pub(crate) const WORKFLOW: &str = "workflow.toml";

/// Bytes of complaints that are read.
const COMPLAINTS: u64 = 64 * 1024;

/// What a child may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) memory_megabytes: u64,
    pub(crate) time: Duration,
}

/// How far a child is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Told {
    /// Share of the work that is done.
    pub(crate) share: f32,
    /// Frames of a video that are done, and of how many.
    pub(crate) frames: Option<(u64, u64)>,
}

/// Restores photo or video `number` of the job in `folder`, or runs its workflow on it; returns
/// what the program says with `--json`.
pub(crate) async fn restore(
    folder: &Path,
    (number, item): (usize, &Item),
    settings: &Settings,
    allowance: Allowance,
    progress: impl FnMut(Told),
) -> Result<Value, Failure> {
    let (input, output) = (item.input_file(number), item.output_file(number));
    let mut arguments: Vec<&str> = match (&settings.workflow, &item.video) {
        (Some(_), _) => vec!["run", WORKFLOW, &input, "--no-files"],
        (None, Some(_)) => vec!["video", &input, "-o", &output],
        (None, None) => vec!["restore", &input, "-o", &output],
    };
    arguments.extend(["--json", "--progress", "--overwrite"]);
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    arguments.extend(settings.arguments());
    let record = run(folder, &arguments, allowance, progress).await;
    let mut record = record.and_then(Answer::good).map_err(|failure| {
        // The client knows the photo by its own name.
        let message = failure.message.replace(&output, &item.result).replace(&input, &item.name);
        Failure { message, ..failure }
    })?;
    if let Some(fields) = record.as_object_mut() {
        fields
            .retain(|name, _| !["schema", "type", "input", "output", "status"].contains(&&**name));
    }
    Ok(record)
}

/// Inspects a photo; returns what `relume inspect --json` says.
pub(crate) async fn inspect(
    folder: &Path,
    item: &Item,
    allowance: Allowance,
) -> Result<Value, Failure> {
    let input = item.input_file(0);
    let arguments = ["inspect", &input, "--json"].map(str::to_owned);
    let record = run(folder, &arguments, allowance, |_| {}).await.and_then(Answer::good);
    let mut record = record.map_err(|failure| Failure {
        message: failure.message.replace(&input, &item.name),
        ..failure
    })?;
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|name, _| !["schema", "type", "status"].contains(&&**name));
        fields.insert("input".to_owned(), item.name.clone().into());
    }
    Ok(record)
}

/// Saves frame `number` of the video `input` as the picture `output`, both in `folder`; returns
/// what `relume frame --json` says.
pub(crate) async fn frame(
    folder: &Path,
    (input, number): (&str, u64),
    output: &str,
    allowance: Allowance,
) -> Result<Value, Failure> {
    let number = number.to_string();
    let arguments = ["frame", input, "--number", &number, "-o", output, "--overwrite", "--json"];
    run(folder, &arguments.map(str::to_owned), allowance, |_| {}).await?.good()
}

/// Checks the workflow in `folder`; returns what `relume workflows check --json` says, of a broken
/// one too.
pub(crate) async fn check(
    folder: &Path,
    changes: &[String],
    allowance: Allowance,
) -> Result<Value, Failure> {
    let mut arguments =
        ["workflows", "check", WORKFLOW, "--no-files", "--json"].map(str::to_owned).to_vec();
    arguments.extend(changes.iter().flat_map(|change| ["--set".to_owned(), change.clone()]));
    let answer = run(folder, &arguments, allowance, |_| {}).await?;
    match &answer.record {
        Some(record) if record["status"] == "broken" => Ok(record.clone()),
        _ => answer.good(),
    }
}

/// What a child left.
struct Answer {
    record: Option<Value>,
    status: ExitStatus,
    complaints: String,
    allowance: Allowance,
}

impl Answer {
    /// The record of a child that did its work.
    fn good(self) -> Result<Value, Failure> {
        match self.record {
            Some(record) if self.status.success() => Ok(record),
            _ => Err(failure(self.status, &self.complaints, self.allowance)),
        }
    }
}

/// Runs the program in `folder` and returns the one record of its one input.
///
/// When the future is dropped, the child is killed; when this process is gone, it ends by itself.
async fn run(
    folder: &Path,
    arguments: &[String],
    allowance: Allowance,
    progress: impl FnMut(Told),
) -> Result<Answer, Failure> {
    let machine =
        |what: &str, cause: std::io::Error| Failure::new(Code::Machine, format!("{what}: {cause}"));
    // Known since the start: after an update the system would name the file that was replaced.
    let itself = crate::ITSELF.get().and_then(|words| words.split_first());
    let Some((program, words)) = itself else {
        return Err(Failure::new(Code::Machine, "the program does not know where it lies"));
    };
    let mut command = Command::new(program);
    command.args(words).args(["--quiet", "--end-with-stdin"]).args(arguments).current_dir(folder);
    if cfg!(target_os = "linux") {
        command.args(["--memory-limit", &allowance.memory_megabytes.to_string()]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|cause| machine("the program", cause))?;
    // Held until the child is done.
    let _stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
        return Err(Failure::new(Code::Machine, "the program: no pipes"));
    };
    let talk = async {
        let mut complaints = Vec::new();
        let mut said = stderr.take(COMPLAINTS);
        let (record, _) = tokio::join!(listen(stdout, progress), said.read_to_end(&mut complaints));
        (record, child.wait().await, String::from_utf8_lossy(&complaints).into_owned())
    };
    let Ok((record, status, complaints)) = tokio::time::timeout(allowance.time, talk).await else {
        let seconds = allowance.time.as_secs();
        let message = format!("took more than {seconds} seconds; a smaller photo takes less");
        return Err(Failure::new(Code::Input, message));
    };
    let status = status.map_err(|cause| machine("the program", cause))?;
    Ok(Answer { record, status, complaints, allowance })
}

/// Reads records; the last that is neither progress nor summary is the answer.
async fn listen(
    stdout: impl tokio::io::AsyncRead + Unpin,
    mut progress: impl FnMut(Told),
) -> Option<Value> {
    let mut lines = BufReader::new(stdout).lines();
    let mut answer = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(record) = serde_json::from_str::<Value>(&line) else { continue };
        match record["type"].as_str() {
            Some("progress") => {
                let frames = record["frames"].as_u64().zip(record["of"].as_u64());
                let share = record["percent"].as_f64().unwrap_or(0.0) as f32 / 100.0;
                progress(Told { share, frames });
            }
            Some("summary") => {}
            _ => answer = Some(record),
        }
    }
    answer
}

/// Why a child did not do its work.
fn failure(status: ExitStatus, complaints: &str, allowance: Allowance) -> Failure {
    let said = complaints.lines().rev().find_map(|line| line.strip_prefix("relume: "));
    let code = match status.code() {
        Some(code) if code == Code::Usage as i32 => Code::Usage,
        Some(code) if code == Code::Input as i32 => Code::Input,
        Some(code) if code == Code::Model as i32 => Code::Model,
        Some(code) if code == Code::Tool as i32 => Code::Tool,
        Some(_) => Code::Machine,
        None => {
            let message = format!(
                "the work ended without an answer ({status}); it may take more than {} MB of memory",
                allowance.memory_megabytes
            );
            return Failure::new(Code::Input, message);
        }
    };
    Failure::new(code, said.unwrap_or("the work ended without a word"))
}
