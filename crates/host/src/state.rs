//! The data of a wasmtime store: the state of one call.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksCtx, WasiClocksCtxView, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_io::IoView;

use crate::known::HostSecrets;
use crate::limits::{Limits, MemoryLimit};
use crate::outgoing::Outgoing;
use crate::token_store::{self, TokenStore, TokenStoreCtx, TokenStoreView};
use crate::wasi_cli::Cli;

/// The data of a wasmtime store: the state of one call.
pub(crate) struct State {
    table: ResourceTable,
    clocks: WasiClocksCtx,
    pub(crate) cli: Cli,
    http: WasiHttpCtx,
    pub(crate) outgoing: Outgoing,
    tokens: TokenStoreCtx,
    pub(crate) memory: MemoryLimit,
}

impl State {
    pub(crate) fn new(
        cli: Cli,
        outgoing: Outgoing,
        tokens: Arc<dyn TokenStore>,
        known: HostSecrets,
        limits: &Limits,
        memory: usize,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        Self {
            table,
            clocks: WasiClocksCtx::default(),
            cli,
            http: WasiHttpCtx::new(),
            outgoing,
            tokens: TokenStoreCtx::known_to(tokens, known),
            memory: MemoryLimit(memory),
        }
    }

    /// Returns a linker with the imports of the world and no others: HTTP, clocks, settings, the log and
    /// the token store. A component that imports more is not loaded.
    pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Self>> {
        let mut linker = Linker::new(engine);
        wasmtime_wasi_io::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        clocks::monotonic_clock::add_to_linker::<Self, WasiClocks>(&mut linker, Self::clocks)?;
        clocks::wall_clock::add_to_linker::<Self, WasiClocks>(&mut linker, Self::clocks)?;
        cli::environment::add_to_linker::<Self, HasSelf<Self>>(&mut linker, |state| state)?;
        cli::stderr::add_to_linker::<Self, HasSelf<Self>>(&mut linker, |state| state)?;
        token_store::add_to_linker(&mut linker)?;
        Ok(linker)
    }
}

impl IoView for State {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl WasiClocksView for State {
    fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView { ctx: &mut self.clocks, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

impl TokenStoreView for State {
    fn token_store(&mut self) -> &mut TokenStoreCtx {
        &mut self.tokens
    }
}
