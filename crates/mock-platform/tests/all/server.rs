//! Sockets: kept alive, closed, and never in each other's way.

use std::time::Duration;

use oge_mock_platform::{Fault, Mock, Options, Route};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::client::{Ask, connect, open, start, start_with_token};

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let (mock, token) = start_with_token().await;
    let mut connection = connect(&mock).await;
    let mut states = Vec::new();
    for _ in 0..3 {
        let answer = Ask::state(&token).send_on(&mut connection).await.unwrap();
        states.push(answer.text().to_owned());
    }
    assert_eq!(states, ["starting", "running", "success"]);
}

#[tokio::test]
async fn an_answer_before_a_cut_arrives_whole() {
    let (mock, token) = start_with_token().await;
    let mut connection = connect(&mock).await;
    let answer = Ask::state(&token).send_on(&mut connection).await.unwrap();
    assert_eq!(answer.text(), "starting");
    mock.fail_times(Route::GetState, 1, Fault::Cut);
    assert!(Ask::state(&token).send_on(&mut connection).await.is_err());
    assert_eq!(Ask::state(&token).send(&mock).await.text(), "running");
}

#[tokio::test]
async fn a_dropped_mock_has_closed_its_port_and_connections() {
    let mock = start().await;
    let address = mock.origin().trim_start_matches("http://").to_owned();
    let mut idle = open(&mock).await;
    drop(mock);
    assert!(TcpStream::connect(&address).await.is_err());
    assert!(matches!(idle.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_dropped_mock_ends_answers_under_way() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, Fault::Delay(Duration::from_secs(3600)));
    let mut events = mock.subscribe();
    let mut stream = Ask::state(&token).write(&mock).await;
    events.recv().await.unwrap();
    drop(mock);
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_hanging_request() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, Fault::Hang);
    let mut events = mock.subscribe();
    let mut stream = Ask::state(&token).write(&mock).await;
    events.recv().await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_dropped_mock_can_be_started_again_on_its_port() {
    let (mock, token) = start_with_token().await;
    let mut connection = connect(&mock).await;
    Ask::state(&token).send_on(&mut connection).await.unwrap();
    let origin = mock.origin().to_owned();
    let port = origin.rsplit(':').next().unwrap().parse().unwrap();
    drop(mock);
    let mock = Mock::start(Options::default().port(port)).await.unwrap();
    assert_eq!(mock.origin(), origin);
    assert_eq!(Ask::state(&token).send(&mock).await.json()["code"], 40003);
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    assert!(Mock::start(Options::default().port(port)).await.is_err());
}

#[tokio::test]
async fn latency_holds_every_answer_back() {
    let latency = Duration::from_millis(20);
    let mock = Mock::start(Options::default().latency(latency)).await.unwrap();
    let before = Instant::now();
    Ask::state("Bearer nothing").send(&mock).await;
    assert!(before.elapsed() >= latency);
    mock.fail(Route::GetState, Fault::Delay(latency));
    let before = Instant::now();
    Ask::state("Bearer nothing").send(&mock).await;
    assert!(before.elapsed() >= latency * 2);
}

#[test]
fn a_blocked_caller_does_not_hold_the_mock_up() {
    use std::io::{Read, Write};

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut answer = String::new();
    runtime.block_on(async {
        let mock = start().await;
        let address = mock.origin().trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n").unwrap();
        stream.read_to_string(&mut answer).unwrap();
    });
    assert!(answer.contains("40003"));
}
