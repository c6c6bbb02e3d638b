//! Counts are exact however many clients there are.

use std::sync::Arc;

use oge_fake::{Fake, Fault, Options, Outcome, Route};
use tokio::task::JoinSet;

use crate::client::{Ask, connect, granted, login, outcomes, start_with_token};

const CLIENTS: usize = 40;
const EACH: usize = 50;

/// Every client sends its requests, all clients at once.
async fn storm(fake: &Arc<Fake>, token: &str) {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (fake, ask) = (fake.clone(), Ask::state(token));
        clients.spawn(async move {
            let mut connection = connect(&fake).await;
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
    let (fake, token) = start_with_token().await;
    let fake = Arc::new(fake);
    fake.expire_after(777);
    storm(&fake, &token).await;
    let outcomes = outcomes(&fake, Route::GetState);
    assert_eq!(outcomes.len(), CLIENTS * EACH);
    assert_eq!(number_of(&outcomes, Outcome::Accepted), 777);
    assert!(outcomes[..777].iter().all(|outcome| *outcome == Outcome::Accepted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_meets_exactly_so_many_requests() {
    let (fake, token) = start_with_token().await;
    let fake = Arc::new(fake);
    fake.fail_times(Route::GetState, 333, Fault::Status(503));
    storm(&fake, &token).await;
    let outcomes = outcomes(&fake, Route::GetState);
    assert_eq!(number_of(&outcomes, Outcome::Fault), 333);
    assert_eq!(fake.count(Route::GetState), CLIENTS * EACH);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_logins_in_a_single_session_one_token_is_left() {
    let options = Options::default().single_session(true);
    let fake = Arc::new(Fake::start(options).await.unwrap());
    let mut logins = JoinSet::new();
    for _ in 0..CLIENTS {
        let fake = fake.clone();
        logins.spawn(async move { granted(&login(&fake).send(&fake).await) });
    }
    for token in logins.join_all().await {
        Ask::state(&token).send(&fake).await;
    }
    let outcomes = outcomes(&fake, Route::GetState);
    assert_eq!(number_of(&outcomes, Outcome::Accepted), 1);
    assert_eq!(number_of(&outcomes, Outcome::Expired), CLIENTS - 1);
}
