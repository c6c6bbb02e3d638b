//! The claims in a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oge_tools::jwt::Claims;
use serde_json::Value;

/// Input: a token, or the claims of a token.
pub(crate) fn target(data: &[u8]) {
    let _ = Claims::read(&String::from_utf8_lossy(data));

    let token = ["Bearer e30.", &URL_SAFE_NO_PAD.encode(data), ".c2ln"].concat();
    let claims = Claims::read(&token);
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    if !value.is_object() {
        return assert_eq!(claims, None);
    }
    let claims = claims.expect("an object is the claims of a token");
    let seconds = |name: &str| value[name].as_u64();
    if let Some(seconds) = seconds("exp") {
        assert_eq!(claims.expires_at, Some(seconds));
    }
    if let Some(seconds) = seconds("iat") {
        assert_eq!(claims.issued_at, Some(seconds));
    }
    let names = ["user_name", "username", "preferred_username", "sub"];
    let name = names.iter().find_map(|name| value[name].as_str());
    assert_eq!(claims.user_name.as_deref(), name);
}
