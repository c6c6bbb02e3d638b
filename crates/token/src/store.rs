//! The store: what it is asked, and the one login that serves everybody.
//!
//! Within an instance a login is one task's turn, and the others wait for theirs; between instances and
//! processes the token file's lock decides. A caller that waited finds how that login ended, and takes
//! it for its own answer.

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

/// The token of one account in one instance. A caller that is dropped may end a login under way, so an
/// instance with several tasks runs [`Store::renew`] as a task of its own.
pub struct Store<E: Effects> {
    effects: E,
    known: E::Shared<Known>,
}

/// What one instance knows.
struct Known {
    record: Record,
    /// The token that the settings give.
    given: Option<(Kept, Given)>,
    /// The generation that this instance knows to be refused, which a file may not know yet.
    refused: Option<u64>,
    /// Whether that refusal shows that another client logs in, and nobody has logged it.
    is_untold: bool,
    /// Whether the file should know something that it does not.
    is_unsaved: bool,
    skew_told: bool,
    /// The last problem with the file that was logged.
    warned: String,
}

/// What a caller wants.
#[derive(Clone, Copy, Debug)]
enum Want {
    /// Any good token.
    Good,
    /// A token other than the one that was held when it asked.
    Another(Option<u64>),
}

/// A login that a caller needs: for [`Store::renew`].
#[derive(Clone, Copy, Debug)]
pub struct Wanted(Want);

/// What a caller gets.
#[derive(Debug)]
pub enum Next {
    /// This.
    Answer(Result<Token, TokenError>),
    /// This token, which is worth renewing: [`Store::renew_early`].
    Early(Token),
    /// A login is due.
    Login(Wanted),
}

/// Where a want stands.
enum Standing {
    Answer(Result<Token, TokenError>),
    Early(Token),
    /// A login is due, after this wait.
    Login(Duration),
}

