//! Converts results of the component from WIT to the core's types.

use std::time::Duration;

use oge_tools::error::{Failure, FailureKind};
use oge_tools::{api, auth};

use crate::bindings::exports::oge::tools::{api as wit_api, auth as wit_auth, types};

/// Returns the failure of an operation.
pub(crate) fn failure(failure: types::Failure, operation: &'static str) -> Failure {
    Failure {
        kind: kind(failure.kind),
        message: failure.message,
        operation,
        attempts: failure.attempts,
        http_status: failure.http_status,
        api_code: failure.api_code,
        body: failure.body,
    }
}

macro_rules! kind {
    ($($kind:ident = $name:literal,)*) => {
        fn kind(kind: types::FailureKind) -> FailureKind {
            match kind {
                $(types::FailureKind::$kind => FailureKind::$kind,)*
            }
        }
    };
}

oge_tools::for_each_failure_kind!(kind);

pub(crate) fn response(wit: wit_api::Response) -> api::Output {
    api::Output {
        body: wit.body,
        content_type: wit.content_type,
        elapsed: elapsed(wit.seconds),
        attempts: wit.attempts,
    }
}

pub(crate) fn token_info(wit: wit_auth::TokenInfo) -> auth::TokenInfo {
    auth::TokenInfo {
        present: wit.present,
        generation: wit.generation,
        expires_at: wit.expires_at,
        expired: wit.expired,
        user_name: wit.user_name,
    }
}

pub(crate) fn elapsed(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
