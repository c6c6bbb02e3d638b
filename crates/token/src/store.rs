//! The token store, and the one login that all callers share.
//!
//! Within an instance a lock lets one task log in while the others wait. Between instances and processes the
//! token file's lock does the same. A caller that waited returns the outcome of the other's login.

mod errors;
mod known;
mod lock;
mod saved;

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::mem;
use core::time::Duration;

use oge_tools::token::{Token, TokenError};

use self::errors::{NOT_IN_FILE, NOT_RENEWED, no_reason, to_error};
use self::known::StoreState;
use crate::effects::{Guarded as _, StoreEffects};
use crate::file::Locking;
use crate::lifetime::{CLOCK_SKEW_WARNING, Lifetime, generation};
use crate::login::{ConfiguredToken, Issued, LoginError};
use crate::logins::Requester;
use crate::medium::{HeldLock, Medium};
use crate::record::{Record, StoredToken};
use crate::state::Decision;
use crate::timing::{LOGIN_TIMEOUT, REFRESH_AHEAD_TIMEOUT};
use crate::urgency::Urgency;

pub use self::errors::not_configured;
pub use self::known::LoginCounts;

/// The token of one account in one instance. Dropping a caller may end its login; use a
/// [`SharedStore`](crate::SharedStore) if callers may be dropped.
pub struct Store<E: StoreEffects> {
    effects: E,
    medium: Medium<E>,
    known: E::Shared<StoreState>,
}

/// The token that a caller requests.
#[derive(Clone, Copy, Debug)]
enum TokenWanted {
    /// Any good token.
    Good,
    /// A token other than the one of this generation, which was held at the time of the request.
    Another(Option<u64>),
}

/// A request that needs a login.
#[derive(Clone, Copy, Debug)]
pub struct LoginRequest(TokenWanted);

/// The result of a request that does not wait.
#[derive(Debug)]
pub enum TokenRequest {
    /// The result.
    Ready(Result<Token, TokenError>),
    /// A good token that should be refreshed soon.
    RefreshSoon(Token),
    /// A login is needed.
    LoginNeeded(LoginRequest),
}

/// The state of a request.
enum RequestState {
    Ready(Result<Token, TokenError>),
    RefreshSoon(Token),
    /// A login is needed, after this wait.
    LoginNeeded(Duration),
}

impl<E: StoreEffects> Store<E> {
    /// Returns a store. If `given` is a token that was not used up, it is used first.
    pub fn new(effects: E, medium: Medium<E>, given: Option<ConfiguredToken>) -> Self {
        let now = effects.now();
        let given = given.map(|given| {
            let kept = StoredToken {
                authorization: given.authorization.clone(),
                given: Some(given.account()),
            };
            (kept, given)
        });
        let salt = u64::try_from(now.as_nanos()).unwrap_or_default();
        let mut known = StoreState {
            record: Record::new(salt),
            given,
            refused: None,
            has_unlogged_contention: false,
            is_unsaved: false,
            is_skew_logged: false,
            warned: String::new(),
            logins: LoginCounts::default(),
            read_at: None,
            outage: None,
        };
        known.set_credentials(&effects);
        known.take_given(&effects, now);
        Self { known: E::Shared::new(known), effects, medium }
    }

    /// Returns the effects of the store.
    pub const fn effects(&self) -> &E {
        &self.effects
    }

