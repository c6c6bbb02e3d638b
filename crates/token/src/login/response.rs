//! Reads a login's response: a token, or the reason why there is none.

use alloc::format;
use alloc::string::{String, ToString as _};

use oge_tools::authorization::bearer;
use oge_tools::jwt::Claims;
use oge_tools::response::{Body, Response};
use oge_tools::secret::Secret;
use oge_tools::url::Origin;
use zeroize::Zeroizing;

use crate::login::fields::{LoginFields, Token};
use crate::login::{Credentials, LoginError, failure};
use crate::timing::MAX_RETRY_AFTER;

/// The longest scheme. A longer one could make the header too large for servers.
const MAX_SCHEME_BYTES: usize = 32;

/// The code of an expired token. With it a gateway answers every request that needs a token, also one to a
/// path that does not exist.
const EXPIRED: i64 = 40_003;

/// The longest response that is quoted if it is not JSON.
const MAX_QUOTED_BYTES: usize = 200;

/// A token that has just been issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The whole value of the `Authorization` header.
    pub authorization: Secret,
    /// The lifetime in seconds, if the response has one.
    pub expires_in: Option<u64>,
    /// The token's claims, if it is a JWT.
    pub claims: Claims,
}

/// The kind of a failure. See [`failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rejected,
    Failed,
    Unavailable,
}

impl Credentials {
    /// Reads the authority's response: the platform's `{"data": {"token", "tokenHead"}}`, RFC 6749's
    /// `{"access_token", "token_type", "expires_in"}`, and the usual variants of both.
    ///
    /// # Errors
    /// The error is the reason why there is no token. It quotes no secret and no text that could be a token.
    pub fn read_response(&self, response: Response) -> Result<Issued, LoginError> {
        let status = response.status;
        let origin = self.origin();
        let retry_after = response.retry_after.map(|time| time.min(MAX_RETRY_AFTER));
        let unavailable = |why| Err(LoginError::Unavailable { why, retry_after });
        if let 300..=399 = status {
            let target =
                response.location.as_deref().and_then(|to| Origin::of_location(to, origin));
            let target = target.map_or_else(|| "elsewhere".to_string(), |to| to.to_string());
            return unavailable(format!(
                "{origin} redirects to {target} (HTTP {status}), and a login is not redirected; set \
                 OGE_TOKEN_URL to where it leads"
            ));
        }
        let is_success = (200..=299).contains(&status);
        if is_success && let Some(undecoded) = &response.undecoded {
            let why = without_tokens(&self.redactor().excerpt(&format!("{undecoded}")));
            return unavailable(format!("{origin} answered HTTP {status}, but {why}"));
        }
        let Body { text, top } = Body::read(response.body, usize::MAX).unwrap_or_default();
        // The text may contain the token, so it is wiped.
        let text = Zeroizing::new(text);
        let fields = top.is_ok().then(|| LoginFields::read(&text));
        if let (true, Some(fields)) = (is_success, &fields)
            && let Token::Text(token) = &fields.token
            && !fields.fails()
        {
            return issued(token, fields).or_else(|problem| {
                unavailable(format!("the login at {origin} gave a token that {problem}"))
            });
        }

        let code = fields.as_ref().and_then(|fields| fields.code);
        let is_expired = is_success && code == Some(EXPIRED);
        let code = code.map_or_else(String::new, |code| format!(", code {code}"));
        let reason = match &fields {
            Some(fields) => fields.reason().map(|reason| self.quoted(reason)),
            None if text.trim_start().starts_with('<') || text.len() > MAX_QUOTED_BYTES => None,
            // A body that is not UTF-8 is not quoted.
            None => (!text.contains(char::REPLACEMENT_CHARACTER)).then(|| self.quoted(text.trim())),
        };
        let reason = reason.filter(|reason| !reason.is_empty());
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let what = format!("{origin} answered HTTP {status}{code}{reason}");
        let failed = || {
            let why = format!("{what}; check OGE_TOKEN_URL, {}", self.settings_to_check());
            Err(LoginError::Failed { why })
        };
        let Some(fields) = fields else {
            return match failure::without_json(status, &text) {
                (Kind::Rejected, tries_left) => Err(self.rejected(&what, tries_left)),
                (Kind::Failed, _) => failed(),
                (Kind::Unavailable, _) => unavailable(match status {
                    408 | 429 | 500..=599 => what,
                    _ => {
                        format!("{origin} answered HTTP {status} and no JSON; check OGE_TOKEN_URL")
                    }
                }),
            };
        };
        match failure::kind(status, &fields) {
            Kind::Rejected if is_expired => Err(LoginError::Rejected {
                why: format!(
                    "{what}; a login has no token that could expire, so check OGE_TOKEN_URL first, then {}",
                    self.settings_to_check()
                ),
                tries_left: None,
            }),
            Kind::Rejected => Err(self.rejected(&what, failure::tries_left(fields.texts()))),
            Kind::Failed => failed(),
            Kind::Unavailable if is_success && !fields.is_overload() => unavailable(format!(
                "{what}; a token was expected in data.token or access_token, and there was {}",
                fields.token.found()
            )),
            Kind::Unavailable => unavailable(what),
        }
    }

