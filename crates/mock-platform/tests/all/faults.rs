//! Each fault, as a client meets it.

use std::io::ErrorKind;
use std::time::Duration;

use oge_mock_platform::{Fault, Mock, Outcome, Route};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::client::{Answer, Ask, TOKEN, login, outcomes, start, start_with_token};

/// The answer to a good call that meets this fault.
async fn met(fault: Fault) -> (Mock, Answer) {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, fault);
    let answer = Ask::state(&token).send(&mock).await;
    (mock, answer)
}

/// Head and body of the answer to a good call that meets this fault, up to the closing of the
/// connection. Without a fault, the body would be `starting`.
async fn wire(fault: Fault) -> (Mock, String, String) {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, fault);
    let (head, body) = Ask::state(&token).wire(&mock).await;
    (mock, head, body)
}

#[tokio::test]
async fn a_delayed_answer_is_late_and_otherwise_right() {
    let delay = Duration::from_millis(30);
    let before = Instant::now();
    let (mock, answer) = met(Fault::Delay(delay)).await;
    assert_eq!(answer.text(), "starting");
    assert!(before.elapsed() >= delay);
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Accepted]);
}

#[tokio::test]
async fn a_dripping_answer_comes_a_byte_at_a_time() {
    let (mock, token) = start_with_token().await;
    let every = Duration::from_millis(5);
    mock.fail(Route::GetState, Fault::Drip { every });
    let before = Instant::now();
    let answer = Ask::state(&token).send(&mock).await;
    assert_eq!(answer.text(), "starting");
    assert_eq!(answer.header("transfer-encoding"), "chunked");
    assert!(before.elapsed() >= every * 8);
}

#[tokio::test]
async fn a_hanging_connection_is_open_and_silent_until_the_mock_stops() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, Fault::Hang);
    let mut events = mock.subscribe();
    let mut stream = Ask::state(&token).write(&mock).await;
    assert_eq!(events.recv().await.unwrap().outcome, Outcome::Fault);
    let mut byte = [0];
    let silent = tokio::time::timeout(Duration::from_millis(30), stream.read(&mut byte));
    assert!(silent.await.is_err());
    drop(mock);
    assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_cut_connection_has_no_answer() {
    let (mock, head, body) = wire(Fault::Cut).await;
    assert_eq!((head.as_str(), body.as_str()), ("", ""));
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Fault]);
}

#[tokio::test]
async fn a_cut_body_ends_half_way() {
    let (mock, head, body) = wire(Fault::CutBody).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(head.ends_with("content-length: 8"));
    assert_eq!(body, "star");
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Fault]);
}

#[tokio::test]
async fn a_long_length_announces_more_than_comes() {
    let (_mock, head, body) = wire(Fault::LongLength).await;
    assert!(head.ends_with("content-length: 72"));
    assert_eq!(body, "starting");
}

#[tokio::test]
async fn a_short_length_announces_less_than_comes() {
    let (_mock, head, body) = wire(Fault::ShortLength).await;
    assert!(head.ends_with("content-length: 4"));
    assert_eq!(body, "starting");
}

#[tokio::test]
async fn a_client_cannot_read_a_body_that_ends_early() {
    for fault in [Fault::CutBody, Fault::LongLength] {
        assert!(met(fault).await.1.body.is_err());
    }
}

#[tokio::test]
async fn a_reset_connection_is_an_error_to_read_and_not_its_end() {
    for fault in [Fault::Reset, Fault::ResetBody] {
        let (mock, token) = start_with_token().await;
        mock.fail(Route::GetState, fault);
        let mut stream = Ask::state(&token).write(&mock).await;
        let read = stream.read_to_end(&mut Vec::new()).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Fault]);
    }
}

