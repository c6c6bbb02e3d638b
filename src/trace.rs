//! The identity of a call across programs: `traceparent` of W3C Trace Context.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The name of the header, and of the field in MCP's `_meta`.
pub const HEADER: &str = "traceparent";

/// The environment variable in which a host passes it to a component, as OpenTelemetry does.
pub const VARIABLE: &str = "TRACEPARENT";

/// The environment variable in which a host passes what identifies the call in the log.
pub const ID_VARIABLE: &str = "OGE_CALL_ID";

/// A `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// Reads a `traceparent`. `None` if it is invalid, since a caller's bad trace must not fail its call.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let parts: Vec<_> = text.splitn(5, '-').collect();
        let is_hex = |part: &str, length: usize| {
            let digits = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            part.len() == length && digits
        };
        let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
        let [version, trace, parent, flags, rest @ ..] = &parts[..] else { return None };
        let is_valid = is_hex(version, 2)
            && *version != "ff"
            && (rest.is_empty() || *version != "00")
            && text.len() <= 512
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && is_hex(trace, 32)
            && !is_zero(trace)
            && is_hex(parent, 16)
            && !is_zero(parent)
            && is_hex(flags, 2);
        // A later version may have more fields, which only its own programs understand.
        is_valid.then(|| Self(["00", trace, parent, flags].join("-")))
    }

    /// Returns the header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the trace id: 32 hex digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }
}

/// The identity of one call.
#[derive(Clone, Debug)]
pub struct CallId {
    /// The trace that the call belongs to, if its caller names one.
    pub trace: Option<TraceParent>,
    /// What identifies the call in the log: the trace id, or else a number that is made from the time.
    pub id: String,
}

impl CallId {
    /// Returns the identity of a call that begins at `wall`, the time since 1970.
    #[must_use]
    pub fn new(trace: Option<TraceParent>, wall: Duration) -> Self {
        let id = match &trace {
            Some(trace) => trace.trace_id().to_owned(),
            None => format!("{:016x}", wall.as_nanos()),
        };
        Self { trace, id }
    }

    /// Reads the identity that a host passes to a component, or returns a new one.
    pub fn read(get: impl Fn(&str) -> Option<String>, wall: Duration) -> Self {
        let new = Self::new(get(VARIABLE).and_then(|text| TraceParent::parse(&text)), wall);
        Self { id: get(ID_VARIABLE).unwrap_or(new.id), trace: new.trace }
    }

    /// Returns the environment variables that pass it to a component.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let trace = self.trace.as_ref().map(|trace| (VARIABLE, trace.as_str()));
        let variables = trace.into_iter().chain([(ID_VARIABLE, self.id.as_str())]);
        variables.map(|(name, value)| (name.to_owned(), value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_traceparent_is_kept_as_it_is() {
        let read = TraceParent::parse(&format!(" {GOOD} ")).unwrap();
        assert_eq!(read.as_str(), GOOD);
        assert_eq!(read.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = format!("cc{}-what-the-future-brings", &GOOD[2..]);
        assert_eq!(TraceParent::parse(&later).unwrap().as_str(), GOOD);
    }

    #[test]
    fn an_invalid_one_is_none() {
        for bad in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-more"),
            &format!("ff{}", &GOOD[2..]),
            &GOOD.to_uppercase(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            &format!("cc{}-a\r\nb: c", &GOOD[2..]),
            &format!("cc{}-密", &GOOD[2..]),
        ] {
            assert!(TraceParent::parse(bad).is_none(), "{bad:?}");
        }
    }
}
