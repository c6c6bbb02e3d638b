//! Which tokens are valid. Pure: the time is a parameter.

use std::collections::HashMap;
use std::time::Duration;

use http::HeaderValue;

use crate::jwt;

/// The valid tokens. Any other token is rejected, whatever its claims.
pub(crate) struct Tokens {
    lifetime: Duration,
    single_session: bool,
    reject_all: bool,
    alive: HashMap<String, Life>,
    newest: Option<String>,
    /// The number of calls that `expire_after` set while there was no valid token: it applies to the next one.
    next_calls: Option<usize>,
}

struct Life {
    ends_at: Duration,
    /// How many more calls are accepted. `None` means no limit.
    calls: Option<usize>,
}

impl Life {
    fn is_valid(&self, now: Duration) -> bool {
        now < self.ends_at && self.calls != Some(0)
    }
}

impl Tokens {
    pub(crate) fn new(lifetime: Duration, single_session: bool) -> Self {
        Self {
            lifetime,
            single_session,
            reject_all: false,
            alive: HashMap::new(),
            newest: None,
            next_calls: None,
        }
    }

    /// Issues a token. Returns it without its scheme.
    pub(crate) fn issue(&mut self, user: &str, issuer: &str, now: Duration) -> String {
        if self.single_session {
            self.alive.clear();
        }
        let ends_at = now.saturating_add(self.lifetime);
        let token = jwt::issue(user, issuer, now, ends_at);
        let calls = self.next_calls.take();
        self.alive.insert(token.clone(), Life { ends_at, calls });
        self.newest = Some(token.clone());
        token
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn revoke_all(&mut self) {
        self.alive.clear();
    }

    pub(crate) fn reject_all(&mut self, refuse: bool) {
        self.reject_all = refuse;
    }

    /// Ends the newest token after this many more calls. If it has ended, this applies to the next token.
    pub(crate) fn expire_after(&mut self, calls: usize, now: Duration) {
        let newest = self
            .newest
            .as_ref()
            .and_then(|token| self.alive.get_mut(token))
            .filter(|life| life.is_valid(now));
        match newest {
            Some(life) => life.calls = Some(calls),
            None => self.next_calls = Some(calls),
        }
    }

    /// Returns whether a call with this header would be accepted.
    pub(crate) fn accepts(&self, authorization: Option<&HeaderValue>, now: Duration) -> bool {
        !self.reject_all
            && bearer(authorization)
                .and_then(|token| self.alive.get(token))
                .is_some_and(|life| life.is_valid(now))
    }

    /// Returns whether a call with this header is accepted, and counts the call if it is.
    pub(crate) fn admit(&mut self, authorization: Option<&HeaderValue>, now: Duration) -> bool {
        if !self.accepts(authorization, now) {
            return false;
        }
        let life = bearer(authorization).and_then(|token| self.alive.get_mut(token));
        if let Some(calls) = life.and_then(|life| life.calls.as_mut()) {
            *calls -= 1;
        }
        true
    }
}

/// Returns the text after `Bearer` and one blank. A second blank makes the token unknown.
fn bearer(authorization: Option<&HeaderValue>) -> Option<&str> {
    authorization?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn tokens() -> Tokens {
        Tokens::new(HOUR, false)
    }

    fn issue(tokens: &mut Tokens) -> HeaderValue {
        let token = tokens.issue("someone", "", NOW);
        HeaderValue::try_from(format!("Bearer {token}")).unwrap()
    }

    #[test]
    fn a_token_is_valid_until_its_lifetime_has_passed() {
        let mut tokens = tokens();
        let token = issue(&mut tokens);
        let last = NOW + HOUR - Duration::from_nanos(1);
        assert!(tokens.admit(Some(&token), last));
        assert!(!tokens.admit(Some(&token), NOW + HOUR));
    }

    #[test]
    fn only_the_exact_header_is_accepted() {
        let mut tokens = tokens();
        let token = issue(&mut tokens).to_str().unwrap().to_owned();
        let bare = token.trim_start_matches("Bearer ");
        for wrong in [
            bare.to_owned(),
            format!("Bearer  {bare}"),
            format!("bearer {bare}"),
            format!("BEARER {bare}"),
            format!("Bearer\t{bare}"),
            format!("{token} "),
            format!("{token}x"),
            "Bearer ".to_owned(),
            String::new(),
        ] {
            let header = HeaderValue::try_from(&wrong).unwrap();
            assert!(!tokens.admit(Some(&header), NOW), "{wrong}");
        }
        assert!(!tokens.admit(None, NOW));
    }

    #[test]
    fn older_tokens_stay_valid() {
        let mut tokens = tokens();
        let (old, new) = (issue(&mut tokens), issue(&mut tokens));
        assert!(tokens.admit(Some(&old), NOW) && tokens.admit(Some(&new), NOW));
    }

    #[test]
    fn in_a_single_session_a_new_token_ends_the_others() {
        let mut tokens = Tokens::new(HOUR, true);
        let (old, new) = (issue(&mut tokens), issue(&mut tokens));
        assert!(!tokens.admit(Some(&old), NOW));
        assert!(tokens.admit(Some(&new), NOW));
    }

    #[test]
    fn a_limit_of_calls_ends_the_newest_token_only() {
        let mut tokens = tokens();
        let (other, token) = (issue(&mut tokens), issue(&mut tokens));
        tokens.expire_after(2, NOW);
        let seen: Vec<bool> = (0..4).map(|_| tokens.admit(Some(&token), NOW)).collect();
        assert_eq!(seen, [true, true, false, false]);
        assert!(tokens.admit(Some(&other), NOW));
        let next = issue(&mut tokens);
        assert!((0..4).all(|_| tokens.admit(Some(&next), NOW)));
    }

    #[test]
    fn checking_a_token_does_not_count_as_a_call() {
        let mut tokens = tokens();
        let token = issue(&mut tokens);
        tokens.expire_after(1, NOW);
        assert!((0..4).all(|_| tokens.accepts(Some(&token), NOW)));
    }

    #[test]
    fn without_a_valid_token_the_limit_applies_to_the_next_one() {
        let mut tokens = tokens();
        tokens.expire_after(1, NOW);
        let first = issue(&mut tokens);
        assert!(tokens.admit(Some(&first), NOW));
        assert!(!tokens.admit(Some(&first), NOW));
        tokens.expire_after(0, NOW);
        let second = issue(&mut tokens);
        assert!(!tokens.admit(Some(&second), NOW));
    }

    #[test]
    fn a_revoked_token_is_rejected_and_a_new_one_is_valid() {
        let mut tokens = tokens();
        let old = issue(&mut tokens);
        tokens.revoke_all();
        assert!(!tokens.admit(Some(&old), NOW));
        let new = issue(&mut tokens);
        assert!(tokens.admit(Some(&new), NOW));
    }

    #[test]
    fn while_all_tokens_are_rejected_new_ones_are_too() {
        let mut tokens = tokens();
        tokens.reject_all(true);
        let token = issue(&mut tokens);
        assert!(!tokens.admit(Some(&token), NOW));
        tokens.reject_all(false);
        assert!(tokens.admit(Some(&token), NOW));
    }
}
