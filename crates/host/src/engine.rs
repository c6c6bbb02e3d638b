//! Where instances live: an engine, its pool of memories and stacks, and a turn for each call that these
//! have room for.
//!
//! Hosts whose pools are of one size share one: it reserves address space for every call that may run at one
//! time, so a second pool is a second reservation, and a ticking thread more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{
    Cache, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// How long a guest may run before others get their turn.
const TICK: Duration = Duration::from_millis(10);

/// What an instance touched is cleared in place up to this size, which is cheaper than to give the
/// pages back and fault them in again.
const KEEP_RESIDENT: usize = 512 * 1024;

/// Room for so many calls.
pub(crate) struct Pool {
    pub(crate) engine: Engine,
    /// A permit for each. Never closed.
    pub(crate) turns: Semaphore,
}

impl Pool {
    /// The process's pool with room for so many calls, made when it is first asked for.
    pub(crate) fn of(calls: u32) -> wasmtime::Result<Arc<Self>> {
        static POOLS: Mutex<BTreeMap<u32, Arc<Pool>>> = Mutex::new(BTreeMap::new());
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&calls) {
            return Ok(Arc::clone(pool));
        }
        let pool = Self { engine: engine(calls)?, turns: Semaphore::new(calls as usize) };
        let pool = Arc::new(pool);
        pools.insert(calls, Arc::clone(&pool));
        Ok(pool)
    }
}

fn engine(calls: u32) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        // A component made by the toolchain is three core instances, one of which has the memory.
        .total_core_instances(calls.saturating_mul(3))
        .total_memories(calls)
        .total_tables(calls.saturating_mul(2))
        .total_stacks(calls)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        // Where Linux can tell which pages a call touched, only those are cleared.
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(calls);
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed).memory_init_cow(true).epoch_interruption(true);
    // WASI 0.2 calls one thing at a time; keeping tasks for more would slow every call of the host.
    config.concurrency_support(false);
    // What was compiled is kept where wasmtime keeps it, unless there is no such place.
    config.cache(Cache::from_file(None).ok());
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    // Where address space is short (a container's limit), instances are made one by one.
    let engine = Engine::new(&config).or_else(|_| {
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })?;
    let ticked = engine.clone();
    thread::Builder::new().name("oge-ticker".to_owned()).spawn(move || tick(&ticked))?;
    Ok(engine)
}

/// Ticks for as long as the process lives, as its engine does.
#[expect(clippy::disallowed_methods, reason = "a thread that only ticks")]
fn tick(engine: &Engine) -> ! {
    loop {
        thread::sleep(TICK);
        engine.increment_epoch();
    }
}
