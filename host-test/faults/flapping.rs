//! A token endpoint that fails every other time.

use std::iter;
use std::time::Duration;

use oge_mock_platform::{Fault, Route};
use oge_tools::error::FailureKind::TokenStore;
use tokio::time::sleep;

use super::cell::Came;
use super::matrix::{Cell, Stage};
use crate::scene::Scene;

/// Calls that find no good token, one after the other: a failed login fails its call and those of the next
/// second, and the first one after that works. None is made that a call did not need.
pub(super) async fn run(cell: &Cell) -> (Came, Vec<String>) {
    let scene = Scene::new().await;
    let mut wrong = Vec::new();
    let (faults, attempts) = match cell.stage {
        // A second login of the kind would be a renewal.
        Stage::TokenRequest => (vec![Fault::Status(503)], 0),
        _ => (vec![Fault::Status(503), Fault::NotJson], 1),
    };
    if attempts > 0 {
        scene.host.refresh_token().await.unwrap();
    }
    let before = scene.mock.count(Route::Token);
    let needed = 2 * faults.len();
    for fault in faults {
        scene.mock.revoke_tokens();
        scene.mock.fail_times(Route::Token, 1, fault.clone());
        match scene.ask().await {
            Err(failure) if (failure.kind, failure.attempts) == (TokenStore, attempts) => {}
            other => wrong.push(format!("{fault:?} came to {other:?}")),
        }
        if let Ok(answer) = scene.ask().await {
            wrong.push(format!("at once after {fault:?} came {answer:?}"));
        }
        sleep(Duration::from_secs(1)).await;
        for next in iter::repeat_with(|| scene.ask()).take(2) {
            if let Err(failure) = next.await {
                wrong.push(format!("after {fault:?} came {failure:?}"));
            }
        }
    }
    let logins = scene.mock.count(Route::Token) - before;
    if logins != needed {
        wrong.push(format!("{logins} token requests and not {needed}"));
    }
    (Came::Works { attempts: 1 }, wrong)
}
