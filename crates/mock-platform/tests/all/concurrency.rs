//! Counts are exact however many clients there are.

use std::sync::Arc;

use oge_mock_platform::{Fault, Mock, Options, Outcome, Route};
use tokio::task::JoinSet;

use crate::client::{Ask, connect, granted, login, outcomes, start_with_token};

const CLIENTS: usize = 40;
const EACH: usize = 50;

/// Every client sends its requests, all clients at once.
async fn storm(mock: &Arc<Mock>, token: &str) {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (mock, ask) = (mock.clone(), Ask::state(token));
        clients.spawn(async move {
            let mut connection = connect(&mock).await;
            for _ in 0..EACH {
                ask.clone().send_on(&mut connection).await.unwrap();
            }
        });
    }
    clients.join_all().await;
}

fn number_of(outcomes: &[Outcome], wanted: Outcome) -> usize {
    outcomes.iter().filter(|outcome| **outcome == wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_dies_after_exactly_so_many_calls() {
    let (mock, token) = start_with_token().await;
    let mock = Arc::new(mock);
    mock.expire_after(777);
    storm(&mock, &token).await;
    let outcomes = outcomes(&mock, Route::GetState);
    assert_eq!(outcomes.len(), CLIENTS * EACH);
    assert_eq!(number_of(&outcomes, Outcome::Accepted), 777);
    assert!(outcomes[..777].iter().all(|outcome| *outcome == Outcome::Accepted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_meets_exactly_so_many_requests() {
    let (mock, token) = start_with_token().await;
    let mock = Arc::new(mock);
    mock.fail_times(Route::GetState, 333, Fault::Status(503));
    storm(&mock, &token).await;
    let outcomes = outcomes(&mock, Route::GetState);
    assert_eq!(number_of(&outcomes, Outcome::Fault), 333);
    assert_eq!(mock.count(Route::GetState), CLIENTS * EACH);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_logins_in_a_single_session_one_token_is_left() {
    let options = Options::default().single_session(true);
    let mock = Arc::new(Mock::start(options).await.unwrap());
    let mut logins = JoinSet::new();
    for _ in 0..CLIENTS {
        let mock = mock.clone();
        logins.spawn(async move { granted(&login(&mock).send(&mock).await) });
    }
    for token in logins.join_all().await {
        Ask::state(&token).send(&mock).await;
    }
    let outcomes = outcomes(&mock, Route::GetState);
    assert_eq!(number_of(&outcomes, Outcome::Accepted), 1);
    assert_eq!(number_of(&outcomes, Outcome::Expired), CLIENTS - 1);
}
