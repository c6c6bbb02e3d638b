//! The store: what it is asked, what it decides, and the one login that serves everybody.
//!
//! Within an instance a login is one task's turn, and the others wait for theirs; between instances
//! and processes the token file's lock is the flight. Whoever has waited finds there how it went, and
//! takes that for its answer.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::cell::RefCell;
use core::mem;
use core::time::Duration;

use oge_oauth::{Given, Issued, TIMEOUT};
use oge_token_cache::{CONTESTED, Decision, Lifetime, SKEWED, generation};
use oge_tools::token::{Token, TokenError};

use crate::outside::Outside;
use crate::record::{Kept, Record};

/// What a login may take while the old token still serves: its caller waits for it.
const EARLY: Duration = Duration::from_secs(3);
/// How long the lock is waited for. It is stale after 45 s, so somebody has it by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// The token of one instance. A call that is dropped may end a login under way: who has several tasks
/// lets each call run as one of its own.
#[derive(Debug, Default)]
pub struct Store(RefCell<Known>);

/// What one instance knows. Never borrowed while anything waits.
#[derive(Debug, Default)]
struct Known {
    record: Record,
    /// The generation that this instance was told is refused, which a file may not know yet.
    refused: Option<u64>,
    /// The generation of the token that the settings gave.
    given: Option<u64>,
    /// Whether that refusal shows that somebody else logs in, and nobody has said so.
    is_untold: bool,
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
    /// A store that starts with the token `given`. Every instance names it alike: by when it was
    /// issued.
    #[must_use]
    pub fn starting_with(given: Given, can_log_in: bool, now: Duration) -> Self {
        let issued_at = Duration::from_secs(given.issued_at.unwrap_or_default());
        let generation = generation(None, issued_at);
        let lifetime = Lifetime::of_kept(given.expires_at(can_log_in), now.as_secs());
        let mut known = Known { given: Some(generation), ..Known::default() };
        known.record.state.found(Kept(given.authorization), generation, lifetime, now);
        Self(RefCell::new(known))
    }

    /// The token to use now.
    ///
    /// # Errors
    /// Where there is none and none can be had.
    pub async fn get(&self, outside: &impl Outside) -> Result<Token, TokenError> {
        self.catch_up(outside);
        match self.standing(Want::Good, outside.now()) {
            Standing::Answer(answer) => answer,
            Standing::Early(token) => Ok(self.renew_early(outside).await.unwrap_or(token)),
            Standing::Login(_) => self.renew(Want::Good, outside).await,
        }
    }

    /// What is held, whatever its state. Contacts no one.
    pub fn peek(&self, outside: &impl Outside) -> Option<Token> {
        self.catch_up(outside);
        let known = self.0.borrow();
        let state = &known.record.state;
        state.held().zip(state.generation()).map(token)
    }

    /// A token other than generation `stale`; with none, a new one whatever is held.
    ///
    /// # Errors
    /// Where none can be had.
    pub async fn refresh(
        &self,
        stale: Option<u64>,
        outside: &impl Outside,
    ) -> Result<Token, TokenError> {
        if stale.is_some() {
            self.0.borrow_mut().refused = stale;
        }
        self.catch_up(outside);
        let want = match stale {
            Some(_) => Want::Good,
            None => Want::Another(self.0.borrow().record.state.generation()),
        };
        match self.standing(want, outside.now()) {
            Standing::Answer(answer) => {
                // No login will write the mark down.
                if answer.is_err() {
                    self.write_down(outside);
                }
                answer
            }
            Standing::Early(token) => Ok(token),
            Standing::Login(_) => self.renew(want, outside).await,
        }
    }

    /// Writes down what this instance knows. Where another has the file, its login makes that old.
    fn write_down(&self, outside: &impl Outside) {
        let Some(_lock) = outside.lock() else { return };
        self.catch_up(outside);
        self.tell(outside);
        outside.save(&self.0.borrow().record);
    }

    /// Tells what the file does not know yet. Many may notice it at once; who holds the lock says it.
    fn tell(&self, outside: &impl Outside) {
        if mem::take(&mut self.0.borrow_mut().is_untold) {
            outside.warn(CONTESTED);
        }
    }

    /// Takes in what others have written since. What this instance knows and the file does not, it
    /// goes on knowing.
    fn catch_up(&self, outside: &impl Outside) {
        let now = outside.now();
        let file = outside.load();
        let mut known = self.0.borrow_mut();
        if let Some(mut record) = file
            && known.yields_to(&record)
        {
            record.recall(now);
            known.record = record;
            known.is_untold = false;
        }
        if let Some(refused) = known.refused {
            let state = &mut known.record.state;
            let before = state.is_contested();
            state.refused(refused, now);
            known.is_untold |= state.is_contested() && !before;
        }
    }

