//! Numbers in JSON text, and the doubles that JavaScript reads them as.

use std::fmt::Write;

/// The maximum number of significant digits; no double has more (the smallest ones have 767).
const DIGITS_MAX: usize = 767;

/// A decimal number by value: `0.digits * 10^exponent`, without zeros at either end of the digits. Zero has no digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Parses a number in the syntax of JSON or Rust.
    fn of(token: &str) -> Self {
        let (is_negative, token) = match token.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, token),
        };
        let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        // An exponent beyond 64 bits is far beyond every double; the caller has excluded it.
        let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap_or_default();
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) - i64::try_from(zeros).unwrap_or(i64::MAX);
        Self {
            is_negative,
            exponent: if digits.is_empty() {
                0
            } else {
                exponent.saturating_add(point)
            },
            digits,
        }
    }

    fn to_double(&self) -> Option<f64> {
        let sign = if self.is_negative { "-" } else { "" };
        let digits = std::str::from_utf8(&self.digits).ok()?;
        format!("{sign}0.{digits}e{}", self.exponent).parse().ok()
    }
}

/// The fewest digits that read back as the same double, as JavaScript chooses them. Of two that are equally near,
/// JavaScript takes the even one and Rust the greater one. The double must not be zero.
fn shortest(double: f64) -> Decimal {
    let mut decimal = Decimal::of(&format!("{double:e}"));
    let count = decimal.digits.len();
    let one_more = format!("{double:.count$e}");
    if significand(&one_more).ends_with('5') {
        let mut exact = Decimal::of(&format!("{double:.DIGITS_MAX$e}"));
        let is_between = exact.digits.len() == count + 1;
        exact.digits.truncate(count);
        let is_even = exact.digits.last().is_some_and(|digit| digit % 2 == 0);
        if is_between && is_even && exact.to_double() == Some(double) {
            decimal = exact;
        }
    }
    decimal
}

/// Whether a double keeps the number: either it is exactly this number, or JavaScript, which writes the fewest digits
/// that read back as the same double, would write the same number.
pub(super) fn is_kept(token: &str) -> bool {
    if let Some(is_kept) = is_short_kept(token) {
        return is_kept;
    }
    let Ok(double) = token.parse::<f64>() else { return false };
    if !double.is_finite() {
        return false;
    }
    if double == 0.0 {
        // Digits other than zero were lost; negative zero is written as zero.
        return double.is_sign_positive() && !significand(token).bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    }
    let decimal = Decimal::of(token);
    decimal == shortest(double)
        || (decimal.digits.len() <= DIGITS_MAX && decimal == Decimal::of(&format!("{double:.1074}")))
}

/// A fast check for nearly all numbers: a double keeps up to 15 digits.
fn is_short_kept(token: &str) -> Option<bool> {
    let digits = token.strip_prefix('-').unwrap_or(token);
    let is_short = digits.len() <= 15 && digits.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    is_short.then(|| digits.len() == token.len() || digits.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
}

fn significand(token: &str) -> &str {
    token.split(['e', 'E']).next().unwrap_or_default()
}

/// Appends a double as JavaScript's `String(number)` writes it.
pub(super) fn write(json: &mut String, double: f64) {
    if double == 0.0 {
        json.push('0');
        return;
    }
    let Decimal {
        is_negative,
        digits,
        exponent,
    } = shortest(double);
    if is_negative {
        json.push('-');
    }
    let digits = String::from_utf8(digits).unwrap_or_default();
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
    // ECMA-262, Number::toString. Writing into a string does not fail.
    let _written = match exponent {
        point if (count..=21).contains(&point) => write!(json, "{digits}{}", zeros(point - count)),
        point if (1..=21).contains(&point) => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or_default());
            write!(json, "{whole}.{fraction}")
        }
        point if (-5..=0).contains(&point) => write!(json, "0.{}{digits}", zeros(-point)),
        point => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            write!(json, "{first}{dot}{rest}e{:+}", point - 1)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::{is_kept, write};

    fn check(token: &str, kept: bool) {
        assert_eq!(is_kept(token), kept, "{token}");
    }

    #[test]
    fn a_number_is_kept_when_a_double_or_its_shortest_text_is_that_number() {
        for kept in [
            "0",
            "0.000",
            "0e5",
            "0e99999999999999999999",
            "1.0",
            "1e2",
            "100E-2",
            "0.1",
            "0.10",
            "-1.5e-7",
            "1e23",
            "5e-324",
            "1.7976931348623157e308",
            "9007199254740992",
            "9007199254740994",
            "-9007199254740991.0",
            "18446744073709551616",
            "12345678901234567000",
            "123456789012345680000",
            "0.1000000000000000055511151231257827021181583404541015625",
        ] {
            check(kept, true);
        }
    }

    #[test]
    fn a_number_that_a_double_would_round_is_not() {
        for lost in [
            "-0",
            "-0.0",
            "-0e9",
            "1e400",
            "-1e400",
            "1e99999999999999999999",
            "1e-400",
            "1e-99999999999999999999",
            "0.0000e1".replace("e1", "1e-400").as_str(),
            "4.9e-324",
            "9007199254740993",
            "-9007199254740993",
            "12345678901234567890",
            "18446744073709551615",
            "0.1000000000000000055511151231257827",
            "3.141592653589793238",
            "9007199254740992.5",
            "2136214950809926.3",
        ] {
            check(lost, false);
        }
    }

    #[test]
    fn doubles_are_written_as_javascript_writes_them() {
        for (double, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-100.0, "-100"),
            (0.5, "0.5"),
            (123.456, "123.456"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1.25e-5, "0.0000125"),
            (1e-7, "1e-7"),
            (-1.25e-7, "-1.25e-7"),
            (5e-324, "5e-324"),
            (18_446_744_073_709_551_615.0, "18446744073709552000"),
            (f64::MAX, "1.7976931348623157e+308"),
            // Each lies halfway between two numbers of as many digits.
            (1_767_090_643_846_168.2, "1767090643846168.2"),
            (-193_971_289_945_460.12, "-193971289945460.12"),
            (173.694_854_736_328_12, "173.69485473632812"),
            (1_767_090_643_846_168.8, "1767090643846168.8"),
            (4_000_000_000_000_000.5, "4000000000000000.5"),
        ] {
            let mut json = String::new();
            write(&mut json, double);
            assert_eq!(json, text);
        }
    }
}