impl<E: Effects> Store<E> {
    /// A store that starts with the token `given`, if there is one.
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
            is_untold: false,
            is_unsaved: false,
            skew_told: false,
            warned: String::new(),
        };
        known.log_in_as(&effects);
        known.take_given(&effects, now);
        Self { known: E::Shared::new(known), effects }
    }

    /// What the store touches.
    pub const fn effects(&self) -> &E {
        &self.effects
    }

    /// The token to use now.
    ///
    /// # Errors
    /// Says why there is none.
    pub async fn get(&self) -> Result<Token, TokenError> {
        self.finish(self.ask_get()).await
    }

    /// The held token, whatever its state. Contacts no one.
    pub fn peek(&self) -> Option<Token> {
        self.catch_up();
        self.known.with(|known| known.held())
    }

    /// A token other than generation `stale`; with `None`, a new one whatever is held.
    ///
    /// # Errors
    /// Says why there is none.
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

    /// As [`Store::get`], but does not wait.
    pub fn ask_get(&self) -> Next {
        self.catch_up();
        self.ask(Want::Good)
    }

    /// As [`Store::refresh`], but does not wait.
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
            // A login is what was asked for, or another is early enough.
            Next::Early(token) => Next::Answer(Ok(token)),
            next => next,
        }
    }

    fn ask(&self, want: Want) -> Next {
        match self.standing(want, want.asker(), false) {
            Standing::Answer(answer) => {
                // No login will write down what this instance knows.
                if answer.is_err() {
                    self.write_down();
                }
                Next::Answer(answer)
            }
            Standing::Early(token) => Next::Early(token),
            Standing::Login(_) => Next::Login(Wanted(want)),
        }
    }

    /// Logs in, once for everybody who wants it now.
    ///
    /// # Errors
    /// Says why there is no token.
    pub async fn renew(&self, Wanted(want): Wanted) -> Result<Token, TokenError> {
        let asked_at = self.effects.now();
        let _turn = self.effects.turn().await;
        if let Some(answer) = self.landed(want, asked_at, false) {
            return answer;
        }
        let lock = match self.wait_for_lock(want, asked_at).await {
            Ok(lock) => lock,
            Err(answer) => return answer,
        };
        if let Some(answer) = self.landed(want, asked_at, true) {
            return answer;
        }
        self.tell();
        let asker = self.asker(want, asked_at);
        if let Standing::Login(wait) = self.standing(want, asker, true)
            && !wait.is_zero()
        {
            // So that no other process sends what is known to be refused.
            self.save(lock.as_ref());
            self.effects.pause(wait, lock.as_ref()).await;
        }
        self.login(asker, LOGIN_TIMEOUT, lock.as_ref()).await
    }

    /// Logs in within `limit` while the old token still serves, unless that is under way; `None` if that
    /// gave no token.
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

    /// Waits for the token file's lock; `None` if there is nothing to lock. The error is an answer: what
    /// the lock's holder got, or that it is held for too long.
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
            if let Some(answer) = self.landed(want, asked_at, false) {
                return Err(answer);
            }
        }
    }

    /// What a login that ended since `asked_at` left for those who waited.
    fn landed(
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

    /// A person who waited for a login that failed has its answer: another is not made at once.
    fn asker(&self, want: Want, asked_at: Duration) -> Asker {
        let last_at = self.known.with(|known| known.record.state.logins.last_at());
        match want.asker() {
            Asker::Person if last_at.is_none_or(|at| at <= asked_at) => Asker::Person,
            _ => Asker::Call,
        }
    }

    /// Logs in, and writes down that it does before it does.
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
            // Each process would make one more try.
            self.known.with(|known| known.record.state.logins.ended(self.effects.now()));
            let why = "the credentials were rejected before, and OGE_TOKEN_FILE cannot be written to \
                       count another try; make it writable, or delete it once the settings are mended";
            return Err(TokenError::Rejected(why.to_owned()));
        }
        let issued = self.effects.login(limit, lock).await;
        if lock.is_some_and(|lock| !lock.is_held(self.effects.now())) {
            // This process was stopped for a while, and another went on: its token is the newer one.
            self.catch_up();
            if let Standing::Answer(Ok(token)) = self.standing(Want::Good, Asker::Call, false) {
                return Ok(token);
            }
        }
        let result = self.take_in(issued);
        if self.save(lock) {
            return result;
        }
        result.map_err(|error| match error {
            TokenError::Rejected(why) => TokenError::Rejected([&why, NOT_SAVED].concat()),
            error => error,
        })
    }

    /// Takes a login's outcome in.
    fn take_in(&self, issued: Result<Issued, LoginError>) -> Result<Token, TokenError> {
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
            is_skewed = lifetime.is_skewed && !mem::replace(&mut known.skew_told, true);
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
            // What the settings give is older than a token that was asked for.
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

    /// Writes down what this instance knows. If another process has the file, its login makes that old.
    fn write_down(&self) {
        if !self.known.with(|known| known.is_unsaved) {
            return;
        }
        let Some(file) = self.effects.file() else { return };
        if let Locking::Held(lock) = file.lock(self.effects.now()) {
            self.catch_up();
            self.tell();
            self.save(Some(&lock));
        }
    }

    /// Writes the token file; whether what is known is where it should be.
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

    /// Logs what the file does not know yet. Many may notice it at once; the holder of the lock logs it.
    fn tell(&self) {
        if self.known.with(|known| mem::take(&mut known.is_untold)) {
            self.effects.warn(CONTESTED);
        }
    }

    /// Logs a problem with the token file, once.
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

    /// Takes in what other processes have written since. What this instance knows and the file does
    /// not, it goes on knowing.
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
                known.is_untold = false;
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

    /// Names the credentials in a way that tells nobody what they are: 16 bits notice a correction, and
    /// give a guesser next to nothing.
    fn log_in_as(&mut self, effects: &impl Effects) {
        let digest = effects.digest(&self.record.salt.to_be_bytes());
        let credentials = digest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.record.state.logins.log_in_as(credentials.unwrap_or_default());
    }

    /// Uses the token that the settings give, unless it is in use or was used up. So a token that is
    /// newly set comes before the file's, and one that is refreshed later comes before it.
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

    /// Marks the token that this instance knows to be refused.
    fn mark_refused(&mut self, now: Duration) {
        let Some(refused) = self.refused else { return };
        let state = &mut self.record.state;
        let before = (state.is_contested(), state.is_refused());
        state.refused(refused, now);
        self.is_untold |= state.is_contested() && !before.0;
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

/// The setting's name, and what is wrong with it if it is there.
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

/// What another process does not know.
const NOT_SAVED: &str = "; this could not be written to OGE_TOKEN_FILE, so each new process tries again and may \
                         lock the account: make the file writable";

/// Says what the authority answered, when it is asked again and why not now.
fn to_error(Block { cause, why, left, asker }: Block<'_>) -> TokenError {
    const LOCKED: &str = "since more failures may lock the account";
    const MEND: &str = "corrected settings are tried at once (start a server again whose environment was \
                        corrected), and `oge check` asks once more";
    let again = left.map(in_words).unwrap_or_default();
    let next = match (asker, left) {
        (Asker::Person, _) => format!("`oge check` may ask again in {again}, {LOCKED}"),
        (Asker::Call, Some(_)) => format!("it is not tried again for {again}, {LOCKED}; {MEND}"),
        (Asker::Call, None) => {
            format!("nothing more is tried with these credentials, {LOCKED}; {MEND}")
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

/// A time in seconds, or in minutes if it is long; rounded up.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    if seconds <= 90 {
        return [&seconds.to_string(), " s"].concat();
    }
    [&seconds.div_ceil(60).to_string(), " min"].concat()
}

#[cfg(test)]
mod tests;
