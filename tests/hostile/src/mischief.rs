//! The actions of the guest.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, Ordering};

use wasip2::cli::environment::{get_arguments, initial_cwd};
use wasip2::cli::stderr::get_stderr;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};

use crate::bindings::oge::tools::token_store::{self, Token, TokenError};
use crate::{bare, dutiful, settings};

/// Runs the action `what` and returns its result. The text after a colon is the action's argument.
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
        "environment" => settings::all()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("\n"),
        "setting" => settings::one(argument).unwrap_or_else(|| "not visible".to_string()),
        "arguments" => format!("{:?} {:?}", get_arguments(), initial_cwd()),
        "recurse" => recurse(1).to_string(),
        "overflow" => overflow(&[1; 64]).to_string(),
        "headers" => headers(argument.parse().unwrap_or_default()),
        "upload" => upload(argument),
        "get" => get(argument),
        "requests" => requests(argument),
        "refused" => refused(),
        "tokens" => tokens(),
        "bare" => bare::get(argument).unwrap_or_else(|| "no answer".to_string()),
        "dutiful" => dutiful::get(argument).unwrap_or_else(|| "no answer".to_string()),
        _ => "nothing done".to_string(),
    }
}

#[expect(clippy::panic, reason = "the purpose of this action")]
fn broken() -> ! {
    panic!("on request")
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

/// Always one, which the compiler cannot know.
static DEEPER: AtomicU32 = AtomicU32::new(1);

/// Recurses without end and without data on the stack in linear memory.
fn recurse(depth: u32) -> u32 {
    match DEEPER.load(Ordering::Relaxed) {
        0 => depth,
        more => recurse(depth.wrapping_add(more)).wrapping_mul(3) ^ depth,
    }
}

/// Recurses without end, with data on the stack in linear memory.
fn overflow(above: &[u32; 64]) -> u32 {
    let held = core::hint::black_box(above.map(|number| number.wrapping_add(1)));
    match DEEPER.load(Ordering::Relaxed) {
        0 => 0,
        more => overflow(&held).wrapping_mul(more) ^ held.iter().sum::<u32>(),
    }
}

/// Returns `count` strings of a megabyte that share the same memory.
#[expect(unsafe_code, reason = "the purpose of this action: strings that share their memory")]
pub(crate) fn one_text_many_times(count: usize) -> Vec<String> {
    let mut text = ManuallyDrop::new("x".repeat(1 << 20));
    let (start, length) = (text.as_mut_ptr(), text.len());
    // SAFETY: the bytes are UTF-8. They are never freed, since the host stops this guest before the strings
    // are dropped.
    (0..count).map(|_| unsafe { String::from_raw_parts(start, length, length) }).collect()
}

/// Makes a list of `count` headers of a kilobyte.
fn headers(count: usize) -> String {
    let header = |number: usize| (format!("x-{number}"), alloc::vec![b'x'; 1024]);
    match Fields::from_list(&(0..count).map(header).collect::<Vec<_>>()) {
        Ok(fields) => format!("{} headers", fields.entries().len()),
        Err(error) => format!("{error:?}"),
    }
}

fn request(authority: &str) -> Option<outgoing_handler::FutureIncomingResponse> {
    let (future, body) = begin(&Method::Get, authority)?;
    OutgoingBody::finish(body, None).ok()?;
    Some(future)
}

fn begin(
    method: &Method,
    authority: &str,
) -> Option<(outgoing_handler::FutureIncomingResponse, OutgoingBody)> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(method).ok()?;
    request.set_scheme(Some(&Scheme::Http)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some("/")).ok()?;
    let body = request.body().ok()?;
    Some((outgoing_handler::handle(request, None).ok()?, body))
}

/// Sends a request whose body never ends.
fn upload(authority: &str) -> String {
    let Some((_future, body)) = begin(&Method::Post, authority) else {
        return "refused at once".to_string();
    };
    let Ok(stream) = body.write() else {
        return "no stream".to_string();
    };
    while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
    "the other side closed".to_string()
}

/// Sends a GET to an authority and returns the outcome.
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

/// Opens a hundred requests, keeps them, and returns how many were refused.
fn requests(authority: &str) -> String {
    let held: Vec<_> = (0..100).map(|_| request(authority)).collect();
    let refused = held.iter().flatten().filter(|future| {
        future.subscribe().block();
        matches!(future.get(), Some(Ok(Err(_))))
    });
    format!("{} of {} refused", refused.count(), held.len())
}

/// Sends requests to a forbidden origin in a loop. Each is refused at once, so the guest never waits.
fn refused() -> ! {
    let mut held = request("nowhere.test");
    loop {
        core::hint::black_box(&held);
        // The next request begins before this one is dropped.
        held = request("nowhere.test");
    }
}

/// Calls every function of the token store and returns the results.
fn tokens() -> String {
    let shown = |result: Result<Token, TokenError>| {
        result.map_or_else(|error| format!("{error:?}"), |token| token.authorization)
    };
    let held = token_store::peek();
    let generation = held.as_ref().map_or(0, |token| token.generation);
    format!(
        "get: {}\npeek: {}\nrefresh {generation}: {}\nrefresh: {}",
        shown(token_store::get()),
        held.map_or_else(|| "nothing".to_string(), |token| token.authorization),
        shown(token_store::refresh(Some(generation))),
        shown(token_store::refresh(None)),
    )
}
