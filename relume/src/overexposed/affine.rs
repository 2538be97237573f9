//! A motion of the whole picture in six numbers, fitted to what was found for its parts.

/// Rounds of weighted least squares.
const ROUNDS: usize = 5;
/// Errors in tokens beyond which one has no weight (Beaton and Tukey 1974).
const REACH: f64 = 2.5;
/// An error in tokens up to which the fit explains a token, and the share it must explain.
const NEAR: f64 = 1.0;
const ENOUGH: f64 = 0.6;
/// Fewest tokens that six numbers are fitted to.
const FEWEST: usize = 12;

/// Motion `a + b x + c y` to the right and down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    right: [f64; 3],
    down: [f64; 3],
    /// Share of the sure tokens that it explains.
    pub(super) explained: f64,
}

/// A token: place, motion, confidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) place: [f64; 2],
    pub(super) motion: [f64; 2],
    pub(super) sure: f64,
}

impl Affine {
    /// The motion that explains at least 60 % of the sure tokens, if there is one.
    pub(super) fn fit(tokens: &[Token]) -> Option<Self> {
        let sure: Vec<&Token> = tokens.iter().filter(|token| token.sure > 0.5).collect();
        if sure.len() < FEWEST {
            return None;
        }
        // The first round begins at the median: outliers have no say.
        let median = |axis: usize| {
            let mut values: Vec<f64> = sure.iter().map(|token| token.motion[axis]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let mut fit =
            Self { right: [median(0), 0.0, 0.0], down: [median(1), 0.0, 0.0], explained: 0.0 };
        for round in 0..ROUNDS {
            let reach = REACH * f64::from(1 << (ROUNDS - 1 - round).min(2) as u32);
            let weight = |token: &Token| {
                let part = (fit.error(token) / reach).powi(2);
                if part < 1.0 { token.sure * (1.0 - part).powi(2) } else { 0.0 }
            };
            let weights: Vec<f64> = sure.iter().map(|token| weight(token)).collect();
            fit.right = least_squares(&sure, &weights, 0)?;
            fit.down = least_squares(&sure, &weights, 1)?;
        }
        let near = sure.iter().filter(|token| fit.error(token) < NEAR).count();
        fit.explained = near as f64 / sure.len() as f64;
        (fit.explained >= ENOUGH).then_some(fit)
    }

    /// The motion at a place.
    pub(super) fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.right, self.down].map(|[a, b, c]| a + b * x + c * y)
    }

    fn error(&self, token: &Token) -> f64 {
        let there = self.at(token.place);
        (there[0] - token.motion[0]).hypot(there[1] - token.motion[1])
    }
}

/// The three numbers for one axis; none where the tokens lie on a line.
fn least_squares(tokens: &[&Token], weights: &[f64], axis: usize) -> Option<[f64; 3]> {
    let (mut a, mut b) = ([[0.0; 3]; 3], [0.0; 3]);
    for (token, weight) in tokens.iter().zip(weights) {
        let row = [1.0, token.place[0], token.place[1]];
        for i in 0..3 {
            b[i] += weight * row[i] * token.motion[axis];
            (0..3).for_each(|j| a[i][j] += weight * row[i] * row[j]);
        }
    }
    let determinant = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(a);
    // Cramer's rule: the system is small and well scaled.
    let with = |column: usize| {
        let mut m = a;
        (0..3).for_each(|i| m[i][column] = b[i]);
        determinant(m) / whole
    };
    (whole.abs() > 1e-9).then(|| [with(0), with(1), with(2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(wrong: usize) -> Vec<Token> {
        let token = |i: usize| {
            let place = [(i % 8) as f64, (i / 8) as f64];
            let right = [1.5 + 0.1 * place[0], -2.0 + 0.05 * place[1]];
            let anywhere = [(i * i * 7 % 23) as f64 - 9.0, (i * i * i * 5 % 19) as f64 - 4.0];
            let motion = if i % 10 < wrong { anywhere } else { right };
            Token { place, motion, sure: 0.9 }
        };
        (0..64).map(token).collect()
    }

    #[test]
    fn it_finds_the_motion_among_outliers() {
        let fit = Affine::fit(&tokens(3)).unwrap();
        let there = fit.at([4.0, 6.0]);
        assert!((there[0] - 1.9).abs() < 0.05 && (there[1] + 1.7).abs() < 0.05, "{there:?}");
    }

    #[test]
    fn it_refuses_what_is_no_single_motion() {
        assert!(Affine::fit(&tokens(7)).is_none());
        assert!(Affine::fit(&tokens(0)[..8]).is_none());
    }
}
