//! Measures the cost of an expired token and of the sandbox in one run.
//!
//! `cargo bench` measures everything (some minutes), `cargo bench -- one` everything with "one" in its name.
//! The mock OGE and the hosts whose memory or start is measured are processes of their own: this same program
//! in another [`role`].

#![expect(clippy::expect_used, reason = "a measurement that fails ends the run")]

mod cold_start;
mod expired;
mod in_flight;
mod instance;
mod measured;
mod memory;
mod mock;
mod one_call;
mod parameters;
mod responses;
mod role;
mod timing;
mod ways;

use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;

use crate::role::Role;

fn main() -> anyhow::Result<ExitCode> {
    match Role::of_this_process() {
        Some(Role::Oge) => return Ok(oge_cli::main()),
        Some(Role::Mock) => mock::serve(),
        Some(Role::Host) => memory::host(),
        Some(Role::Start) => cold_start::host(),
        Some(Role::Wasmtime) => Ok(oge_wasmtime::run(std::env::args_os())?),
        None => measure(),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn measure() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The ways need the runtime when they are dropped.
    let _inside = runtime.enter();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    one_call::measure(&mut criterion, &runtime)?;
    instance::measure(&mut criterion, &runtime)?;
    in_flight::measure(&mut criterion, &runtime)?;
    expired::measure(&mut criterion, &runtime)?;
    responses::measure(&mut criterion, &runtime)?;
    cold_start::measure(&mut criterion)?;
    memory::measure()?;
    criterion.final_summary();
    Ok(())
}
