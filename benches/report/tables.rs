//! The tables, as Markdown.

use std::fmt::Write as _;

use crate::names::{GATEWAYS, SIZES};
use crate::results::{Results, Time};

/// The ways, as `cargo bench` names them, and as the tables do.
pub(crate) const WAYS: [(&str, &str); 9] = [
    ("wire", "hyper's client, no rule (the wire)"),
    ("native", "the same rule, natively (the ceiling)"),
    ("host", "the component in the reference host"),
    ("bare", "a guest that only sends the request, in the same host"),
    ("dutiful", "a guest that makes the tools' calls of the host and decides nothing (the floor)"),
    ("wasmtime serve", "the standalone component in `wasmtime serve`"),
    ("wasmCloud", "the standalone component in wasmCloud's runtime"),
    ("mcp stdio", "the MCP server over stdio"),
    ("mcp http", "the MCP server over HTTP (`wasmtime serve`)"),
];

/// Guests that know no tool but one.
const UNDECIDED: [&str; 2] = ["bare", "dutiful"];

/// The old server's ways, which `old_way.py` measures.
const OLD: [(&str, &str); 2] = [
    ("old server", "the old Python server's way: a client for each call"),
    ("old server, shared client", "the same in Python, with one client"),
];

const NOT_MEASURED: &str = "not measured";

pub(crate) fn one_call(results: &Results) -> String {
    let mut table = "| way | one call | × native |\n| --- | --- | --- |\n".to_owned();
    for (way, title) in WAYS {
        let time = shown(results.time("one call", way));
        let ratio = times(results.to_native("one call", way));
        let _ = writeln!(table, "| {title} | {time} | {ratio} |");
    }
    for (way, title) in OLD {
        let micros = results.number(&format!("{way}/one")).map(|millis| millis * 1e3);
        let native = results.time("one call", "native").map(|time| time.median);
        let ratio = times(micros.zip(native).map(|(micros, native)| micros / native));
        let time = micros.map_or(NOT_MEASURED.to_owned(), duration);
        let _ = writeln!(table, "| {title} | {time} | {ratio} |");
    }
    table
}

/// What the processor does for one call in the host: each stage is the difference of two measurements. Not
/// of times, most of which go by while threads are woken.
pub(crate) fn stages(results: &Results) -> String {
    let one = |way| results.number(&format!("64 callers/{way}/cpu")).unwrap_or(f64::NAN);
    let (wire, bare, dutiful, host) = (one("wire"), one("bare"), one("dutiful"), one("host"));
    let made = results.time("instance", "made, cleared").map_or(f64::NAN, |time| time.median);
    let rows = [
        ("the wire: a request and its answer on a connection that is kept", wire),
        ("a fresh instance made, and its memory cleared again", made),
        (
            "the request across the sandbox's wall, by a guest that does nothing else",
            bare - wire - made,
        ),
        (
            "the other calls of the host that the promises take: settings, deadline, limits, log",
            dutiful - bare,
        ),
        ("what is computed in the sandbox: settings, rule, result", host - dutiful),
        ("**one call in the host**", host),
    ];
    let mut table = "| stage | µs |\n| --- | --- |\n".to_owned();
    for (stage, micros) in rows {
        let _ = writeln!(table, "| {stage} | {micros:.1} |");
    }
    table
}

/// Whose code the processor runs for one call, as `benches/profile.sh` found it.
pub(crate) fn profile(results: &Results) -> String {
    const WHOSE: [(&str, &str); 7] = [
        ("guest", "the component's"),
        ("wasmtime", "wasmtime's, its WASI and `wasi:http`"),
        ("oge", "this project's host; natively the rule as well"),
        ("http", "hyper's, tokio's and the like"),
        ("libc", "libc's: allocating, copying"),
        ("rest", "what is not one library's: generic and standard code"),
        ("kernel", "the kernel's"),
    ];
    let micros = |way: &str, whose| {
        let whole = results.number(&format!("64 callers/{way}/cpu"))?;
        Some(results.share(way, whose)? * whole)
    };
    let mut table =
        "| whose code | natively, µs | in the host, µs |\n| --- | --- | --- |\n".to_owned();
    for (whose, title) in WHOSE {
        let shown =
            |way| micros(way, whose).map_or("—".to_owned(), |micros| format!("{micros:.1}"));
        let _ = writeln!(table, "| {title} | {} | {} |", shown("native"), shown("host"));
    }
    table
}

