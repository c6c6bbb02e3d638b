//! The token store, and the one login that all callers share.
//!
//! Within an instance a lock lets one task log in while the others wait. Between instances and processes the
//! token file's lock does the same. A caller that waited returns the outcome of the other's login.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::time::Duration;

use crate::login::{ConfiguredToken, Issued, LoginError};
use oge_tools::error::Fault;
use oge_tools::token::{Token, TokenError};

use crate::effects::{Guarded as _, StoreEffects};
use crate::file::{Lock, Locking};
use crate::lifetime::{CLOCK_SKEW_WARNING, Lifetime, generation};
use crate::logins::{Block, Cause, Requester};
use crate::record::{Record, StoredToken};
use crate::state::{CONTENTION_WARNING, Decision};
use crate::timing::{
    LOCK_POLL, LOCK_SETTLE, LOCK_STALE, LOCK_TIMEOUT, LOGIN_TIMEOUT, REFRESH_AHEAD_TIMEOUT,
};

/// The token of one account in one instance. Dropping a caller may end its login; use a
/// [`SharedStore`](crate::SharedStore) if callers may be dropped.
pub struct Store<E: StoreEffects> {
    effects: E,
    known: E::Shared<StoreState>,
}

/// The state of one instance.
struct StoreState {
    record: Record,
    /// The token of the settings.
    given: Option<(StoredToken, ConfiguredToken)>,
    /// The last generation that a caller reported as rejected. The file may not have it yet.
    refused: Option<u64>,
    /// Whether contention was detected and is not logged yet.
    has_unlogged_contention: bool,
    /// Whether the record has changes that are not in the file.
    is_unsaved: bool,
    is_skew_logged: bool,
    /// The last logged problem with the file.
    warned: String,
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
    pub fn new(effects: E, given: Option<ConfiguredToken>) -> Self {
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
        };
        known.set_credentials(&effects);
        known.take_given(&effects, now);
        Self { known: E::Shared::new(known), effects }
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

