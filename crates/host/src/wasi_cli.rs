//! The two interfaces of `wasi:cli` that a guest sees: the environment has its settings, and standard error
//! is its log.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi::p2::bindings::cli::{environment, stderr};
use wasmtime_wasi_io::IoView as _;

use crate::guest_log::GuestLog;
use crate::state::State;

/// The state of these interfaces.
pub(crate) struct Cli {
    pub(crate) environment: Arc<[(String, String)]>,
    pub(crate) log: GuestLog,
}

impl environment::Host for State {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.cli.environment.to_vec())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl stderr::Host for State {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let log: DynOutputStream = Box::new(self.cli.log.clone());
        Ok(self.table().push(log)?)
    }
}