pub(crate) fn callers(results: &Results) -> String {
    let mut table = String::new();
    for callers in [64, 512] {
        let _ = writeln!(
            table,
            "| {callers} callers | calls/s | × native | half within | 99 % within | processor time |\n\
             | --- | --- | --- | --- | --- | --- |"
        );
        for (way, title) in WAYS {
            let group = format!("{callers} callers");
            let rate = results.calls_a_second(callers, way);
            let rate = rate.map_or(NOT_MEASURED.to_owned(), |rate| format!("{rate:.0}"));
            let ratio = results.to_native(&group, way).map(|ratio| 1.0 / ratio);
            let ratio = ratio.map_or("—".to_owned(), |ratio| format!("{ratio:.2}"));
            let within = |part: &str| {
                let micros = results.number(&format!("{group}/{way}/{part}"));
                micros.map_or(NOT_MEASURED.to_owned(), duration)
            };
            let (half, most) = (within("p50"), within("p99"));
            let cpu = results.number(&format!("{group}/{way}/cpu"));
            let cpu = cpu.map_or("—".to_owned(), duration);
            let _ = writeln!(table, "| {title} | {rate} | {ratio} | {half} | {most} | {cpu} |");
        }
        if callers == 64 {
            for (way, title) in OLD {
                let rate = results.number(&format!("{way}/at 64"));
                let native = results.calls_a_second(64, "native");
                let ratio = rate.zip(native).map(|(rate, native)| rate / native);
                let ratio = ratio.map_or("—".to_owned(), |ratio| format!("{ratio:.4}"));
                let rate = rate.map_or(NOT_MEASURED.to_owned(), |rate| format!("{rate:.0}"));
                let _ = writeln!(table, "| {title} | {rate} | {ratio} | — | — | — |");
            }
            table.push('\n');
        }
    }
    table
}

pub(crate) fn expired(results: &Results) -> String {
    let mut table =
        "| what | native | in the host | × native |\n| --- | --- | --- | --- |\n".to_owned();
    let (native, host) = (results.time("expired", "native"), results.time("expired", "host"));
    let ratio = times(results.to_native("expired", "host"));
    let _ = writeln!(
        table,
        "| refused, logged in, sent again | {} | {} | {ratio} |",
        shown(native),
        shown(host)
    );
    let number = |name: &str| {
        let number = results.number(name);
        number.map_or(NOT_MEASURED.to_owned(), |number| format!("{number:.0}"))
    };
    let _ = writeln!(
        table,
        "| 1,000 calls on one expired token: logins | — | {} | — |\n\
         | the slowest of them, where a login and a call take {} ms | — | {} ms | — |",
        number("storm/logins"),
        number("storm/login + call ms"),
        number("storm/slowest ms"),
    );
    table
}

pub(crate) fn replies(results: &Results) -> String {
    let mut table = "| way |".to_owned();
    for (size, _) in SIZES {
        let _ = write!(table, " {size} | × native |");
    }
    let _ = writeln!(table, "\n| --- |{}", " --- | --- |".repeat(SIZES.len()));
    let queries = |(way, _): &(&str, &str)| !UNDECIDED.contains(way) && !GATEWAYS.contains(way);
    for (way, title) in WAYS.into_iter().filter(queries) {
        let _ = write!(table, "| {title} |");
        for (size, _) in SIZES {
            let group = format!("reply of {size}");
            let time = shown(results.time(&group, way));
            let _ = write!(table, " {time} | {} |", times(results.to_native(&group, way)));
        }
        table.push('\n');
    }
    table
}

pub(crate) fn cold_start(results: &Results) -> String {
    let mut table =
        "| a fresh process, to the end of its first call | time |\n| --- | --- |\n".to_owned();
    for way in [
        "host, component compiled",
        "host, compiled code cached",
        "wasmtime run, component compiled",
        "wasmtime run, precompiled",
    ] {
        let _ = writeln!(table, "| {way} | {} |", shown(results.time("cold start", way)));
    }
    table
}

pub(crate) fn memory(results: &Results) -> String {
    let mut table = "| what | native | in the host |\n| --- | --- | --- |\n".to_owned();
    for (name, title, digits) in [
        ("memory/a call in flight, KiB", "resident for each of 512 calls in flight, KiB", 0),
        (
            "memory/peak of a 16 MiB reply, times its size",
            "peak of a 16 MiB reply, times its size",
            2,
        ),
        (
            "memory/growth over 100,000 calls, KiB",
            "growth over 100,000 calls after as many, KiB",
            0,
        ),
    ] {
        let number = |way: &str| {
            let number = results.number(&format!("{name}/{way}"));
            number.map_or(NOT_MEASURED.to_owned(), |number| format!("{number:.digits$}"))
        };
        let _ = writeln!(table, "| {title} | {} | {} |", number("native"), number("host"));
    }
    table
}

fn shown(time: Option<Time>) -> String {
    time.map_or(NOT_MEASURED.to_owned(), |Time { median, spread }| {
        format!("{} ± {}", duration(median), duration(spread))
    })
}

/// Microseconds, in the unit that reads best.
fn duration(micros: f64) -> String {
    if micros < 1e3 {
        format!("{micros:.1} µs")
    } else if micros < 1e6 {
        format!("{:.2} ms", micros / 1e3)
    } else {
        format!("{:.2} s", micros / 1e6)
    }
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or("—".to_owned(), |ratio| format!("{ratio:.2}"))
}
