//! Every duration of the token store.

use core::time::Duration;

/// The longest time that a login may take.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A token is refreshed this long before its end, or a quarter of its life if that is less.
pub(crate) const REFRESH_WINDOW: Duration = Duration::from_secs(5 * 60);
/// A token is not served any more this long before its end, or a tenth of its life if that is less.
pub(crate) const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
/// The life of a token that says nothing of it, or whose times a wrong clock contradicts.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A failed login is not repeated for this long while the held token is good.
pub const EARLY_RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// How far apart logins are while another client ends the tokens.
pub const MIN_LOGIN_INTERVAL: Duration = Duration::from_secs(5);
/// The jitter of [`MIN_LOGIN_INTERVAL`] in milliseconds, plus one. It comes from the token's generation: two clients
/// in step would end each other's tokens before they are of use.
pub(crate) const MIN_LOGIN_INTERVAL_JITTER: u64 = 1_000;
/// A token that is refused when it is younger than this was refused fresh. A client that spaces its
/// logins ends the tokens of another at that pace, and a login and a call pass before the other notices.
pub(crate) const FRESH_WINDOW: Duration = Duration::from_secs(2 * MIN_LOGIN_INTERVAL.as_secs());

/// How far ahead of this clock a kept time may be before it is not believed.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How long after a rejected login the next one with the same credentials may follow: after the first, the
/// second, and each later one. The platform locks an account after five failures.
pub const REJECTION_BACKOFF: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(10 * 60), Duration::from_secs(3600)];
/// How many logins are made with credentials that the authority rejects.
pub const MAX_REJECTED_LOGINS: u8 = 3;

/// The backoff after the first response that is unusable; it doubles with each one.
pub(crate) const BACKOFF: Duration = Duration::from_secs(1);
/// The longest backoff.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The longest that `Retry-After` is obeyed.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);
/// The longest time for which an authority that is down is not asked.
pub(crate) const MAX_UNAVAILABLE: Duration = Duration::from_secs(MAX_RETRY_AFTER.as_secs() * 5 / 4);

/// What a login may take while the old token still serves, if its caller waits for it.
pub const REFRESH_AHEAD_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the holder of a lock shows that it is alive.
pub const LOCK_BEAT: Duration = Duration::from_secs(2);
/// A lock that does not change for this long is taken over.
pub const LOCK_STALE: Duration = Duration::from_secs(8);
/// How often a lock is tried.
pub(crate) const LOCK_POLL: Duration = Duration::from_millis(20);
/// How long a lock that was taken over is watched before it is believed: another waiter may have taken it
/// over at the same moment, and the last one wins.
pub(crate) const LOCK_SETTLE: Duration = Duration::from_millis(100);
/// How long the lock is waited for: one whole login by another, and the takeover of a dead one.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(
    LOGIN_TIMEOUT.as_secs() + FRESH_WINDOW.as_secs() + 2 * LOCK_STALE.as_secs(),
);

/// What one call may wait for tokens, without its own requests: two logins, each of which may have to keep the
/// interval to the one before.
pub const MAX_TOKEN_WAIT: Duration = Duration::from_secs(
    2 * (LOGIN_TIMEOUT.as_secs()
        + MIN_LOGIN_INTERVAL.as_secs()
        + MIN_LOGIN_INTERVAL_JITTER.div_ceil(1_000)),
);

const _: () = {
    assert!(LOCK_BEAT.as_secs() * 3 < LOCK_STALE.as_secs(), "one late beat does not lose the lock");
    assert!(
        LOCK_STALE.as_secs() + LOCK_BEAT.as_secs() <= 10,
        "a caller goes on soon after a holder died"
    );
    assert!(REFRESH_AHEAD_TIMEOUT.as_secs() < LOCK_STALE.as_secs());
    assert!(
        LOCK_SETTLE.as_millis() < LOCK_BEAT.as_millis()
            && LOCK_POLL.as_millis() < LOCK_SETTLE.as_millis()
    );
    assert!(
        MIN_LOGIN_INTERVAL_JITTER < 1_000 * (FRESH_WINDOW.as_secs() - MIN_LOGIN_INTERVAL.as_secs())
    );
    assert!(
        MAX_BACKOFF.as_secs() <= REJECTION_BACKOFF[0].as_secs()
            && REJECTION_BACKOFF[0].as_secs() < REJECTION_BACKOFF[1].as_secs()
    );
    assert!(EXPIRY_MARGIN.as_secs() < REFRESH_WINDOW.as_secs());
    assert!(MAX_REJECTED_LOGINS as usize == REJECTION_BACKOFF.len());
};
