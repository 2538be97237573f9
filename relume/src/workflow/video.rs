//! Workflows on videos. What travels along a wire is a file and what is to be done to it; all of it
//! is done in one pass when the video is written, and goes on after a kill as [`Job`] does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use relume_media::atomic::Overwrite;
use relume_media::video::{Cut, EncodeOptions, Ffmpeg, VideoInfo};
use relume_media::{Image, Limits, Photo, Progress, Size};

use super::run::{Runner, Watch};
use super::{Cache, Workflow};
use crate::video::{Beside, Job, Stage, Survey, VideoOptions};
use crate::{Error, Restorer, Result};

/// Frames of a piece: what is lost at most when the program is ended.
pub const PIECE_FRAMES: usize = 96;

/// A video, and what is to be done to its frames.
#[derive(Debug, Clone)]
pub struct VideoSteps {
    /// The file.
    pub path: PathBuf,
    /// The part that is kept; none: all of it.
    pub cut: Option<Cut>,
    /// Whether frames are averaged along their motion.
    pub denoise: bool,
    /// The network that frames go through.
    pub network: Option<Arc<Restorer>>,
    /// In words, the network's name and settings.
    pub model: String,
}

/// A video that a workflow writes.
#[derive(Debug)]
pub struct VideoOutput {
    /// What is done to it.
    pub steps: VideoSteps,
    /// The network that frames go through.
    pub network: Arc<Restorer>,
    /// How it is encoded.
    pub encode: EncodeOptions,
    /// What is written of a frame.
    pub beside: Beside,
}

impl VideoSteps {
    /// A file that nothing is done to yet.
    pub fn of_file(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path, cut: None, denoise: false, network: None, model: String::new() }
    }
}

impl VideoOutput {
    /// How [`Job`] does it.
    pub fn options(&self, overwrite: Overwrite) -> VideoOptions {
        VideoOptions {
            cut: self.steps.cut,
            encode: self.encode.clone(),
            denoise: self.steps.denoise,
            beside: self.beside,
            piece_frames: PIECE_FRAMES,
            overwrite,
            model: format!("{} {}", self.steps.model, self.network.weights_sha256()),
        }
    }
}

impl Workflow {
    /// What is to be done to the video at `path`. No frame is read.
    ///
    /// # Errors
    /// When the workflow takes photos, or its steps do not fit together.
    pub fn video_steps(&self, path: &Path) -> Result<VideoOutput> {
        if !self.takes_video() {
            let message = format!(
                "{} takes photos; one for videos begins with a node of kind video-input",
                self.name
            );
            return Err(Error::Parameter(message));
        }
        let progress = Progress::silent();
        let watch = Watch { progress: &progress, nodes: &|_, _| {} };
        let nothing = Photo::from_image(Image::black(Size::new(0, 0)));
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut cache = Cache::off();
        Runner::new(self, nothing, &stem, &watch, &mut cache).on_video(path).video_output()
    }

    /// Runs on the video at `input` and writes `output`, from where an earlier run stopped.
    /// `report` hears how far it is, and may stop it by an error.
    ///
    /// # Errors
    /// As [`video_steps`](Self::video_steps), and when reading, restoring or writing fails.
    pub fn video(
        &self,
        ffmpeg: &Ffmpeg,
        input: &Path,
        output: &Path,
        overwrite: Overwrite,
        report: &mut dyn FnMut(Stage) -> Result<()>,
    ) -> Result<Survey> {
        let wanted = self.video_steps(input)?;
        let info = VideoInfo::probe(ffmpeg, input, &Limits::default())?;
        let options = wanted.options(overwrite);
        Job::new(ffmpeg, &info, &wanted.network, output, options)?.run(report)
    }
}
