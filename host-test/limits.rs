//! A guest that exceeds a limit is stopped with an error that names the limit. The host keeps working.

use std::time::Duration;

use oge_host::{CallError, Host, HostBuilder, LimitExceeded, Limits};
use oge_mock_platform::{Fault, Mock, Options, Route};
use oge_tools::tools::{
    ExecuteCodeToDag, ExecuteDagWorkflow, QueryTaskStatus, RunBigQuery, execute_code_to_dag,
};
use oge_tools::url::Origin;

use crate::fixture::{Fixture, status_of};
use crate::sink::Sink;

/// More CPU time than a call needs that only waits, also on a busy machine.
const CPU: Duration = Duration::from_millis(200);

/// Returns a builder of a host for the hostile guest.
pub fn hostile() -> HostBuilder {
    Host::builder(std::fs::read(oge_artifacts::hostile()).unwrap()).log(|_| {})
}

/// Tells the guest what to do and returns its result.
pub async fn tell(host: &Host, what: &str) -> Result<String, CallError> {
    host.run::<QueryTaskStatus>(&status_of(what)).await.map(|done| done.output.status)
}

/// Returns the limit that stops the guest. Asserts that the host works after that.
async fn stopped(limits: Limits, what: &str) -> LimitExceeded {
    let host = hostile().limits(limits).build().unwrap();
    let stopped = match tell(&host, what).await {
        Err(CallError::LimitExceeded(stopped)) => stopped,
        other => panic!("not stopped, but {other:?}"),
    };
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
    stopped
}

#[tokio::test]
async fn a_guest_that_spins_is_stopped() {
    let limits = Limits { cpu: CPU, ..Limits::default() };
    assert_eq!(stopped(limits, "spin").await, LimitExceeded::Cpu(CPU));
}

#[tokio::test]
async fn waits_do_not_extend_the_cpu_limit() {
    let limits = Limits { cpu: CPU, ..Limits::default() };
    assert_eq!(stopped(limits, "spin-between-waits").await, LimitExceeded::Cpu(CPU));
}

#[tokio::test]
async fn refused_requests_do_not_extend_the_cpu_limit() {
    let limits = Limits { cpu: CPU, ..Limits::default() };
    assert_eq!(stopped(limits, "refused").await, LimitExceeded::Cpu(CPU));
}

#[tokio::test]
async fn calls_that_wait_use_no_cpu_time() {
    let host = hostile().limits(Limits { cpu: CPU, ..Limits::default() }).build().unwrap();
    let wait = format!("wait:{}", 3 * CPU.as_millis());
    let calls = (0..64).map(|_| tell(&host, &wait));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), "waited");
    }
}

#[tokio::test]
async fn a_call_above_calls_at_once_waits() {
    for (room, wait, first) in
        [(0, "wait:200", "waited"), (1, "wait:200", "waited"), (2, "wait:60000", "nothing done")]
    {
        let host = hostile().calls_at_once(room).build().unwrap();
        let answer = tokio::select! {
            biased;
            answer = tell(&host, wait) => answer,
            answer = tell(&host, "nothing") => answer,
        };
        assert_eq!(answer.unwrap(), first, "room for {room}");
    }
}

