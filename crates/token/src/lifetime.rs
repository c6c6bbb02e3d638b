//! How long a token lives, and when it is refreshed.

use core::time::Duration;

use crate::timing::{DEFAULT_LIFETIME, EXPIRY_MARGIN, REFRESH_WINDOW};

/// The warning that is logged once if a lifetime [`is skewed`](Lifetime::is_skewed).
pub const CLOCK_SKEW_WARNING: &str = "a new token has already expired by its own claims: this machine's clock \
     and the platform's differ; the token is used for 15 minutes";

/// How long a token lives, from its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    left: Option<Duration>,
    /// Whether the token expired before its receipt by its own claims. One of the two clocks is wrong, so the
    /// lifetime is a guess: only the platform decides that a fresh token is expired.
    pub is_skewed: bool,
}

impl Lifetime {
    /// Returns a lifetime of this many seconds.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self { left: Some(Duration::from_secs(seconds)), is_skewed: false }
    }

    /// Returns the lifetime of a new token: the authority's `expires_in`, else from the token's claims
    /// `expires_at - issued_at`, else `expires_at - now`, else 15 minutes.
    ///
    /// All are in seconds; `expires_at`, `issued_at` and `now` since 1970.
    #[must_use]
    pub fn of_new(
        expires_in: Option<u64>,
        issued_at: Option<u64>,
        expires_at: Option<u64>,
        now: u64,
    ) -> Self {
        if let Some(seconds) = expires_in.filter(|seconds| *seconds > 0) {
            return Self::of_seconds(seconds);
        }
        let Some(expires_at) = expires_at else {
            return Self { left: Some(DEFAULT_LIFETIME), is_skewed: false };
        };
        let since = |start: u64| expires_at.checked_sub(start).filter(|seconds| *seconds > 0);
        match issued_at.and_then(since).or_else(|| since(now)) {
            Some(seconds) => Self::of_seconds(seconds),
            None => Self { left: Some(DEFAULT_LIFETIME), is_skewed: true },
        }
    }

    /// Returns the rest of the lifetime of a stored token, by the wall clock: zero if it has expired, unlimited
    /// without `expires_at`.
    #[must_use]
    pub fn of_kept(expires_at: Option<u64>, now: u64) -> Self {
        let left = expires_at.map(|end| Duration::from_secs(end.saturating_sub(now)));
        Self { left, is_skewed: false }
    }

    /// Returns how long after its receipt the token is refreshed while it is still used.
    pub(crate) fn soon(self) -> Duration {
        self.left.map_or(Duration::MAX, |left| left - REFRESH_WINDOW.min(left / 4))
    }

    /// Returns how long after its receipt the token is not used any more.
    pub(crate) fn must(self) -> Duration {
        self.left.map_or(Duration::MAX, |left| left - EXPIRY_MARGIN.min(left / 10))
    }
}

/// Returns the generation of a new token. It grows even if the clock does not. `now` is since 1970.
#[must_use]
pub fn generation(previous: Option<u64>, now: Duration) -> u64 {
    let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    previous.map_or(now, |previous| now.max(previous.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_in_is_preferred_to_claims_and_length_to_end() {
        let seconds = Lifetime::of_seconds;
        for (expires_in, issued_at, expires_at, expected) in [
            (Some(60), Some(0), Some(9999), seconds(60)),
            (None, Some(1000), Some(4600), seconds(3600)),
            (None, None, Some(2100), seconds(100)),
            (Some(0), None, Some(2100), seconds(100)),
            (None, Some(3000), Some(2100), seconds(100)),
            (None, None, None, Lifetime { left: Some(DEFAULT_LIFETIME), is_skewed: false }),
            (None, None, Some(1999), Lifetime { left: Some(DEFAULT_LIFETIME), is_skewed: true }),
            (
                None,
                Some(1999),
                Some(1999),
                Lifetime { left: Some(DEFAULT_LIFETIME), is_skewed: true },
            ),
        ] {
            let lifetime = Lifetime::of_new(expires_in, issued_at, expires_at, 2000);
            assert_eq!(lifetime, expected, "{expires_in:?} {issued_at:?} {expires_at:?}");
        }
    }

    #[test]
    fn a_host_clock_ahead_does_not_shorten_a_new_token() {
        let ahead = Lifetime::of_new(None, Some(1000), Some(4600), 999_999);
        assert_eq!(ahead, Lifetime::of_seconds(3600));
    }

    #[test]
    fn refresh_times_scale_with_short_lives() {
        for (life, soon, must) in
            [(7200, 6900, 7170), (1200, 900, 1170), (300, 225, 270), (40, 30, 36), (0, 0, 0)]
        {
            let lifetime = Lifetime::of_seconds(life);
            assert_eq!(lifetime.soon(), Duration::from_secs(soon), "{life}");
            assert_eq!(lifetime.must(), Duration::from_secs(must), "{life}");
        }
    }

    #[test]
    fn a_kept_token_lives_until_its_end_by_the_wall_clock() {
        assert_eq!(Lifetime::of_kept(Some(1100), 1000), Lifetime::of_seconds(100));
        assert_eq!(Lifetime::of_kept(Some(900), 1000), Lifetime::of_seconds(0));
        assert_eq!(Lifetime::of_kept(None, 1000).must(), Duration::MAX);
    }

    #[test]
    fn generations_grow_when_the_clock_does_not() {
        let now = Duration::from_micros(50);
        assert_eq!(generation(None, now), 50);
        assert_eq!(generation(Some(7), now), 50);
        assert_eq!(generation(Some(50), now), 51);
        assert_eq!(generation(Some(900), now), 901);
    }
}
