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

use crate::login::{Given, Issued, LoginError};
use oge_tools::error::Fault;
use oge_tools::token::{Token, TokenError};

use crate::effects::{Effects, Guarded as _};
use crate::file::{Lock, Locking};
use crate::lifetime::{Lifetime, SKEWED, generation};
use crate::logins::{Asker, Block, Cause};
use crate::record::{Kept, Record};
use crate::state::{CONTESTED, Decision};
use crate::timing::{
    LOCK_POLL, LOCK_SETTLE, LOCK_STALE, LOCK_TIMEOUT, LOGIN_TIMEOUT, REFRESH_AHEAD_TIMEOUT,
};

/// The token of one account in one instance. Dropping the future of [`Store::renew`] ends its login, so an
/// instance with several tasks runs it as a separate task.
pub struct Store<E: Effects> {
    effects: E,
    known: E::Shared<Known>,
}

/// The state of one instance.
struct Known {
    record: Record,
    /// The token of the settings.
    given: Option<(Kept, Given)>,
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
enum Want {
    /// Any good token.
    Good,
    /// A token other than the one of this generation, which was held at the time of the request.
    Another(Option<u64>),
}

/// A request that needs a login, for [`Store::renew`].
#[derive(Clone, Copy, Debug)]
pub struct Wanted(Want);

/// The result of a request that does not wait.
#[derive(Debug)]
pub enum Next {
    /// The result.
    Answer(Result<Token, TokenError>),
    /// A good token that should be refreshed soon. Call [`Store::renew_early`].
    Early(Token),
    /// A login is needed. Call [`Store::renew`].
    Login(Wanted),
}

/// The state of a request.
enum Standing {
    Answer(Result<Token, TokenError>),
    Early(Token),
    /// A login is needed, after this wait.
    Login(Duration),
}

impl<E: Effects> Store<E> {
    /// Returns a store. If `given` is a token that was not used up, it is used first.
    pub fn new(effects: E, given: Option<Given>) -> Self {
        let now = effects.now();
        let given = given.map(|given| {
            let kept =
                Kept { authorization: given.authorization.clone(), given: Some(given.account()) };
            (kept, given)
        });
        let salt = u64::try_from(now.as_nanos()).unwrap_or_default();
        let mut known = Known {
            record: Record::new(salt),
            given,
            refused: None,
            has_unlogged_contention: false,
            is_unsaved: false,
            is_skew_logged: false,
            warned: String::new(),
        };
        known.log_in_as(&effects);
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
        self.finish(self.ask_get()).await
    }

    /// Returns the held token, good or not. Does not contact the authority.
    pub fn peek(&self) -> Option<Token> {
        self.catch_up();
        self.known.with(|known| known.held())
    }

    /// Returns a token other than generation `stale`. With `None`, logs in even if the held token is good.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.finish(self.ask_refresh(stale)).await
    }

    async fn finish(&self, next: Next) -> Result<Token, TokenError> {
        match next {
            Next::Answer(answer) => answer,
            Next::Early(token) => {
                Ok(self.renew_early(REFRESH_AHEAD_TIMEOUT).await.unwrap_or(token))
            }
            Next::Login(wanted) => self.renew(wanted).await,
        }
    }

    /// Like [`Store::get`], but does not wait.
    pub fn ask_get(&self) -> Next {
        self.catch_up();
        self.ask(Want::Good)
    }

    /// Like [`Store::refresh`], but does not wait.
    pub fn ask_refresh(&self, stale: Option<u64>) -> Next {
        if stale.is_some() {
            self.known.with(|known| known.refused = stale);
        }
        self.catch_up();
        let want = match stale {
            Some(_) => Want::Good,
            None => Want::Another(self.known.with(|known| known.record.state.generation())),
        };
        match self.ask(want) {
            // The token is already another one, so the caller needs no early refresh.
            Next::Early(token) => Next::Answer(Ok(token)),
            next => next,
        }
    }

