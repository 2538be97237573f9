//! Exact times of frames, out of the `framecrc` lines that FFmpeg writes beside the pixels.

use std::sync::mpsc::Sender;

/// When a frame is shown, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Time in microseconds.
    pub(super) time_us: i64,
    /// Duration in microseconds; 0 when it is not known.
    pub(super) duration_us: i64,
}

/// Reads the lines of one `framecrc` output and passes on what they say.
pub(super) struct Stamps {
    frames: Sender<Stamp>,
    /// Ticks a second, as numerator and denominator of the length of a tick.
    tick: (i128, i128),
}

impl Stamps {
    pub(super) fn new(frames: Sender<Stamp>) -> Self {
        Self { frames, tick: (1, 1_000_000) }
    }

    /// Whether `line` belongs to the output; if it tells a frame, that is passed on. A complaint
    /// of FFmpeg may have got in front of it.
    pub(super) fn take(&mut self, line: &str) -> bool {
        if let Some(tick) = line.strip_prefix("#tb 0: ") {
            let (n, d) = tick.split_once('/').unwrap_or_default();
            if let (Ok(n @ 1..), Ok(d @ 1..)) = (n.parse::<u32>(), d.parse::<u32>()) {
                self.tick = (n.into(), d.into());
            }
            return true;
        }
        if line.starts_with('#') {
            return true;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let Some(tail) = fields.len().checked_sub(6).map(|start| &fields[start..]) else {
            return false;
        };
        let numbers = (tail[2].parse::<i64>(), tail[3].parse::<i64>());
        let is_frame = tail[0].ends_with('0') && tail[5].starts_with("0x");
        let (Ok(time), Ok(duration), true) = (numbers.0, numbers.1, is_frame) else {
            return false;
        };
        let stamp = Stamp { time_us: self.in_us(time), duration_us: self.in_us(duration.max(0)) };
        // Nobody listens any more once reading was given up.
        let _ = self.frames.send(stamp);
        true
    }

    /// Ticks in microseconds, rounded to nearest.
    fn in_us(&self, ticks: i64) -> i64 {
        let (n, d) = self.tick;
        let scaled = i128::from(ticks) * n * 1_000_000;
        i64::try_from((2 * scaled + d).div_euclid(2 * d)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_from_complaints() {
        let (sender, frames) = std::sync::mpsc::channel();
        let mut stamps = Stamps::new(sender);
        assert!(stamps.take("#software: Lavf59.27.100"));
        assert!(stamps.take("#tb 0: 1/90000"));
        assert!(stamps.take("#tb 0: 1/0"), "no tick is divided by nothing");
        assert!(stamps.take("0,       3003,       3003,     1501,    19110, 0x40d21e14"));
        assert!(stamps.take(
            "[h264 @ 0x5] 0,  -1, -45, 0, 19110, 0x40d21e14, S=1, 0x0".split(", S").next().unwrap()
        ));
        assert!(!stamps.take("[h264 @ 0x5617] error while decoding MB 3 4, bytestream -5"));
        assert!(!stamps.take("a, b, c, d, e, f"));
        drop(stamps);
        let found: Vec<_> = frames.iter().collect();
        assert_eq!(
            found,
            [
                Stamp { time_us: 33_367, duration_us: 16_678 },
                Stamp { time_us: -500, duration_us: 0 }
            ]
        );
    }
}
