//! Kinds of video: rotated, odd, interlaced, of one frame, of other codecs, of pictures, Y4M.

use std::fs;

use crate::clips::{ffmpeg, make, moving, pass, probe, psnr, times};
use crate::run::{folder, relume_fed};

struct Case {
    name: &'static str,
    /// How the clip is made, after a moving picture.
    make: &'static str,
    output: &'static str,
    more: &'static [&'static str],
    /// What to do to source and result before comparing.
    filters: [&'static str; 2],
    /// Words that warnings must have; none: no warning at all.
    warning: Option<&'static str>,
    codec: &'static str,
    format: &'static str,
}

const PLAIN: Case = Case {
    name: "a.mp4",
    make: "-c:v libx264",
    output: "b.mp4",
    more: &[],
    filters: ["null"; 2],
    warning: None,
    codec: "h264",
    format: "yuv420p",
};

const CASES: &[Case] = &[
    PLAIN,
    Case {
        name: "444.mkv",
        make: "-c:v libx264 -pix_fmt yuv444p",
        output: "b.mkv",
        format: "yuv444p",
        ..PLAIN
    },
    Case {
        name: "422.mov",
        make: "-c:v libx264 -pix_fmt yuv422p10le",
        output: "b.mov",
        format: "yuv422p10le",
        ..PLAIN
    },
    Case {
        name: "full.mp4",
        make: "-vf scale=out_range=pc -c:v libx264 -color_range pc",
        format: "yuvj420p",
        ..PLAIN
    },
    Case { name: "one.mp4", make: "-frames:v 1 -c:v libx264", ..PLAIN },
    Case {
        name: "odd.webm",
        make: "-vf crop=101:67:exact=1,format=yuv444p,format=yuv420p -c:v libvpx-vp9 -crf 10 -b:v 0",
        output: "b.webm",
        codec: "vp9",
        ..PLAIN
    },
    Case {
        name: "odd.mkv",
        make: "-vf crop=101:67:exact=1,format=yuv444p,format=yuv420p -c:v ffv1",
        more: &["--codec", "h264"],
        // The black edge itself is not compared.
        filters: ["crop=100:66:0:0"; 2],
        warning: Some("black edge"),
        ..PLAIN
    },
    Case {
        name: "vp8.webm",
        make: "-c:v libvpx -crf 8 -b:v 4M",
        output: "b.webm",
        codec: "vp8",
        ..PLAIN
    },
    Case { name: "av1.mp4", make: "-c:v libsvtav1 -crf 20", codec: "av1", ..PLAIN },
    Case {
        name: "prores.mov",
        make: "-c:v prores_ks",
        output: "b.mov",
        codec: "prores",
        format: "yuv422p10le",
        ..PLAIN
    },
    Case {
        name: "m.avi",
        make: "-c:v mjpeg -q:v 4 -pix_fmt yuvj420p",
        output: "b.avi",
        codec: "mjpeg",
        format: "yuvj420p",
        ..PLAIN
    },
    Case {
        name: "ffv1.mkv",
        make: "-c:v ffv1 -pix_fmt gbrp10le",
        output: "b.mkv",
        codec: "ffv1",
        format: "gbrp10le",
        ..PLAIN
    },
    Case {
        name: "old.avi",
        make: "-c:v mpeg4 -q:v 2",
        warning: Some("mpeg4 is not written"),
        ..PLAIN
    },
    Case { name: "a.ts", make: "-c:v libx264 -bf 2 -g 20", output: "b.ts", ..PLAIN },
    Case {
        name: "fields.mp4",
        make: "-vf tinterlace=interleave_top,setfield=tff -c:v libx264 -flags +ildct+ilme",
        filters: ["bwdif=mode=send_frame:deint=interlaced", "null"],
        warning: Some("fields are joined"),
        ..PLAIN
    },
];