    /// Returns the token to use now. Logs in if necessary.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn get(&self) -> Result<Token, TokenError> {
        self.finish(self.try_get(), REFRESH_AHEAD_TIMEOUT).await
    }

    /// Returns the held token, good or not. Does not contact the authority.
    pub fn peek(&self) -> Option<Token> {
        self.load_newer();
        self.known.with(|known| known.held())
    }

    /// Returns how many logins this instance has made.
    pub fn login_counts(&self) -> LoginCounts {
        self.known.with(|known| known.logins)
    }

    /// Checks that the token file can be locked, as each login must. Contacts nobody.
    ///
    /// # Errors
    /// Returns why it cannot.
    pub fn check_file(&self) -> Result<(), String> {
        match self.medium.file().map(|file| file.lock(self.effects.now())) {
            Some(Locking::Impossible(problem)) => Err(["OGE_TOKEN_FILE ", &problem].concat()),
            None | Some(Locking::Held(_) | Locking::Busy(_)) => Ok(()),
        }
    }

    /// Returns a token other than generation `stale`. With `None`, logs in even if the held token is good.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.finish(self.try_refresh(stale), REFRESH_AHEAD_TIMEOUT).await
    }

    /// Makes the login that `next` needs. A refresh ahead of time takes at most `early_limit`.
    pub(crate) async fn finish(
        &self,
        next: TokenRequest,
        early_limit: Duration,
    ) -> Result<Token, TokenError> {
        match next {
            TokenRequest::Ready(answer) => answer,
            TokenRequest::RefreshSoon(token) => {
                Ok(self.refresh_ahead(early_limit).await.unwrap_or(token))
            }
            TokenRequest::LoginNeeded(wanted) => self.log_in(wanted).await,
        }
    }

    /// Like [`Store::get`], but does not wait.
    pub fn try_get(&self) -> TokenRequest {
        self.load_newer();
        self.ask(TokenWanted::Good)
    }

    /// Like [`Store::refresh`], but does not wait.
    pub fn try_refresh(&self, stale: Option<u64>) -> TokenRequest {
        if stale.is_some() {
            self.known.with(|known| known.refused = stale);
        }
        self.load_newer();
        let want = match stale {
            Some(_) => TokenWanted::Good,
            None => TokenWanted::Another(self.known.with(|known| known.record.state.generation())),
        };
        match self.ask(want) {
            // The token is already another one, so the caller needs no early refresh.
            TokenRequest::RefreshSoon(token) => TokenRequest::Ready(Ok(token)),
            next => next,
        }
    }

    fn ask(&self, want: TokenWanted) -> TokenRequest {
        match self.request_state(want, want.requester(), false) {
            // Another machine may have a token that is not read yet.
            RequestState::Ready(Err(_)) if self.medium.etcd().is_some() => {
                TokenRequest::LoginNeeded(LoginRequest(want))
            }
            RequestState::RefreshSoon(token) if self.is_etcd_down() => {
                TokenRequest::Ready(Ok(token))
            }
            RequestState::Ready(answer) => {
                // No login follows that would save the state.
                if answer.is_err() {
                    self.save_if_free();
                }
                TokenRequest::Ready(answer)
            }
            RequestState::RefreshSoon(token) => TokenRequest::RefreshSoon(token),
            RequestState::LoginNeeded(_) => TokenRequest::LoginNeeded(LoginRequest(want)),
        }
    }

    /// Logs in. Callers that wait for this login share its outcome.
    async fn log_in(&self, LoginRequest(want): LoginRequest) -> Result<Token, TokenError> {
        let asked_at = self.effects.now();
        let _lock = self.effects.lock_login().await;
        if let Some(answer) = self.finished(want, asked_at, false)
            && (answer.is_ok() || self.is_up_to_date(asked_at))
        {
            return answer;
        }
        let lock = match self.wait_for_lock(want, asked_at).await {
            Ok(lock) => lock,
            Err(answer) => return answer,
        };
        if let Some(answer) = self.finished(want, asked_at, true) {
            self.release(lock).await;
            return answer;
        }
        self.log_contention();
        let requester = self.requester(want, asked_at);
        if let RequestState::LoginNeeded(wait) = self.request_state(want, requester, true)
            && !wait.is_zero()
        {
            // Saved before the wait, so that no other process sends the rejected token.
            let _ = self.save(&lock, Urgency::Needed).await;
            self.effects.pause(wait, lock.file()).await;
        }
        let result = self.login(requester, Urgency::Needed, &lock).await;
        self.release(lock).await;
        result
    }

    /// Logs in within `limit` while the old token is still good. `None` if a login is already in flight or
    /// returns no token.
    async fn refresh_ahead(&self, limit: Duration) -> Option<Token> {
        let _lock = self.effects.try_lock_login()?;
        let urgency = Urgency::AheadOfTime { until: self.effects.now().saturating_add(limit) };
        let lock = self.try_lock(urgency).await?;
        self.load_newer();
        let result = match self.request_state(TokenWanted::Good, Requester::Call, true) {
            RequestState::RefreshSoon(_) => self.login(Requester::Call, urgency, &lock).await.ok(),
            RequestState::Ready(answer) => answer.ok(),
            RequestState::LoginNeeded(_) => None,
        };
        self.release(lock).await;
        result
    }

    /// Returns the result of the request if no login is needed any more, for example because another caller's
    /// login has ended since `asked_at`.
    fn finished(
        &self,
        want: TokenWanted,
        asked_at: Duration,
        holds_lock: bool,
    ) -> Option<Result<Token, TokenError>> {
        self.load_newer();
        match self.request_state(want, self.requester(want, asked_at), holds_lock) {
            RequestState::Ready(answer) => Some(answer),
            RequestState::RefreshSoon(token) => Some(Ok(token)),
            RequestState::LoginNeeded(_) => None,
        }
    }

    /// Returns for whom a login is made. A person's request counts as a call's if a login was begun or failed
    /// while it waited: the person gets that outcome, and no second login is made at once.
    fn requester(&self, want: TokenWanted, asked_at: Duration) -> Requester {
        let last_at = self.known.with(|known| known.record.state.logins.last_at());
        match want.requester() {
            Requester::Person if last_at.is_none_or(|at| at <= asked_at) => Requester::Person,
            _ => Requester::Call,
        }
    }

    /// Logs in. The attempt is saved before it is made, so that it counts even if this process is killed.
    async fn login(
        &self,
        requester: Requester,
        urgency: Urgency,
        lock: &HeldLock<E>,
    ) -> Result<Token, TokenError> {
        let has_rejection = self.known.with(|known| {
            let state = &mut known.record.state;
            state.attempt(self.effects.now(), requester);
            state.logins.has_rejection()
        });
        let saved = self.save(lock, urgency).await;
        let now = self.effects.now();
        let limit = urgency.limit(LOGIN_TIMEOUT, now);
        let limit = lock.left(now).map_or(limit, |left| limit.min(left));
        if let Err(error) = saved
            && (self.medium.etcd().is_some() || has_rejection && requester == Requester::Call)
        {
            // If it is not counted, each process makes one more login and may lock the account. With etcd another
            // machine may also be logging in.
            self.known.with(|known| known.record.state.logins.ended(now));
            return Err(error);
        }
        let issued = self.effects.login(limit, lock.file()).await;
        self.known.with(|known| {
            known.logins.made += 1;
            known.logins.rejected += u64::from(matches!(issued, Err(LoginError::Rejected { .. })));
        });
        if lock.is_lost(self.effects.now()) {
            // This process was suspended and another one took over the lock. Its token is newer.
            self.read_newer().await;
            if let RequestState::Ready(Ok(token)) =
                self.request_state(TokenWanted::Good, Requester::Call, false)
            {
                return Ok(token);
            }
        }
        let result = self.record_outcome(issued);
        // Needed in any case: the token may have ended the one that other machines use.
        let saved = self.save(lock, Urgency::Needed).await;
        if let (Err(error), Some(_)) = (&saved, self.medium.etcd()) {
            let what =
                format!("the login is not in etcd, so other machines may log in again: {error}");
            self.warn_once(&what);
        }
        match result {
            Err(TokenError::Rejected(why)) if saved.is_err() && self.medium.file().is_some() => {
                Err(TokenError::Rejected([&why, NOT_IN_FILE].concat()))
            }
            result => result,
        }
    }

    /// Records a login's outcome and returns the caller's result.
    fn record_outcome(&self, issued: Result<Issued, LoginError>) -> Result<Token, TokenError> {
        let now = self.effects.now();
        let mut is_skewed = false;
        let result = self.known.with(|known| {
            let issued = match issued {
                Ok(issued) => issued,
                Err(LoginError::NotConfigured(which)) => {
                    known.record.state.logins.ended(now);
                    let which = if known.given.is_some() { which + NOT_RENEWED } else { which };
                    return Err(TokenError::NotConfigured(which));
                }
                Err(error) => {
                    let state = &mut known.record.state;
                    match error {
                        LoginError::Rejected { why, tries_left } => {
                            state.rejected(why, tries_left, now);
                        }
                        LoginError::Failed { why } => state.failed(why, now),
                        LoginError::Unavailable { why, retry_after } => {
                            state.unavailable(why, retry_after, now);
                        }
                        LoginError::NotConfigured(_) => {}
                    }
                    let block = state.logins.block(Requester::Call, true, now);
                    return Err(block.map_or_else(no_reason, to_error));
                }
            };
            let Issued { authorization, expires_in, claims } = issued;
            let lifetime =
                Lifetime::of_new(expires_in, claims.issued_at, claims.expires_at, now.as_secs());
            is_skewed = lifetime.is_skewed && !mem::replace(&mut known.is_skew_logged, true);
            known.use_up_held();
            let record = &mut known.record;
            let generation = generation(record.state.generation(), now);
            record.state.received(
                StoredToken { authorization: authorization.clone(), given: None },
                generation,
                lifetime,
                now,
            );
            record.revision = 0;
            // The token of the settings is older than this one, so it must not be used again.
            if let Some((kept, _)) = &known.given {
                let name = kept.given.clone().unwrap_or_default();
                known.record.use_up(&name);
            }
            Ok(Token { authorization, generation })
        });
        if is_skewed {
            self.effects.warn(CLOCK_SKEW_WARNING);
        }
        result
    }

    fn request_state(
        &self,
        want: TokenWanted,
        requester: Requester,
        holds_lock: bool,
    ) -> RequestState {
        let now = self.effects.now();
        self.known.with(|known| {
            let state = &known.record.state;
            let generation = state.generation();
            let decision = match want {
                TokenWanted::Another(before) if before == generation => {
                    state.decide_new(requester, holds_lock, now)
                }
                _ => state.decide_for(requester, holds_lock, now),
            };
            match decision {
                Decision::Valid(kept) => RequestState::Ready(Ok(token(kept, generation))),
                Decision::RefreshSoon(kept) => RequestState::RefreshSoon(token(kept, generation)),
                Decision::Blocked(block) => RequestState::Ready(Err(to_error(block))),
                Decision::MustRefresh { wait } => RequestState::LoginNeeded(wait),
            }
        })
    }
}

impl TokenWanted {
    const fn requester(self) -> Requester {
        match self {
            Self::Good => Requester::Call,
            Self::Another(_) => Requester::Person,
        }
    }
}

impl<E: StoreEffects> fmt::Debug for Store<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store(…)")
    }
}

fn token(kept: &StoredToken, generation: Option<u64>) -> Token {
    Token { authorization: kept.authorization.clone(), generation: generation.unwrap_or_default() }
}
