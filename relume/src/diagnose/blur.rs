//! Shake and defocus.

use relume_media::Plane;

use super::Noise;

/// What blurs a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Blur {
    /// The shake of the camera, if there is one.
    pub shake: Option<Shake>,
}

/// Shake of the camera.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shake {
    /// Extent in pixels.
    pub length_px: f32,
    /// Main direction in degrees, −90 to 90, from x to y.
    pub angle_deg: f32,
}

impl Blur {
    pub(super) fn measure(_luma: &Plane, _noise: &Noise) -> Self {
        Self { shake: None }
    }
}
