//! A video restored in pieces that survive a kill, joined at the end.
//!
//! The pieces lie in a folder beside the output, `.NAME.relume-part`, with what the first pass
//! found and what the job was asked for. The same job finds its pieces again; another one begins
//! anew. A file is complete when it has its final name.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use relume_media::atomic::{Overwrite, check_target, write_atomically};
use relume_media::video::{
    Cut, EncodeOptions, Encoder, Ffmpeg, Part, VideoInfo, VideoReader, VideoWriter, join,
};
use relume_media::{Error as MediaError, ErrorKind, Size};
use serde_json::{Value, json};

use super::pipeline::{Beside, Run, restore_frames};
use super::survey::Survey;
use crate::restore::Plan;
use crate::{Restorer, Result};

/// What the user wants of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoOptions {
    /// The part to restore, in microseconds from the beginning of the file; none: all of it.
    pub cut: Option<Cut>,
    /// How the result is encoded.
    pub encode: EncodeOptions,
    /// Whether frames are averaged along their motion.
    pub denoise: bool,
    /// What is written of a frame.
    pub beside: Beside,
    /// Frames of a piece: at most so many are done again after a kill.
    pub piece_frames: usize,
    /// What happens to an output that exists.
    pub overwrite: Overwrite,
    /// What else the pixels depend on, such as the model and its strength.
    pub model: String,
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// First pass: so many frames were looked at.
    Surveyed(usize),
    /// So many frames are in complete pieces of an earlier run, of so many in all.
    Found(usize, usize),
    /// So many frames were restored, of so many in all.
    Restored(usize, usize),
    /// The pieces are joined with everything else.
    Joining,
}

/// One video to restore.
pub struct Job<'a> {
    ffmpeg: &'a Ffmpeg,
    info: &'a VideoInfo,
    /// What is encoded: the source's, or twice as wide.
    written: VideoInfo,
    restorer: &'a Restorer,
    options: VideoOptions,
    encoder: Encoder,
    output: PathBuf,
    folder: PathBuf,
}

impl<'a> Job<'a> {
    /// Plans the restoring of the video that `info` describes into the file `output`.
    ///
    /// # Errors
    /// When FFmpeg lacks the encoder, the colours are not supported, or the output exists.
    pub fn new(
        ffmpeg: &'a Ffmpeg,
        info: &'a VideoInfo,
        restorer: &'a Restorer,
        output: &Path,
        options: VideoOptions,
    ) -> Result<Self> {
        check_target(output, options.overwrite)?;
        info.coding()?;
        let mut written = info.clone();
        if options.beside == Beside::Before {
            written.size = Size::new(2 * info.size.width, info.size.height);
        }
        let encoder = Encoder::choose(ffmpeg, &written, output, &options.encode)?;
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let folder = output.with_file_name(format!(".{name}.relume-part"));
        let output = output.to_owned();
        Ok(Self { ffmpeg, info, written, restorer, options, encoder, output, folder })
    }

    /// The encoder in use.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Does it, from where an earlier run of the same job stopped. `report` may stop it by an
    /// error: then the complete pieces stay.
    ///
    /// # Errors
    /// When reading, restoring or writing fails; the same job goes on where this one stopped.
    pub fn run(&self, report: &mut dyn FnMut(Stage) -> Result<()>) -> Result<Survey> {
        let lock = self.open_folder()?;
        let survey = self.survey(report)?;
        let plans = survey.plans(&self.restorer.usual_plan());
        let run = self.run_of(&survey, &plans);
        let pieces = survey.pieces(self.options.piece_frames);
        let mut parts = Vec::with_capacity(pieces.len());
        let total = survey.times_us.len();
        let is_done = |number: usize| self.part(number).is_file();
        let found = pieces.iter().enumerate().filter(|(number, _)| is_done(*number));
        let mut done = found.map(|(_, piece)| piece.len()).sum();
        report(Stage::Found(done, total))?;
        for (number, piece) in pieces.into_iter().enumerate() {
            let path = self.part(number);
            let start_us = survey.times_us[piece.start];
            if !path.is_file() {
                let before = done;
                self.piece(run, piece.clone(), &path, &mut |frame| {
                    report(Stage::Restored(before + frame - piece.start + 1, total))
                })?;
                done += piece.len();
            }
            parts.push(Part { path, start_us });
        }
        report(Stage::Joining)?;
        self.join(&parts, survey.end_us)?;
        drop(lock);
        // The result is there; what cannot be removed is only untidy.
        let _ = fs::remove_dir_all(&self.folder);
        Ok(survey)
    }