    /// Checks that the token file can be locked, as each login must. Contacts nobody.
    ///
    /// # Errors
    /// Returns why it cannot.
    pub fn check_file(&self) -> Result<(), String> {
        match self.effects.file().map(|file| file.lock(self.effects.now())) {
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
        if let Some(answer) = self.finished(want, asked_at, false) {
            return answer;
        }
        let lock = match self.wait_for_lock(want, asked_at).await {
            Ok(lock) => lock,
            Err(answer) => return answer,
        };
        if let Some(answer) = self.finished(want, asked_at, true) {
            return answer;
        }
        self.log_contention();
        let requester = self.requester(want, asked_at);
        if let RequestState::LoginNeeded(wait) = self.request_state(want, requester, true)
            && !wait.is_zero()
        {
            // Saved before the wait, so that no other process sends the rejected token.
            self.save(lock.as_ref());
            self.effects.pause(wait, lock.as_ref()).await;
        }
        self.login(requester, LOGIN_TIMEOUT, lock.as_ref()).await
    }

    /// Logs in within `limit` while the old token is still good. `None` if a login is already in flight or
    /// returns no token.
    async fn refresh_ahead(&self, limit: Duration) -> Option<Token> {
        let _lock = self.effects.try_lock_login()?;
        let lock = match self.effects.file().map(|file| file.lock(self.effects.now())) {
            None => None,
            Some(Locking::Held(lock)) => Some(lock),
            Some(Locking::Busy(_)) => return None,
            Some(Locking::Impossible(why)) => {
                self.warn_of_file(&why);
                None
            }
        };
        self.load_newer();
        match self.request_state(TokenWanted::Good, Requester::Call, true) {
            RequestState::RefreshSoon(_) => {
                self.login(Requester::Call, limit, lock.as_ref()).await.ok()
            }
            RequestState::Ready(answer) => answer.ok(),
            RequestState::LoginNeeded(_) => None,
        }
    }

    /// Waits for the token file's lock. `Ok(None)` if there is no file or it cannot be locked. `Err` has the
    /// caller's result: that of the holder's login, or an error if the lock is held for too long.
    async fn wait_for_lock(
        &self,
        want: TokenWanted,
        asked_at: Duration,
    ) -> Result<Option<Lock<E::Directory>>, Result<Token, TokenError>> {
        let Some(file) = self.effects.file() else { return Ok(None) };
        let mut seen: Option<(Vec<u8>, Duration)> = None;
        loop {
            let now = self.effects.now();
            let content = match file.lock(now) {
                Locking::Held(lock) => return Ok(Some(lock)),
                Locking::Impossible(why) => {
                    self.warn_of_file(&why);
                    return Ok(None);
                }
                Locking::Busy(content) => content,
            };
            match &seen {
                Some((same, since)) if *same == content => {
                    if now.saturating_sub(*since) >= LOCK_STALE
                        && let Some(lock) = file.take_over(&content, now)
                    {
                        self.effects.pause(LOCK_SETTLE, None).await;
                        if lock.is_held_now() {
                            self.effects.info("the other process is gone; its lock is taken over");
                            return Ok(Some(lock));
                        }
                    }
                }
                Some(_) => seen = Some((content, now)),
                None => {
                    seen = Some((content, now));
                    self.effects.info(&format!(
                        "waiting for the login of another process, which holds {}",
                        file.lock_name()
                    ));
                }
            }
            if now.saturating_sub(asked_at) > LOCK_TIMEOUT {
                let why = format!(
                    "other processes hold {} beside OGE_TOKEN_FILE for too long; delete it if no \
                     process is left",
                    file.lock_name()
                );
                return Err(Err(TokenError::Unavailable(why)));
            }
            self.effects.pause(LOCK_POLL, None).await;
            if let Some(answer) = self.finished(want, asked_at, false) {
                return Err(answer);
            }
        }
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
        limit: Duration,
        lock: Option<&Lock<E::Directory>>,
    ) -> Result<Token, TokenError> {
        let has_rejection = self.known.with(|known| {
            let state = &mut known.record.state;
            state.attempt(self.effects.now(), requester);
            state.logins.has_rejection()
        });
        let is_saved = self.save(lock);
        if has_rejection && !is_saved && requester == Requester::Call {
            // If it is not counted, each process makes one more login and may lock the account.
            self.known.with(|known| known.record.state.logins.ended(self.effects.now()));
            let why = "the credentials were rejected before, and OGE_TOKEN_FILE cannot be written to \
                       count another try; make it writable, or delete it once the settings are mended";
            return Err(TokenError::Rejected(why.to_owned()));
        }
        let issued = self.effects.login(limit, lock).await;
        if lock.is_some_and(|lock| !lock.is_held(self.effects.now())) {
            // This process was suspended and another one took over the lock. Its token is newer.
            self.load_newer();
            if let RequestState::Ready(Ok(token)) =
                self.request_state(TokenWanted::Good, Requester::Call, false)
            {
                return Ok(token);
            }
        }
        let result = self.record_outcome(issued);
        if self.save(lock) {
            return result;
        }
        result.map_err(|error| match error {
            TokenError::Rejected(why) => TokenError::Rejected([&why, NOT_SAVED].concat()),
            error => error,
        })
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

    /// Saves unsaved changes. Does nothing if another process holds the lock, because its login will replace
    /// them.
    fn save_if_free(&self) {
        if !self.known.with(|known| known.is_unsaved) {
            return;
        }
        let Some(file) = self.effects.file() else { return };
        if let Locking::Held(lock) = file.lock(self.effects.now()) {
            self.load_newer();
            self.log_contention();
            self.save(Some(&lock));
        }
    }

    /// Writes the token file. Returns whether the state is saved, which it also is if there is no file.
    fn save(&self, lock: Option<&Lock<E::Directory>>) -> bool {
        let Some(file) = self.effects.file() else { return true };
        let Some(lock) = lock else { return false };
        let record = self.known.with(|known| {
            known.is_unsaved = false;
            known.record.revision = known.record.revision.saturating_add(1);
            known.record.clone()
        });
        match file.save(&record, lock, self.effects.now()) {
            Ok(()) => true,
            Err(why) => {
                self.warn_of_file(&why);
                self.known.with(|known| known.is_unsaved = true);
                false
            }
        }
    }

    /// Logs contention that is not logged yet. Several instances may detect it, but only the holder of the lock
    /// logs it.
    fn log_contention(&self) {
        if self.known.with(|known| mem::take(&mut known.has_unlogged_contention)) {
            self.effects.warn(CONTENTION_WARNING);
        }
    }

    /// Logs a problem with the token file, unless it is the last one that was logged.
    fn warn_of_file(&self, why: &str) {
        let is_new = self.known.with(|known| {
            let is_new = known.warned != why;
            why.clone_into(&mut known.warned);
            is_new
        });
        if is_new {
            self.effects.warn(&format!("OGE_TOKEN_FILE {why}; it is ignored"));
        }
    }

    /// Loads a newer record that another process has written. Keeps this instance's own knowledge of rejected
    /// and used up tokens.
    fn load_newer(&self) {
        let now = self.effects.now();
        let file = match self.effects.file().map(|file| file.load(now)) {
            None => None,
            Some(Ok(record)) => record,
            Some(Err((why, rest))) => {
                self.warn_of_file(&why);
                rest.map(|rest| *rest)
            }
        };
        self.known.with(|known| {
            known.mark_refused(now);
            if let Some(mut record) = file
                && record.age() > known.record.age()
            {
                record.absorb(&known.record);
                known.is_unsaved = record.correct_clock(now);
                known.record = record;
                known.has_unlogged_contention = false;
                known.set_credentials(&self.effects);
            }
            known.take_given(&self.effects, now);
            known.mark_refused(now);
        });
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

impl StoreState {
    fn held(&self) -> Option<Token> {
        let state = &self.record.state;
        state.held().map(|kept| token(kept, state.generation()))
    }

    /// Sets the digest of the credentials. Its 16 bits are enough to detect a correction, and too few to check
    /// guesses of a password.
    fn set_credentials(&mut self, effects: &impl StoreEffects) {
        let digest = effects.digest(&self.record.salt.to_be_bytes());
        let credentials = digest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.record.state.logins.set_credentials(credentials.unwrap_or_default());
    }

    /// Uses the token of the settings, unless it is in use or used up. So a new value of `OGE_TOKEN` is
    /// preferred to the file's token, and a token from a later login is preferred to that value.
    fn take_given(&mut self, effects: &impl StoreEffects, now: Duration) {
        let Some((kept, given)) = &self.given else { return };
        let name = kept.given.as_deref();
        if self.record.held_given() == name || name.is_some_and(|name| self.record.is_used_up(name))
        {
            return;
        }
        let state = &mut self.record.state;
        let issued_at = Duration::from_secs(given.issued_at.unwrap_or_default()).min(now);
        let generation = generation(state.generation(), issued_at);
        let lifetime = Lifetime::of_kept(given.expires_at(effects.can_log_in()), now.as_secs());
        state.found(kept.clone(), generation, lifetime, now);
        self.record.revision = 0;
    }

    /// Records the rejection that a caller reported.
    fn mark_refused(&mut self, now: Duration) {
        let Some(refused) = self.refused else { return };
        let state = &mut self.record.state;
        let before = (state.has_contention(), state.is_rejected());
        state.refused(refused, now);
        self.has_unlogged_contention |= state.has_contention() && !before.0;
        self.is_unsaved |= state.is_rejected() && !before.1;
        if state.is_rejected() {
            self.use_up_held();
        }
    }

    fn use_up_held(&mut self) {
        if let Some(name) = self.record.held_given().map(str::to_owned) {
            self.record.use_up(&name);
        }
    }
}

impl Record {
    fn correct_clock(&mut self, now: Duration) -> bool {
        self.state.correct_clock(now)
    }
}

impl<E: StoreEffects> fmt::Debug for Store<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store(…)")
    }
}

/// Returns the setting's name, and what is wrong with it if it is set.
#[must_use]
pub fn not_configured(fault: Fault) -> String {
    let (Fault::Setting(name, problem) | Fault::Argument(name, problem)) = fault;
    if problem == "is not set" { name.to_owned() } else { format!("{name}, which {problem}") }
}

fn token(kept: &StoredToken, generation: Option<u64>) -> Token {
    Token { authorization: kept.authorization.clone(), generation: generation.unwrap_or_default() }
}

fn no_reason() -> TokenError {
    TokenError::Unavailable("the login gave no token".to_owned())
}

/// Added to a missing setting of the login if there is a token of the settings.
const NOT_RENEWED: &str = "; a login is needed to replace an OGE_TOKEN that the platform rejects";

/// Added to a rejection that could not be saved.
const NOT_SAVED: &str = "; this could not be written to OGE_TOKEN_FILE, so each new process tries again and may \
                         lock the account: make the file writable";

/// Returns the error for a blocked login: the authority's reason, when the next login is made and why not now.
fn to_error(Block { cause, why, left, requester }: Block<'_>) -> TokenError {
    const LOCKED: &str = "since more failures may lock the account";
    const CORRECT: &str = "corrected settings are tried at once (start a server again whose environment was \
                        corrected), and `oge check` asks once more";
    let again = left.map(in_words).unwrap_or_default();
    let next = match (requester, left) {
        (Requester::Person, _) => format!("`oge check` may ask again in {again}, {LOCKED}"),
        (Requester::Call, Some(_)) => {
            format!("it is not tried again for {again}, {LOCKED}; {CORRECT}")
        }
        (Requester::Call, None) => {
            format!("nothing more is tried with these credentials, {LOCKED}; {CORRECT}")
        }
    };
    match cause {
        Cause::Rejected => TokenError::Rejected(format!("{why}; {next}")),
        Cause::Failed => TokenError::Unavailable(format!("{why}; {next}")),
        Cause::Unavailable => {
            TokenError::Unavailable(format!("{why}; it is not asked again for {again}"))
        }
        Cause::Unfinished => TokenError::Unavailable(format!(
            "several logins were begun and their processes stopped before the answer came; {next}"
        )),
    }
}

/// Formats a time in seconds, or in minutes if it is longer than 90 s. Rounds up.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    if seconds <= 90 {
        return [&seconds.to_string(), " s"].concat();
    }
    [&seconds.div_ceil(60).to_string(), " min"].concat()
}

#[cfg(test)]
mod tests;
