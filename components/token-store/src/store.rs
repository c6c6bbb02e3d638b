//! The store: what it is asked, what it decides, and the one login that serves everybody.
//!
//! Calls into a WASI 0.2 instance never overlap, so within one there is nothing to join. Between
//! instances and processes the token file's lock is the flight: who holds it logs in, and who waits
//! for it reads in the file how that went.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::time::Duration;

use oge_oauth::{Issued, TIMEOUT};
use oge_token_cache::{Decision, Lifetime, generation};
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError};

use crate::record::{Kept, Record};

/// What a login may take while the old token still serves: its caller waits for it.
const EARLY: Duration = Duration::from_secs(3);
/// How long the lock is waited for. It is stale after 45 s, so somebody has it by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the store touches.
pub trait Outside {
    /// Holds the token file until it is dropped.
    type Lock;

    /// Since 1970, but never going back within an instance.
    fn now(&self) -> Duration;
    /// What the token file says; none where there is none, or none that can be read.
    fn load(&self) -> Option<Record>;
    /// Writes the token file, where there is one to write.
    fn save(&self, record: &Record);
    /// Takes the token file's lock; none where another holds it. Without a file nobody does.
    fn lock(&self) -> Option<Self::Lock>;
    /// Waits.
    fn pause(&self, time: Duration);
    /// Logs in, within `limit`.
    ///
    /// # Errors
    /// Where that comes to nothing.
    fn login(&self, limit: Duration) -> Result<Issued, TokenError>;
    /// Tells the operator.
    fn warn(&self, what: &str);
}

/// What one instance knows.
#[derive(Debug, Default)]
pub struct Store {
    record: Record,
    /// The generation that this instance was told is refused, which a file may not know yet.
    refused: Option<u64>,
    /// The generation of the token that the settings gave.
    given: Option<u64>,
}

/// What a caller wants.
#[derive(Clone, Copy)]
enum Want {
    /// Any good token.
    Good,
    /// Another than the one that was held when it asked.
    Another(Option<u64>),
}

/// Where a want stands.
enum Standing {
    Answer(Result<Token, TokenError>),
    Early(Token),
    /// A login is due, after this wait.
    Login(Duration),
}

impl Store {
    /// A store that starts with the token `given`, of which `claims` are known. Every instance names
    /// it alike: by when it was issued.
    #[must_use]
    pub fn starting_with(given: Secret, claims: &Claims, now: Duration) -> Self {
        let issued_at = Duration::from_secs(claims.issued_at.unwrap_or_default());
        let generation = generation(None, issued_at);
        let lifetime = Lifetime::of_kept(claims.expires_at, now.as_secs());
        let mut store = Self { given: Some(generation), ..Self::default() };
        store.record.state.found(Kept(given), generation, lifetime, now);
        store
    }

    /// The token to use now.
    ///
    /// # Errors
    /// Where there is none and none can be had.
    pub fn get(&mut self, outside: &impl Outside) -> Result<Token, TokenError> {
        self.catch_up(outside);
        match self.standing(Want::Good, outside.now()) {
            Standing::Answer(answer) => answer,
            Standing::Early(token) => Ok(self.renew_early(outside).unwrap_or(token)),
            Standing::Login(_) => self.renew(Want::Good, outside),
        }
    }

    /// What is held, whatever its state. Contacts no one.
    pub fn peek(&mut self, outside: &impl Outside) -> Option<Token> {
        self.catch_up(outside);
        self.held()
    }

    /// A token other than generation `stale`; with none, a new one whatever is held.
    ///
    /// # Errors
    /// Where none can be had.
    pub fn refresh(
        &mut self,
        stale: Option<u64>,
        outside: &impl Outside,
    ) -> Result<Token, TokenError> {
        self.refused = stale.or(self.refused);
        self.catch_up(outside);
        let want = match stale {
            Some(_) => Want::Good,
            None => Want::Another(self.record.state.generation()),
        };
        match self.standing(want, outside.now()) {
            Standing::Answer(answer) => answer,
            Standing::Early(token) => Ok(token),
            Standing::Login(_) => self.renew(want, outside),
        }
    }

    /// Takes in what others have written since. What this instance knows and the file does not, it
    /// goes on knowing.
    fn catch_up(&mut self, outside: &impl Outside) {
        let now = outside.now();
        if let Some(mut record) = outside.load()
            && self.yields_to(&record)
        {
            record.state.recall(now);
            self.record = record;
        }
        if let Some(refused) = self.refused {
            let before = self.record.state.is_contested();
            self.record.state.refused(refused, now);
            if self.record.state.is_contested() && !before {
                outside.warn(
                    "the platform refuses tokens that are only seconds old: something else logs in \
                     with this account and ends them; logins are now 5 s apart",
                );
            }
        }
    }