    /// Restores a few frames from the middle, for the time and the bytes that a frame takes.
    ///
    /// # Errors
    /// When reading, restoring or writing fails.
    pub fn sample(&self, folder: &Path, frames: usize) -> Result<(f64, f64)> {
        let rate = self.info.frame_rate.map_or(25.0, |(a, b)| f64::from(a) / f64::from(b));
        let from_us = self.options.cut.map_or_else(
            || (0.5e6 * self.info.seconds.unwrap_or(0.0) - 0.5e6 * frames as f64 / rate) as i64,
            |cut| cut.from_us,
        );
        let cut = Cut { from_us, to_us: from_us + (1e6 * frames as f64 / rate) as i64 };
        let mut source = VideoReader::open(self.ffmpeg, self.info, Some(from_us))?;
        let survey = Survey::of(&mut source, self.restorer, Some(cut), |_| Ok(()))?;
        let plans = survey.plans(&self.restorer.usual_plan());
        let run = self.run_of(&survey, &plans);
        let path = folder.join(format!("sample.{}", self.encoder.part_extension()));
        let clock = Instant::now();
        self.piece(run, 0..survey.times_us.len(), &path, &mut |_| Ok(()))?;
        let count = survey.times_us.len() as f64;
        let bytes = fs::metadata(&path).map_or(0, |file| file.len());
        Ok((clock.elapsed().as_secs_f64() / count, bytes as f64 / count))
    }

