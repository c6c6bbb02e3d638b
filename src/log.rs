//! The log's events and the line that each one writes, as text or as JSON.

pub mod json;

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::error::Failure;
use crate::outcome::Expiry;
use crate::secret::Redactor;

/// How much the log shows. Each level includes the levels before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are clear")]
pub enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    /// Reads a level from the value of `OGE_LOG`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug]
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// The form of the log's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `level operation: message`.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Format {
    /// Reads a format from the value of `OGE_LOG_FORMAT`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is = |name: &str| name.eq_ignore_ascii_case(text);
        if is("text") { Some(Self::Text) } else { is("json").then_some(Self::Json) }
    }
}

/// What the log shows, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The level.
    pub level: Level,
    /// The form.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, format: Format::Text }
    }
}

impl Log {
    /// The settings with which a host reads every event of a call, to show its progress.
    pub const EVERYTHING: [(&str, &str); 2] = [("OGE_LOG", "debug"), ("OGE_LOG_FORMAT", "json")];

    /// Reads the log's settings alone, so that a problem with another setting can be logged. A bad value becomes
    /// the default.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let level = get("OGE_LOG").and_then(|level| Level::parse(level.trim()));
        let format = get("OGE_LOG_FORMAT").and_then(|format| Format::parse(format.trim()));
        Self { level: level.unwrap_or(Level::Info), format: format.unwrap_or_default() }
    }

    /// Returns the event's line with its line feed. `None` if the level excludes it. `call` identifies the call,
    /// and `wall` is the time since 1970.
    #[must_use]
    pub fn line(
        &self,
        operation: &str,
        event: Event<'_>,
        call: Option<&str>,
        wall: Duration,
    ) -> Option<String> {
        (event.level() <= self.level).then(|| match self.format {
            Format::Text => event.line(operation),
            Format::Json => json::line(operation, event, call, wall),
        })
    }
}

/// An event of a call in progress.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request is about to be sent.
    Sending {
        /// 1 or 2.
        attempt: u8,
    },
    /// A response has arrived and is about to be read.
    Reading {
        /// 1 or 2.
        attempt: u8,
    },
    /// The store's token has expired and is about to be refreshed.
    Expired(Expiry),
    /// The token was refreshed and the request is about to be sent again.
    Refreshed,
    /// The response was accepted.
    Accepted {
        /// The time since the call started.
        elapsed: Duration,
    },
    /// The call failed.
    Failed(&'a Failure),
    /// A problem that does not stop the call.
    Warning(&'a str),
    /// Information for an operator.
    Info(&'a str),
    /// What a call that waits waits for.
    Waiting(&'a str),
}

impl Event<'_> {
    /// Returns the event without secrets in its text, which may quote the platform. A failure hides its own. `text`
    /// holds the result.
    #[must_use]
    pub fn redacted<'a>(
        self,
        redactor: impl FnOnce() -> Redactor,
        text: &'a mut String,
    ) -> Event<'a>
    where
        Self: 'a,
    {
        let hide = |what| {
            *text = redactor().excerpt(what);
            &**text
        };
        match self {
            Self::Warning(what) => Event::Warning(hide(what)),
            Self::Info(what) => Event::Info(hide(what)),
            Self::Waiting(what) => Event::Waiting(hide(what)),
            Self::Sending { .. }
            | Self::Reading { .. }
            | Self::Expired(_)
            | Self::Refreshed
            | Self::Accepted { .. }
            | Self::Failed(_) => self,
        }
    }

    /// Returns the level of the event.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::Sending { .. } | Self::Reading { .. } | Self::Waiting(_) => Level::Debug,
            Self::Expired(_) | Self::Refreshed | Self::Accepted { .. } | Self::Info(_) => {
                Level::Info
            }
            Self::Warning(_) => Level::Warn,
            Self::Failed(_) => Level::Error,
        }
    }

    /// Returns the event's line with its line feed. Control characters are escaped.
    #[must_use]
    pub fn line(&self, operation: &str) -> String {
        let text = format!("{} {operation}: {self}", self.level().as_str());
        let mut line = escape_control(&text);
        line.push('\n');
        line
    }
}

