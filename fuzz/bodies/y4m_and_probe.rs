//! Any bytes as a Y4M stream, or as what ffprobe says about a file.

use std::path::Path;

use relume_media::video::{FrameSource, VideoInfo, Y4mReader, losses};
use relume_media::{Limits, Size};

pub(crate) fn run(data: &[u8]) {
    // Small frames, so that many fit in a second.
    let limits = Limits { pixels: 1 << 12, bytes: 1 << 20 };
    if data.starts_with(b"{") {
        let Ok(info) = VideoInfo::from_answer(data, Path::new("a.mp4"), &limits) else { return };
        assert!(info.size.pixels() > 0 && info.size.pixels() <= 1 << 12);
        for container in ["a.mp4", "a.mkv", "a.webm", "a.gif"] {
            let _ = losses(&info, Path::new(container));
        }
        if let Ok(coding) = info.coding() {
            let samples = vec![0x55; coding.format().frame_bytes(info.size)];
            coding.decode(info.size, &samples).expect("as many samples as it wants");
        }
        return;
    }
    let Ok(mut reader) = Y4mReader::new(data, &limits) else { return };
    let (size, coding) = (reader.size(), *reader.coding());
    let mut last = i64::MIN;
    for _ in 0..32 {
        let Ok(Some(frame)) = reader.read() else { return };
        assert!(frame.time_us >= last && frame.duration_us >= 0);
        last = frame.time_us;
        let image = coding.decode(size, &frame.samples).expect("a whole frame");
        assert!(image.values().iter().all(|v| v.is_finite()));
        assert_eq!(coding.encode(&image).len(), frame.samples.len());
        coding.glance(size, &frame.samples, Size::new(4, 4)).expect("a whole frame");
    }
}
