//! Times for programs, as RFC 3339.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use time::OffsetDateTime;

/// Formats the time since 1970 as RFC 3339 in milliseconds. A time outside the calendar becomes 1970.
#[must_use]
pub fn rfc3339(wall: Duration) -> String {
    let seconds = i64::try_from(wall.as_secs()).unwrap_or_default();
    let utc = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        utc.year(),
        u8::from(utc.month()),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second(),
        wall.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_formatted_in_milliseconds() {
        for (millis, expected) in [
            (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
            (951_827_696_000, "2000-02-29T12:34:56.000Z"),
            (u64::MAX, "1970-01-01T00:00:00.615Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_millis(millis)), expected);
        }
    }
}
