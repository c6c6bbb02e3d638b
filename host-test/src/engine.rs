//! The engine: how components are compiled and where their instances live.
//!
//! A process has one. Its pool reserves address space for every call that may run at one time, so a
//! second pool would be a second reservation, and a ticking thread more.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{
    Cache, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// How long a guest may run before others get their turn.
const TICK: Duration = Duration::from_millis(10);

/// How many calls run at one time; more wait for their turn.
const MOST_CALLS: u32 = 1000;

/// What an instance touched is cleared in place up to this size, which is cheaper than to give the
/// pages back and fault them in again.
const KEEP_RESIDENT: usize = 512 * 1024;

/// One permit for each call that the pool has room for. Never closed.
pub(crate) static TURNS: Semaphore = Semaphore::const_new(MOST_CALLS as usize);

/// The process's engine, made when it is first asked for.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*engine {
        Some(engine) => Ok(engine.clone()),
        None => Ok(engine.insert(new_engine()?).clone()),
    }
}

fn new_engine() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MOST_CALLS)
        // A component made by the toolchain is three core instances, one of which has the memory.
        .total_core_instances(3 * MOST_CALLS)
        .total_memories(MOST_CALLS)
        .total_tables(2 * MOST_CALLS)
        .total_stacks(MOST_CALLS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        // Where Linux can tell which pages a call touched, only those are cleared.
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(MOST_CALLS);
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