    fn ask(&self, want: Want) -> Next {
        match self.standing(want, want.asker(), false) {
            Standing::Answer(answer) => {
                // No login follows that would save the state.
                if answer.is_err() {
                    self.save_if_free();
                }
                Next::Answer(answer)
            }
            Standing::Early(token) => Next::Early(token),
            Standing::Login(_) => Next::Login(Wanted(want)),
        }
    }

    /// Logs in. Callers that wait for this login share its outcome.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn renew(&self, Wanted(want): Wanted) -> Result<Token, TokenError> {
        let asked_at = self.effects.now();
        let _turn = self.effects.turn().await;
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
        let asker = self.asker(want, asked_at);
        if let Standing::Login(wait) = self.standing(want, asker, true)
            && !wait.is_zero()
        {
            // Saved before the wait, so that no other process sends the rejected token.
            self.save(lock.as_ref());
            self.effects.pause(wait, lock.as_ref()).await;
        }
        self.login(asker, LOGIN_TIMEOUT, lock.as_ref()).await
    }

    /// Logs in within `limit` while the old token is still good. `None` if a login is already in flight or
    /// returns no token.
    pub async fn renew_early(&self, limit: Duration) -> Option<Token> {
        let _turn = self.effects.try_turn()?;
        let lock = match self.effects.file().map(|file| file.lock(self.effects.now())) {
            None => None,
            Some(Locking::Held(lock)) => Some(lock),
            Some(Locking::Busy(_)) => return None,
            Some(Locking::Impossible(why)) => {
                self.warn_of_file(&why);
                None
            }
        };
        self.catch_up();
        match self.standing(Want::Good, Asker::Call, true) {
            Standing::Early(_) => self.login(Asker::Call, limit, lock.as_ref()).await.ok(),
            Standing::Answer(answer) => answer.ok(),
            Standing::Login(_) => None,
        }
    }

    /// Waits for the token file's lock. `Ok(None)` if there is no file or it cannot be locked. `Err` has the
    /// caller's result: that of the holder's login, or an error if the lock is held for too long.
    async fn wait_for_lock(
        &self,
        want: Want,
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
        want: Want,
        asked_at: Duration,
        holds_lock: bool,
    ) -> Option<Result<Token, TokenError>> {
        self.catch_up();
        match self.standing(want, self.asker(want, asked_at), holds_lock) {
            Standing::Answer(answer) => Some(answer),
            Standing::Early(token) => Some(Ok(token)),
            Standing::Login(_) => None,
        }
    }

    /// Returns for whom a login is made. A person's request counts as a call's if a login was begun or failed
    /// while it waited: the person gets that outcome, and no second login is made at once.
    fn asker(&self, want: Want, asked_at: Duration) -> Asker {
        let last_at = self.known.with(|known| known.record.state.logins.last_at());
        match want.asker() {
            Asker::Person if last_at.is_none_or(|at| at <= asked_at) => Asker::Person,
            _ => Asker::Call,
        }
    }

    /// Logs in. The attempt is saved before it is made, so that it counts even if this process is killed.
    async fn login(
        &self,
        asker: Asker,
        limit: Duration,
        lock: Option<&Lock<E::Directory>>,
    ) -> Result<Token, TokenError> {
        let has_rejection = self.known.with(|known| {
            let state = &mut known.record.state;
            state.attempt(self.effects.now(), asker);
            state.logins.has_rejection()
        });
        let is_saved = self.save(lock);
        if has_rejection && !is_saved && asker == Asker::Call {
            // If it is not counted, each process makes one more login and may lock the account.
            self.known.with(|known| known.record.state.logins.ended(self.effects.now()));
            let why = "the credentials were rejected before, and OGE_TOKEN_FILE cannot be written to \
                       count another try; make it writable, or delete it once the settings are mended";
            return Err(TokenError::Rejected(why.to_owned()));
        }
        let issued = self.effects.login(limit, lock).await;
        if lock.is_some_and(|lock| !lock.is_held(self.effects.now())) {
            // This process was suspended and another one took over the lock. Its token is newer.
            self.catch_up();
            if let Standing::Answer(Ok(token)) = self.standing(Want::Good, Asker::Call, false) {
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
                    let block = state.logins.block(Asker::Call, true, now);
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
                Kept { authorization: authorization.clone(), given: None },
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
            self.effects.warn(SKEWED);
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
            self.catch_up();
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
            self.effects.warn(CONTESTED);
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
    fn catch_up(&self) {
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
                known.is_unsaved = record.recall(now);
                known.record = record;
                known.has_unlogged_contention = false;
                known.log_in_as(&self.effects);
            }
            known.take_given(&self.effects, now);
            known.mark_refused(now);
        });
    }

    fn standing(&self, want: Want, asker: Asker, holds_lock: bool) -> Standing {
        let now = self.effects.now();
        self.known.with(|known| {
            let state = &known.record.state;
            let generation = state.generation();
            let decision = match want {
                Want::Another(before) if before == generation => {
                    state.decide_anew(asker, holds_lock, now)
                }
                _ => state.decide_for(asker, holds_lock, now),
            };
            match decision {
                Decision::Valid(kept) => Standing::Answer(Ok(token(kept, generation))),
                Decision::RefreshSoon(kept) => Standing::Early(token(kept, generation)),
                Decision::Blocked(block) => Standing::Answer(Err(to_error(block))),
                Decision::MustRefresh { wait } => Standing::Login(wait),
            }
        })
    }
}

