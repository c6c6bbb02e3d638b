//! What the authority answered: a token, or why there is none.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use oge_tools::authorization::bearer;
use oge_tools::json;
use oge_tools::jwt::Claims;
use oge_tools::reply::{Body, Reply};
use oge_tools::secret::Secret;
use zeroize::Zeroizing;

use crate::{Credentials, LoginError};

/// The longest that `Retry-After` is obeyed.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);

/// A token that has just been issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The whole value of the `Authorization` header.
    pub authorization: Secret,
    /// How long the authority says it lives, in seconds.
    pub expires_in: Option<u64>,
    /// What the token says of itself, where it is a JWT.
    pub claims: Claims,
}

/// The fields that answers carry, the platform's own and RFC 6749's.
#[derive(Default)]
struct Fields {
    token: Option<Secret>,
    scheme: Option<String>,
    expires_in: Option<u64>,
    error: Option<String>,
}

impl Credentials {
    /// Reads the authority's answer: the platform's `{"data": {"token", "tokenHead"}}`, or RFC 6749's
    /// `{"access_token", "token_type", "expires_in"}`.
    ///
    /// # Errors
    /// Says why there is no token. It quotes no secret and no answer that might hold a token.
    pub fn answer(&self, reply: Reply) -> Result<Issued, LoginError> {
        let status = reply.status;
        let retry_after = reply.retry_after.map(|time| time.min(MAX_RETRY_AFTER));
        let unavailable = |why| LoginError::Unavailable { why, retry_after };
        let origin = self.origin();
        let Body { text, top } = Body::read(reply.body, usize::MAX).unwrap_or_default();
        // It holds the token.
        let text = Zeroizing::new(text);
        let Ok(top) = top else {
            return Err(unavailable(format!(
                "{origin} answered HTTP {status} and no JSON; is OGE_TOKEN_URL right?"
            )));
        };
        let fields = Fields::read(&text);
        if status == 200
            && let Some(token) = fields.token
        {
            return issued(&token, fields.scheme.as_deref(), fields.expires_in).ok_or_else(|| {
                let why = format!("{origin} answered a token that no header can carry");
                unavailable(why)
            });
        }
        let said = top.msg.as_deref().or(fields.error.as_deref()).unwrap_or("no reason given");
        let code = top.code.map_or_else(String::new, |code| format!(", code {code}"));
        let said = without_tokens(&self.redactor().excerpt(said));
        let refuses = match (status, top.code) {
            (400 | 401 | 403, _) => true,
            (200, Some(429)) => false,
            (200, Some(code)) => matches!(code, 400..=499 | 40_000..=49_999),
            (200, None) => fields.error.is_some(),
            _ => false,
        };
        match status {
            _ if refuses => {
                let check = self.to_check();
                let why = format!("{origin} answered HTTP {status}{code}: {said}; check {check}");
                Err(LoginError::Rejected { why, tries_left: None })
            }
            200 => Err(LoginError::Failed {
                why: format!("{origin} answered HTTP {status}{code}: {said}"),
            }),
            _ => Err(unavailable(format!("{origin} answered HTTP {status}{code}: {said}"))),
        }
    }
}

impl Fields {
    fn read(text: &str) -> Self {
        let mut fields = Self::default();
        let mut data = None;
        // The caller has made sure that it is JSON.
        let _ = json::fields(text, &mut |name, value| match name {
            "data" => data = Some(value),
            "access_token" => fields.token = json::string(value).map(Secret::new),
            "token_type" => fields.scheme = json::string(value),
            "expires_in" => fields.expires_in = value.get().trim_matches('"').parse().ok(),
            "error_description" => fields.error = json::string(value),
            "error" => fields.error = fields.error.take().or_else(|| json::string(value)),
            _ => {}
        });
        if let Some(data) = data {
            let _ = json::fields(data.get(), &mut |name, value| match name {
                "token" => fields.token = json::string(value).map(Secret::new),
                "tokenHead" => fields.scheme = json::string(value),
                _ => {}
            });
        }
        fields.token = fields.token.filter(|token| !token.expose().trim().is_empty());
        fields
    }
}

/// Text in which whatever could be a token reads `***`: an answer of an unknown form may hold one
/// anywhere.
fn without_tokens(text: &str) -> String {
    const SHORTEST: usize = 20;
    let is_part =
        |character: char| character.is_ascii_alphanumeric() || "-_.~+/=".contains(character);
    let mut out = String::new();
    for word in text.split_inclusive(|character| !is_part(character)) {
        let token = word.trim_end_matches(|character| !is_part(character));
        let rest = word.get(token.len()..).unwrap_or_default();
        out.push_str(if token.len() < SHORTEST { token } else { "***" });
        out.push_str(rest);
    }
    out
}