#[test]
fn every_kind_survives() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    for case in CASES {
        let Case { name, output, filters, .. } = case;
        make(&ffmpeg, folder, &format!("{} {} {name}", moving("192x108", 0.7), case.make));
        let outcome = pass(folder, name, output, &[case.more, &["--overwrite"]].concat());
        assert_eq!(outcome.code, 0, "{name}: {}", outcome.words);
        let warnings = outcome.records()[0]["warnings"].to_string();
        let as_wished = case.warning.map_or(warnings == "[]", |words| warnings.contains(words));
        assert!(as_wished, "{name}: {warnings}");
        let found = probe(folder, output, &["-show_streams"])["streams"][0].clone();
        assert_eq!(found["codec_name"], case.codec, "{name}");
        assert_eq!(found["pix_fmt"], case.format, "{name}");
        let (a, b) = (times(folder, name), times(folder, output));
        assert_eq!(a.len(), b.len(), "{name}");
        // Relative to the first: an AVI has no beginning but 0.
        let worst = a.iter().zip(&b).map(|(x, y)| ((x - a[0]) - (y - b[0])).abs());
        let worst = worst.fold(0.0, f64::max);
        let decibels = psnr(&ffmpeg, folder, name, output, *filters);
        println!("{name} -> {output}: {decibels:.2} dB, times within {:.1} us", 1e6 * worst);
        assert!(worst <= 20e-6, "{name}: {worst}");
        assert!(decibels >= 45.0, "{name}: {decibels}");
    }
}

#[test]
fn a_rotated_video_comes_upright() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} -c:v libx264 flat.mp4", moving("192x108", 0.5)));
    // The flag as FFmpeg 5.1 sets it, and as its successors do.
    let old = "-i flat.mp4 -c copy -metadata:s:v rotate=90 turned.mp4";
    make(&ffmpeg, folder, old);
    let turned =
        |file| probe(folder, file, &["-show_streams"])["streams"][0]["side_data_list"].clone();
    if turned("turned.mp4").is_null() {
        make(&ffmpeg, folder, "-display_rotation 90 -i flat.mp4 -c copy turned.mp4");
    }
    let outcome = pass(folder, "turned.mp4", "out.mp4", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    assert!(outcome.words.contains("rotation"), "{}", outcome.words);
    let found = probe(folder, "out.mp4", &["-show_streams"])["streams"][0].clone();
    assert_eq!((found["width"].as_u64(), found["height"].as_u64()), (Some(108), Some(192)));
    assert!(found["side_data_list"].is_null(), "{found}");
    // FFmpeg turns the source itself.
    assert!(psnr(&ffmpeg, folder, "turned.mp4", "out.mp4", ["null"; 2]) >= 45.0);
}

#[test]
fn pictures_and_animations_go_in_and_out() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    fs::create_dir(folder.join("in")).unwrap();
    make(&ffmpeg, folder, &format!("{} in/%03d.png", moving("96x64", 0.4)));
    make(&ffmpeg, folder, &format!("{} -c:v libx264 a.mp4", moving("96x64", 0.4)));
    for (input, output, count) in [
        ("in/%03d.png", "a.mkv", 12),
        ("a.mp4", "a.gif", 12),
        ("a.mp4", "a.apng", 12),
        ("a.mp4", "a.y4m", 12),
    ] {
        let outcome = pass(folder, input, output, &[]);
        assert_eq!(outcome.code, 0, "{input}: {}", outcome.words);
        assert_eq!(times(folder, output).len(), count, "{output}");
    }
    let outcome = pass(folder, "a.mp4", "out/%03d.png", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    assert_eq!(
        fs::read_dir(folder.join("out"))
            .unwrap()
            .filter(|f| { f.as_ref().unwrap().path().extension().is_some_and(|e| e == "png") })
            .count(),
        12
    );
    assert_eq!(psnr(&ffmpeg, folder, "a.mp4", "a.y4m", ["null"; 2]), 100.0, "Y4M is lossless");
}

#[test]
fn y4m_flows_through_pipes_without_ffmpeg() {
    let folder = folder();
    let frame = |n: u8| [&b"FRAME\n"[..], &[n; 24]].concat();
    let head = b"YUV4MPEG2 W4 H4 F25:1 Ip A1:1 C420mpeg2\n";
    let stream = [&head[..], &frame(30), &frame(31), &frame(60)].concat();
    let arguments = ["video", "-", "-o", "-", "--strength", "0"];
    let outcome = relume_fed(folder.path(), &arguments, stream.clone());
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let pixels = outcome.out.iter().position(|&byte| byte == b'\n').unwrap();
    assert_eq!(outcome.out[pixels..], stream[head.len() - 1..]);
    let cut = relume_fed(folder.path(), &arguments, stream[..stream.len() - 5].to_vec());
    cut.assert_one_error(3, &["ends in the middle of a frame"]);
}
