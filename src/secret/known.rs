//! The secrets that a process keeps between calls.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Redactor, Secret};
use crate::request::MAX_VALUE_BYTES;
use crate::token::Token;

/// How many tokens of the store are remembered, and how many of callers. A token that was replaced may still be valid.
const MAX_TOKENS: usize = 3;

/// A shorter text of a caller is no token, and hiding it would hide parts of words in other calls.
const MIN_TOKEN_BYTES: usize = 6;

/// The settings that are secrets, without `OGE_TOKEN`, which may have a scheme.
const SECRETS: [&str; 4] =
    ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN_ETCD_PASSWORD", "OGE_MCP_BEARER"];

/// The secrets of the settings, and the last tokens of the store and of callers.
#[derive(Debug, Default)]
pub struct KnownSecrets {
    settings: Redactor,
    tokens: Vec<Secret>,
    callers: Vec<Secret>,
}

impl KnownSecrets {
    /// Reads the secrets of the settings through `get`, which returns a key's value.
    #[must_use]
    pub fn from_settings(get: impl Fn(&str) -> Option<String>) -> Self {
        let mut known = Self::default();
        known.add_settings(get);
        known
    }

    /// Also remembers the secrets of these settings.
    pub fn add_settings(&mut self, get: impl Fn(&str) -> Option<String>) {
        let get = |key: &str| get(key).map(Secret::new);
        let set = |key: &str| get(key).filter(|value| !value.expose().trim().is_empty());
        let hide = |redactor: Redactor, value: Secret| redactor.hide(&value);
        let before = core::mem::take(&mut self.settings);
        self.settings = SECRETS.into_iter().filter_map(set).fold(before, hide);
        if let Some(token) = set("OGE_TOKEN") {
            let token = Secret::new(token.expose().trim());
            self.settings = core::mem::take(&mut self.settings).hide_authorization(&token);
        }
    }

    /// Remembers a token of the store that is about to be used. Forgets the oldest one beyond the last three. Returns
    /// whether it is new.
    pub fn add(&mut self, token: &Token) -> bool {
        remember(&mut self.tokens, token.authorization.clone())
    }

    /// Remembers a token that a caller passed, also for other calls. Forgets the oldest one beyond the last three.
    /// Ignores one that is too long to be sent. Returns whether it is new.
    pub fn add_caller(&mut self, token: Secret) -> bool {
        let is_sent = (MIN_TOKEN_BYTES..=MAX_VALUE_BYTES).contains(&token.expose().len());
        is_sent && remember(&mut self.callers, token)
    }

    /// Returns a redactor for all of them.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let tokens = self.tokens.iter().chain(&self.callers);
        tokens.fold(self.settings.clone(), Redactor::hide_authorization)
    }
}

/// Makes `token` the last one of at most [`MAX_TOKENS`]. Returns whether it is new.
fn remember(tokens: &mut Vec<Secret>, token: Secret) -> bool {
    let count = tokens.len();
    tokens.retain(|known| *known != token);
    let is_new = tokens.len() == count;
    if tokens.len() == MAX_TOKENS {
        tokens.remove(0);
    }
    tokens.push(token);
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::list::SETTINGS;
    use alloc::borrow::ToOwned as _;
    use alloc::format;

    #[test]
    fn every_setting_that_is_a_secret_is_known() {
        let secrets = SETTINGS.iter().filter(|setting| setting.meaning.contains("a secret"));
        let secrets: Vec<_> = secrets.map(|setting| setting.key).collect();
        let [password, secret, etcd, bearer] = SECRETS;
        assert_eq!(secrets, [password, secret, "OGE_TOKEN", etcd, bearer]);
    }

    fn token(generation: u64) -> Token {
        let authorization = Secret::new(format!("Bearer token-{generation}-MARKED"));
        Token { authorization, generation }
    }

    #[test]
    fn secrets_of_the_settings_and_the_last_tokens_are_hidden() {
        let value = |key: &str| match key {
            "OGE_TOKEN_PASSWORD" => Some("pass"),
            "OGE_CLIENT_SECRET" => Some(" "),
            "OGE_MCP_BEARER" => Some("of-the-mcp-side"),
            "OGE_TOKEN" => Some(" bearer given-token\n"),
            "OGE_TOKEN_USERNAME" => Some("name"),
            _ => None,
        };
        let mut known = KnownSecrets::from_settings(|key| value(key).map(str::to_owned));
        for generation in [1, 2, 3, 2, 4] {
            known.add(&token(generation));
        }
        let text =
            "name: pass of-the-mcp-side given-token token-2-MARKED token-3-MARKED token-4-MARKED";
        assert_eq!(known.redactor().excerpt(text), "name: *** *** *** *** *** ***");
        assert_eq!(known.redactor().excerpt("token-1-MARK"), "token-1-MARK");
    }

    #[test]
    fn the_last_three_tokens_of_callers_are_hidden_too() {
        let mut known = KnownSecrets::from_settings(|key| {
            (key == "OGE_TOKEN_PASSWORD").then(|| "password-7".to_owned())
        });
        known.add(&token(1));
        for (token, is_new) in [
            ("first-token", true),
            ("second-token", true),
            ("third-token", true),
            ("second-token", false),
            ("x", false),
            (&"x".repeat(MAX_VALUE_BYTES + 1), false),
            ("last-token", true),
        ] {
            assert_eq!(known.add_caller(Secret::new(token)), is_new, "{token}");
        }
        let text = "first-token second-token third-token last-token password-7 token-1-MARKED x";
        assert_eq!(known.redactor().excerpt(text), "first-token *** *** *** *** *** x");
    }
}
