//! Sets the wall clock back by a day while a token is kept.
//!
//! The reference host's store uses the monotonic clock. The wall clock matters for a token file, so these
//! cells run the Wassette component with its own store, a token file and a wall clock that the test sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use oge_mock_platform::{Mock, Options, Route};
use tempfile::TempDir;
use wasmtime::component::{Component, Instance, Linker, ResourceTable, Val};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{FsPerms, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, default_hooks};

use super::cell::CallResult;
use super::matrix::{Cell, Stage};

const DAY: u64 = 24 * 60 * 60;

/// The number of seconds that the guest's wall clock is behind.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    #[expect(clippy::disallowed_methods, reason = "a clock has to be made of one")]
    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        now - Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    config: WasiConfigVariables,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: default_hooks() }
    }
}

/// A clock, a directory with the token file, and a mock.
struct Machine {
    clock: Clock,
    folder: TempDir,
    mock: Mock,
    linker: Linker<Guest>,
}

/// Returns the component, which is compiled once.
fn component() -> &'static Component {
    static COMPONENT: LazyLock<Component> = LazyLock::new(|| {
        Component::from_file(&Engine::default(), oge_artifacts::wassette()).unwrap()
    });
    &COMPONENT
}

/// One instance of the component.
struct Running(Store<Guest>, Instance);

impl Machine {
    async fn new() -> Self {
        let mut linker = Linker::<Guest>::new(component().engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_config::add_to_linker(&mut linker, |guest: &mut Guest| {
            WasiConfig::from(&guest.config)
        })
        .unwrap();
        let mock = Mock::start(Options::default()).await.unwrap();
        mock.start_task("d");
        Self { clock: Clock::default(), folder: TempDir::new().unwrap(), mock, linker }
    }

    async fn start(&self) -> Running {
        let mut settings = self.mock.settings();
        settings.push(("OGE_TOKEN_FILE".to_owned(), "/tokens/token".to_owned()));
        let guest = Guest {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder()
                .wall_clock(self.clock.clone())
                .preopened_dir(self.folder.path(), "/tokens", FsPerms::ReadWrite)
                .unwrap()
                .build(),
            http: WasiHttpCtx::new(),
            config: WasiConfigVariables::from_iter(settings),
        };
        let mut store = Store::new(component().engine(), guest);
        let instance = self.linker.instantiate_async(&mut store, component()).await.unwrap();
        Running(store, instance)
    }

    fn set_clock_back(&self) {
        self.clock.0.store(DAY, Ordering::SeqCst);
    }
}

impl Running {
    /// CalledTool for the state of a task.
    ///
    /// # Errors
    /// The call's failure as text.
    async fn ask(&mut self) -> Result<(), String> {
        let Self(store, instance) = self;
        let ask = instance.get_func(&mut *store, "query-task-status").unwrap();
        let mut results = [Val::Bool(false)];
        let arguments = [Val::String("d".into()), Val::Option(None)];
        ask.call_async(&mut *store, &arguments, &mut results).await.unwrap();
        match &results {
            [Val::Result(Ok(_))] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }
}

/// Calls before and after the clock is set back, in the old instance and in new ones. Logs in only if a
/// token is missing or rejected.
pub(super) async fn run(cell: &Cell) -> (CallResult, Vec<String>) {
    let machine = Machine::new().await;
    let mut wrong = Vec::new();
    let mut expect = |when: &str, asked: Result<(), String>, logins: usize| {
        if let Err(answer) = asked {
            wrong.push(format!("{when}: {answer}"));
        }
        let made = machine.mock.count(Route::Token);
        if made != logins {
            wrong.push(format!("{when}: {made} token requests and not {logins}"));
        }
    };
    let mut old = machine.start().await;
    let attempts = match cell.stage {
        Stage::TokenRequest => {
            machine.set_clock_back();
            expect("a first login by the new time", old.ask().await, 1);
            expect("after that", machine.start().await.ask().await, 1);
            1
        }
        Stage::Renewal => {
            expect("before", old.ask().await, 1);
            machine.set_clock_back();
            machine.mock.revoke_tokens();
            expect("a renewal by the new time", machine.start().await.ask().await, 2);
            // The old instance keeps its own time, by which the kept token expired long ago. So it logs in,
            // once.
            expect("the old instance", old.ask().await, 3);
            expect("the old instance again", old.ask().await, 3);
            for _ in 0..3 {
                expect("a new one", machine.start().await.ask().await, 3);
                expect("the old one beside it", old.ask().await, 3);
            }
            2
        }
        _ => {
            expect("before", old.ask().await, 1);
            machine.set_clock_back();
            expect("the old instance", old.ask().await, 1);
            expect("a new one", machine.start().await.ask().await, 1);
            1
        }
    };
    (CallResult::Works { attempts }, wrong)
}
