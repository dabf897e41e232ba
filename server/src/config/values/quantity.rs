//! A whole number and its unit, the common part of sizes and durations.

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAQuantity {
    /// Not a number with a unit at all.
    Malformed,
    /// A number with a unit, beyond what can be counted.
    TooLarge,
    /// A number with a unit, below zero.
    Negative,
}

/// Splits `10 MiB` into 10 and `MiB` and multiplies by what `factor` says of the unit, which is
/// empty where none is written.
pub(crate) fn quantity(
    text: &str,
    factor: impl Fn(&str) -> Option<u64>,
) -> Result<u64, NotAQuantity> {
    let (negative, text) = match text.trim().strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = factor(unit.trim_start()).ok_or(NotAQuantity::Malformed)?;
    let number = digits(number).ok_or(NotAQuantity::Malformed)?;
    let product = number.and_then(|number| number.checked_mul(factor));
    match (negative, product) {
        (true, Some(0)) => Ok(0),
        (true, _) => Err(NotAQuantity::Negative),
        (false, product) => product.ok_or(NotAQuantity::TooLarge),
    }
}

/// The value of decimal digits, `_` allowed between them; `Some(None)` where they exceed 64 bits.
pub(crate) fn digits(text: &str) -> Option<Option<u64>> {
    let well_formed = !text.is_empty()
        && !text.starts_with('_')
        && !text.ends_with('_')
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    well_formed.then(|| text.replace('_', "").parse().ok())
}
