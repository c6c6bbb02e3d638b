//! Concurrent calls of one session: a call that waits does not block others.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use oge_mock_platform::{Fault, Route};
use rmcp::model::{CallToolRequest, ClientRequest, PingRequest};
use rmcp::service::PeerRequestOptions;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{STDIO, Session, request, with};
use crate::command::{mock, single_session_mock};

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_call_blocks_neither_a_ping_nor_other_calls() {
    for way in STDIO {
        let mock = mock().await;
        mock.fail(Route::GetState, Fault::Hang);
        let session = Session::start(&mock.settings(), way).await;
        let waits = session.call("query_task_status", json!({"dag_id": "d"}));
        let others = async {
            while mock.count(Route::GetState) == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            let ping = ClientRequest::PingRequest(PingRequest::default());
            session.client.send_request(ping).await.unwrap();
            let calls = (0..64).map(|_| session.envelope("run_big_query", json!({})));
            for envelope in futures_util::future::join_all(calls).await {
                assert_eq!(envelope["success"], json!(true), "{envelope}");
            }
        };
        tokio::select! {
            result = waits => panic!("the platform hangs, and yet: {result:?}"),
            () = others => {}
        }
        assert_eq!(mock.count(Route::Token), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_calls_with_an_expired_token_log_in_once() {
    for way in STDIO {
        let mock = single_session_mock().await;
        let session = Session::start(&mock.settings(), way).await;
        for logins in 1..=2 {
            let calls = (0..64).map(|_| session.envelope("run_big_query", json!({})));
            for envelope in futures_util::future::join_all(calls).await {
                assert_eq!(envelope["success"], json!(true), "{envelope}");
            }
            assert_eq!(mock.count(Route::Token), logins);
            mock.revoke_tokens();
        }
    }
}

/// Cancelling a call closes its connection to the platform. The session keeps working.
#[tokio::test(flavor = "multi_thread")]
async fn cancellation_drops_the_request() {
    for way in STDIO {
        let platform = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/dag", platform.local_addr().unwrap());
        let (arrived, has_arrived) = mpsc::channel();
        let gone = std::thread::spawn(move || {
            let (mut connection, _) = platform.accept().unwrap();
            let mut buffer = [0; 4096];
            assert_ne!(connection.read(&mut buffer).unwrap(), 0);
            arrived.send(()).unwrap();
            connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            // Returns whether the connection was closed.
            matches!(connection.read(&mut buffer), Ok(0)) || connection.write(b"x").is_err()
        });
        let mock = mock().await;
        let token = mock.issue_token();
        let settings = with(&mock, &[("OGE_DAG_URL", &url), ("OGE_TOKEN", &token)]);
        let session = Session::start(&settings, way).await;
        let call = CallToolRequest::new(request("query_task_status", json!({"dag_id": "d"})));
        let call = ClientRequest::CallToolRequest(call);
        let handle = session
            .client
            .send_cancellable_request(call, PeerRequestOptions::no_options())
            .await
            .unwrap();
        tokio::task::spawn_blocking(move || has_arrived.recv()).await.unwrap().unwrap();
        let cancelled_at = Instant::now();
        handle.cancel(None).await.unwrap();
        assert!(tokio::task::spawn_blocking(move || gone.join()).await.unwrap().unwrap());
        assert!(cancelled_at.elapsed() < Duration::from_secs(10), "{:?}", cancelled_at.elapsed());
        assert_eq!(session.envelope("run_big_query", json!({})).await["success"], json!(true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_call_does_not_end_a_shared_login() {
    for way in STDIO {
        let mock = single_session_mock().await;
        mock.fail_times(Route::Token, 1, Fault::Delay(Duration::from_millis(800)));
        let session = Session::start(&mock.settings(), way).await;
        let call = CallToolRequest::new(request("run_big_query", json!({})));
        let first = session
            .client
            .send_cancellable_request(
                ClientRequest::CallToolRequest(call),
                PeerRequestOptions::no_options(),
            )
            .await
            .unwrap();
        let others = (0..8).map(|_| session.envelope("run_big_query", json!({})));
        let cancel = async {
            while mock.count(Route::Token) == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            first.cancel(None).await.unwrap();
        };
        let (envelopes, ()) = tokio::join!(futures_util::future::join_all(others), cancel);
        for envelope in envelopes {
            assert_eq!(envelope["success"], json!(true), "{envelope}");
        }
        assert_eq!(mock.count(Route::Token), 1);
    }
}

/// A call that waits for the platform, and a server that waits for input, use no CPU time.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn waiting_uses_no_cpu_time() {
    for way in STDIO {
        let mock = mock().await;
        mock.fail(Route::GetState, Fault::Hang);
        let session = Session::start(&mock.settings(), way).await;
        let process = session.child.as_ref().and_then(tokio::process::Child::id).unwrap();
        let ticks = || {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
            let fields = stat.rsplit(") ").next().unwrap().split(' ');
            fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum::<u64>()
        };
        let call = session.call("query_task_status", json!({"dag_id": "d"}));
        let measured = async {
            while mock.count(Route::GetState) == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            // Excludes the work of the start.
            sleep(Duration::from_millis(500)).await;
            let before = ticks();
            sleep(Duration::from_secs(3)).await;
            ticks() - before
        };
        tokio::select! {
            result = call => panic!("the platform hangs, and yet: {result:?}"),
            // A tick is 10 ms: a busy loop would take about 300.
            used = measured => assert!(used <= 15, "{used} ticks in 3 s of waiting"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_exits_when_its_input_closes() {
    for way in STDIO {
        let mock = mock().await;
        mock.fail(Route::GetState, Fault::Hang);
        let mut session = Session::start(&mock.settings(), way).await;
        let mut child = session.child.take().unwrap();
        let call = CallToolRequest::new(request("query_task_status", json!({"dag_id": "d"})));
        let call = ClientRequest::CallToolRequest(call);
        let options = PeerRequestOptions::no_options();
        let _waits = session.client.send_cancellable_request(call, options).await.unwrap();
        while mock.count(Route::GetState) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        session.client.cancel().await.unwrap();
        let status =
            timeout(Duration::from_secs(20), child.wait()).await.expect("it ended").unwrap();
        assert!(status.success(), "{status}");
    }
}
