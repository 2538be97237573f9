//! A dark, hand-held clip, restored as a video and frame by frame: which is steadier, which nearer
//! to the truth.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stdout, reason = "figures and reasons for skipping")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use relume::Restorer;
use relume::metrics::{Flicker, psnr};
use relume::video::{Beside, Run, Survey, restore_frames, stream};
use relume_media::atomic::Overwrite;
use relume_media::degrade::{Degradation, FixedDegradation};
use relume_media::photo::SaveOptions;
use relume_media::video::{Coding, ColorTags, Frame, FrameSink, FrameSource, PixelFormat, Planes};
use relume_media::{Image, Limits, Linear, Photo, Progress, Result, Size, Srgb};

const FRAMES: usize = 16;
const SIZE: Size = Size { width: 288, height: 192 };
const FRAME_US: i64 = 33_333;

/// A picture of the shared collection and where the pan over it begins.
type Scene = (&'static str, [f32; 2]);

const SKY: Scene = ("train/night/trident_lighted-city-at-night-2313070.jpg", [40.0, 60.0]);
const PORTRAIT: Scene = ("test/kodak/4.webp", [60.0, 150.0]);
const SHUTTERS: Scene = ("test/kodak/7.webp", [60.0, 150.0]);

/// The picture panned over by a hand that trembles, or none with the reason printed.
fn truth((name, [left, top]): Scene) -> Option<Vec<Image<Srgb>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    let Ok(photo) = Photo::load(&path, &Limits::default()) else {
        println!("skipped: {} is missing", path.display());
        return None;
    };
    let scene = photo.image.to_linear();
    let frame = |i: usize| {
        let t = i as f32;
        let left = left + 3.3 * t + 1.6 * (1.9 * t).sin();
        let top = top + 1.2 * t + 1.3 * (2.3 * t).cos();
        let at = |x: f32, y: f32| {
            let (u, v) = (x.fract(), y.fract());
            let (x, y) = (x as usize, y as usize);
            let [a, b] = [scene.get(x, y), scene.get(x + 1, y)];
            let [c, d] = [scene.get(x, y + 1), scene.get(x + 1, y + 1)];
            [0, 1, 2].map(|i| {
                let (above, below) = (a[i] + u * (b[i] - a[i]), c[i] + u * (d[i] - c[i]));
                above + v * (below - above)
            })
        };
        Image::<Linear>::from_fn(SIZE, |x, y| at(left + x as f32, top + y as f32)).to_srgb()
    };
    Some((0..FRAMES).map(frame).collect())
}

/// What the camera makes of the frames: three stops too dark, noisy, a little shaken.
fn degraded(truth: &[Image<Srgb>]) -> Vec<Image<Srgb>> {
    let strength =
        FixedDegradation { ev: 3.0, shake_px: 1.5, iso: Some(1600.0), ..Default::default() };
    let camera =
        |(i, frame)| Degradation::fixed(i as u64 + 1, SIZE, &strength).apply(frame).unwrap().image;
    truth.iter().enumerate().map(camera).collect()
}

struct Memory {
    coding: Coding,
    frames: std::vec::IntoIter<Frame>,
}

impl Memory {
    fn new(images: &[Image<Srgb>]) -> Self {
        let format = PixelFormat { planes: Planes::Gbr, bits: 8 };
        let coding = Coding::new(format, &ColorTags::default(), SIZE).unwrap();
        let frame = |(i, image)| Frame {
            time_us: i as i64 * FRAME_US,
            duration_us: FRAME_US,
            samples: coding.encode(image),
        };
        let frames: Vec<_> = images.iter().enumerate().map(frame).collect();
        Self { coding, frames: frames.into_iter() }
    }
}

impl FrameSource for Memory {
    fn size(&self) -> Size {
        SIZE
    }

    fn coding(&self) -> &Coding {
        &self.coding
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        Ok(self.frames.next())
    }
}

struct Shelf {
    coding: Coding,
    frames: Arc<Mutex<Vec<Image<Srgb>>>>,
}

impl FrameSink for Shelf {
    fn coding(&self) -> &Coding {
        &self.coding
    }

