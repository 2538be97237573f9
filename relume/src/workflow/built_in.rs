//! The workflows that the program carries. A new one is a file in `workflows/` and a line here.

/// Name and text of every workflow, the default one first.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("photo", include_str!("../../workflows/photo.toml")),
    ("night", include_str!("../../workflows/night.toml")),
    ("event", include_str!("../../workflows/event.toml")),
    ("backlit", include_str!("../../workflows/backlit.toml")),
    ("deblur", include_str!("../../workflows/deblur.toml")),
    ("highlights", include_str!("../../workflows/highlights.toml")),
    ("video-night", include_str!("../../workflows/video-night.toml")),
    ("archive", include_str!("../../workflows/archive.toml")),
];

/// The text of the workflow called `name`.
pub(super) fn find(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
