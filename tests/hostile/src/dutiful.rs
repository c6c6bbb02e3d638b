//! A well-behaved guest for benchmarks: sends one request with every host call that the tools make for it.
//! It does not parse the settings and does not classify the response. Its time is the cost of these calls.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use wasip2::cli::stderr::get_stderr;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::RequestOptions;
use wasip2::io::poll::poll;

use crate::{bare, settings};

/// The deadline of a request, in nanoseconds.
const TIMEOUT: u64 = 30_000_000_000;

/// Sends a GET of `authority/path` with the store's token within a deadline, and logs it. Returns the body;
/// `None` if a step fails.
pub(crate) fn get(address: &str) -> Option<String> {
    let known = settings::all().len();
    // The tools read the clock for the call, its attempt and its deadline.
    let [started, _, now] = [(); 3].map(|()| monotonic_clock::now());
    let deadline = monotonic_clock::subscribe_instant(now.saturating_add(TIMEOUT));
    let request = bare::request(address)?;
    let options = RequestOptions::new();
    options.set_connect_timeout(Some(TIMEOUT)).ok()?;
    options.set_first_byte_timeout(Some(TIMEOUT)).ok()?;
    options.set_between_bytes_timeout(Some(TIMEOUT)).ok()?;
    let future = outgoing_handler::handle(request, Some(options)).ok()?;
    let ready = future.subscribe();
    if !poll(&[&ready, &deadline]).contains(&0) {
        return None;
    }
    drop(ready);
    let response = future.get()?.ok()?.ok()?;
    let status = response.status();
    let kind = response.headers().get("content-type").len();
    let body = response.consume().ok()?;
    let stream = body.stream().ok()?;
    let mut bytes = Vec::new();
    loop {
        match stream.read(1 << 20) {
            Ok(chunk) if chunk.is_empty() => _ = poll(&[&stream.subscribe(), &deadline]),
            Ok(mut chunk) => bytes.append(&mut chunk),
            Err(_) => break,
        }
    }
    let elapsed = monotonic_clock::now().saturating_sub(started);
    let line = [known, status.into(), kind].map(|number| number.to_string()).join(" ");
    let line = [&line, " ", &elapsed.to_string(), "\n"].concat();
    get_stderr().blocking_write_and_flush(line.as_bytes()).ok()?;
    String::from_utf8(bytes).ok()
}
