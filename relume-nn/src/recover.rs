//! Light above the clip level: what was measured stays, what was lost is copied from another picture
//! or invented.
//!
//! ```text
//! invented  H = X · 2^(6 σ(o − 2) · m)        at most 6 stops above what was measured
//! copied    C = max(R, X)                     truth cannot be below what was measured
//! recovered Y = (1 − m) X + m (s C + (1 − s) H)
//! ```
//!
//! `X` is linear light with the clip level at 1, `m` says how far the value is clipped (0: not at all),
//! `R` is another picture's light in the same exposure, `s` the share that is copied. Where `m` is 0 the
//! result is `X` to the bit, and nowhere is it less.

/// Most stops above what was measured.
pub const MOST_STOPS: f32 = 6.0;

/// What a gain logit of 0 stands for is about 0.7 stops: few stops are usual.
pub const GAIN_SHIFT: f32 = 2.0;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The share that is copied, from the logit of the network and the validity of the other picture.
pub fn copied_share(logit: f32, validity: f32) -> f32 {
    sigmoid(logit) * validity
}

/// One value: light `x`, clipping `m`, the other picture's light `r`, the copied share `s` and the gain
/// logit `o`.
pub fn recover_pixel(x: f32, m: f32, r: f32, s: f32, o: f32) -> f32 {
    if m <= 0.0 {
        return x;
    }
    let invented = x * (MOST_STOPS * sigmoid(o - GAIN_SHIFT) * m).exp2();
    let lost = s * r.max(x) + (1.0 - s) * invented;
    ((1.0 - m) * x + m * lost).max(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_stays_and_nothing_gets_darker() {
        let mut seed = 1_u32;
        let mut draw = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 24) as f32
        };
        for _ in 0..20_000 {
            let (x, r, s, o) = (draw(), 70.0 * draw(), draw(), 40.0 * draw() - 20.0);
            assert_eq!(recover_pixel(x, 0.0, r, s, o).to_bits(), x.to_bits());
            let y = recover_pixel(x, draw(), r, s, o);
            assert!(y >= x && y.is_finite(), "{x} {r} {s} {o}: {y}");
        }
    }

    #[test]
    fn the_ends_of_the_scale_are_what_they_say() {
        assert!((recover_pixel(1.0, 1.0, 9.0, 1.0, 0.0) - 9.0).abs() < 1e-6);
        assert!((recover_pixel(1.0, 1.0, 9.0, 0.0, 50.0) - 64.0).abs() < 1e-3);
        assert!((recover_pixel(1.0, 1.0, 0.5, 1.0, 0.0) - 1.0).abs() < 1e-6);
    }
}
