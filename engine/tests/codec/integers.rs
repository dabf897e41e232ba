//! Variable Byte Integers (MQTT 5.0 section 1.5.5), by way of the Remaining Length.

use surewire_engine::codec::frame_len;
use surewire_engine::violation::Violation;

const MAX: usize = 268_435_455;

// conformance: v5 MQTT-1.5.5-1
#[test]
fn each_side_of_each_border() {
    for border in [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, MAX] {
        for value in border.saturating_sub(200)..=(border + 200).min(MAX) {
            check(value);
        }
    }
}

#[test]
fn values_in_between() {
    // A prime, so that all seven bits of each byte take all values.
    (0..=MAX).step_by(4_099).for_each(check);
}

#[test]
#[ignore = "takes minutes without optimisation; for the nightly run"]
fn all_values() {
    (0..=MAX).for_each(check);
}

#[test]
fn a_fifth_byte_is_never_awaited() {
    for last in 0..=0xFF {
        for middle in [0x80, 0xFF] {
            let five = [0x30, middle, middle, middle, 0x80, last];
            assert_eq!(frame_len(&five, usize::MAX), Err(Violation::VariableByteInteger));
            let four = [0x30, middle, middle, middle, last | 0x80];
            assert_eq!(frame_len(&four, usize::MAX), Err(Violation::VariableByteInteger));
        }
    }
}

#[test]
fn longer_forms_than_needed_are_refused() {
    for value in (0..2_097_152).step_by(97) {
        let mut bytes = shortest(value);
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
        assert_eq!(frame_len(&bytes, usize::MAX), Err(Violation::VariableByteInteger), "{value}");
    }
}

fn check(value: usize) {
    let bytes = shortest(value);
    assert_eq!(frame_len(&bytes, usize::MAX), Ok(Some(bytes.len() + value)), "{value}");
    for end in 0..bytes.len() {
        assert_eq!(frame_len(&bytes[..end], usize::MAX), Ok(None), "{value} cut at {end}");
    }
}

/// First byte and Remaining Length, from arithmetic alone.
fn shortest(value: usize) -> Vec<u8> {
    let digits: &[usize] = match value {
        0..=127 => &[1],
        128..=16_383 => &[1, 128],
        16_384..=2_097_151 => &[1, 128, 16_384],
        _ => &[1, 128, 16_384, 2_097_152],
    };
    let digit = |place: &usize| u8::try_from(value / place % 128).unwrap() | 0x80;
    let mut bytes: Vec<u8> = std::iter::once(0x30).chain(digits.iter().map(digit)).collect();
    *bytes.last_mut().unwrap() &= 0x7F;
    bytes
}
