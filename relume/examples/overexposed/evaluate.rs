//! Errors of light, motion and steadiness on held-out pans.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use relume::metrics::pu21::{pu21_psnr, pu21_ssim, stops_off};
use relume::overexposed::{Encoded, Found, OxNet, Signals};
use relume_media::pan::{Pan, PanFrame, PanMotion, PanOptions};
use relume_media::{Image, Linear};
use relume_nn::Tensor;

use crate::Failure;
use crate::pans::clips;

/// Pans of each panorama.
const EACH: u64 = 4;
/// Frames that are judged; references are one in eight of those before.
const JUDGED: [usize; 3] = [20, 34, 47];
const EVERY: usize = 8;
/// Recoverable share of the clipped area from which a frame counts as recoverable.
const RECOVERABLE: f32 = 0.5;

/// Sums by name, with counts.
#[derive(Default)]
struct Means(BTreeMap<String, (f64, usize)>);

impl Means {
    fn add(&mut self, name: &str, value: f64) {
        let entry = self.0.entry(name.to_owned()).or_default();
        *entry = (entry.0 + value, entry.1 + 1);
    }

    fn print(&self) {
        for (name, (sum, count)) in &self.0 {
            println!("{name:46} {:9.4}   over {count}", sum / *count as f64);
        }
    }
}

pub(crate) fn run(net: &OxNet, data: &Path, camera: &PanOptions) -> Result<(), Failure> {
    let clips = clips(data, EACH, true)?;
    // Clip by clip in parallel: a network of this size does not keep all cores busy.
    let each: Vec<Means> = clips
        .par_iter()
        .map(|clip| {
            let pan = Pan::sample(clip.seed, &clip.scene, camera);
            let mut means = Means::default();
            let judged: Result<(), Failure> =
                JUDGED.iter().try_for_each(|&t| judge(net, &pan, t, &mut means));
            judged.and_then(|()| steadiness(net, &pan, &mut means)).map_err(|e| e.to_string())?;
            Ok(means)
        })
        .collect::<Result<_, String>>()?;
    let mut means = Means::default();
    for (name, (sum, count)) in each.into_iter().flat_map(|means| means.0) {
        let entry = means.0.entry(name).or_default();
        *entry = (entry.0 + sum, entry.1 + count);
    }
    println!("{} clips of {camera:?}", clips.len());
    means.print();
    Ok(())
}

fn encoded(net: &OxNet, pan: &Pan<'_>, t: usize) -> Result<(Encoded, Image<Linear>), Failure> {
    let PanFrame { picture, truth } = pan.frame(t)?;
    let frame = net.encode(Signals::of(&picture), pan.exposure(t))?;
    Ok((frame, truth.map(|v| v.min(64.0))))
}

/// The reference that shows most, as the ring chooses it.
fn best<'a>(
    net: &OxNet,
    frame: &Encoded,
    held: &'a [(usize, Encoded)],
) -> Result<Option<(usize, &'a Encoded, Found)>, Failure> {
    let mut best: Option<(usize, &Encoded, Found)> = None;
    for (number, reference) in held {
        let found = net.find(frame, reference)?;
        if best.as_ref().is_none_or(|(.., other)| found.covered > other.covered) {
            best = Some((*number, reference, found));
        }
    }
    Ok(best)
}

