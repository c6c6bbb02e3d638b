//! No mischief either: one request with every call of the host that the tools make for it, and nothing
//! decided: the settings are fetched and not read, the response is read and not judged.
//! What a host takes for it is what the promises cost, whoever keeps them.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use wasip2::cli::stderr::get_stderr;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::RequestOptions;
use wasip2::io::poll::poll;

use crate::{bare, settings};

/// What an attempt may take, in nanoseconds.
const TIMEOUT: u64 = 30_000_000_000;

/// GETs `authority/path` with the store's token, within a deadline, and logs it. The answer's text; none
/// where a step fails.
pub(crate) fn get(address: &str) -> Option<String> {
    let known = settings::all().len();
    // When the call, its attempt and its deadline begin.
    let [started, _, now] = [(); 3].map(|()| monotonic_clock::now());
    let deadline = monotonic_clock::subscribe_instant(now.saturating_add(TIMEOUT));
    let request = bare::request(address)?;
    let options = RequestOptions::new();
    options.set_connect_timeout(Some(TIMEOUT)).ok()?;
    options.set_first_byte_timeout(Some(TIMEOUT)).ok()?;
    options.set_between_bytes_timeout(Some(TIMEOUT)).ok()?;
    let future = outgoing_handler::handle(request, Some(options)).ok()?;
    let answered = future.subscribe();
    if !poll(&[&answered, &deadline]).contains(&0) {
        return None;
    }
    drop(answered);
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