#[tokio::test]
async fn a_spinning_guest_does_not_block_other_calls() {
    let host = hostile().build().unwrap();
    tokio::select! {
        biased;
        _ = tell(&host, "spin") => panic!("the other call had to wait for it"),
        answer = tell(&host, "nothing") => assert_eq!(answer.unwrap(), "nothing done"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spinning_guests_do_not_starve_other_calls() {
    let host = hostile().limits(Limits { cpu: CPU, ..Limits::default() }).build().unwrap();
    let spin = |_| {
        let host = host.clone();
        tokio::spawn(async move { tell(&host, "spin").await })
    };
    let spinning: Vec<_> = (0..8).map(spin).collect();
    tokio::task::yield_now().await;
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
    assert!(!spinning.iter().all(tokio::task::JoinHandle::is_finished), "it had to wait for all");
    for spun in spinning {
        assert!(matches!(
            spun.await.unwrap(),
            Err(CallError::LimitExceeded(LimitExceeded::Cpu(_)))
        ));
    }
}

#[tokio::test]
async fn a_waiting_call_ends_at_its_wall_time_limit() {
    let wall = Duration::from_millis(50);
    let limits = Limits { wall: Some(wall), ..Limits::default() };
    assert_eq!(stopped(limits, "wait").await, LimitExceeded::Wall(wall));
}

#[tokio::test]
async fn a_guest_above_its_memory_limit_is_stopped() {
    let memory = 8 << 20;
    let limits = Limits { memory: Some(memory), ..Limits::default() };
    assert_eq!(stopped(limits, "grow").await, LimitExceeded::Memory(memory));
}

#[tokio::test]
async fn the_memory_limit_follows_the_response_limit() {
    let host = hostile().settings([("OGE_MAX_REPLY_BYTES", "1048576")]).build().unwrap();
    let error = tell(&host, "grow").await.unwrap_err();
    assert!(
        matches!(error, CallError::LimitExceeded(LimitExceeded::Memory(bytes)) if bytes == (4 + 16) << 20)
    );
    assert!(error.to_string().contains("OGE_MAX_REPLY_BYTES"), "{error}");
}

/// A chunked response has no length, and a buffer that doubles would exceed the memory limit.
#[tokio::test]
async fn a_chunked_response_below_the_limit_fits() {
    const LENGTH: usize = 31 << 20;
    let fixture = Fixture::new().await;
    fixture.mock.fail(Route::Process, Fault::Huge(LENGTH));
    let done = fixture.host.run::<RunBigQuery>(&Default::default()).await.unwrap();
    assert_eq!(done.output.data.len(), LENGTH);
}

#[tokio::test]
async fn a_guest_above_its_resource_limit_is_stopped() {
    let limits = Limits { resources: 100, ..Limits::default() };
    assert_eq!(stopped(limits, "pollables").await, LimitExceeded::Resources(100));
}

#[tokio::test]
async fn a_trap_is_not_reported_as_stopped() {
    let host = hostile().build().unwrap();
    let error = tell(&host, "panic").await.unwrap_err();
    assert!(matches!(&error, CallError::Trapped(why) if why.contains("unreachable")), "{error:?}");
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
}

#[tokio::test]
async fn a_workflow_that_contradicts_itself_is_no_result() {
    let host = hostile().build().unwrap();
    let result = host.run::<ExecuteDagWorkflow>(&Default::default()).await;
    let Err(CallError::Trapped(why)) = result else { panic!("{result:?}") };
    assert!(why.contains("a workflow with a failure that its final-status excludes"), "{why}");
}

#[tokio::test]
async fn requests_above_the_limit_are_refused() {
    let mock = Mock::start(Options::default()).await.unwrap();
    let host = hostile()
        .allow(Origin::parse(mock.origin()).unwrap())
        .limits(Limits { requests: 4, ..Limits::default() })
        .build()
        .unwrap();
    let authority = mock.origin().trim_start_matches("http://");
    assert_eq!(tell(&host, &format!("requests:{authority}")).await.unwrap(), "96 of 100 refused");
    assert_eq!(mock.all_requests().len(), 4);
}

/// Returns why the guest traps. Asserts that the host works after that.
async fn trap(what: &str) -> String {
    let host = hostile().build().unwrap();
    let why = match tell(&host, what).await {
        Err(CallError::Trapped(why)) => why,
        other => panic!("{what}: no trap, but {other:?}"),
    };
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
    why
}

#[tokio::test]
async fn unbounded_recursion_traps() {
    let why = trap("recurse").await;
    assert!(why.contains("call stack exhausted"), "{why}");
    let why = trap("overflow").await;
    assert!(why.contains("out of bounds"), "{why}");
}

#[tokio::test]
async fn too_many_headers_trap_the_guest() {
    let host = hostile().build().unwrap();
    assert_eq!(tell(&host, "headers:100").await.unwrap(), "100 headers");
    for count in [200, 20_000] {
        let why = trap(&format!("headers:{count}")).await;
        assert!(why.contains("exceeds limit"), "{why}");
    }
}

/// The guest returns one megabyte 4096 times, which would take four gigabytes in the host.
#[tokio::test]
async fn an_oversized_result_traps_the_guest() {
    let limits = Limits { memory: Some(16 << 20), ..Limits::default() };
    let host = hostile().limits(limits).build().unwrap();
    let answer = |megabytes: u32| execute_code_to_dag::Arguments {
        code: megabytes.to_string(),
        user_id: Some("u".to_owned()),
        ..Default::default()
    };
    match host.run::<ExecuteCodeToDag>(&answer(4096)).await {
        Err(CallError::Trapped(why)) => assert!(why.contains("too much data"), "{why}"),
        other => panic!("no trap, but {:?}", other.map(|_| ())),
    }
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
}

#[tokio::test]
async fn an_endless_request_body_ends_with_its_call() {
    let wall = Duration::from_millis(500);
    let limits = Limits { cpu: CPU, wall: Some(wall), ..Limits::default() };
    for sink in [Sink::that_reads(), Sink::that_does_not_read()] {
        let host = hostile().limits(limits).allow(sink.origin()).build().unwrap();
        let answer = tell(&host, &format!("upload:{}", sink.origin().authority())).await;
        let is_stopped = matches!(
            answer,
            Err(CallError::LimitExceeded(LimitExceeded::Cpu(_) | LimitExceeded::Wall(_)))
        );
        assert!(is_stopped, "{answer:?}");
        assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
        tokio::task::spawn_blocking(|| sink.wait_until_left()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_guests_do_not_block_good_calls() {
    let fixture = Fixture::logged_in().await;
    let limits = Limits {
        cpu: CPU,
        wall: Some(Duration::from_secs(2)),
        memory: Some(16 << 20),
        resources: 100,
        ..Limits::default()
    };
    let host = hostile().limits(limits).build().unwrap();
    let actions = [
        "spin",
        "spin-between-waits",
        "refused",
        "grow",
        "wait",
        "panic",
        "pollables",
        "recurse",
        "overflow",
        "headers:20000",
    ];
    let crowd: Vec<_> = actions
        .into_iter()
        .cycle()
        .take(4 * actions.len())
        .map(|what| {
            let host = host.clone();
            tokio::spawn(async move { (what, tell(&host, what).await) })
        })
        .collect();
    let mut good = 0;
    while !crowd.iter().all(tokio::task::JoinHandle::is_finished) {
        let call = tokio::time::timeout(Duration::from_secs(5), fixture.ask());
        call.await.expect("it had to wait for the crowd").unwrap();
        good += 1;
    }
    assert!(good > 10, "{good} good calls");
    for guest in crowd {
        let (what, answer) = guest.await.unwrap();
        assert!(
            matches!(answer, Err(CallError::LimitExceeded(_) | CallError::Trapped(_))),
            "{what}: {answer:?}"
        );
    }
}