#[tokio::test]
async fn a_hanging_body_has_its_first_half_and_ends_when_the_client_leaves() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, Fault::HangBody);
    let mut stream = Ask::state(&token).write(&mock).await;
    let mut text = String::new();
    while !text.ends_with("star\r\n") {
        text.push(char::from(stream.read_u8().await.unwrap()));
    }
    let mut byte = [0];
    let silent = tokio::time::timeout(Duration::from_millis(30), stream.read(&mut byte));
    assert!(silent.await.is_err());
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut byte).await.unwrap(), 0);
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Fault]);
}

#[tokio::test]
async fn a_dripping_head_comes_a_byte_at_a_time_and_is_right_in_the_end() {
    let every = Duration::from_millis(1);
    let before = Instant::now();
    let (mock, head, body) = wire(Fault::DripAll { every }).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(body, "starting");
    assert!(before.elapsed() >= every * u32::try_from(head.len()).unwrap());
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Accepted]);
}

#[tokio::test]
async fn an_interim_response_comes_before_the_answer() {
    let (_mock, head, rest) = wire(Fault::Interim(103)).await;
    assert!(head.starts_with("HTTP/1.1 103 "), "{head}");
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\r\n\r\nstarting"));
    let (mock, answer) = met(Fault::Interim(103)).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "starting"));
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Accepted]);
}

#[tokio::test]
async fn more_headers_are_as_many_and_as_long_as_asked_for() {
    let (_mock, answer) = met(Fault::Headers { count: 20, bytes: 300 }).await;
    assert_eq!(answer.text(), "starting");
    let more = (0..20).map(|index| answer.header(&format!("x-more-{index}")).len());
    assert_eq!(more.sum::<usize>(), 6000);
}

#[tokio::test]
async fn the_right_answer_can_be_of_the_wrong_type() {
    let (mock, answer) = met(Fault::ContentType("image/png".to_owned())).await;
    assert_eq!((answer.header("content-type"), answer.text()), ("image/png", "starting"));
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Accepted]);
}

#[tokio::test]
async fn any_bytes_can_stand_in_place_of_an_answer() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, Fault::Wire("220 smtp\r\n".into()));
    let mut text = String::new();
    Ask::state(&token).write(&mock).await.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "220 smtp\r\n");
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Fault]);
}

#[tokio::test]
async fn deep_json_is_as_deep_as_asked_for() {
    let (_mock, answer) = met(Fault::Deep(100)).await;
    let mut value = &answer.json()["data"];
    let mut depth = 0;
    while let Value::Array(inner) = value {
        depth += 1;
        value = inner.first().unwrap_or(&Value::Null);
    }
    assert_eq!(depth, 100);
}

#[tokio::test]
async fn a_status_has_a_json_body() {
    for status in [400, 403, 404, 429, 500, 502, 503] {
        let (_mock, answer) = met(Fault::Status(status)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json()["code"], status);
    }
}

#[tokio::test]
async fn a_redirect_leads_to_this_mock() {
    let (mock, answer) = met(Fault::Status(302)).await;
    let location = format!("{}/redirected", mock.origin());
    assert_eq!(answer.header("location"), location);
    assert_eq!(Route::of("/redirected"), Route::Other);
}

#[tokio::test]
async fn an_error_page_is_html_with_status_200() {
    let (_mock, answer) = met(Fault::NotJson).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/html;charset=UTF-8");
    assert!(answer.text().starts_with("<html>"));
}

#[tokio::test]
async fn an_empty_answer_has_no_body() {
    let (_mock, answer) = met(Fault::Empty).await;
    assert_eq!(answer.header("content-length"), "0");
    assert_eq!(answer.text(), "");
}

#[tokio::test]
async fn invalid_utf8_is_not_text() {
    let (_mock, answer) = met(Fault::InvalidUtf8).await;
    let body = answer.body.unwrap();
    assert!(std::str::from_utf8(&body).is_err());
    let repaired = String::from_utf8_lossy(&body).into_owned();
    serde_json::from_str::<Value>(&repaired).unwrap();
}

#[tokio::test]
async fn a_huge_answer_is_json_of_that_size_without_a_length() {
    let (_mock, answer) = met(Fault::Huge(1_000_000)).await;
    assert_eq!(answer.headers.get("content-length"), None);
    assert_eq!(answer.text().len(), 1_000_000);
    assert_eq!(answer.json()["code"], 20000);
}

