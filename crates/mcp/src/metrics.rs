//! Counters of a process, in the text form of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use oge_token::LoginCounts;

/// The counters of a process, or of one instance of the component.
#[derive(Debug, Default)]
pub struct Metrics {
    tools: BTreeMap<&'static str, ToolCounts>,
}

#[derive(Debug, Default)]
struct ToolCounts {
    /// The calls, by their outcome: `ok`, or the kind of the failure.
    outcomes: BTreeMap<&'static str, u64>,
    expired: u64,
    time: Duration,
}

impl Metrics {
    /// Counts a call that has ended. `outcome` is `ok` or the kind of its failure, and `attempts` is how many requests
    /// it sent: two after an expired token.
    pub fn ended(
        &mut self,
        tool: &'static str,
        outcome: &'static str,
        attempts: u8,
        time: Duration,
    ) {
        let counts = self.tools.entry(tool).or_default();
        *counts.outcomes.entry(outcome).or_default() += 1;
        counts.expired += u64::from(attempts > 1);
        counts.time += time;
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self, logins: LoginCounts) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &dyn Fn(&mut String)| {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            lines(&mut text);
        };
        family("oge_calls_total", "counter", "Calls that have ended.", &|text| {
            for (tool, counts) in &self.tools {
                for (outcome, count) in &counts.outcomes {
                    let labels = format!("tool=\"{tool}\",outcome=\"{outcome}\"");
                    let _ = writeln!(text, "oge_calls_total{{{labels}}} {count}");
                }
            }
        });
        let help = "Calls whose token had expired, so that they were sent twice.";
        family("oge_expired_tokens_total", "counter", help, &|text| {
            for (tool, counts) in &self.tools {
                let count = counts.expired;
                let _ = writeln!(text, "oge_expired_tokens_total{{tool=\"{tool}\"}} {count}");
            }
        });
        family("oge_call_seconds", "summary", "The time of the calls.", &|text| {
            for (tool, ToolCounts { outcomes, time, .. }) in &self.tools {
                let (seconds, micros) = (time.as_secs(), time.subsec_micros());
                let _ =
                    writeln!(text, "oge_call_seconds_sum{{tool=\"{tool}\"}} {seconds}.{micros:06}");
                let count: u64 = outcomes.values().sum();
                let _ = writeln!(text, "oge_call_seconds_count{{tool=\"{tool}\"}} {count}");
            }
        });
        family("oge_logins_total", "counter", "Logins that were made.", &|text| {
            let _ = writeln!(text, "oge_logins_total {}", logins.made);
        });
        let help = "Logins whose credentials were rejected.";
        family("oge_rejected_logins_total", "counter", help, &|text| {
            let _ = writeln!(text, "oge_rejected_logins_total {}", logins.rejected);
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_each_counter() {
        let mut metrics = Metrics::default();
        metrics.ended("run_big_query", "ok", 2, Duration::from_millis(1500));
        metrics.ended("run_big_query", "ok", 1, Duration::from_millis(250));
        metrics.ended("run_big_query", "timeout", 1, Duration::from_secs(30));
        assert_eq!(
            metrics.text(LoginCounts { made: 3, rejected: 1 }),
            "# HELP oge_calls_total Calls that have ended.\n\
             # TYPE oge_calls_total counter\n\
             oge_calls_total{tool=\"run_big_query\",outcome=\"ok\"} 2\n\
             oge_calls_total{tool=\"run_big_query\",outcome=\"timeout\"} 1\n\
             # HELP oge_expired_tokens_total Calls whose token had expired, so that they were sent twice.\n\
             # TYPE oge_expired_tokens_total counter\n\
             oge_expired_tokens_total{tool=\"run_big_query\"} 1\n\
             # HELP oge_call_seconds The time of the calls.\n\
             # TYPE oge_call_seconds summary\n\
             oge_call_seconds_sum{tool=\"run_big_query\"} 31.750000\n\
             oge_call_seconds_count{tool=\"run_big_query\"} 3\n\
             # HELP oge_logins_total Logins that were made.\n\
             # TYPE oge_logins_total counter\n\
             oge_logins_total 3\n\
             # HELP oge_rejected_logins_total Logins whose credentials were rejected.\n\
             # TYPE oge_rejected_logins_total counter\n\
             oge_rejected_logins_total 1\n"
        );
    }
}
