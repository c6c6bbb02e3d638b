//! Every duration of the token store.

use core::time::Duration;

/// The time limit of a login.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A token is refreshed this long before its end, or a quarter of its lifetime if that is less.
pub(crate) const REFRESH_WINDOW: Duration = Duration::from_secs(5 * 60);
/// A token is not used any more this long before its end, or a tenth of its lifetime if that is less.
pub(crate) const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
/// The lifetime of a token if it is unknown, or if a wrong clock contradicts the token's claims.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A failed login is not repeated for this long while the held token is good.
pub const EARLY_RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// The time between logins during contention.
pub const MIN_LOGIN_INTERVAL: Duration = Duration::from_secs(5);
/// The jitter of [`MIN_LOGIN_INTERVAL`] in milliseconds, plus one. It is derived from the token's generation.
/// Two clients without jitter would end each other's tokens before a call can use them.
pub(crate) const MIN_LOGIN_INTERVAL_JITTER: u64 = 1_000;
/// A token counts as fresh while it is younger than this. It is longer than [`MIN_LOGIN_INTERVAL`], because
/// another client ends tokens at that interval, and a login and a call pass before this one notices.
pub(crate) const FRESH_WINDOW: Duration = Duration::from_secs(2 * MIN_LOGIN_INTERVAL.as_secs());

/// How far in the future a stored time may be. A later one is corrected.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// The backoff after the first, the second and each later rejected login with the same credentials. The
/// platform locks an account after five failures.
pub const REJECTION_BACKOFF: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(10 * 60), Duration::from_secs(3600)];
/// How many logins are made with credentials that the authority rejects.
pub const MAX_REJECTED_LOGINS: u8 = 3;

/// The backoff after the first unusable response. It doubles with each one.
pub(crate) const BACKOFF: Duration = Duration::from_secs(1);
/// The longest backoff.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The largest `Retry-After` that is obeyed.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);
/// The longest time without a login because the authority is down.
pub(crate) const MAX_UNAVAILABLE: Duration = Duration::from_secs(MAX_RETRY_AFTER.as_secs() * 5 / 4);

/// The time limit of a login that a caller waits for while the old token is still good.
pub const REFRESH_AHEAD_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the holder of a lock rewrites it.
pub const LOCK_BEAT: Duration = Duration::from_secs(2);
/// A lock that does not change for this long is taken over.
pub const LOCK_STALE: Duration = Duration::from_secs(8);
/// How often a waiter tries to take a lock.
pub(crate) const LOCK_POLL: Duration = Duration::from_millis(20);
/// How long after taking over a lock it is read again: another waiter may have taken it over at the same
/// time, and the last one wins.
pub(crate) const LOCK_SETTLE: Duration = Duration::from_millis(100);
/// The longest wait for the lock: one whole login by another process and the takeover of a stale lock.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(
    LOGIN_TIMEOUT.as_secs() + FRESH_WINDOW.as_secs() + 2 * LOCK_STALE.as_secs(),
);

/// How long the lock in etcd is held by a holder that died. A login and what is done before and after it fit.
pub(crate) const LOCK_LEASE: Duration = Duration::from_secs(45);
/// The first and the longest time between two looks at a lock in etcd. The time doubles with each look.
pub(crate) const ETCD_POLL: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// The time limit of one request to etcd. Its leader answers in milliseconds.
pub(crate) const ETCD_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call to etcd is repeated, and the time limit of one check of etcd's own password. A cluster that lost
/// its leader elects another one in one to two seconds; passwords are checked one at a time.
pub(crate) const ETCD_TIMEOUT: Duration = Duration::from_secs(6);
/// The time before all endpoints are tried once more.
pub(crate) const ETCD_PAUSE: Duration = Duration::from_millis(250);
/// How long after a failed call etcd is not asked again.
pub(crate) const ETCD_BACKOFF: Duration = Duration::from_secs(1);

/// The longest time that one call waits for tokens, without its own requests: two logins, each with the
/// interval during contention before it.
pub const MAX_TOKEN_WAIT: Duration = Duration::from_secs(
    2 * (LOGIN_TIMEOUT.as_secs()
        + MIN_LOGIN_INTERVAL.as_secs()
        + MIN_LOGIN_INTERVAL_JITTER.div_ceil(1_000)),
);

/// Returns `time` less up to a `1/part` of it, chosen by `seed`, so that clients do not act in step.
pub(crate) fn jittered(time: Duration, part: u32, seed: u32) -> Duration {
    // The upper ten bits of Knuth's multiplicative hash.
    let jitter = seed.wrapping_mul(2_654_435_761) >> 22;
    time - time * jitter / (part * 1024)
}

const _: () = {
    assert!(LOCK_BEAT.as_secs() * 3 < LOCK_STALE.as_secs(), "one late beat does not lose the lock");
    assert!(
        LOCK_STALE.as_secs() + LOCK_BEAT.as_secs() <= 10,
        "a caller waits at most 10 s for a dead holder"
    );
    assert!(REFRESH_AHEAD_TIMEOUT.as_secs() < LOCK_STALE.as_secs());
    assert!(
        MIN_LOGIN_INTERVAL.as_secs() + LOGIN_TIMEOUT.as_secs() + ETCD_TIMEOUT.as_secs()
            < LOCK_LEASE.as_secs(),
        "a login ends before the lease of its lock"
    );
    assert!(LOCK_LEASE.as_secs() < LOCK_TIMEOUT.as_secs(), "a waiter outlives a dead holder");
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