#[tokio::test]
async fn a_code_comes_with_status_200_and_a_message() {
    let (_mock, answer) = met(Fault::Code(50001)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["code"], 50001);
    assert_eq!(answer.json()["msg"], "算子执行失败");
}

#[tokio::test]
async fn any_response_comes_without_a_token_check() {
    let mock = start().await;
    let response =
        Fault::Response { status: 418, content_type: "text/x".to_owned(), body: "as given".into() };
    mock.fail(Route::GetState, response);
    let answer = Ask::state("Bearer nothing").send(&mock).await;
    assert_eq!(answer.status, 418);
    assert_eq!(answer.header("content-type"), "text/x");
    assert_eq!(answer.text(), "as given");
    assert!(!mock.requests(Route::GetState)[0].authorized);
}

#[tokio::test]
async fn an_echo_repeats_the_header() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, Fault::EchoToken);
    let answer = Ask::state(&token).send(&mock).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains(&token));
}

#[tokio::test]
async fn an_echo_of_a_login_repeats_url_and_body() {
    let mock = start().await;
    mock.fail(Route::Token, Fault::EchoToken);
    let answer = login(&mock).send(&mock).await;
    let request = mock.requests(Route::Token).remove(0);
    let message = answer.json()["msg"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("{TOKEN}?{}", request.raw_query.unwrap())));
    assert!(message.contains(std::str::from_utf8(&request.body).unwrap()));
}

#[tokio::test]
async fn a_fault_in_the_platforms_place_uses_no_token_up() {
    let (mock, token) = start_with_token().await;
    mock.expire_after(1);
    mock.fail_times(Route::GetState, 1, Fault::Status(500));
    for _ in 0..3 {
        Ask::state(&token).send(&mock).await;
    }
    let expected = [Outcome::Fault, Outcome::Accepted, Outcome::Expired];
    assert_eq!(outcomes(&mock, Route::GetState), expected);
    assert!(mock.requests(Route::GetState)[0].authorized);
}

#[tokio::test]
async fn a_spoiled_answer_of_an_expired_token_is_the_expired_one() {
    let mock = start().await;
    mock.fail(Route::GetState, Fault::Delay(Duration::from_millis(1)));
    let answer = Ask::state("Bearer nothing").send(&mock).await;
    assert_eq!(answer.json()["code"], 40003);
    assert_eq!(outcomes(&mock, Route::GetState), [Outcome::Expired]);
}

#[tokio::test]
async fn counted_faults_end_and_standing_ones_are_healed() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::GetState, Fault::Status(503));
    mock.fail_times(Route::GetState, 2, Fault::Status(502));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(Ask::state(&token).send(&mock).await.status.as_u16());
    }
    mock.heal(Route::GetState);
    statuses.push(Ask::state(&token).send(&mock).await.status.as_u16());
    assert_eq!(statuses, [502, 502, 503, 503, 200]);
}

#[tokio::test]
async fn a_fault_stays_on_its_route() {
    let (mock, token) = start_with_token().await;
    mock.fail(Route::Process, Fault::Cut);
    mock.fail(Route::Token, Fault::Cut);
    assert_eq!(Ask::state(&token).send(&mock).await.text(), "starting");
    assert!(login(&mock).try_send(&mock).await.is_err());
    mock.heal_all();
    assert_eq!(login(&mock).send(&mock).await.status, 200);
}

#[tokio::test]
async fn a_login_whose_answer_is_cut_has_happened() {
    let options = oge_mock_platform::Options::default().single_session(true);
    let mock = Mock::start(options).await.unwrap();
    let token = mock.issue_token();
    mock.fail(Route::Token, Fault::CutBody);
    assert!(login(&mock).send(&mock).await.body.is_err());
    assert_eq!(Ask::state(&token).send(&mock).await.json()["code"], 40003);
}
