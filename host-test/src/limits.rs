//! What one call may use: time on the CPU, time on the wall, memory. Past a limit the guest is
//! stopped, and the error says which limit it was.

use std::time::{Duration, Instant};

use wasmtime::{CallHook, ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::state::State;

/// How often a running guest is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What one call may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time that the guest itself runs. Waiting in the host does not count.
    pub cpu: Duration,
    /// Time from start to end, waiting and all; none for what the call's own deadlines allow: two
    /// attempts, two token fetches of 30 s each, and 10 s more.
    pub wall: Option<Duration>,
    /// Bytes of linear memory; none for three times `OGE_MAX_REPLY_BYTES` and 16 MiB.
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
    #[error("the component ran for more than {} s without an end and was stopped", .0.as_secs_f64())]
    Cpu(Duration),
    /// The call took too long.
    #[error("the call took more than {} s, waiting included, and was stopped", .0.as_secs_f64())]
    Wall(Duration),
    /// It wanted too much memory.
    #[error(
        "the component wanted more than {0} bytes of memory and was stopped; OGE_MAX_REPLY_BYTES \
         moves this limit"
    )]
    Memory(usize),
}

/// Adds up the time that a guest runs: from each crossing into it to the next out of it. Waiting in
/// the host, and the turns of others while it yields, lie between.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    limit: Duration,
    spent: Duration,
    running_since: Option<Instant>,
}

impl CpuMeter {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, spent: Duration::ZERO, running_since: None }
    }

    fn crossed(&mut self, hook: CallHook, now: Instant) {
        if let Some(since) = self.running_since.take() {
            self.spent += now.saturating_duration_since(since);
        }
        self.running_since = hook.exiting_host().then_some(now);
    }

    fn check(&self) -> Result<(), Stopped> {
        if self.spent > self.limit { Err(Stopped::Cpu(self.limit)) } else { Ok(()) }
    }
}

/// What happens when a running guest runs into a tick, which is a crossing: it is looked at, and
/// yields, so that others get their turn.
pub(crate) fn on_tick(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    store.data().cpu.check()?;
    Ok(UpdateDeadline::Yield(1))
}

/// What happens when a call crosses between guest and host.
#[expect(clippy::disallowed_methods, reason = "measuring a guest's time is this host's work")]
pub(crate) fn on_crossing(
    mut store: StoreContextMut<'_, State>,
    hook: CallHook,
) -> wasmtime::Result<()> {
    store.data_mut().cpu.crossed(hook, Instant::now());
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a fixed point to count from")]
    fn waiting_in_the_host_costs_nothing() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut meter = CpuMeter::new(Duration::from_millis(20));
        meter.crossed(CallHook::CallingWasm, at(0));
        meter.crossed(CallHook::CallingHost, at(15));
        meter.crossed(CallHook::ReturningFromHost, at(60_000));
        meter.crossed(CallHook::CallingHost, at(60_004));
        assert_eq!((meter.spent, meter.check()), (Duration::from_millis(19), Ok(())));
        meter.crossed(CallHook::ReturningFromHost, at(70_000));
        meter.crossed(CallHook::ReturningFromWasm, at(70_002));
        assert_eq!(meter.check(), Err(Stopped::Cpu(Duration::from_millis(20))));
    }
}
