//! How urgent a login is, which bounds how long a caller waits for it.

use core::time::Duration;

/// How urgent a login is.
#[derive(Clone, Copy)]
pub(crate) enum Urgency {
    /// A caller has no token without it.
    Needed,
    /// The held token is still good. A caller may wait until then, and uses it after that.
    AheadOfTime { until: Duration },
}

impl Urgency {
    /// Returns how much of `limit` a step that starts now may take.
    pub(crate) fn limit(self, limit: Duration, now: Duration) -> Duration {
        match self {
            Self::Needed => limit,
            Self::AheadOfTime { until } => limit.min(until.saturating_sub(now)),
        }
    }
}
