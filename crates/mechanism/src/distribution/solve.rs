//! Inverts an increasing function: Newton's method, kept inside a shrinking bracket.

/// The `u` in `low..=high` where an increasing function reaches `target`, or the nearest end.
/// `at(u)` is the function's value and its derivative; a derivative that is NaN or 0 costs a
/// bisection, so the search always ends.
pub(super) fn solve(
    target: f64,
    guess: f64,
    (mut low, mut high): (f64, f64),
    at: impl Fn(f64) -> (f64, f64),
) -> f64 {
    let mut u = if guess > low && guess < high {
        guess
    } else {
        0.5 * (low + high)
    };
    for _ in 0..120 {
        let (value, slope) = at(u);
        let gap = value - target;
        if gap == 0.0 {
            return u;
        }
        if gap > 0.0 {
            high = u;
        } else {
            low = u;
        }
        let mut next = u - gap / slope;
        if !(next > low && next < high) {
            next = 0.5 * (low + high);
        }
        let step = next - u;
        u = next;
        if step.abs() <= 4e-16 * u.abs().max(1e-3) {
            break;
        }
    }
    u
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_roots_ends_and_survives_a_useless_slope() {
        let cube = |u: f64| (u * u * u, 3.0 * u * u);
        assert!((solve(8.0, 0.1, (-10.0, 10.0), cube) - 2.0).abs() < 1e-15);
        assert!((solve(1e9, 0.0, (-10.0, 10.0), cube) - 10.0).abs() < 1e-9);
        let flat = |u: f64| (u, f64::NAN);
        assert!((solve(0.3, 0.9, (0.0, 1.0), flat) - 0.3).abs() < 1e-15);
    }
}