/// Escapes the characters of an untrusted text that control a terminal, reorder text or start a line.
#[must_use]
pub fn escape_control(text: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(
                character,
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            )
    };
    let mut shown = String::with_capacity(text.len() + 1);
    for part in text.split_inclusive(steers) {
        let plain = part.strip_suffix(steers).unwrap_or(part);
        shown.push_str(plain);
        let rest = part.get(plain.len()..).unwrap_or_default();
        shown.extend(rest.chars().flat_map(char::escape_default));
    }
    shown
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sending { attempt } => write!(f, "发送请求 (第{attempt}次)"),
            Self::Reading { attempt } => write!(f, "收到回复，读取中 (第{attempt}次)"),
            Self::Expired(expiry) => write!(f, "检测到token过期({expiry})，尝试自动刷新..."),
            Self::Refreshed => f.write_str("Token刷新成功，重新调用API..."),
            Self::Accepted { elapsed } => write!(f, "API调用成功 - 耗时: {}s", Seconds(*elapsed)),
            Self::Failed(failure) => write!(f, "失败: {failure}"),
            Self::Warning(what) | Self::Info(what) | Self::Waiting(what) => f.write_str(what),
        }
    }
}

/// Formats a duration in seconds with two decimals. Formatting a float would add much code to a component.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.0.subsec_millis() + 5) / 10;
        let (whole, part) = (self.0.as_secs() + u64::from(hundredths / 100), hundredths % 100);
        write!(f, "{whole}.{part:02}")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;
    use crate::error::FailureKind;
    use crate::secret::Secret;

    #[test]
    fn the_log_lines_of_an_expired_call_match_the_old_server() {
        let events = [
            Event::Expired(Expiry::Code(40003)),
            Event::Expired(Expiry::Status),
            Event::Refreshed,
            Event::Accepted { elapsed: Duration::from_millis(2344) },
        ];
        let lines: alloc::vec::Vec<_> =
            events.iter().map(|event| event.line("大数据查询")).collect();
        assert_eq!(
            lines,
            [
                "info 大数据查询: 检测到token过期(40003)，尝试自动刷新...\n",
                "info 大数据查询: 检测到token过期(401)，尝试自动刷新...\n",
                "info 大数据查询: Token刷新成功，重新调用API...\n",
                "info 大数据查询: API调用成功 - 耗时: 2.34s\n",
            ]
        );
    }

    #[test]
    fn an_event_is_one_line_even_with_hostile_platform_text() {
        let failure = Failure::new(FailureKind::Api, "x", "a\nerror b\r\u{1b}[2J\u{202e}c\n");
        let line = Event::Failed(&failure).line("x");
        assert_eq!(line, "error x: 失败: api: a\\nerror b\\r\\u{1b}[2J\\u{202e}c\\n\n");
    }

    #[test]
    fn a_text_of_the_platform_has_no_secrets() {
        let redactor = || Redactor::default().hide(&Secret::new("MARKER-pass"));
        for event in [Event::Warning, Event::Info, Event::Waiting] {
            let event = event("state: MARKER-pass");
            let mut text = String::new();
            let redacted = event.redacted(redactor, &mut text);
            assert_eq!(redacted.to_string(), "state: ***");
            assert_eq!(redacted.level(), event.level());
        }
    }

    #[test]
    fn levels_are_ordered_and_parsed_in_any_case() {
        assert!(
            Level::Debug > Level::Info && Level::Warn > Level::Error && Level::Error > Level::Off
        );
        assert_eq!(Level::parse("WARN"), Some(Level::Warn));
        assert_eq!(Level::parse("loud"), None);
    }
}