impl Want {
    const fn asker(self) -> Asker {
        match self {
            Self::Good => Asker::Call,
            Self::Another(_) => Asker::Person,
        }
    }
}

impl Known {
    fn held(&self) -> Option<Token> {
        let state = &self.record.state;
        state.held().map(|kept| token(kept, state.generation()))
    }

    /// Sets the digest of the credentials. Its 16 bits are enough to detect a correction, and too few to check
    /// guesses of a password.
    fn log_in_as(&mut self, effects: &impl Effects) {
        let digest = effects.digest(&self.record.salt.to_be_bytes());
        let credentials = digest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.record.state.logins.log_in_as(credentials.unwrap_or_default());
    }

    /// Uses the token of the settings, unless it is in use or used up. So a new value of `OGE_TOKEN` is
    /// preferred to the file's token, and a token from a later login is preferred to that value.
    fn take_given(&mut self, effects: &impl Effects, now: Duration) {
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
        let before = (state.is_contested(), state.is_refused());
        state.refused(refused, now);
        self.has_unlogged_contention |= state.is_contested() && !before.0;
        self.is_unsaved |= state.is_refused() && !before.1;
        if state.is_refused() {
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
    fn recall(&mut self, now: Duration) -> bool {
        self.state.recall(now)
    }
}

impl<E: Effects> fmt::Debug for Store<E> {
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

fn token(kept: &Kept, generation: Option<u64>) -> Token {
    Token { authorization: kept.authorization.clone(), generation: generation.unwrap_or_default() }
}

fn no_reason() -> TokenError {
    TokenError::Unavailable("the login gave no token".to_owned())
}

/// Added to a rejection that could not be saved.
const NOT_SAVED: &str = "; this could not be written to OGE_TOKEN_FILE, so each new process tries again and may \
                         lock the account: make the file writable";

/// Returns the error for a blocked login: the authority's reason, when the next login is made and why not now.
fn to_error(Block { cause, why, left, asker }: Block<'_>) -> TokenError {
    const LOCKED: &str = "since more failures may lock the account";
    const CORRECT: &str = "corrected settings are tried at once (start a server again whose environment was \
                        corrected), and `oge check` asks once more";
    let again = left.map(in_words).unwrap_or_default();
    let next = match (asker, left) {
        (Asker::Person, _) => format!("`oge check` may ask again in {again}, {LOCKED}"),
        (Asker::Call, Some(_)) => format!("it is not tried again for {again}, {LOCKED}; {CORRECT}"),
        (Asker::Call, None) => {
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
