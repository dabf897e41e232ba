//! Points in time as text.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use surewire_engine::time::Time;

/// RFC 3339 in this zone, with up to 9 digits of a second's fraction and no trailing zeros; `Z` for
/// UTC (contract section 3).
pub(crate) fn shown(at: Time, zone: &TimeZone) -> String {
    let Ok(stamp) = Timestamp::from_nanosecond(i128::from(at.as_nanos())) else {
        return NEVER.to_owned();
    };
    let zoned = stamp.to_zoned(zone.clone());
    let offset = zoned.offset();
    if offset.is_zero() { stamp.to_string() } else { stamp.display_with_offset(offset).to_string() }
}

/// What stands for a time that has not been yet (contract section 3).
pub(crate) const NEVER: &str = "0001-01-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;

    // contract: section 3, times
    #[test]
    fn times_have_the_zones_offset_and_no_more_digits_than_they_need() {
        let zone = |hours| TimeZone::fixed(jiff::tz::offset(hours));
        let at = Time::from_nanos;
        for (time, hours, expected) in [
            (at(1_700_000_000_000_000_000), 0, "2023-11-14T22:13:20Z"),
            (at(1_700_000_000_120_000_000), 0, "2023-11-14T22:13:20.12Z"),
            (at(1_700_000_000_000_000_001), 8, "2023-11-15T06:13:20.000000001+08:00"),
            (at(1_700_000_000_500_000_000), -3, "2023-11-14T19:13:20.5-03:00"),
        ] {
            assert_eq!(shown(time, &zone(hours)), expected);
        }
    }
}