fn judge(net: &OxNet, pan: &Pan<'_>, t: usize, means: &mut Means) -> Result<(), Failure> {
    let (frame, truth) = encoded(net, pan, t)?;
    let size = truth.size();
    let mask = cropped(frame.signals.mask(), &frame.signals);
    let lost: Vec<f32> = mask.iter().map(|v| f32::from(u8::from(*v > 0.5))).collect();
    if lost.iter().sum::<f32>() < 0.005 * size.pixels() as f32 {
        return Ok(());
    }
    let mut held = Vec::new();
    for r in (0..t).step_by(EVERY) {
        held.push((r, encoded(net, pan, r)?.0));
    }
    let Some((number, reference, found)) = best(net, &frame, &held)? else { return Ok(()) };
    let motion = pan.motion(t, number);
    let seen = recoverable(&motion, &reference.signals, &lost, size.width);
    let share = seen.iter().sum::<f32>() / lost.iter().sum::<f32>();
    let input = frame.signals.crop(&frame.signals.light);
    let clipping = frame.signals.crop(&frame.signals.clipping);
    let brighter = Image::from_fn(size, |x, y| {
        let (light, clipped) = (input.get(x, y), clipping.get(x, y));
        [0, 1, 2].map(|c| light[c] * clipped[c].exp2())
    });
    let alone = frame.signals.crop(&net.restore(&frame, None)?.light);
    let answer = net.restore(&frame, Some((reference, &found)))?;
    let with = frame.signals.crop(&answer.light);
    let other = |r: usize| -> Result<Image<Linear>, Failure> {
        let reference = encoded(net, pan, r)?.0;
        let found = net.find(&frame, &reference)?;
        Ok(frame.signals.crop(&net.restore(&frame, Some((&reference, &found)))?.light))
    };
    // Neither is chosen by what it shows.
    let (previous, random) = (other(t - 1)?, other(t * 7 % 13)?);
    let methods = [
        ("clipped", &input),
        ("+1 stop", &brighter),
        ("alone", &alone),
        ("previous", &previous),
        ("random", &random),
        ("ring", &with),
    ];
    score(&methods, &truth, (&lost, &seen, share), means)?;
    means.add("recoverable share of what is clipped", f64::from(share));
    aligned((net, &frame, reference, &found), &motion, &seen, means)
}

/// Scores of every method: all of the clipped area, and its recoverable part and the rest.
fn score(
    methods: &[(&str, &Image<Linear>)],
    truth: &Image<Linear>,
    (lost, seen, share): (&[f32], &[f32], f32),
    means: &mut Means,
) -> Result<(), Failure> {
    let unseen: Vec<f32> = lost.iter().zip(seen).map(|(lost, seen)| lost - seen).collect();
    for (name, picture) in methods {
        let off = stops_off(picture, truth, lost)?;
        means.add(&format!("stops off, {name}"), off.mean);
        means.add(&format!("within half a stop, {name}"), off.half);
        means.add(&format!("PU21-PSNR, {name}"), pu21_psnr(picture, truth, None)?);
        means.add(&format!("PU21-SSIM, {name}"), pu21_ssim(picture, truth)?);
        if share >= RECOVERABLE {
            let name = format!("recoverable frames, PU21-PSNR, {name}");
            means.add(&name, pu21_psnr(picture, truth, None)?);
        }
        for (kind, part) in [("recoverable", seen), ("the rest", &unseen[..])] {
            if part.iter().sum::<f32>() >= 20.0 {
                let off = stops_off(picture, truth, part)?;
                means.add(&format!("stops off in {kind}, {name}"), off.mean);
                means.add(&format!("within half a stop in {kind}, {name}"), off.half);
            }
        }
    }
    Ok(())
}

/// How much of the motion is right.
fn aligned(
    (net, frame, reference, found): (&OxNet, &Encoded, &Encoded, &Found),
    motion: &PanMotion,
    seen: &[f32],
    means: &mut Means,
) -> Result<(), Failure> {
    let refined = net.motion(frame, (reference, found))?;
    let learned = Found {
        motion: found.learned.clone(),
        guide: Tensor::zeros(found.guide.shape),
        ..found.clone()
    };
    let alone = net.motion(frame, (reference, &learned))?;
    let estimates = [
        ("1/4", (&refined, 4)),
        ("1/16", (&found.motion, 16)),
        ("learned alone, 1/4", (&alone, 4)),
        ("learned alone, 1/16", (&found.learned, 16)),
    ];
    for (name, (estimate, scale)) in estimates {
        let near = |part: &dyn Fn(usize) -> bool| {
            hits(motion, (estimate, scale), part, motion.visible.size.width)
        };
        let all = near(&|_| true);
        let clipped = near(&|i| seen[i] > 0.5);
        if let Some(all) = all {
            means.add(&format!("visible pixels within a 1/4 pixel, {name}"), all);
        }
        if let Some(clipped) = clipped {
            means.add(&format!("clipped visible pixels within a 1/4 pixel, {name}"), clipped);
        }
    }
    Ok(())
}

