//! A host like Wassette: WASI 0.2, HTTP and `wasi:config`, each exported function is a tool. It uses no
//! code of this project.

use oge_mock_platform::{Mock, Options, Route};
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, default_hooks};

struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    config: WasiConfigVariables,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: default_hooks() }
    }
}

/// Calls one tool in a new instance. Wassette passes every parameter, optional ones as `none`.
async fn call(settings: &[(String, String)], tool: &str, arguments: &[Val]) -> String {
    let engine = Engine::default();
    let mut linker = Linker::<Host>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
    wasmtime_wasi_config::add_to_linker(&mut linker, |host: &mut Host| {
        WasiConfig::from(&host.config)
    })
    .unwrap();
    let host = Host {
        table: ResourceTable::new(),
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        config: WasiConfigVariables::from_iter(settings.iter().cloned()),
    };
    let mut store = Store::new(&engine, host);
    let component = Component::from_file(&engine, oge_artifacts::wassette()).unwrap();
    let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
    let tool = instance.get_func(&mut store, tool).unwrap();
    let mut results = [Val::Bool(false)];
    tool.call_async(&mut store, arguments, &mut results).await.unwrap();
    format!("{results:?}")
}

#[tokio::test]
async fn a_host_with_wasi_config_settings_can_call_the_tools() {
    let mock = Mock::start(Options::default()).await.unwrap();
    mock.start_task("d");
    let mut settings = mock.settings();
    settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()));
    mock.revoke_tokens();
    let none = || Val::Option(None);
    let answer = call(&settings, "query-task-status", &[Val::String("d".into()), none()]).await;
    assert!(answer.contains("starting") && answer.contains("U8(2)"), "{answer}");
    assert_eq!((mock.count(Route::Token), mock.count(Route::GetState)), (1, 2));
    let answer = call(&settings, "run-big-query", &[none(), none()]).await;
    assert!(answer.contains("bigquery_"), "{answer}");
}
