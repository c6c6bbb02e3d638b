//! Tokens in the form of JSON Web Tokens. Their signature is not valid.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::digest;

static ISSUED: AtomicU64 = AtomicU64::new(0);

/// Returns a token that no mock of this process has issued before. `exp` is rounded up to a whole second.
pub(crate) fn issue(user: &str, issuer: &str, now: Duration, expires_at: Duration) -> String {
    let number = ISSUED.fetch_add(1, Ordering::Relaxed);
    let header = encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    let claims = encode(
        json!({
            "user_name": user,
            "scope": ["web"],
            "iss": issuer,
            "iat": now.as_secs(),
            "exp": expires_at.as_nanos().div_ceil(1_000_000_000) as u64,
            "jti": format!("{:x}-{number}", now.as_nanos()),
        })
        .to_string(),
    );
    let signature = encode(digest::of(&claims).repeat(16));
    format!("{header}.{claims}.{signature}")
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn claims(token: &str) -> Value {
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap()
    }

    #[test]
    fn the_claims_have_the_user_and_the_lifetime() {
        let token = issue(
            "someone",
            "http://127.0.0.1:1",
            Duration::from_millis(1_700_000_000_900),
            Duration::from_millis(1_700_000_001_100),
        );
        assert!(token.starts_with("eyJ"));
        let claims = claims(&token);
        assert_eq!(claims["user_name"], "someone");
        assert_eq!(claims["iat"], 1_700_000_000);
        assert_eq!(claims["exp"], 1_700_000_002);
    }

    #[test]
    fn every_token_is_unique() {
        let now = Duration::from_secs(1);
        assert_ne!(issue("someone", "", now, now), issue("someone", "", now, now));
    }
}