/// A map without its padding.
fn cropped(map: &[f32], signals: &Signals) -> Vec<f32> {
    let (size, stride) = (signals.size, signals.padded().1);
    (0..size.pixels()).map(|i| map[i / size.width * stride + i % size.width]).collect()
}

/// Which clipped pixels the reference shows unclipped.
fn recoverable(motion: &PanMotion, other: &Signals, lost: &[f32], width: usize) -> Vec<f32> {
    let open = cropped(&other.open(), other);
    let one = |i: usize| {
        let x = (i % width) as f32 + motion.right.values[i];
        let y = (i / width) as f32 + motion.down.values[i];
        let place = y.round().max(0.0) as usize * width + x.round().max(0.0) as usize;
        let shown = motion.visible.values[i] > 0.5 && open.get(place).is_some_and(|o| *o > 0.9);
        if shown { lost[i] } else { 0.0 }
    };
    (0..lost.len()).map(one).collect()
}

/// Share of the visible pixels whose motion is right to a pixel of the 1/4 scale.
fn hits(
    motion: &PanMotion,
    (estimate, scale): (&relume_nn::Tensor, usize),
    part: &dyn Fn(usize) -> bool,
    width: usize,
) -> Option<f64> {
    let (mut hits, mut count) = (0, 0);
    for i in
        (0..motion.visible.values.len()).filter(|i| motion.visible.values[*i] > 0.5 && part(*i))
    {
        let (x, y) = (i % width / scale, i / width / scale);
        let at = |c| estimate.at(0, c, y, x) * scale as f32;
        let (dx, dy) = (at(0) - motion.right.values[i], at(1) - motion.down.values[i]);
        hits += usize::from(dx.hypot(dy) < 4.0);
        count += 1;
    }
    (count >= 20).then(|| hits as f64 / f64::from(count))
}

/// Differences in stops between two consecutive frames along the true motion, where both are clipped.
fn steadiness(net: &OxNet, pan: &Pan<'_>, means: &mut Means) -> Result<(), Failure> {
    let (first, second) = (30, 31);
    let reference = encoded(net, pan, 24)?.0;
    let mut frames = Vec::new();
    for t in [first, second] {
        let (frame, truth) = encoded(net, pan, t)?;
        let found = net.find(&frame, &reference)?;
        let with = net.restore(&frame, Some((&reference, &found)))?.light;
        let alone = net.restore(&frame, None)?.light;
        let light = [with, alone].map(|light| frame.signals.crop(&light));
        frames.push((light, truth, cropped(frame.signals.mask(), &frame.signals)));
    }
    let motion = pan.motion(second, first);
    let step = pan.exposure(second) - pan.exposure(first);
    let (before, now) = (&frames[0], &frames[1]);
    let width = now.1.width();
    let pictures = [
        ("ring", &before.0[0], &now.0[0]),
        ("alone", &before.0[1], &now.0[1]),
        ("truth", &before.1, &now.1),
    ];
    for (name, before, now_light) in pictures {
        let (mut sum, mut count) = (0.0, 0);
        for i in (0..now.2.len()).filter(|i| now.2[*i] > 0.5 && motion.visible.values[*i] > 0.5) {
            let x = ((i % width) as f32 + motion.right.values[i]).round() as usize;
            let y = ((i / width) as f32 + motion.down.values[i]).round() as usize;
            if x >= width || y >= before.height() || frames[0].2[y * width + x] < 0.5 {
                continue;
            }
            let (a, b) = (now_light.get(i % width, i / width)[1], before.get(x, y)[1]);
            sum += f64::from(((a + 1e-4) / (b + 1e-4)).log2() - step).abs();
            count += 1;
        }
        if count >= 20 {
            means.add(&format!("stops from frame to frame, {name}"), sum / f64::from(count));
        }
    }
    Ok(())
}
