//! Where one scene ends and the next begins.

use relume_media::Size;

/// How coarse a frame is glanced at.
pub const GLANCE: Size = Size { width: 32, height: 18 };

/// Mean change, in stops, that may be a cut.
const LEAST: f32 = 0.35;
/// A cut changes this many times more than the frames around it.
const TIMES: f32 = 4.0;
/// Frames around a cut that it is compared with, on each side.
const AROUND: usize = 6;
/// Code values that count as noise.
const FLOOR: f32 = 0.03;

/// How much two glances differ, in stops; a change of all the light alike is no difference.
fn change(before: &[f32], after: &[f32]) -> f32 {
    let stops: Vec<f32> =
        before.iter().zip(after).map(|(a, b)| ((b + FLOOR) / (a + FLOOR)).log2()).collect();
    let count = stops.len().max(1) as f32;
    let mean = stops.iter().sum::<f32>() / count;
    stops.iter().map(|v| (v - mean).abs()).sum::<f32>() / count
}

/// The frames that begin a new scene, out of glances at all frames. A flash of a frame or two is
/// no cut.
pub fn cuts(glances: &[Vec<f32>]) -> Vec<usize> {
    let changes: Vec<f32> = glances.windows(2).map(|pair| change(&pair[0], &pair[1])).collect();
    let mut found = Vec::new();
    for (i, &here) in changes.iter().enumerate() {
        let around = i.saturating_sub(AROUND)..(i + AROUND + 1).min(changes.len());
        let mut others: Vec<f32> = around.filter(|&j| j != i).map(|j| changes[j]).collect();
        others.sort_by(f32::total_cmp);
        let usual = others.get(others.len() / 2).copied().unwrap_or(0.0);
        let stands_out = here > LEAST.max(TIMES * usual);
        if stands_out && !is_flash(glances, i) {
            found.push(i + 1);
        }
    }
    found
}

/// Whether the scene is the same one or two frames after the change from `i` to `i + 1`, or was
/// the same one or two frames before it.
fn is_flash(glances: &[Vec<f32>], i: usize) -> bool {
    let same = |a: Option<usize>, b: usize| {
        let pair = a.and_then(|a| Some((glances.get(a)?, glances.get(b)?)));
        pair.is_some_and(|(a, b)| change(a, b) < LEAST)
    };
    let comes_back = [2, 3].into_iter().any(|ahead| same(Some(i), i + ahead));
    let came_back = [1, 2].into_iter().any(|back| same(i.checked_sub(back), i + 1));
    comes_back || came_back
}

/// Cuts of a stream, where the frames to come are not known.
#[derive(Debug, Default)]
pub struct Scenes {
    last: Option<Vec<f32>>,
    changes: Vec<f32>,
}

impl Scenes {
    /// Whether a new scene begins with this frame.
    pub fn next(&mut self, glance: Vec<f32>) -> bool {
        let Some(last) = self.last.replace(glance) else { return true };
        let here = change(&last, self.last.as_deref().unwrap_or_default());
        let mut others = self.changes.clone();
        others.sort_by(f32::total_cmp);
        let usual = others.get(others.len() / 2).copied().unwrap_or(0.0);
        self.changes.push(here);
        if self.changes.len() > 2 * AROUND {
            self.changes.remove(0);
        }
        here > LEAST.max(TIMES * usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A textured glance, moved by `shift`, at `light`, with noise.
    fn glance(scene: u32, shift: f32, light: f32, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        (0..GLANCE.pixels())
            .map(|i| {
                let (x, y) = ((i % 32) as f32 + shift, (i / 32) as f32);
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = ((state >> 24) as f32 / 255.0 - 0.5) * 0.01;
                let (p, q) = ((scene * 7 % 5 + 1) as f32, (scene * 3 % 4 + 1) as f32);
                let texture = 0.5 + 0.45 * (x * p / 9.0 + y * q / 5.0 + scene as f32).sin();
                (light * texture + noise).max(0.0)
            })
            .collect()
    }

    #[test]
    fn cuts_are_found_and_pans_flashes_and_fades_are_none() {
        for light in [0.8, 0.15] {
            let mut glances: Vec<_> =
                (0..30).map(|i| glance(1, i as f32 * 0.4, light, i)).collect();
            glances.extend((0..20).map(|i| glance(2, 0.0, light, 90 + i)));
            glances.extend((0..20).map(|i| glance(4, i as f32 * 0.2, light, 190 + i)));
            // A flash lights one frame of the second scene, unevenly.
            for (i, v) in glances[40].iter_mut().enumerate() {
                *v += 0.4 * (i % 32) as f32 / 32.0;
            }
            // The third fades.
            for (step, glance) in glances[60..].iter_mut().enumerate() {
                glance.iter_mut().for_each(|v| *v *= 1.0 - 0.08 * step as f32);
            }
            assert_eq!(cuts(&glances), [30, 50], "{light}");
        }
        let calm: Vec<_> = (0..40).map(|i| glance(3, 0.0, 0.05, i)).collect();
        assert!(cuts(&calm).is_empty());
    }

    #[test]
    fn a_stream_finds_the_same_cuts() {
        let mut scenes = Scenes::default();
        let mut found = Vec::new();
        for i in 0..40 {
            if scenes.next(glance(if i < 25 { 1 } else { 2 }, i as f32 * 0.3, 0.5, i)) {
                found.push(i);
            }
        }
        assert_eq!(found, [0, 25]);
    }

    #[test]
    fn one_frame_has_no_cut() {
        assert!(cuts(&[glance(1, 0.0, 0.5, 1)]).is_empty());
        assert!(cuts(&[]).is_empty());
    }
}
