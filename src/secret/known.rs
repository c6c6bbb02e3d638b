//! The secrets that a process keeps between calls.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Redactor, Secret};
use crate::token::Token;

/// How many tokens are remembered. A token that was replaced may still be valid.
const MAX_TOKENS: usize = 3;

/// The settings that are secrets, without `OGE_TOKEN`, which may have a scheme.
const SECRETS: [&str; 4] =
    ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN_ETCD_PASSWORD", "OGE_MCP_BEARER"];

/// The secrets of the settings and the last tokens that were used.
#[derive(Debug, Default)]
pub struct KnownSecrets {
    settings: Redactor,
    tokens: Vec<Token>,
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

    /// Remembers a token that is about to be used. Forgets the oldest one beyond the last three. Returns whether it
    /// is new.
    pub fn add(&mut self, token: &Token) -> bool {
        let is_new = !self.tokens.iter().any(|known| known.generation == token.generation);
        if is_new {
            if self.tokens.len() == MAX_TOKENS {
                self.tokens.remove(0);
            }
            self.tokens.push(token.clone());
        }
        is_new
    }

    /// Returns a redactor for all of them.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let hide =
            |redactor: Redactor, token: &Token| redactor.hide_authorization(&token.authorization);
        self.tokens.iter().fold(self.settings.clone(), hide)
    }
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
}
