//! The verdict on a reply: accepted, expired, refused or failed.

use alloc::string::String;
use core::fmt;

use crate::reply::{Body, Reply};

/// How the platform said that the token has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// HTTP 200 with this `code`.
    Code(i64),
    /// HTTP 401.
    Status,
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Status => f.write_str("401"),
        }
    }
}

/// What a reply means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The answer to hand on.
    Accepted,
    /// The token is not good any more; a new one may be.
    Expired(Expiry),
    /// The token is good, the account is not allowed.
    Forbidden,
    /// The platform says that it failed.
    Failed,
}

/// A reply with its verdict: what a call decides on, and afterwards what it hands out.
#[derive(Debug)]
pub struct Judged {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, where there was one.
    pub content_type: Option<String>,
    /// The body, read as far as the verdict needs.
    pub body: Body,
    /// What it means.
    pub verdict: Verdict,
}

/// Judges a reply. `expired_codes` are the body codes that mean expired. None where its text would be
/// longer than `limit`.
#[must_use]
pub fn judge(reply: Reply, expired_codes: &[i64], limit: usize) -> Option<Judged> {
    let body = Body::read(reply.body, limit)?;
    let code = body.top.as_ref().ok().and_then(|top| top.code);
    let verdict = match (reply.status, code) {
        (401, _) => Verdict::Expired(Expiry::Status),
        (403, _) => Verdict::Forbidden,
        (200, Some(code)) if expired_codes.contains(&code) => Verdict::Expired(Expiry::Code(code)),
        (200, Some(400..=599 | 40_000..=59_999)) => Verdict::Failed,
        (200, _) => Verdict::Accepted,
        _ => Verdict::Failed,
    };
    Some(Judged { status: reply.status, content_type: reply.content_type, body, verdict })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> Verdict {
        let reply = Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() };
        judge(reply, &[40003], usize::MAX).unwrap().verdict
    }

    #[test]
    fn both_forms_of_expiry_are_seen() {
        let code = Verdict::Expired(Expiry::Code(40003));
        assert_eq!(verdict(200, r#"{"code":40003,"msg":"token过期或异常","data":null}"#), code);
        assert_eq!(verdict(200, r#"{"code":40003}"#), code);
        for body in ["", "no", r#"{"code":0}"#] {
            assert_eq!(verdict(401, body), Verdict::Expired(Expiry::Status), "{body}");
        }
    }

    #[test]
    fn only_the_number_at_the_top_of_a_200_means_expired() {
        assert_eq!(verdict(200, r#"{"data":{"code":40003}}"#), Verdict::Accepted);
        assert_eq!(verdict(200, r#"{"code":"40003"}"#), Verdict::Accepted);
        assert_eq!(verdict(200, r#"[{"code":40003}]"#), Verdict::Accepted);
        assert_eq!(verdict(500, r#"{"code":40003}"#), Verdict::Failed);
    }

    #[test]
    fn forbidden_is_not_expiry() {
        assert_eq!(verdict(403, r#"{"code":40003}"#), Verdict::Forbidden);
    }

    #[test]
    fn a_failing_code_in_a_200_is_a_failure() {
        for code in [400, 500, 599, 40_000, 40_001, 59_999] {
            assert_eq!(
                verdict(200, &alloc::format!("{{\"code\":{code}}}")),
                Verdict::Failed,
                "{code}"
            );
        }
        for code in [-1, 0, 1, 200, 399, 600, 20_000, 39_999, 60_000] {
            assert_eq!(
                verdict(200, &alloc::format!("{{\"code\":{code}}}")),
                Verdict::Accepted,
                "{code}"
            );
        }
    }

    #[test]
    fn every_other_status_is_a_failure() {
        for status in [100, 201, 204, 301, 302, 304, 400, 404, 429, 500, 503] {
            assert_eq!(verdict(status, "{}"), Verdict::Failed, "{status}");
        }
    }

    #[test]
    fn a_200_that_is_not_json_is_for_the_tool_to_judge() {
        assert_eq!(verdict(200, "running"), Verdict::Accepted);
    }
}