    /// Whether the file comes before what is held: it is as new or newer, or it holds a token that was
    /// not refused and the settings gave ours.
    fn yields_to(&self, file: &Record) -> bool {
        let ours = self.record.state.generation();
        let theirs = file.state.generation();
        theirs >= ours || (ours == self.given && theirs.is_some() && !file.state.is_refused())
    }

    fn held(&self) -> Option<Token> {
        let state = &self.record.state;
        state.held().zip(state.generation()).map(token)
    }

    fn standing(&self, want: Want, now: Duration) -> Standing {
        let state = &self.record.state;
        let generation = state.generation();
        let decision = match want {
            Want::Another(before) if before == generation => state.decide_anew(now),
            _ => state.decide(now),
        };
        let to_token = |kept| token((kept, generation.unwrap_or_default()));
        match decision {
            Decision::Valid(kept) => Standing::Answer(Ok(to_token(kept))),
            Decision::RefreshSoon(kept) => Standing::Early(to_token(kept)),
            Decision::Denied(why) => Standing::Answer(Err(TokenError::Rejected(why.clone()))),
            Decision::MustRefresh { wait } => Standing::Login(wait),
        }
    }

    /// One login for everybody who wants one now.
    fn renew(&mut self, want: Want, outside: &impl Outside) -> Result<Token, TokenError> {
        let asked_at = outside.now();
        let _lock = loop {
            if let Some(lock) = outside.lock() {
                break lock;
            }
            if outside.now().saturating_sub(asked_at) > PATIENCE {
                let why = "another process holds the lock of OGE_TOKEN_FILE; delete the file with \
                           .lock at its end if no process is left";
                return Err(TokenError::Unavailable(why.to_owned()));
            }
            outside.pause(Duration::from_millis(20));
            self.catch_up(outside);
            if let Some(answer) = self.landed_since(asked_at, want, outside.now()) {
                return answer;
            }
        };
        self.catch_up(outside);
        if let Some(answer) = self.landed_since(asked_at, want, outside.now()) {
            return answer;
        }
        if let Standing::Login(wait) = self.standing(want, outside.now()) {
            outside.pause(wait);
        }
        self.login(TIMEOUT, outside)
    }

    /// What a login that ended since `asked_at` left for those who waited.
    fn landed_since(
        &self,
        asked_at: Duration,
        want: Want,
        now: Duration,
    ) -> Option<Result<Token, TokenError>> {
        match (self.standing(want, now), &self.record.failure) {
            (Standing::Answer(answer), _) => Some(answer),
            (Standing::Early(token), _) => Some(Ok(token)),
            (Standing::Login(_), Some((why, at))) if *at > asked_at => {
                Some(Err(TokenError::Unavailable(why.clone())))
            }
            (Standing::Login(_), _) => None,
        }
    }

    /// A login while the old token still serves: by one, and not for long.
    fn renew_early(&mut self, outside: &impl Outside) -> Option<Token> {
        let _lock = outside.lock()?;
        self.catch_up(outside);
        match self.standing(Want::Good, outside.now()) {
            Standing::Early(_) => self.login(EARLY, outside).ok(),
            Standing::Answer(answer) => answer.ok(),
            Standing::Login(_) => None,
        }
    }

    /// Logs in, and writes down that it does before it does.
    fn login(&mut self, limit: Duration, outside: &impl Outside) -> Result<Token, TokenError> {
        self.record.state.attempt(outside.now());
        outside.save(&self.record);
        let issued = outside.login(limit);
        let now = outside.now();
        let state = &mut self.record.state;
        let result = match issued {
            Ok(Issued { authorization, expires_in, claims }) => {
                let lifetime = Lifetime::of_new(
                    expires_in,
                    claims.issued_at,
                    claims.expires_at,
                    now.as_secs(),
                );
                if lifetime.is_skewed {
                    outside.warn(
                        "a new token says that it has expired already: this machine's clock and \
                         the platform's differ; taking it as good for 15 minutes",
                    );
                }
                let generation = generation(state.generation(), now);
                let kept = Kept(authorization);
                let token = token((&kept, generation));
                state.received(kept, generation, lifetime, now);
                self.record.failure = None;
                Ok(token)
            }
            Err(TokenError::Rejected(why)) => {
                state.denied(why.clone(), now);
                Err(TokenError::Rejected(why))
            }
            Err(error) => {
                state.failed(now);
                self.record.failure = failure(&error).map(|why| (why, now));
                Err(error)
            }
        };
        outside.save(&self.record);
        result
    }
}

/// What others who waited are told; a setting of this process is nothing to them.
fn failure(error: &TokenError) -> Option<String> {
    match error {
        TokenError::Unavailable(why) => Some(why.clone()),
        TokenError::Rejected(_) | TokenError::NotConfigured(_) => None,
    }
}

fn token((kept, generation): (&Kept, u64)) -> Token {
    Token { authorization: kept.0.clone(), generation }
}

#[cfg(test)]
mod tests;
