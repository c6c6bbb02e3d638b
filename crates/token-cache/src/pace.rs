//! Every duration of the token store.

use core::time::Duration;

use oge_oauth::{MAX_RETRY_AFTER, TIMEOUT};

/// A failed login is not repeated for this long while the held token is good.
pub const HOLD_OFF: Duration = Duration::from_secs(30);

/// How far apart logins are while another client ends the tokens.
pub const SPACING: Duration = Duration::from_secs(5);
/// The jitter of [`SPACING`] in milliseconds, plus one. It comes from the token's generation: two clients
/// in step would end each other's tokens before they are of use.
pub(crate) const SPACING_JITTER: u64 = 1_000;
/// A token that is refused when it is younger than this was refused fresh. A client that spaces its
/// logins ends the tokens of another at that pace, and a login and a call pass before the other notices.
pub(crate) const FRESH: Duration = Duration::from_secs(2 * SPACING.as_secs());

/// How far ahead of this clock a kept time may be before it is not believed.
pub const SKEW: Duration = Duration::from_secs(5);

/// How long after a rejected login the next one with the same credentials may follow: after the first, the
/// second, and each later one. The platform locks an account after five failures.
pub const PACE: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(10 * 60), Duration::from_secs(3600)];
/// How many logins are made with credentials that the authority rejects.
pub const MAX_TRIES: u8 = 3;

/// The backoff after the first response that is unusable; it doubles with each one.
pub(crate) const BACKOFF: Duration = Duration::from_secs(1);
/// The longest backoff.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The longest time for which an authority that is down is not asked.
pub(crate) const MAX_OUTAGE: Duration = Duration::from_secs(MAX_RETRY_AFTER.as_secs() * 5 / 4);

/// What a login may take while the old token still serves, if its caller waits for it.
pub const EARLY: Duration = Duration::from_secs(3);

/// How often the holder of a lock shows that it is alive.
pub const BEAT: Duration = Duration::from_secs(2);
/// A lock that does not change for this long is taken over.
pub const STALE: Duration = Duration::from_secs(8);
/// How often a lock is tried.
pub(crate) const POLL: Duration = Duration::from_millis(20);
/// How long a lock that was taken over is watched before it is believed: another waiter may have taken it
/// over at the same moment, and the last one wins.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);
/// How long the lock is waited for: one whole login by another, and the takeover of a dead one.
pub(crate) const PATIENCE: Duration =
    Duration::from_secs(TIMEOUT.as_secs() + FRESH.as_secs() + 2 * STALE.as_secs());

const _: () = {
    assert!(BEAT.as_secs() * 3 < STALE.as_secs(), "one late beat does not lose the lock");
    assert!(STALE.as_secs() + BEAT.as_secs() <= 10, "a caller goes on soon after a holder died");
    assert!(EARLY.as_secs() < STALE.as_secs());
    assert!(SETTLE.as_millis() < BEAT.as_millis() && POLL.as_millis() < SETTLE.as_millis());
    assert!(SPACING_JITTER < 1_000 * (FRESH.as_secs() - SPACING.as_secs()));
    assert!(MAX_BACKOFF.as_secs() <= PACE[0].as_secs() && PACE[0].as_secs() < PACE[1].as_secs());
    assert!(MAX_TRIES as usize == PACE.len());
};
