//! Numbers as people read them.

use crate::stats::Spread;

/// A whole number with its thousands set apart.
#[must_use]
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// (highest - lowest) / median.
#[must_use]
pub fn percent(spread: Spread) -> String {
    format!("{:.0} %", 100.0 * spread.relative_width())
}

/// The median of ratios and their range.
#[must_use]
pub fn ratio(Spread { median, min, max }: Spread) -> String {
    format!("{median:.2} ({min:.2} to {max:.2})")
}

/// Times in us, with a unit that suits the median.
#[must_use]
pub fn time_us(Spread { median, min, max }: Spread) -> String {
    match median {
        ..1_000.0 => format!("{median:.0} ({min:.0} to {max:.0}) us"),
        ..1e6 => {
            let [median, min, max] = [median, min, max].map(|us| three_digits(us / 1e3));
            format!("{median} ({min} to {max}) ms")
        }
        _ => {
            let [median, min, max] = [median, min, max].map(|us| three_digits(us / 1e6));
            format!("{median} ({min} to {max}) s")
        }
    }
}

/// A number from 0 on with three digits that count, or all that it has before the point.
#[must_use]
pub fn three_digits(number: f64) -> String {
    match number {
        ..0.001 if number > 0.0 => format!("{number:.1e}"),
        ..1.0 if number > 0.0 => format!("{number:.3}"),
        ..10.0 => format!("{number:.2}"),
        ..100.0 => format!("{number:.1}"),
        _ => grouped(number),
    }
}

/// A number on an axis, as short as it can be: 20, 5 k, 1.5 M.
#[must_use]
pub fn short(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        ..1e4 => (number, ""),
        ..1e6 => (number / 1e3, " k"),
        ..1e9 => (number / 1e6, " M"),
        _ => (number / 1e9, " G"),
    };
    // Sums of steps end in digits that mean nothing.
    let text = format!("{scaled:.6}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([grouped(7.0), grouped(1_234.0), grouped(1e6)], ["7", "1,234", "1,000,000"]);
    }

    #[test]
    fn a_time_has_a_unit_that_suits_it() {
        let spread = |median| Spread { median, min: median / 2.0, max: median * 2.0 };
        assert_eq!(time_us(spread(50.0)), "50 (25 to 100) us");
        assert_eq!(time_us(spread(40_000.0)), "40.0 (20.0 to 80.0) ms");
        assert_eq!(time_us(spread(2e6)), "2.00 (1.00 to 4.00) s");
    }

    #[test]
    fn three_digits_count() {
        let texts = [0.0, 0.0001, 0.1234, 1.234, 12.34, 1_234.0].map(three_digits);
        assert_eq!(texts, ["0.00", "1.0e-4", "0.123", "1.23", "12.3", "1,234"]);
    }

    #[test]
    fn axes_have_short_numbers() {
        let texts = [0.0, 0.1 + 0.2, 5_000.0, 19_000.0, 1_500_000.0].map(short);
        assert_eq!(texts, ["0", "0.3", "5000", "19 k", "1.5 M"]);
    }
}
