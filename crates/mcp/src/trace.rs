//! The trace of a call: `traceparent` in `_meta`, or else in the HTTP header.

use http::request::Parts;
use oge_tools::trace::{HEADER, TraceParent};
use rmcp::RoleServer;
use rmcp::service::RequestContext;

/// Returns the trace that a call belongs to, if its client names one.
#[must_use]
pub fn of(context: &RequestContext<RoleServer>) -> Option<TraceParent> {
    let in_meta = context.meta.get(HEADER).and_then(|value| value.as_str());
    let in_header = || context.extensions.get::<Parts>()?.headers.get(HEADER)?.to_str().ok();
    in_meta.and_then(TraceParent::parse).or_else(|| TraceParent::parse(in_header()?))
}
