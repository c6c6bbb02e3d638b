//! What one call may use: time on the CPU, time on the wall, memory. Past a limit the guest is
//! stopped, and the error says which limit it was.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// What one call may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time that the guest runs, and the host for it. Waiting does not count.
    pub cpu: Duration,
    /// Time from start to end, waiting and all; none for what the call's own deadlines allow: two
    /// attempts, [`MAX_TOKEN_WAIT`](oge_token::timing::MAX_TOKEN_WAIT), and 10 s more.
    pub wall: Option<Duration>,
    /// Bytes of linear memory; none for four times `OGE_MAX_REPLY_BYTES` and 16 MiB.
    pub memory: Option<usize>,
    /// Requests open at one time.
    pub requests: usize,
    /// Resources (streams, pollables, headers…) held at one time.
    pub resources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            wall: None,
            memory: None,
            requests: 16,
            resources: 1024,
        }
    }
}

/// Why a guest was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// It ran too long.
    #[error("the component ran for more than {} s, waiting not counted, and was stopped", .0.as_secs_f64())]
    Cpu(Duration),
    /// The call took too long.
    #[error(
        "the call took more than {} s, waiting included, and was stopped; OGE_TIMEOUT_SECONDS moves \
         this limit",
        .0.as_secs_f64()
    )]
    Wall(Duration),
    /// It wanted too much memory.
    #[error(
        "the component wanted more than {0} bytes of memory and was stopped; OGE_MAX_REPLY_BYTES \
         moves this limit"
    )]
    Memory(usize),
    /// It held too many resources.
    #[error("the component held more than {0} streams, timers and the like and was stopped")]
    Resources(usize),
}

/// Bounds a guest's memory.
#[derive(Debug)]
pub(crate) struct MemoryLimit(pub(crate) usize);

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // An error, not a refusal: a guest that is refused memory only aborts, and nobody knows why.
        if desired > self.0 { Err(Stopped::Memory(self.0).into()) } else { Ok(true) }
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 10_000)
    }
}
