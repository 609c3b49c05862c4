//! Numbers as a reader wants them: few digits, a true minus sign, thin spaces, powers of ten.

/// A missing number.
pub const MISSING: &str = "–";

/// `value` rounded to `digits` significant digits.
///
/// ```
/// # use gnomon_report::draw::number::significant;
/// assert_eq!(significant(-0.012345, 3), "−0.0123");
/// assert_eq!(significant(12345.6, 3), "12\u{202f}346");
/// assert_eq!(significant(2.5e-7, 3), "2.5×10⁻⁷");
/// assert_eq!(significant(f64::NAN, 3), "–");
/// ```
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = exponent_of(value, digits);
    if !(-4..6).contains(&exponent) {
        return scientific(value, digits.saturating_sub(1));
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    fixed(value, decimals)
}

/// A number that somebody chose, such as a tolerance: without the zeros at its end.
///
/// ```
/// # use gnomon_report::draw::number::declared;
/// assert_eq!(declared(0.05), "0.05");
/// assert_eq!(declared(100.0), "100");
/// ```
pub fn declared(value: f64) -> String {
    let text = significant(value, 4);
    match text.contains('.') && !text.contains('×') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `value` with `decimals` digits after the point.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let text = format!("{:.decimals$}", value.abs());
    let zero = text.bytes().all(|b| b == b'0' || b == b'.');
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    if value < 0.0 && !zero {
        out.push('−');
    }
    out.push_str(&grouped(whole));
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A count, its thousands apart.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// `value` as mantissa and power of ten, the mantissa with at most `decimals` digits after the point.
pub fn scientific(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let text = format!("{value:.decimals$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let power = superscript(exponent);
    match mantissa {
        "1" => format!("10{power}"),
        "-1" => format!("−10{power}"),
        _ => format!("{}×10{power}", mantissa.replace('-', "−")),
    }
}

/// A probability: never a bare 0 or 1 for what is neither.
pub fn probability(value: f64) -> String {
    match value {
        v if !v.is_finite() => MISSING.to_owned(),
        v if v > 0.0 && v < 0.001 => "< 0.001".to_owned(),
        v if v < 1.0 && v > 0.999 => "> 0.999".to_owned(),
        v if v < 0.1 => fixed(v, 3),
        v => fixed(v, 2),
    }
}

/// A time in the unit that suits it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => MISSING.to_owned(),
        s if s < 1e-3 => format!("{} µs", significant(s * 1e6, 2)),
        s if s < 1.0 => format!("{} ms", significant(s * 1e3, 2)),
        s if s < 120.0 => format!("{} s", significant(s, 2)),
        s if s < 7200.0 => format!("{} min", significant(s / 60.0, 2)),
        s => format!("{} h", significant(s / 3600.0, 2)),
    }
}

/// `lower to upper`: both with the decimals that give the larger one `digits` significant digits,
/// unless they differ so much that the smaller would be lost. A limit of exactly 0 is `0`.
///
/// ```
/// # use gnomon_report::draw::number::interval;
/// assert_eq!(interval([4.584, 17.66], 3), "4.6 to 17.7");
/// assert_eq!(interval([0.00123, 17.66], 3), "0.00123 to 17.7");
/// assert_eq!(interval([0.0, 0.0436], 2), "0 to 0.044");
/// ```
pub fn interval([lower, upper]: [f64; 2], digits: usize) -> String {
    if lower.is_nan() && upper.is_nan() {
        return MISSING.to_owned();
    }
    let largest = lower.abs().max(upper.abs());
    let exponent = exponent_of(largest, digits);
    let smallest = lower.abs().min(upper.abs());
    let alike = largest.is_finite() && (-4..6).contains(&exponent);
    let decimals = (digits as i32 - 1 - exponent).max(0);
    let seen = smallest >= 0.01 * largest && smallest >= 0.5 * 10f64.powi(-decimals);
    if alike && (smallest == 0.0 || seen) {
        let limit = |value: f64| match value == 0.0 {
            true => "0".to_owned(),
            false => fixed(value, decimals as usize),
        };
        return format!("{} to {}", limit(lower), limit(upper));
    }
    format!(
        "{} to {}",
        significant(lower, digits),
        significant(upper, digits)
    )
}

/// Decimal exponent of `value` once it is rounded to `digits` significant digits.
fn exponent_of(value: f64, digits: usize) -> i32 {
    let text = format!("{:.*e}", digits.saturating_sub(1), value);
    text.split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0)
}

fn not_finite(value: f64) -> String {
    match value {
        f64::INFINITY => "∞".to_owned(),
        f64::NEG_INFINITY => "−∞".to_owned(),
        _ => MISSING.to_owned(),
    }
}

fn grouped(digits: &str) -> String {
    if digits.len() < 5 {
        return digits.to_owned();
    }
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn superscript(exponent: &str) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |c: char| match c.to_digit(10) {
        Some(d) => DIGITS[d as usize],
        None => '⁻',
    };
    exponent.chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(significant(3.65, 3), "3.65");
        assert_eq!(significant(0.9996, 3), "1.00");
        assert_eq!(significant(1e5, 3), "100\u{202f}000");
        assert_eq!(significant(1e7, 3), "10⁷");
        assert_eq!(significant(-1.0e-9, 2), "−10⁻⁹");
        assert_eq!(significant(f64::NEG_INFINITY, 2), "−∞");
        assert_eq!(fixed(-0.001, 1), "0.0");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(probability(1e-9), "< 0.001");
        assert_eq!(probability(1.0), "1.00");
        assert_eq!(duration(0.0421), "42 ms");
        assert_eq!(duration(300.0), "5.0 min");
        assert_eq!(interval([f64::NAN; 2], 3), "–");
    }
}
