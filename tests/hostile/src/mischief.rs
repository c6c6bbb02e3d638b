//! The kinds of mischief, each in a few lines.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use wasip2::cli::environment::get_environment;
use wasip2::cli::stderr::get_stderr;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, Scheme};

use crate::bindings::oge::tools::token_store::{self, Token, TokenError};

/// Does what `what` says, and tells what came of it where that ever ends. What follows a colon is
/// the mischief's argument.
pub(crate) fn make(what: &str) -> String {
    let (what, argument) = what.split_once(':').unwrap_or((what, ""));
    match what {
        "spin" => spin(),
        "spin-between-waits" => loop {
            monotonic_clock::subscribe_duration(1_000_000).block();
            for step in 0..20_000_000_u32 {
                core::hint::black_box(step);
            }
        },
        "grow" => grow(),
        "wait" => {
            let milliseconds: u64 = argument.parse().unwrap_or(3_600_000);
            monotonic_clock::subscribe_duration(milliseconds * 1_000_000).block();
            "waited".to_string()
        }
        "panic" => broken(),
        "flood" => loop {
            let line = [b'x'; 4096];
            if get_stderr().blocking_write_and_flush(&line).is_err() {
                return "the log is closed".to_string();
            }
        },
        "pollables" => {
            let held: Vec<_> = (0..1_000_000)
                .map(|_| monotonic_clock::subscribe_duration(3_600_000_000_000))
                .collect();
            held.len().to_string()
        }
        "environment" => get_environment()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("\n"),
        "get" => get(argument),
        "requests" => requests(argument),
        "tokens" => tokens(),
        _ => "nothing done".to_string(),
    }
}

#[expect(clippy::panic, reason = "this is the mischief")]
fn broken() -> ! {
    panic!("as told")
}

fn spin() -> ! {
    loop {
        core::hint::black_box(0);
    }
}

fn grow() -> ! {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(core::hint::black_box(alloc::vec![1; 1 << 20]));
    }
}

fn request(authority: &str) -> Option<outgoing_handler::FutureIncomingResponse> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some("/")).ok()?;
    let body = request.body().ok()?;
    let future = outgoing_handler::handle(request, None).ok()?;
    OutgoingBody::finish(body, None).ok()?;
    Some(future)
}

/// Asks an authority, and tells how it went.
fn get(authority: &str) -> String {
    let Some(future) = request(authority) else {
        return "refused at once".to_string();
    };
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(response))) => format!("status {}", response.status()),
        Some(Ok(Err(code))) => format!("{code:?}"),
        _ => "nothing came".to_string(),
    }
}

/// Opens a hundred requests and keeps them, and tells how many were refused.
fn requests(authority: &str) -> String {
    let held: Vec<_> = (0..100).map(|_| request(authority)).collect();
    let refused = held.iter().flatten().filter(|future| {
        future.subscribe().block();
        matches!(future.get(), Some(Ok(Err(_))))
    });
    format!("{} of {} refused", refused.count(), held.len())
}

/// Asks the token store everything, and tells what it said.
fn tokens() -> String {
    let told = |answer: Result<Token, TokenError>| {
        answer.map_or_else(|error| format!("{error:?}"), |token| token.authorization)
    };
    let held = token_store::peek();
    let generation = held.as_ref().map_or(0, |token| token.generation);
    format!(
        "get: {}\npeek: {}\nrefresh {generation}: {}\nrefresh: {}",
        told(token_store::get()),
        held.map_or_else(|| "nothing".to_string(), |token| token.authorization),
        told(token_store::refresh(Some(generation))),
        told(token_store::refresh(None)),
    )
}
