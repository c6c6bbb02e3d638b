//! The outcome of a request: what its response means.

use alloc::string::String;
use core::fmt;

use crate::encoding::Undecoded;
use crate::response::{Body, NotJson, Response, TooLarge};

/// How the platform reports that the token has expired.
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

/// What a response means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The tool reads its result from it.
    Accepted,
    /// The token has expired; the request is worth another try with a new one.
    Expired(Expiry),
    /// The token is good, but the account may not do this. Never refreshed.
    Forbidden,
    /// The platform reports a failure.
    Failed,
    /// HTTP 200, but the body could not be decoded.
    Undecoded,
}

/// A response and its outcome.
#[derive(Debug)]
pub struct Classified {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if the response has one.
    pub content_type: Option<String>,
    /// The `Location`, if it is a redirect that has one.
    pub location: Option<String>,
    /// The body.
    pub body: Body,
    /// What the response means.
    pub outcome: Outcome,
}

/// Classifies a response. `expired_codes` are the body codes that mean expired.
///
/// # Errors
/// If the body's text is longer than `limit`.
pub fn classify(
    response: Response,
    expired_codes: &[i64],
    limit: usize,
) -> Result<Classified, TooLarge> {
    let mut body = Body::read(response.body, limit)?;
    let is_whole = response.undecoded.is_none();
    match response.undecoded {
        Some(Undecoded::TooLarge) if response.status == 200 => return Err(TooLarge { limit }),
        Some(Undecoded::Unreadable(why)) => body.top = Err(NotJson::Undecoded(why)),
        // Any other status decides alone; the start of the body is kept for the message.
        Some(Undecoded::TooLarge) | None => {}
    }
    let code = body.top.as_ref().ok().and_then(|top| top.code);
    let outcome = match (response.status, code) {
        (401, _) => Outcome::Expired(Expiry::Status),
        (403, _) => Outcome::Forbidden,
        (200, _) if !is_whole => Outcome::Undecoded,
        (200, Some(code)) if expired_codes.contains(&code) => Outcome::Expired(Expiry::Code(code)),
        (200, Some(400..=599 | 40_000..=59_999)) => Outcome::Failed,
        (200, _) => Outcome::Accepted,
        _ => Outcome::Failed,
    };
    let Response { status, content_type, location, .. } = response;
    Ok(Classified { status, content_type, location, body, outcome })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    fn outcome(status: u16, body: &str) -> Outcome {
        let response = Response { status, body: body.as_bytes().to_vec(), ..Response::default() };
        classify(response, &[40003], usize::MAX).unwrap().outcome
    }

    #[test]
    fn both_forms_of_expiry_are_seen() {
        let code = Outcome::Expired(Expiry::Code(40003));
        assert_eq!(outcome(200, r#"{"code":40003,"msg":"token过期或异常","data":null}"#), code);
        for spelling in ["40003", "40003.0", "\"40003\"", "\"40003.0\""] {
            assert_eq!(
                outcome(200, &alloc::format!("{{\"code\":{spelling}}}")),
                code,
                "{spelling}"
            );
        }
        for body in ["", "no", r#"{"code":0}"#] {
            assert_eq!(outcome(401, body), Outcome::Expired(Expiry::Status), "{body}");
        }
    }

    #[test]
    fn only_the_outermost_code_of_a_200_means_expired() {
        assert_eq!(outcome(200, r#"{"data":{"code":40003}}"#), Outcome::Accepted);
        assert_eq!(outcome(200, r#"[{"code":40003}]"#), Outcome::Accepted);
        assert_eq!(outcome(500, r#"{"code":40003}"#), Outcome::Failed);
    }

    #[test]
    fn only_a_200_depends_on_a_body_that_cannot_be_decoded() {
        for undecoded in [Undecoded::TooLarge, Undecoded::Unreadable("why".to_owned())] {
            let classified = |status| {
                let undecoded = Some(undecoded.clone());
                classify(Response { status, undecoded, ..Response::default() }, &[40003], 100)
            };
            let outcome = |status| classified(status).unwrap().outcome;
            assert_eq!(outcome(401), Outcome::Expired(Expiry::Status));
            assert_eq!((outcome(403), outcome(500)), (Outcome::Forbidden, Outcome::Failed));
            match undecoded {
                Undecoded::TooLarge => assert!(classified(200).is_err()),
                Undecoded::Unreadable(_) => assert_eq!(outcome(200), Outcome::Undecoded),
            }
        }
    }

    #[test]
    fn forbidden_is_not_expiry() {
        assert_eq!(outcome(403, r#"{"code":40003}"#), Outcome::Forbidden);
    }

    #[test]
    fn a_failing_code_in_a_200_is_a_failure() {
        for code in ["\"500\"", "500.0", "5e2", "\"400.0\""] {
            let body = alloc::format!("{{\"code\":{code}}}");
            assert_eq!(outcome(200, &body), Outcome::Failed, "{code}");
        }
        for code in [400, 500, 599, 40_000, 40_001, 59_999] {
            assert_eq!(
                outcome(200, &alloc::format!("{{\"code\":{code}}}")),
                Outcome::Failed,
                "{code}"
            );
        }
        for code in [-1, 0, 1, 200, 399, 600, 20_000, 39_999, 60_000] {
            assert_eq!(
                outcome(200, &alloc::format!("{{\"code\":{code}}}")),
                Outcome::Accepted,
                "{code}"
            );
        }
    }

    #[test]
    fn every_other_status_is_a_failure() {
        for status in [100, 201, 204, 301, 302, 304, 400, 404, 429, 500, 503] {
            assert_eq!(outcome(status, "{}"), Outcome::Failed, "{status}");
        }
    }

    #[test]
    fn a_200_that_is_not_json_is_accepted() {
        assert_eq!(outcome(200, "running"), Outcome::Accepted);
    }
}