/// The scheme without trailing blanks, one space, the token. Two spaces were once a bug.
fn issued(token: &Secret, scheme: Option<&str>, expires_in: Option<u64>) -> Option<Issued> {
    let scheme = scheme.map(str::trim).filter(|scheme| !scheme.is_empty()).unwrap_or("Bearer");
    // What `bearer` takes is a token that a header can carry.
    let value = bearer(token).ok()?;
    let token = value.expose().strip_prefix("Bearer ")?;
    // RFC 6749 has the scheme in any case; the platform wants its own spelling.
    let scheme = if scheme.eq_ignore_ascii_case("bearer") { "Bearer" } else { scheme };
    if !scheme.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let authorization = Secret::new([scheme, " ", token].concat());
    let claims = Claims::read(token).unwrap_or_default();
    Some(Issued { authorization, expires_in, claims })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    pub(crate) fn credentials() -> Credentials {
        let value = |key: &str| match key {
            "OGE_TOKEN_URL" => Some("http://oge.test/api/oauth/token"),
            "OGE_TOKEN_USERNAME" => Some("张三"),
            "OGE_TOKEN_PASSWORD" => Some("p\" w"),
            "OGE_CLIENT_ID" => Some("cid"),
            "OGE_CLIENT_SECRET" => Some("c&s"),
            _ => None,
        };
        Credentials::read(|key| value(key).map(ToOwned::to_owned)).unwrap()
    }

    fn answer(status: u16, body: &str) -> Result<Issued, LoginError> {
        credentials().answer(Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() })
    }

    #[test]
    fn there_is_one_space_between_scheme_and_token() {
        for (body, expected) in [
            (r#"{"data":{"token":"eyJ","tokenHead":"Bearer "}}"#, "Bearer eyJ"),
            (r#"{"data":{"token":"eyJ","tokenHead":"Bearer"}}"#, "Bearer eyJ"),
            (r#"{"data":{"token":"eyJ"}}"#, "Bearer eyJ"),
            (r#"{"code":200,"data":{"token":" eyJ","tokenHead":"  "}}"#, "Bearer eyJ"),
            (r#"{"data":{"token":"eyJ","tokenHead":"MAC "}}"#, "MAC eyJ"),
            (r#"{"access_token":"eyJ","token_type":"bearer","expires_in":60}"#, "Bearer eyJ"),
        ] {
            assert_eq!(answer(200, body).unwrap().authorization.expose(), expected, "{body}");
        }
    }

    #[test]
    fn expires_in_is_taken_where_it_is_told() {
        let body = r#"{"access_token":"a","token_type":"Bearer","expires_in":3600}"#;
        assert_eq!(answer(200, body).unwrap().expires_in, Some(3600));
    }

    #[test]
    fn a_refusal_is_told_from_an_authority_that_fails() {
        for (status, body) in [
            (200, r#"{"code":40001,"msg":"用户名或密码错误","data":null}"#),
            (400, r#"{"error":"invalid_grant"}"#),
            (401, "{}"),
            (200, r#"{"error":"invalid_client"}"#),
        ] {
            assert!(matches!(answer(status, body), Err(LoginError::Rejected { .. })), "{body}");
        }
        for (status, body) in [
            (200, "<html>"),
            (200, ""),
            (200, "{}"),
            (200, "[]"),
            (200, r#"{"code":200,"data":{}}"#),
            (200, r#"{"code":429,"msg":"太频繁"}"#),
            (200, r#"{"code":500,"msg":"系统繁忙"}"#),
            (200, r#"{"data":{"token":"a\nb"}}"#),
            (302, "{}"),
            (429, "{}"),
            (503, r#"{"data":{"token":"eyJ"}}"#),
        ] {
            assert!(
                matches!(
                    answer(status, body),
                    Err(LoginError::Unavailable { .. } | LoginError::Failed { .. })
                ),
                "{body}"
            );
        }
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_not_quoted() {
        let error =
            answer(200, r#"{"datum":{"token":"MARKER"},"msg":"p\" w and c%26s"}"#).unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.contains("*** and ***") && !shown.contains("MARKER"), "{shown}");
    }

    #[test]
    fn a_token_in_an_answer_of_an_unknown_form_is_not_quoted() {
        let body =
            r#"{"code":200,"msg":"your token: eyJhbGciOiJIUzI1NiJ9.MARKER.c2ln!","data":null}"#;
        let shown = format!("{:?}", answer(200, body).unwrap_err());
        assert!(shown.contains("your token: ***!") && !shown.contains("MARKER"), "{shown}");
    }

    #[test]
    fn claims_come_with_the_token() {
        let token = "e30.eyJleHAiOjE3MDAwMDAwMDB9.c2ln";
        let body = format!(r#"{{"data":{{"token":"{token}"}}}}"#);
        assert_eq!(answer(200, &body).unwrap().claims.expires_at, Some(1_700_000_000));
    }
}
