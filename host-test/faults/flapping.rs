//! A token endpoint at which every second login fails.

use std::iter;
use std::time::Duration;

use oge_mock_platform::{Fault, Route};
use oge_tools::error::FailureKind::TokenStore;
use tokio::time::sleep;

use super::cell::CallResult;
use super::matrix::{Cell, Stage};
use crate::fixture::Fixture;

/// Makes calls without a good token. A failed login fails its call and the calls of the next second; the
/// call after that works. Asserts that there are no other logins.
pub(super) async fn run(cell: &Cell) -> (CallResult, Vec<String>) {
    let fixture = Fixture::new().await;
    let mut wrong = Vec::new();
    let (faults, attempts) = match cell.stage {
        // Only one fault: the login after that would be a renewal.
        Stage::TokenRequest => (vec![Fault::Status(503)], 0),
        _ => (vec![Fault::Status(503), Fault::NotJson], 1),
    };
    if attempts > 0 {
        fixture.host.refresh_token().await.unwrap();
    }
    let before = fixture.mock.count(Route::Token);
    let needed = 2 * faults.len();
    for fault in faults {
        fixture.mock.revoke_tokens();
        fixture.mock.fail_times(Route::Token, 1, fault.clone());
        match fixture.ask().await {
            Err(failure) if (failure.kind, failure.attempts) == (TokenStore, attempts) => {}
            other => wrong.push(format!("{fault:?} came to {other:?}")),
        }
        if let Ok(answer) = fixture.ask().await {
            wrong.push(format!("at once after {fault:?} came {answer:?}"));
        }
        sleep(Duration::from_secs(1)).await;
        for next in iter::repeat_with(|| fixture.ask()).take(2) {
            if let Err(failure) = next.await {
                wrong.push(format!("after {fault:?} came {failure:?}"));
            }
        }
    }
    let logins = fixture.mock.count(Route::Token) - before;
    if logins != needed {
        wrong.push(format!("{logins} token requests and not {needed}"));
    }
    (CallResult::Works { attempts: 1 }, wrong)
}
