//! What was to be reached, and what was.

use std::fmt::Write as _;

use crate::results::Results;

/// A target: what it is, the bound, whether more is better, what was measured, and how far a guest of this host
/// comes that decides nothing.
struct Target {
    what: &'static str,
    bound: f64,
    at_least: bool,
    measured: Option<f64>,
    floor: Option<f64>,
}

impl Target {
    const fn at_most(what: &'static str, bound: f64, measured: Option<f64>) -> Self {
        Self { what, bound, at_least: false, measured, floor: None }
    }

    const fn at_least(what: &'static str, bound: f64, measured: Option<f64>) -> Self {
        Self { what, bound, at_least: true, measured, floor: None }
    }

    const fn with_floor(self, floor: Option<f64>) -> Self {
        Self { floor, ..self }
    }

    fn is_met_by(&self, value: f64) -> bool {
        if self.at_least { value >= self.bound } else { value <= self.bound }
    }

    fn verdict(&self) -> &'static str {
        match (self.measured, self.floor) {
            (None, _) => "not measured",
            (Some(measured), _) if self.is_met_by(measured) => "yes",
            (_, Some(floor)) if !self.is_met_by(floor) => "**no**; the floor does not either",
            _ => "**no**",
        }
    }
}

pub(crate) fn table(results: &Results) -> String {
    let median = |group: &str, way: &str| results.time(group, way).map(|time| time.median);
    let at_64 = |way| results.calls_a_second(64, way);
    let old = results.number("old server/at 64");
    let ratio =
        |one: Option<f64>, other: Option<f64>| one.zip(other).map(|(one, other)| one / other);
    let storm = ratio(results.number("storm/slowest ms"), results.number("storm/login + call ms"));
    let targets = [
        Target::at_most(
            "one call in the host, × native",
            1.5,
            results.to_native("one call", "host"),
        )
        .with_floor(results.to_native("one call", "dutiful")),
        Target::at_least(
            "calls/s at 64 in flight, × native",
            0.4,
            ratio(at_64("host"), at_64("native")),
        )
        .with_floor(ratio(at_64("dutiful"), at_64("native"))),
        Target::at_least(
            "calls/s at 64 in flight, × the old server",
            300.0,
            ratio(at_64("host"), old),
        ),
        Target::at_most(
            "an instance made and cleared, µs",
            15.0,
            median("instance", "made, cleared"),
        ),
        Target::at_most(
            "a fresh process of one call to its end, compiled code cached, ms",
            15.0,
            median("cold start", "host, compiled code cached").map(|micros| micros / 1e3),
        ),
        Target::at_most(
            "512 calls in flight, KiB resident each",
            256.0,
            results.number("memory/a call in flight, KiB/host"),
        ),
        Target::at_most(
            "peak of a 16 MiB reply, × its size",
            2.5,
            results.number("memory/peak of a 16 MiB reply, times its size/host"),
        ),
        Target::at_most(
            "logins for 1,000 calls on an expired token",
            1.0,
            results.number("storm/logins"),
        ),
        Target::at_most("the slowest of them, × (login + call)", 2.0, storm),
        Target::at_most(
            "growth over 100,000 calls after as many, KiB",
            1024.0,
            results.number("memory/growth over 100,000 calls, KiB/host"),
        ),
    ];
    let mut table =
        "| target | bound | measured | floor | met |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for target in targets {
        let sign = if target.at_least { '≥' } else { '≤' };
        let shown =
            |value: Option<f64>| value.map_or("—".to_owned(), |value| format!("{value:.2}"));
        let (measured, floor) = (shown(target.measured), shown(target.floor));
        let (what, bound, met) = (target.what, target.bound, target.verdict());
        let _ = writeln!(table, "| {what} | {sign} {bound} | {measured} | {floor} | {met} |");
    }
    table
}
