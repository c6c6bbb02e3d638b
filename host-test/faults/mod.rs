//! Tests each fault at each stage of a call. A cell ends within its deadline plus a tenth, leaves no
//! connection and no task, shows no secret, and the next call works.
//!
//! [`matrix`] is the data. `cargo test --test all faults -- --nocapture` prints it as a table.

mod cell;
mod clock;
mod flapping;
mod matrix;
mod pace;
mod proxy;
mod report;
mod sockets;

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use oge_host::CallError;
use oge_mock_platform::Route;
use oge_tools::error::FailureKind::{Network, ReplyTooLarge};
use oge_tools::tools::{RunBigQuery, run_big_query};
use tokio::runtime::{Builder, Handle};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use self::cell::{CallResult, Ready};
use self::matrix::{Arranged, Cell, Kind, Stage};
use self::pace::Pace;
use self::proxy::{FaultyProxy, ProxyFault};
use self::report::Report;
use crate::fixture::Fixture;

/// How many of the cells that do not wait for a deadline run at the same time.
const AT_ONE_TIME: usize = 12;

/// The time limit of a cell: a login's limit, a backoff, and room for a busy machine.
const LONGEST: Duration = Duration::from_secs(90);

#[test]
fn each_fault_ends_in_time_and_leaves_nothing_open() {
    let (waiting, quick): (Vec<_>, Vec<_>) =
        matrix::cells().into_iter().partition(|cell| cell.waits);
    // A separate thread, so that the cells with a deadline do not wait for these.
    let quick = thread::spawn(move || {
        run(async move |pace: &Pace| {
            let cells = stream::iter(quick).map(|cell| one(cell, pace));
            cells.buffer_unordered(AT_ONE_TIME).collect().await
        })
    });
    let mut done = run(async move |pace: &Pace| {
        let mut ready = Vec::new();
        for cell in waiting {
            ready.push((cell.clone(), Ready::arrange(cell).await));
        }
        let all = ready.into_iter().map(async |(cell, ready)| bounded(cell, ready.run(pace)).await);
        join_all(all).await
    });
    done.extend(quick.join().unwrap());
    let report = Report(done);
    println!("{}", report.table());
    let failed = report.failed();
    assert!(failed.is_empty(), "{} cells failed:\n{}", failed.len(), failed.join("\n"));
}

type Done = (Cell, CallResult, Vec<String>);

/// Runs cells on a runtime of their own and asserts that no task is left.
fn run(cells: impl AsyncFnOnce(&Pace) -> Vec<Done>) -> Vec<Done> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let pace = Pace::start();
        let done = cells(&pace).await;
        drop(pace);
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let ended = async {
            while tasks() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let ended = timeout(Duration::from_secs(10), ended).await;
        assert!(ended.is_ok(), "{} tasks are left", tasks());
        done
    })
}

async fn one(cell: Cell, pace: &Pace) -> Done {
    let run = async {
        match cell.arranged {
            Arranged::ClockBack => clock::run(&cell).await,
            Arranged::Flapping => flapping::run(&cell).await,
            _ => Ready::arrange(cell.clone()).await.run(pace).await,
        }
    };
    bounded(cell.clone(), run).await
}

/// Runs a cell; one that hangs fails.
async fn bounded(cell: Cell, run: impl Future<Output = (CallResult, Vec<String>)>) -> Done {
    let hung = |_| (CallResult::Broke("it hangs".to_owned()), vec!["it hangs".to_owned()]);
    let (came, wrong) = timeout(LONGEST, run).await.unwrap_or_else(hung);
    (cell, came, wrong)
}

#[test]
fn each_fault_at_each_stage_has_a_cell_or_a_reason() {
    let cells = matrix::cells();
    for stage in Stage::ALL {
        for kind in Kind::ALL {
            let is_there = cells.iter().any(|cell| (cell.stage, cell.kind) == (stage, kind));
            let absent = matrix::absent(stage, kind);
            assert_eq!(is_there, absent.is_none(), "{stage:?} × {kind:?}: {absent:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_connection_is_named_in_the_failure() {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let front = FaultyProxy::start(nowhere, ProxyFault::Refuse, 0);
    let origin = format!("http://{}", front.address());
    let fixture = Fixture::set(&[("OGE_DAG_URL", &origin), ("OGE_TOKEN", "given")]).await;
    let failure = fixture.ask().await.unwrap_err();
    assert_eq!((failure.kind, failure.attempts), (Network, 1));
    let expected = format!("no answer from {origin} after 0.");
    assert!(failure.message.starts_with(&expected), "{failure}");
    assert!(failure.message.ends_with("s: connection refused"), "{failure}");
}

#[tokio::test]
async fn a_response_that_grows_when_encoded_is_too_large() {
    const MOST: usize = 8 << 20;
    let fixture = Fixture::set(&[("OGE_MAX_REPLY_BYTES", &MOST.to_string())]).await;
    let query = run_big_query::Arguments::default();
    for (body, fits) in [
        (vec![b'a'; MOST - 4096], true),
        (vec![b'"'; MOST - 4096], false),
        (vec![1; MOST - 4096], false),
        (vec![0xff; MOST - 4096], false),
    ] {
        fixture.mock.response(Route::Process, 200, "application/octet-stream", body);
        let result = fixture.host.run::<RunBigQuery>(&query).await;
        match result {
            Ok(_) => assert!(fits),
            Err(CallError::Failure(failure)) => {
                assert_eq!((failure.kind, fits), (ReplyTooLarge, false), "{failure}");
            }
            Err(error) => panic!("not a failure but {error}"),
        }
    }
}
