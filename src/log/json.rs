//! The JSON form of the log, for programs that collect it: one object a line.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use super::{Event, Level, Seconds, escape_control};
use crate::rfc3339::rfc3339;

/// Returns the line of an event with its line feed. `call` identifies the call, and `wall` is the time since 1970.
#[must_use]
pub fn line(operation: &str, event: Event<'_>, call: Option<&str>, wall: Duration) -> String {
    let (name, attempt) = match event {
        Event::Sending { attempt } => ("sending", Some(attempt)),
        Event::Reading { attempt } => ("reading", Some(attempt)),
        Event::Expired(_) => ("expired", Some(1)),
        Event::Refreshed => ("refreshed", Some(1)),
        Event::Accepted { .. } => ("accepted", None),
        Event::Failed(failure) => ("failed", Some(failure.attempts)),
        Event::Warning(_) => ("warning", None),
        Event::Waiting(_) => ("waiting", None),
        Event::Info(_) => ("info", None),
    };
    let mut line = start(event.level(), operation, name, call, wall);
    if let Some(attempt) = attempt {
        line += &format!(r#","attempt":{attempt}"#);
    }
    match event {
        Event::Accepted { elapsed } => line += &format!(r#","seconds":{}"#, Seconds(elapsed)),
        Event::Failed(failure) => line += &format!(r#","kind":"{}""#, failure.kind.as_str()),
        _ => {}
    }
    end(line, &event.to_string())
}

/// Returns the line of a text line, `level operation: message`. A text without a level is a warning.
#[must_use]
pub fn of_text(text: &str, wall: Duration) -> String {
    let of_level = |(word, rest)| Some((Level::parse(word)?, rest));
    let (level, rest) = text.split_once(' ').and_then(of_level).unwrap_or((Level::Warn, text));
    let (operation, message) = rest.split_once(": ").unwrap_or(("host", rest));
    end(start(level, operation, level.event(), None, wall), message)
}

impl Level {
    /// Returns the event of a line about which only the level is known.
    const fn event(self) -> &'static str {
        match self {
            Self::Error => "failed",
            Self::Warn => "warning",
            Self::Off | Self::Info | Self::Debug => "info",
        }
    }
}

fn start(level: Level, operation: &str, event: &str, call: Option<&str>, wall: Duration) -> String {
    let (time, level, operation) = (rfc3339(wall), level.as_str(), quoted(operation));
    let mut line =
        format!(r#"{{"time":"{time}","level":"{level}","operation":{operation},"event":"{event}""#);
    if let Some(call) = call {
        line += &format!(r#","call":{}"#, quoted(call));
    }
    line
}

fn end(mut line: String, message: &str) -> String {
    line += r#","message":"#;
    line += &quoted(message);
    line += "}\n";
    line
}

/// Returns a JSON string without characters that steer a terminal.
fn quoted(text: &str) -> Cow<'static, str> {
    // Never fails: it is a text.
    serde_json::to_string(&escape_control(text)).map_or(Cow::Borrowed("\"\""), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Failure, FailureKind};
    use crate::outcome::Expiry;

    /// 2026-01-02 03:04:05.678 UTC.
    const NOW: Duration = Duration::from_millis(1_767_323_045_678);

    #[test]
    fn each_event_is_one_object() {
        let failure = Failure {
            attempts: 2,
            ..Failure::new(FailureKind::Timeout, "x", "a \"quote\"\nand a line")
        };
        for (event, expected) in [
            (
                Event::Sending { attempt: 1 },
                r#""level":"debug","operation":"x","event":"sending","call":"c","attempt":1,"message":"发送请求 (第1次)"}"#,
            ),
            (
                Event::Expired(Expiry::Code(40003)),
                r#""level":"info","operation":"x","event":"expired","call":"c","attempt":1,"message":"检测到token过期(40003)，尝试自动刷新..."}"#,
            ),
            (
                Event::Accepted { elapsed: Duration::from_millis(2344) },
                r#""level":"info","operation":"x","event":"accepted","call":"c","seconds":2.34,"message":"API调用成功 - 耗时: 2.34s"}"#,
            ),
            (
                Event::Failed(&failure),
                r#""level":"error","operation":"x","event":"failed","call":"c","attempt":2,"kind":"timeout","message":"失败: timeout: a \"quote\"\\nand a line"}"#,
            ),
        ] {
            let line = line("x", event, Some("c"), NOW);
            let expected = [r#"{"time":"2026-01-02T03:04:05.678Z","#, expected, "\n"].concat();
            assert_eq!(line, expected);
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
        }
    }

    #[test]
    fn a_text_line_keeps_its_level_and_operation() {
        for (text, expected) in [
            (
                "info token-store: a: b",
                r#""level":"info","operation":"token-store","event":"info","message":"a: b"}"#,
            ),
            (
                "the log is cut",
                r#""level":"warn","operation":"host","event":"warning","message":"the log is cut"}"#,
            ),
        ] {
            let line = of_text(text, NOW);
            assert_eq!(line, [r#"{"time":"2026-01-02T03:04:05.678Z","#, expected, "\n"].concat());
        }
    }
}
