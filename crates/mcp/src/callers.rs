//! The last tokens that callers passed as `auth_token`. They may still be valid, so the failures of later calls
//! must not show them.

use std::collections::VecDeque;

use oge_tools::secret::{Redactor, Secret};

/// How many are kept, besides the token store's.
const MAX_TOKENS: usize = 3;

/// A shorter text is no token, and hiding it would hide parts of words in other failures.
const MIN_TOKEN_BYTES: usize = 6;

/// The last tokens that callers passed.
#[derive(Debug, Default)]
pub struct CallerTokens(VecDeque<Secret>);

impl CallerTokens {
    /// Adds a token. Keeps only the last three.
    pub fn add(&mut self, token: Secret) {
        if token.expose().len() < MIN_TOKEN_BYTES {
            return;
        }
        self.0.retain(|known| *known != token);
        self.0.push_back(token);
        if self.0.len() > MAX_TOKENS {
            self.0.pop_front();
        }
    }

    /// Returns `redactor` extended to hide these tokens.
    #[must_use]
    pub fn hidden_by(&self, redactor: Redactor) -> Redactor {
        self.0.iter().fold(redactor, Redactor::hide_authorization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_tokens_are_hidden_too() {
        let mut tokens = CallerTokens::default();
        for token in
            ["first-token", "second-token", "third-token", "second-token", "x", "last-token"]
        {
            tokens.add(Secret::new(token));
        }
        let redactor = tokens.hidden_by(Redactor::default().hide(&Secret::new("password-7")));
        let text = "first-token second-token third-token last-token password-7 x";
        assert_eq!(redactor.excerpt(text), "first-token *** *** *** *** x");
        let mut tokens = CallerTokens::default();
        for token in ["a-token", "b-token", "a-token", "c-token", "d-token"] {
            tokens.add(Secret::new(token));
        }
        let redactor = tokens.hidden_by(Redactor::default());
        assert_eq!(redactor.excerpt("a-token b-token"), "*** b-token");
    }
}