    fn write(&mut self, frame: &Frame) -> Result<()> {
        self.frames.lock().unwrap().push(frame.image(SIZE, &self.coding)?);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

fn as_video(restorer: &Restorer, images: &[Image<Srgb>], denoise: bool) -> Vec<Image<Srgb>> {
    let survey = Survey::of(&mut Memory::new(images), restorer, None, |_| Ok(())).unwrap();
    assert_eq!((survey.times_us.len(), survey.cuts.len()), (FRAMES, 0), "a pan has no cut");
    let plans = survey.plans(&restorer.usual_plan());
    let times_us = &survey.times_us;
    let run =
        Run { restorer, times_us, plans: &plans, cuts: &[], denoise, beside: Beside::Nothing };
    let frames = Arc::new(Mutex::new(Vec::new()));
    // In two pieces, as a job does it.
    for piece in [0..7, 7..FRAMES] {
        let reads = run.reads(&piece);
        let mut source = Memory::new(images);
        (0..reads.start).for_each(|_| drop(source.read().unwrap()));
        let sink = Box::new(Shelf { coding: source.coding, frames: Arc::clone(&frames) });
        restore_frames(run, &mut source, sink, piece, &mut |_| Ok(())).unwrap();
    }
    let frames = frames.lock().unwrap();
    frames.clone()
}

/// PSNR over all pixels of the clip, and flicker along the motion of the truth.
fn judge(name: &str, frames: &[Image<Srgb>], truth: &[Image<Srgb>]) -> (f64, f64) {
    let mut flicker = Flicker::default();
    let mut error = 0.0;
    for (frame, truth) in frames.iter().zip(truth) {
        flicker.push(frame, truth).unwrap();
        error += 10_f64.powf(-psnr(frame, truth).unwrap() / 10.0);
    }
    let psnr = -10.0 * (error / frames.len() as f64).log10();
    let flicker = flicker.value().unwrap();
    println!("{name:24} {psnr:6.2} dB  flicker {flicker:.4} stops a frame");
    (psnr, flicker)
}

/// What the ways of restoring come to.
struct Found {
    alone: (f64, f64),
    steady: (f64, f64),
    denoised: (f64, f64),
    /// Flicker of the truth.
    truth: f64,
}

fn compare(scene: Scene) -> Option<Found> {
    let truth = truth(scene)?;
    println!("\n{}", scene.0);
    let dark = degraded(&truth);
    let restorer = Restorer::load("lantern-s").unwrap();
    let restored = |image: &Image<Srgb>| restorer.image(image, &Progress::silent()).unwrap().0;
    let one_by_one: Vec<_> = dark.iter().map(restored).collect();
    let smooth = as_video(&restorer, &dark, false);
    let clean = as_video(&restorer, &dark, true);
    judge("as shot", &dark, &truth);
    let mut own = Flicker::default();
    truth.iter().for_each(|frame| own.push(frame, frame).unwrap());
    let own = own.value().unwrap();
    let found = Found {
        alone: judge("frame by frame", &one_by_one, &truth),
        steady: judge("as a video, not denoised", &smooth, &truth),
        denoised: judge("as a video", &clean, &truth),
        truth: own,
    };
    println!("{:24}            flicker {own:.4}", "truth");
    if let Some(folder) = std::env::var_os("RELUME_SHEET") {
        let rows = [&dark[8], &one_by_one[8], &clean[8], &truth[8]];
        let sheet = Image::from_fn(Size::new(4 * SIZE.width, SIZE.height), |x, y| {
            rows[x / SIZE.width].get(x % SIZE.width, y)
        });
        let name = format!("steady-{}.png", scene.0.replace('/', "-"));
        let path = Path::new(&folder).join(name);
        let over = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
        Photo::from_image(sheet).save(&path, &over).unwrap();
    }
    Some(found)
}

#[test]
fn a_dark_hand_held_clip_comes_out_steadier_and_nearer_to_the_truth() {
    // The sky was trained on, the others never.
    for (scene, light, most) in [(SKY, 0.8, 1.0), (PORTRAIT, 0.8, 1.2), (SHUTTERS, 0.9, 1.35)] {
        let Some(found) = compare(scene) else { return };
        let Found { alone, steady, denoised, truth } = found;
        println!("flicker of the video: {:.2} times that of the truth", denoised.1 / truth);
        assert!(steady.0 > alone.0 && denoised.0 > alone.0, "{steady:?} {denoised:?} {alone:?}");
        assert!(steady.1 < light * alone.1, "{steady:?} {alone:?}");
        assert!(denoised.1 < 0.4 * alone.1, "{denoised:?} {alone:?}");
        assert!(denoised.1 <= most * truth, "{denoised:?} {truth}");
    }
}

#[test]
fn a_stream_is_restored_with_what_is_known_so_far() {
    let Some(truth) = truth(SKY) else { return };
    let dark = degraded(&truth);
    let restorer = Restorer::load("lantern-s").unwrap();
    let frames = Arc::new(Mutex::new(Vec::new()));
    let mut source = Memory::new(&dark);
    let sink = Box::new(Shelf { coding: source.coding, frames: Arc::clone(&frames) });
    let mut count = 0;
    stream(&restorer, &mut source, sink, true, &mut |number| {
        assert_eq!(number, count);
        count += 1;
        Ok(())
    })
    .unwrap();
    let frames = frames.lock().unwrap();
    let (streamed, _) = judge("as a stream, denoised", &frames, &truth);
    let (shot, _) = judge("as shot", &dark, &truth);
    assert!(frames.len() == FRAMES && streamed > shot + 3.0, "{streamed} {shot}");
}
