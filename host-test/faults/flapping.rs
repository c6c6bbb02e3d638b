//! A token endpoint at which every second login fails.

use std::iter;
use std::time::Duration;

use oge_mock_platform::{Fault, Route};
use oge_tools::error::FailureKind::TokenStore;
use tokio::time::sleep;

use super::cell::Came;
use super::matrix::{Cell, Stage};
use crate::scene::Scene;

/// Makes calls without a good token. A failed login fails its call and the calls of the next second; the
/// call after that works. Asserts that there are no other logins.
pub(super) async fn run(cell: &Cell) -> (Came, Vec<String>) {
    let scene = Scene::new().await;
    let mut wrong = Vec::new();
    let (faults, attempts) = match cell.stage {
        // Only one fault: the login after that would be a renewal.
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