    fn run_of<'r>(&'r self, survey: &'r Survey, plans: &'r [Plan]) -> Run<'r> {
        Run {
            restorer: self.restorer,
            times_us: &survey.times_us,
            plans,
            cuts: &survey.cuts,
            denoise: self.options.denoise,
            beside: self.options.beside,
        }
    }

    fn part(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{number:05}.{}", self.encoder.part_extension()))
    }

    /// Makes or finds the folder, and throws away what belongs to another job. The file that is
    /// handed out keeps other runs away.
    fn open_folder(&self) -> Result<File> {
        let failed = |cause| {
            MediaError::io(ErrorKind::Write, "could not be made", cause).with_path(&self.folder)
        };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let lock = File::create(self.folder.join("lock")).map_err(failed)?;
        if matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)) {
            let message = "another run of relume is at work on this output; wait for it";
            return Err(MediaError::new(ErrorKind::Write, message).with_path(&self.output).into());
        }
        let wanted = serde_json::to_vec_pretty(&self.identity()?).unwrap_or_default();
        let path = self.folder.join("job.json");
        let same = fs::read(&path).is_ok_and(|found| found == wanted);
        for entry in fs::read_dir(&self.folder).map_err(failed)?.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            // What an ended run left unfinished; and everything, if another job left it.
            if name != "lock" && (!same || name.starts_with('.')) {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        write_atomically(&path, &wanted, Overwrite::Always)?;
        Ok(lock)
    }

    /// Everything that the pieces depend on.
    fn identity(&self) -> Result<Value> {
        let source = &self.info.path;
        let unreadable =
            |cause| MediaError::io(ErrorKind::Read, "could not be read", cause).with_path(source);
        // A pattern of pictures is no file; its frames are compared by their times alone.
        let (bytes, changed) = match fs::metadata(source) {
            Ok(file) => (file.len(), file.modified().ok()),
            Err(cause) if self.info.path.to_string_lossy().contains('%') => {
                let _ = cause;
                (0, None)
            }
            Err(cause) => return Err(unreadable(cause).into()),
        };
        let changed = changed.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(json!({
            "source": source,
            "bytes": bytes,
            "changed_ns": changed.map(|time| time.as_nanos().to_string()),
            "relume": env!("CARGO_PKG_VERSION"),
            "ffmpeg": self.ffmpeg.version(),
            "model": self.options.model,
            "options": format!("{:?}", (
                self.options.cut,
                self.options.denoise,
                self.options.beside,
                self.options.piece_frames,
            )),
            "encoder": format!("{:?}", self.encoder),
        }))
    }

    /// What the first pass finds, or found in an earlier run.
    fn survey(&self, report: &mut dyn FnMut(Stage) -> Result<()>) -> Result<Survey> {
        let path = self.folder.join("survey.json");
        let known = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(survey) = known {
            return Ok(survey);
        }
        let from = self.options.cut.map(|cut| cut.from_us);
        let mut source = VideoReader::open(self.ffmpeg, self.info, from)?;
        let cut = self.options.cut;
        let mut seen = |frames| report(Stage::Surveyed(frames));
        let survey = Survey::of(&mut source, self.restorer, cut, &mut seen)
            .map_err(|error| error.with_path(&self.info.path))?;
        self.check_length(&survey, source.complaints())?;
        write_atomically(
            &path,
            &serde_json::to_vec(&survey).unwrap_or_default(),
            Overwrite::Always,
        )?;
        Ok(survey)
    }

    /// A video that ends before its time, with FFmpeg complaining, was cut off.
    fn check_length(&self, survey: &Survey, complaints: &str) -> Result<()> {
        let Some(seconds) = self.info.seconds.filter(|_| self.options.cut.is_none()) else {
            return Ok(());
        };
        let start = survey.times_us.first().copied().unwrap_or(0);
        let there = (survey.end_us - start) as f64 / 1e6;
        if complaints.is_empty() || there > seconds - 0.5_f64.max(0.02 * seconds) {
            return Ok(());
        }
        let message = format!(
            "is cut off: it ends after {there:.2} of {seconds:.2} s ({complaints}); --to {there:.2} \
             restores what is there"
        );
        Err(MediaError::new(ErrorKind::Decode, message).with_path(&self.info.path).into())
    }

    /// Restores one piece into the file at `path`, which appears whole.
    fn piece(
        &self,
        run: Run<'_>,
        piece: Range<usize>,
        path: &Path,
        report: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let reads = run.reads(&piece);
        let from = Some(run.times_us[reads.start]);
        let mut source = VideoReader::open(self.ffmpeg, self.info, from)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Named by the process: one that was killed may still be finishing its own.
        let unfinished = path.with_file_name(format!(".{}-{name}", std::process::id()));
        let sink = VideoWriter::create(self.ffmpeg, &self.written, &self.encoder, &unfinished)?;
        let outcome = restore_frames(run, &mut source, Box::new(sink), piece, report);
        if let Err(error) = outcome {
            let _ = fs::remove_file(&unfinished);
            return Err(error.with_path(&self.info.path));
        }
        keep(&unfinished, path)
    }

    /// Joins the pieces beside the output, and gives the whole its name.
    fn join(&self, parts: &[Part], end_us: i64) -> Result<()> {
        let extension = self.output.extension().unwrap_or_default().to_string_lossy();
        let pattern = self.output.to_string_lossy().contains('%');
        let whole = self.folder.join(format!(".{}-whole.{extension}", std::process::id()));
        let target = if pattern { &self.output } else { &whole };
        let cut = self.options.cut.map(|cut| Cut { to_us: cut.to_us.min(end_us), ..cut });
        let places = (self.output.as_path(), target.as_path());
        let pieces = (parts, end_us);
        if let Err(error) = join(self.ffmpeg, self.info, &self.encoder, pieces, cut, places) {
            let _ = fs::remove_file(&whole);
            return Err(error.with_path(&self.output).into());
        }
        if pattern {
            return Ok(());
        }
        check_target(&self.output, self.options.overwrite)?;
        keep(&whole, &self.output)
    }
}

/// Flushes a finished file to disk and gives it its final name.
fn keep(unfinished: &Path, path: &Path) -> Result<()> {
    let kept = File::open(unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(unfinished, path));
    kept.map_err(|cause| {
        MediaError::io(ErrorKind::Write, "could not be completed", cause).with_path(path).into()
    })
}
