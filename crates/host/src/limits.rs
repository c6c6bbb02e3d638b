//! The limits of one call: CPU time, wall-clock time, memory, requests and resources. A guest that exceeds one
//! is stopped, and the error names the limit.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// CPU time of the guest and of the host's functions that it calls. Waiting does not count, nor do
    /// connecting, sending and receiving, which `requests` limits.
    pub cpu: Duration,
    /// Time from start to end, waiting included. `None` for what the call's deadlines allow: for each request two
    /// attempts and [`MAX_TOKEN_WAIT`](oge_token::timing::MAX_TOKEN_WAIT), the waiting that was asked for, and 10 s
    /// more.
    pub wall: Option<Duration>,
    /// Bytes of linear memory. `None` for four times `OGE_MAX_REPLY_BYTES` plus 16 MiB.
    pub memory: Option<usize>,
    /// Requests open at the same time.
    pub requests: usize,
    /// Resources (streams, pollables, headers…) held at the same time.
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
pub enum LimitExceeded {
    /// It used too much CPU time.
    #[error("the component ran for more than {} s, waiting not counted, and was stopped", .0.as_secs_f64())]
    Cpu(Duration),
    /// The call took too long.
    #[error(
        "the call took more than {} s, waiting included, and was stopped; OGE_TIMEOUT_SECONDS \
         changes this limit",
        .0.as_secs_f64()
    )]
    Wall(Duration),
    /// It requested too much memory.
    #[error(
        "the component requested more than {0} bytes of memory and was stopped; OGE_MAX_REPLY_BYTES \
         changes this limit"
    )]
    Memory(usize),
    /// It held too many resources.
    #[error("the component held more than {0} streams, timers and the like and was stopped")]
    Resources(usize),
}

/// Limits a guest's memory, in bytes.
#[derive(Debug)]
pub(crate) struct MemoryLimit(pub(crate) usize);

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // An error, because a guest whose `memory.grow` fails traps without a reason.
        if desired > self.0 { Err(LimitExceeded::Memory(self.0).into()) } else { Ok(true) }
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
