//! The engine: how components are compiled and where their instances live.

use std::thread;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::limits::TICK;

/// How many calls run at one time; more wait for their turn.
pub(crate) const MOST_CALLS: u32 = 1000;

/// What an instance touched is cleared in place up to this size, which is cheaper than to give the
/// pages back and fault them in again.
const KEEP_RESIDENT: usize = 512 * 1024;

/// An engine, with a thread that ticks for as long as it lives.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MOST_CALLS)
        // A component made by the toolchain is three core instances, one of which has the memory.
        .total_core_instances(3 * MOST_CALLS)
        .total_memories(MOST_CALLS)
        .total_tables(2 * MOST_CALLS)
        .total_stacks(MOST_CALLS)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .max_unused_warm_slots(MOST_CALLS);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .epoch_interruption(true);
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    thread::Builder::new().name("oge-ticker".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            wait_for_tick();
        }
    })?;
    Ok(engine)
}

#[expect(clippy::disallowed_methods, reason = "a thread that only ticks")]
fn wait_for_tick() {
    thread::sleep(TICK);
}
