//! The frames of a video, restored, one after the other.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use relume::video::{Beside, Run, Survey, restore_frames};
use relume_cli::Failure;
use relume_media::photo::BitDepth;
use relume_media::video::{Coding, Ffmpeg, Frame, FrameSink, VideoInfo, VideoReader};
use relume_media::{Error, ErrorKind, Limits, Photo, Size};

use crate::arrays;
use crate::errors::{Raise, raised};
use crate::restorer::Restorer;

/// Frames that wait for who takes them.
const QUEUE: usize = 2;
/// How often signals are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What the work says: a frame with its time in microseconds, or why there are no more.
type Said = Result<(Photo, i64), Failure>;

/// An iterator over restored frames; they are made ahead, a few of them.
#[pyclass(frozen, module = "relume._relume")]
pub(crate) struct Frames {
    said: Mutex<Receiver<Said>>,
    time_us: Mutex<Option<i64>>,
    size: Size,
    rate: Option<f64>,
    seconds: Option<f64>,
}

#[pymethods]
impl Frames {
    #[new]
    #[pyo3(signature = (path, restorer, denoise=true, ffmpeg=None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        restorer: &Restorer,
        denoise: bool,
        ffmpeg: Option<PathBuf>,
    ) -> PyResult<Self> {
        let restorer = restorer.inner().clone();
        let opened = py.detach(|| {
            let ffmpeg = Ffmpeg::find(ffmpeg.as_deref())?;
            let info = VideoInfo::probe(&ffmpeg, &path, &Limits::default())?;
            info.coding()?;
            Ok::<_, Error>((ffmpeg, info))
        });
        let (ffmpeg, info) = opened.or_raise(py)?;
        let (size, seconds) = (info.size, info.seconds);
        let rate = info.frame_rate.map(|(count, time)| f64::from(count) / f64::from(time));
        let (tell, said) = sync_channel(QUEUE);
        std::thread::spawn(move || {
            let sink = tell.clone();
            if let Err(failure) = work(&ffmpeg, &info, &restorer, denoise, sink) {
                // Nobody asks any more.
                let _ = tell.send(Err(failure));
            }
        });
        Ok(Self { said: Mutex::new(said), time_us: Mutex::default(), size, rate, seconds })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// The next frame, `[h, w, 3]`.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            let said = py.detach(|| {
                let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                said.recv_timeout(LOOK)
            });
            match said {
                Ok(Ok((photo, time_us))) => {
                    *self.time_us.lock().unwrap_or_else(PoisonError::into_inner) = Some(time_us);
                    return arrays::array(py, &photo, None).map(Some);
                }
                Ok(Err(failure)) => return Err(raised(py, &failure)),
                Err(RecvTimeoutError::Timeout) => py.check_signals()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    /// When the frame that came last is shown, in seconds of the file's clock.
    #[getter]
    fn time(&self) -> Option<f64> {
        let time_us = *self.time_us.lock().unwrap_or_else(PoisonError::into_inner);
        time_us.map(|time| time as f64 / 1e6)
    }

    /// Width and height in pixels.
    #[getter]
    fn size(&self) -> (usize, usize) {
        (self.size.width, self.size.height)
    }

    /// Frames a second, as the file says.
    #[getter]
    fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Length in seconds, as the file says.
    #[getter]
    fn seconds(&self) -> Option<f64> {
        self.seconds
    }
}

/// Goes through the video twice, as `relume video` does: first for its light, then frame by frame.
fn work(
    ffmpeg: &Ffmpeg,
    info: &VideoInfo,
    restorer: &relume::Restorer,
    denoise: bool,
    tell: SyncSender<Said>,
) -> Result<(), Failure> {
    let mut source = VideoReader::open(ffmpeg, info, None)?;
    let survey = Survey::of(&mut source, restorer, None, |_| Ok(()))?;
    let plans = survey.plans(&restorer.usual_plan());
    let run = Run {
        restorer,
        times_us: &survey.times_us,
        plans: &plans,
        cuts: &survey.cuts,
        denoise,
        beside: Beside::Nothing,
    };
    let mut source = VideoReader::open(ffmpeg, info, survey.times_us.first().copied())?;
    let sink = Sink { coding: info.coding()?, size: info.size, deep: info.format.bits > 8, tell };
    let frames = 0..survey.times_us.len();
    restore_frames(run, &mut source, Box::new(sink), frames, &mut |_| Ok(()))?;
    Ok(())
}

/// Hands frames to the iterator.
struct Sink {
    coding: Coding,
    size: Size,
    /// Whether samples have more than 8 bits.
    deep: bool,
    tell: SyncSender<Said>,
}

impl FrameSink for Sink {
    fn coding(&self) -> &Coding {
        &self.coding
    }

    fn write(&mut self, frame: &Frame) -> relume_media::Result<()> {
        let image = frame.image(self.size, &self.coding)?;
        let depth = if self.deep { BitDepth::Sixteen } else { BitDepth::Eight };
        let photo = Photo { depth, ..Photo::from_image(image) };
        let gone = |_| Error::new(ErrorKind::Cancelled, "nobody takes the frames any more");
        self.tell.send(Ok((photo, frame.time_us))).map_err(gone)
    }

    fn finish(self: Box<Self>) -> relume_media::Result<()> {
        Ok(())
    }
}
