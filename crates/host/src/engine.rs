//! The engine with its pool of memories and stacks, and a permit for each call that the pool has room for.
//!
//! A pool reserves address space for every call that may run at the same time and has a ticker thread. So hosts
//! with pools of the same size share one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{
    Cache, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// The time between two epoch ticks: a running guest yields at each.
const TICK: Duration = Duration::from_millis(10);

/// How many bytes of an instance's memory are cleared in place after a call. That is cheaper than returning
/// the pages to the system and faulting them in again.
const KEEP_RESIDENT: usize = 512 * 1024;

/// An engine with room for a fixed number of calls.
pub(crate) struct Pool {
    pub(crate) engine: Engine,
    /// One permit a call. Never closed.
    pub(crate) permits: Semaphore,
}

impl Pool {
    /// Returns the process's pool for `calls` calls. The first use creates it.
    pub(crate) fn of(calls: u32) -> wasmtime::Result<Arc<Self>> {
        static POOLS: Mutex<BTreeMap<u32, Arc<Pool>>> = Mutex::new(BTreeMap::new());
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&calls) {
            return Ok(Arc::clone(pool));
        }
        let pool = Self { engine: engine(calls)?, permits: Semaphore::new(calls as usize) };
        let pool = Arc::new(pool);
        pools.insert(calls, Arc::clone(&pool));
        Ok(pool)
    }
}

fn engine(calls: u32) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        // The toolchain's components have three core instances, one of which has the memory.
        .total_core_instances(calls.saturating_mul(3))
        .total_memories(calls)
        .total_tables(calls.saturating_mul(2))
        .total_stacks(calls)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        // If Linux can report the pages that a call touched, only those are cleared.
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(calls);
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed).memory_init_cow(true).epoch_interruption(true);
    // WASI 0.2 needs no concurrent tasks, and supporting them slows every host call.
    config.concurrency_support(false);
    // Use wasmtime's own cache directory for compiled code, if there is one.
    config.cache(Cache::from_file(None).ok());
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    // If address space is limited (as in a container), allocate instances one by one.
    let engine = Engine::new(&config).or_else(|_| {
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })?;
    let to_tick = engine.clone();
    thread::Builder::new().name("oge-ticker".to_owned()).spawn(move || tick(&to_tick))?;
    Ok(engine)
}

/// Ticks until the process ends: its engine lives as long.
#[expect(clippy::disallowed_methods, reason = "a thread that only ticks")]
fn tick(engine: &Engine) -> ! {
    loop {
        thread::sleep(TICK);
        engine.increment_epoch();
    }
}