    fn standing(&self, want: Want, now: Duration) -> Standing {
        self.0.borrow().standing(want, now)
    }

    /// One login for everybody who wants one now.
    async fn renew(&self, want: Want, outside: &impl Outside) -> Result<Token, TokenError> {
        let asked_at = outside.now();
        let _turn = outside.turn().await;
        let _lock = loop {
            if let Some(lock) = outside.lock() {
                break lock;
            }
            if outside.now().saturating_sub(asked_at) > PATIENCE {
                let why = "another process holds the lock of OGE_TOKEN_FILE; delete the file with \
                           .lock at its end if no process is left";
                return Err(TokenError::Unavailable(why.to_owned()));
            }
            outside.pause(Duration::from_millis(20)).await;
            if let Some(answer) = self.landed_since(asked_at, want, outside) {
                return answer;
            }
        };
        if let Some(answer) = self.landed_since(asked_at, want, outside) {
            return answer;
        }
        self.tell(outside);
        if let Standing::Login(wait) = self.standing(want, outside.now())
            && !wait.is_zero()
        {
            // Lest others send meanwhile what is known to be refused.
            outside.save(&self.0.borrow().record);
            outside.pause(wait).await;
        }
        self.login(TIMEOUT, outside).await
    }

    /// What a login that ended since `asked_at` left for those who waited.
    fn landed_since(
        &self,
        asked_at: Duration,
        want: Want,
        outside: &impl Outside,
    ) -> Option<Result<Token, TokenError>> {
        self.catch_up(outside);
        let known = self.0.borrow();
        match (known.standing(want, outside.now()), &known.record.failure) {
            (Standing::Answer(answer), _) => Some(answer),
            (Standing::Early(token), _) => Some(Ok(token)),
            (Standing::Login(_), Some((why, at))) if *at > asked_at => {
                Some(Err(TokenError::Unavailable(why.clone())))
            }
            (Standing::Login(_), _) => None,
        }
    }

    /// A login while the old token still serves: by one, and not for long.
    async fn renew_early(&self, outside: &impl Outside) -> Option<Token> {
        let _turn = outside.try_turn()?;
        let _lock = outside.lock()?;
        self.catch_up(outside);
        match self.standing(Want::Good, outside.now()) {
            Standing::Early(_) => self.login(EARLY, outside).await.ok(),
            Standing::Answer(answer) => answer.ok(),
            Standing::Login(_) => None,
        }
    }

    /// Logs in, and writes down that it does before it does.
    async fn login(&self, limit: Duration, outside: &impl Outside) -> Result<Token, TokenError> {
        self.0.borrow_mut().record.state.attempt(outside.now());
        outside.save(&self.0.borrow().record);
        let issued = outside.login(limit).await;
        let result = self.0.borrow_mut().record.take_in(issued, outside);
        outside.save(&self.0.borrow().record);
        result
    }
}

impl Known {
    /// Whether the file comes before what is held: it is as new or newer, or it holds a token that was
    /// not refused and the settings gave ours.
    fn yields_to(&self, file: &Record) -> bool {
        let ours = self.record.state.generation();
        let theirs = file.state.generation();
        theirs >= ours || (ours == self.given && theirs.is_some() && !file.state.is_refused())
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
}

impl Record {
    /// Takes a login's outcome in.
    fn take_in(
        &mut self,
        issued: Result<Issued, TokenError>,
        outside: &impl Outside,
    ) -> Result<Token, TokenError> {
        let now = outside.now();
        match issued {
            Ok(Issued { authorization, expires_in, claims }) => {
                let lifetime = Lifetime::of_new(
                    expires_in,
                    claims.issued_at,
                    claims.expires_at,
                    now.as_secs(),
                );
                if lifetime.is_skewed {
                    outside.warn(SKEWED);
                }
                let generation = generation(self.state.generation(), now);
                let kept = Kept(authorization);
                let token = token((&kept, generation));
                self.state.received(kept, generation, lifetime, now);
                self.failure = None;
                Ok(token)
            }
            Err(TokenError::Rejected(why)) => {
                self.state.denied(why.clone(), now);
                Err(TokenError::Rejected(why))
            }
            Err(error) => {
                self.state.failed(now);
                self.failure = failure(&error).map(|why| (why, now));
                Err(error)
            }
        }
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
