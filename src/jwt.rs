//! The claims of a JWT. They are unverified, so they only inform users and set refresh times.

use alloc::string::String;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::value::RawValue;

use crate::json;

/// RFC 7515 omits the padding, but some issuers add it.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The claims that may have the user's name, best first.
const NAMES: [&str; 4] = ["user_name", "username", "preferred_username", "sub"];

/// The claims that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `exp`: when the token expires, in seconds since 1970.
    pub expires_at: Option<u64>,
    /// `iat`: when the token was issued, in seconds since 1970.
    pub issued_at: Option<u64>,
    /// `user_name`, else `username`, `preferred_username` or `sub`.
    pub user_name: Option<String>,
}

impl Claims {
    /// Reads the claims of an `Authorization` value or a bare token. `None` if it is not a JWT.
    #[must_use]
    pub fn read(authorization: &str) -> Option<Self> {
        let token = authorization.rsplit(' ').next()?;
        let mut parts = token.split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        let payload = BASE64URL.decode(payload).ok()?;
        let payload = core::str::from_utf8(&payload).ok()?;

        let mut claims = Self::default();
        let mut names = [const { None::<String> }; NAMES.len()];
        let is_object = json::fields(payload, &mut |name, value| match name {
            "exp" => claims.expires_at = seconds(value),
            "iat" => claims.issued_at = seconds(value),
            _ => {
                let found = NAMES.iter().zip(&mut names).find(|(known, _)| **known == name);
                if let Some((_, user)) = found {
                    *user = json::string(value);
                }
            }
        });
        claims.user_name = names.into_iter().flatten().next();
        is_object.ok()?.then_some(claims)
    }
}

/// Reads a NumericDate in whole seconds. RFC 7519 allows a fraction, which is dropped.
fn seconds(number: &RawValue) -> Option<u64> {
    let (whole, fraction) = number.get().split_once('.').unwrap_or((number.get(), "0"));
    let is_plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    whole.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use alloc::format;
    use proptest::prelude::*;

    fn jwt(payload: &str) -> String {
        format!("Bearer e30.{}.c2ln", BASE64URL.encode(payload))
    }

    #[test]
    fn claims_are_read_from_a_header_value_or_a_bare_token() {
        let claims = Claims {
            expires_at: Some(1_700_000_000),
            issued_at: Some(1_699_990_000),
            user_name: Some("张三".to_owned()),
        };
        let token = jwt(r#"{"exp":1700000000,"iat":1699990000.5,"user_name":"张三","sub":"1"}"#);
        assert_eq!(Claims::read(&token), Some(claims.clone()));
        assert_eq!(Claims::read(token.trim_start_matches("Bearer ")), Some(claims));
    }

    #[test]
    fn the_user_falls_back_to_the_subject() {
        assert_eq!(Claims::read(&jwt(r#"{"sub":"u1"}"#)).unwrap().user_name.as_deref(), Some("u1"));
    }

    #[test]
    fn the_last_of_two_equal_claims_counts() {
        let claims = Claims::read(&jwt(r#"{"sub":"a","exp":1,"exp":2,"sub":"b"}"#)).unwrap();
        assert_eq!((claims.expires_at, claims.user_name.as_deref()), (Some(2), Some("b")));
    }

    #[test]
    fn malformed_claims_are_ignored() {
        let token = jwt(r#"{"exp":1.7E9,"iat":-1,"sub":7}"#);
        assert_eq!(Claims::read(&token), Some(Claims::default()));
    }

    #[test]
    fn a_text_that_is_not_a_jwt_has_no_claims() {
        for token in ["", "Bearer ", "opaque", "a.b", "a.!.c", "Bearer e30.W10.c2ln"] {
            assert_eq!(Claims::read(token), None, "{token}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(token in ".{0,200}", payload in ".{0,200}") {
            let _ = Claims::read(&token);
            let _ = Claims::read(&jwt(&payload));
        }
    }
}