    fn rejected(&self, what: &str, tries_left: Option<u32>) -> LoginError {
        LoginError::Rejected {
            why: format!("{what}; check {}", self.settings_to_check()),
            tries_left,
        }
    }

    /// Quotes a text of the authority without secrets and without anything that could be a token.
    fn quoted(&self, text: &str) -> String {
        without_tokens(&self.redactor().excerpt(text))
    }
}

/// Replaces every word that could be a token by `***`, because a response of an unknown form may have one
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

/// Builds the header value: the scheme without trailing blanks, one space, the token.
///
/// # Errors
/// The error is the end of a sentence about the token.
fn issued(token: &Secret, fields: &LoginFields) -> Result<Issued, &'static str> {
    let scheme = fields.scheme.as_deref().map(str::trim).filter(|scheme| !scheme.is_empty());
    let scheme = scheme.unwrap_or("Bearer");
    // `bearer` checks that a header can carry the token. The advice after its semicolon is for callers only.
    let value = bearer(token).map_err(|problem| problem.split(';').next().unwrap_or(problem))?;
    let token = value.expose().strip_prefix("Bearer ").unwrap_or_default();
    // In RFC 6749 the scheme has any case, but the platform requires `Bearer`.
    let scheme = if scheme.eq_ignore_ascii_case("bearer") { "Bearer" } else { scheme };
    if scheme.len() > MAX_SCHEME_BYTES || !scheme.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has a tokenHead or token_type that no header carries");
    }
    let authorization = Secret::new([scheme, " ", token].concat());
    let claims = Claims::read(token).unwrap_or_default();
    Ok(Issued { authorization, expires_in: fields.expires_in, claims })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use core::time::Duration;

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
        credentials().read_response(Response {
            status,
            body: body.as_bytes().to_vec(),
            ..Response::default()
        })
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
    fn expires_in_is_read_from_the_response() {
        let body = r#"{"access_token":"a","token_type":"Bearer","expires_in":3600}"#;
        assert_eq!(answer(200, body).unwrap().expires_in, Some(3600));
    }

    /// The tests of the example hosts use the same rows.
    #[test]
    fn every_response_has_the_expected_kind() {
        let rows = include_str!("../../../../examples/login-responses.json");
        let rows: alloc::vec::Vec<(u16, String, String)> = serde_json::from_str(rows).unwrap();
        for (status, body, expected) in rows {
            let kind = match answer(status, &body) {
                Ok(_) => "token",
                Err(LoginError::Rejected { .. }) => "rejected",
                Err(LoginError::Failed { .. }) => "failed",
                Err(LoginError::Unavailable { .. }) => "unavailable",
                Err(LoginError::NotConfigured(_)) => "not configured",
            };
            assert_eq!(kind, expected, "{status} {body}");
        }
    }

    #[test]
    fn usual_forms_of_success_are_read() {
        let jwt = "e30.eyJleHAiOjV9.c2ln";
        for body in [
            r#"{"code":200,"token":"JWT"}"#,
            r#"{"code":0,"msg":"用户登录成功","data":{"access_token":"JWT","expires_in":"60"}}"#,
            r#"{"success":true,"result":{"accessToken":"JWT","tokenType":"bearer"}}"#,
            r#"{"code":"00000","data":"JWT"}"#,
            r#"{"data":"Bearer JWT"}"#,
            r#"{"code":"SUCCESS","error":null,"data":{"token":" JWT ","tokenHead":null}}"#,
            r#""JWT""#,
        ] {
            let issued = answer(200, &body.replace("JWT", jwt)).unwrap();
            assert_eq!(issued.authorization.expose(), ["Bearer ", jwt].concat(), "{body}");
        }
        let body = r#"{"data":{"access_token":"a","expires_in":"60"}}"#;
        assert_eq!(answer(200, body).unwrap().expires_in, Some(60));
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_unavailable() {
        let long = alloc::format!(r#"{{"data":{{"token":"{}"}}}}"#, "a".repeat(64 * 1024));
        for (body, problem) in [
            (r#"{"data":{"token":"MARKER\nb"}}"#, "holds a control character"),
            (r#"{"data":{"token":"MARKER\u0000"}}"#, "holds a control character"),
            (r#"{"data":{"token":"MARKER b"}}"#, "holds a blank"),
            (&*long, "is longer than 16 KiB"),
            (r#"{"data":{"token":"a","tokenHead":"MARKER b"}}"#, "tokenHead"),
            (r#"{"data":{"token":""}}"#, "data.token or access_token, and there was none"),
            (r#"{"code":200,"data":{"jwt":"MARKER"}}"#, "and there was none"),
            (r#"{"code":200,"data":"MARKER"}"#, "and there was none"),
            (r#"{"data":{"token":42}}"#, "and there was a number"),
            (r#"{"data":{"token":{"value":"MARKER"}}}"#, "and there was an object"),
            ("{}", "and there was none"),
            ("[]", "and there was none"),
        ] {
            let Err(LoginError::Unavailable { why, retry_after: None }) = answer(200, body) else {
                panic!("{body}");
            };
            assert!(why.contains(problem) && !why.contains("MARKER"), "{body}: {why}");
        }
    }

    #[test]
    fn retry_after_is_read_up_to_ten_minutes() {
        for (asked, obeyed) in [(7, 7), (u64::MAX, 600)] {
            let retry_after = Some(Duration::from_secs(asked));
            let response = Response { status: 503, retry_after, ..Response::default() };
            let Err(LoginError::Unavailable { retry_after, .. }) =
                credentials().read_response(response)
            else {
                panic!("503 is an authority that is down");
            };
            assert_eq!(retry_after, Some(Duration::from_secs(obeyed)));
        }
    }

    #[test]
    fn the_error_of_a_redirect_names_its_origin_and_the_setting() {
        let location = Some("https://sso.test/login?token=MARKER".to_owned());
        let response = Response { status: 302, location, ..Response::default() };
        let shown = alloc::format!("{:?}", credentials().read_response(response).unwrap_err());
        assert!(shown.contains("redirects to https://sso.test (HTTP 302)"), "{shown}");
        assert!(shown.contains("OGE_TOKEN_URL") && !shown.contains("MARKER"), "{shown}");
    }

    #[test]
    fn a_rejection_quotes_the_platform_and_names_the_settings() {
        let body = r#"{"code":50000,"msg":"账号或密码错误，失败五次将被锁定。剩余失败次数: 4"}"#;
        assert_eq!(
            answer(200, body),
            Err(LoginError::Rejected {
                why: "http://oge.test answered HTTP 200, code 50000: 账号或密码错误，失败五次将被锁定。\
                      剩余失败次数: 4; check OGE_TOKEN_USERNAME, OGE_TOKEN_PASSWORD, OGE_CLIENT_ID and \
                      OGE_CLIENT_SECRET"
                    .to_owned(),
                tries_left: Some(4),
            })
        );
    }

    #[test]
    fn an_expired_token_in_the_response_of_a_login_blames_the_url() {
        let error = answer(200, r#"{"code":40003,"msg":"token过期或异常"}"#).unwrap_err();
        let LoginError::Rejected { why, tries_left: None } = error else { panic!("{error:?}") };
        assert!(why.contains("check OGE_TOKEN_URL first, then OGE_TOKEN_USERNAME"), "{why}");
    }

    #[test]
    fn a_client_without_a_user_is_blamed_with_the_grant() {
        for (grant, is_explained) in [(None, true), (Some("client_credentials"), false)] {
            let value = |key: &str| match key {
                "OGE_TOKEN_URL" => Some("http://oge.test/token"),
                "OGE_CLIENT_ID" | "OGE_CLIENT_SECRET" => Some("c"),
                "OGE_TOKEN_GRANT" => grant,
                _ => None,
            };
            let credentials = Credentials::read(|key| value(key).map(ToOwned::to_owned)).unwrap();
            let error = credentials.read_response(Response { status: 400, ..Response::default() });
            let Err(LoginError::Rejected { why, .. }) = error else { panic!("{error:?}") };
            assert!(why.contains("check OGE_CLIENT_ID and OGE_CLIENT_SECRET"), "{why}");
            assert_eq!(why.contains("so the grant is client_credentials"), is_explained, "{why}");
        }
    }

    #[test]
    fn the_reason_is_taken_from_the_best_field() {
        for (body, reason) in [
            (r#"{"error":"e","error_description":"d","message":"m","msg":"s"}"#, ": s;"),
            (r#"{"error":"e","error_description":"d","message":"m","msg":""}"#, ": m;"),
            (r#"{"error":"e","error_description":"d"}"#, ": d;"),
            (r#"{"error":"e","msg":null}"#, ": e;"),
            (r#"{"error":{"code":"401","message":"m"}}"#, ", code 401: m;"),
            ("Bad credentials", ": Bad credentials;"),
            ("<html>MARKER", "HTTP 401; check"),
            ("", "HTTP 401; check"),
        ] {
            let Err(LoginError::Rejected { why, .. }) = answer(401, body) else { panic!("{body}") };
            assert!(why.contains(reason) && !why.contains("MARKER"), "{body}: {why}");
        }
    }

    #[test]
    fn the_error_of_an_undecodable_response_names_its_encoding() {
        let header = |name: &str| (name == "content-encoding").then(|| "br".to_owned());
        let response = Response::received(200, &header, b"\x0b\x02\x80".to_vec(), 100);
        let error = credentials().read_response(response).unwrap_err();
        assert!(matches!(error, LoginError::Unavailable { .. }), "{error:?}");
        assert!(format!("{error:?}").contains("`br`"), "{error:?}");
    }

    #[test]
    fn secrets_and_unknown_fields_of_a_response_are_not_quoted() {
        let error =
            answer(200, r#"{"datum":{"token":"MARKER"},"msg":"p\" w and c%26s"}"#).unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.contains("*** and ***") && !shown.contains("MARKER"), "{shown}");
    }

    #[test]
    fn a_token_in_a_response_of_an_unknown_form_is_not_quoted() {
        let body =
            r#"{"code":200,"msg":"your token: eyJhbGciOiJIUzI1NiJ9.MARKER.c2ln!","data":null}"#;
        let shown = format!("{:?}", answer(200, body).unwrap_err());
        assert!(shown.contains("your token: ***!") && !shown.contains("MARKER"), "{shown}");
    }

    #[test]
    fn claims_of_the_token_are_read() {
        let token = "e30.eyJleHAiOjE3MDAwMDAwMDB9.c2ln";
        let body = format!(r#"{{"data":{{"token":"{token}"}}}}"#);
        assert_eq!(answer(200, &body).unwrap().claims.expires_at, Some(1_700_000_000));
    }
}
