//! Sigmoid, tanh and powers of many numbers: polynomials, the same bits on every instruction set.

#[cfg(target_arch = "x86_64")]
use crate::isa::{Isa, current_isa};

/// Replaces every number by `1 / (1 + e⁻ˣ)`; off by 2e-7 at most.
pub fn sigmoid(values: &mut [f32]) {
    dispatch(values, |x| 1.0 / (1.0 + exp(-x)));
}

/// Replaces every number by its hyperbolic tangent; off by 3e-7 at most.
pub fn tanh(values: &mut [f32]) {
    dispatch(values, |x| 1.0 - 2.0 / (exp(2.0 * x) + 1.0));
}

/// Replaces every number, which must be positive and normal, by its power; off by 2e-6 of it
/// at most while the power is between 1e-6 and 1e6.
pub fn power(values: &mut [f32], exponent: f32) {
    dispatch(values, |x| exp(exponent * ln(x)));
}

/// The natural logarithm of a positive, normal number, without branches as `exp`.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // The fraction is between √½ and √2; the polynomial is a least-squares fit of
    // (ln(1 + r) - r + r²/2) / r³ there.
    let shifted = x.to_bits().wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits());
    let exponent = shifted.cast_signed() >> 23;
    let fraction = x.to_bits().wrapping_sub((exponent << 23).cast_unsigned());
    let r = f32::from_bits(fraction) - 1.0;
    let p = 6.915_425e-2;
    let p = p * r - 1.178_983_5e-1;
    let p = p * r + 1.187_296_6e-1;
    let p = p * r - 1.238_434_7e-1;
    let p = p * r + 1.421_865_8e-1;
    let p = p * r - 1.666_925_1e-1;
    let p = p * r + 2.000_222_7e-1;
    let p = p * r - 2.499_998_7e-1;
    let p = p * r + 3.333_331e-1;
    let n = exponent as f32;
    (p * r * r * r - 0.5 * r * r) + r + n * std::f32::consts::LN_2
}

/// `eˣ` without branches, so that loops over it become vector code; `x` beyond ±87 counts as that.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding this leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 87.0);
    let whole = x * std::f32::consts::LOG2_E + ROUND;
    let n = whole - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let power = f32::from_bits((whole.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    (p * r * r + r + 1.0) * power
}

#[inline(always)]
fn each(values: &mut [f32], f: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|value| *value = f(*value));
}

fn dispatch(values: &mut [f32], f: impl Fn(f32) -> f32) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f")]
        unsafe fn avx512(values: &mut [f32], f: impl Fn(f32) -> f32) {
            each(values, f);
        }
        #[target_feature(enable = "avx2")]
        unsafe fn avx2(values: &mut [f32], f: impl Fn(f32) -> f32) {
            each(values, f);
        }
        match current_isa() {
            // SAFETY: `current_isa` only names sets that the processor has.
            Isa::Avx512 => return unsafe { avx512(values, f) },
            // SAFETY: as above.
            Isa::Avx2 => return unsafe { avx2(values, f) },
            Isa::Portable => {}
        }
    }
    each(values, f);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_f64() {
        let points: Vec<f32> = (-20_000..20_000).map(|i| i as f32 * 0.005_1).collect();
        let (mut s, mut t) = (points.clone(), points.clone());
        sigmoid(&mut s);
        tanh(&mut t);
        for (i, &x) in points.iter().enumerate() {
            let x = f64::from(x);
            assert!((f64::from(s[i]) - 1.0 / (1.0 + (-x).exp())).abs() < 2e-7, "sigmoid of {x}");
            assert!((f64::from(t[i]) - x.tanh()).abs() < 3e-7, "tanh of {x}: {}", t[i]);
        }
        for exponent in [2.4, 1.0 / 2.4] {
            let points: Vec<f32> = (1..4000).map(|i| i as f32 * i as f32 * 1e-6).collect();
            let mut powers = points.clone();
            power(&mut powers, exponent);
            for (x, got) in points.iter().zip(powers) {
                let exact = f64::from(*x).powf(f64::from(exponent));
                let error = (f64::from(got) - exact).abs();
                assert!(error < 2e-6 * exact, "{x}^{exponent}: {got}, {exact}");
            }
        }
        let mut odd = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        sigmoid(&mut odd);
        assert_eq!(odd[0], 1.0);
        assert!(odd[1] < 1e-30 && odd[2].is_nan());
    }
}
