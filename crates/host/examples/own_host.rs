//! Adds the `token-store` import to a program that has its own wasmtime host.
//!
//! `cargo run --example own_host -- oge-tools.wasm DAG_ID` prints the state of a task.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use oge_host::token_store::{self, TokenStoreCtx, TokenStoreView};
use oge_host::{HttpClient, NativeStore, PasswordLogin};
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

struct Data {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    tokens: TokenStoreCtx,
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Data {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: Default::default() }
    }
}

impl TokenStoreView for Data {
    fn token_store(&mut self) -> &mut TokenStoreCtx {
        &mut self.tokens
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(dag_id)) = (arguments.next(), arguments.next()) else {
        bail!("usage: own_host COMPONENT DAG_ID");
    };
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    token_store::add_to_linker(&mut linker)?;

    // One store for all instances, so that they share one login.
    let login = PasswordLogin::new(HttpClient::new(None)?, |key| std::env::var(key).ok());
    let store = NativeStore::new(login, None, Arc::new(|line| eprintln!("{line}")));
    // The component sees the tools' settings and no credentials.
    let url = std::env::var("OGE_DAG_URL")?;
    let data = Data {
        table: ResourceTable::new(),
        wasi: WasiCtx::builder().env("OGE_DAG_URL", &url).inherit_stderr().build(),
        http: WasiHttpCtx::new(),
        tokens: TokenStoreCtx::new(Arc::new(store)),
    };
    let mut wasm = Store::new(&engine, data);
    let component = Component::from_file(&engine, file)?;
    let instance = linker.instantiate_async(&mut wasm, &component).await?;
    let tools = instance.get_export_index(&mut wasm, None, "oge:tools/tools@0.1.0");
    let tool = instance.get_export_index(&mut wasm, tools.as_ref(), "query-task-status");
    let tool = tool.and_then(|tool| instance.get_func(&mut wasm, tool));
    let mut result = [Val::Bool(false)];
    let arguments = [Val::String(dag_id), Val::Option(None)];
    tool.context("no such tool")?.call_async(&mut wasm, &arguments, &mut result).await?;
    println!("{result:#?}");
    Ok(())
}
