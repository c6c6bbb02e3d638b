//! `wait_seconds` waits for a task to end.

use std::time::Duration;

use oge_mock_platform::{Mock, Options, Route};
use serde_json::json;
use tokio::time::Instant;

use super::{STDIO, Session, WAYS};

async fn mock(states: &[&str]) -> Mock {
    let options = Options::default().task_states(states.iter().copied());
    let mock = Mock::start(options).await.expect("a port on loopback");
    mock.start_task("d");
    mock
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_seconds_polls_until_the_task_has_ended() {
    for way in WAYS {
        let mock = mock(&["starting", "running", "success"]).await;
        let session = Session::start(&mock.settings(), way).await;
        let started = Instant::now();
        let arguments = json!({"dag_id": "d", "wait_seconds": 60});
        let envelope = session.envelope("query_task_status", arguments).await;
        assert_eq!(envelope["data"]["status"], "success", "{envelope}");
        assert_eq!(mock.count(Route::GetState), 3);
        // Two pauses, of 2 s and 3 s.
        let took = started.elapsed();
        assert!(took > Duration::from_millis(4900) && took < Duration::from_secs(15), "{took:?}");
        assert!(envelope["execution_time"].as_f64().unwrap() >= 4.9, "{envelope}");
        // Three notifications for each of three requests, and two states.
        let progress = session.progress(11).await;
        let states =
            progress.iter().filter_map(|step| step.message.as_deref()?.strip_prefix("任务状态: "));
        let states: Vec<_> = states.map(|state| state.split(' ').next().unwrap()).collect();
        assert_eq!(states, ["starting", "running"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_ends_after_wait_seconds() {
    for way in STDIO {
        let mock = mock(&["running"]).await;
        let session = Session::start(&mock.settings(), way).await;
        for (wait, questions) in [(json!(null), 1), (json!(0), 1), (json!(1), 2)] {
            mock.clear_requests();
            let arguments = json!({"dag_id": "d", "wait_seconds": wait});
            let envelope = session.envelope("query_task_status", arguments).await;
            assert_eq!(envelope["data"]["is_running"], true);
            assert_eq!(mock.count(Route::GetState), questions, "wait_seconds {wait}");
        }
    }
}
