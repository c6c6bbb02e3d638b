//! Why a call failed: one type for every export, made where the fact is known.

use alloc::string::String;
use core::fmt;

use crate::secret::Redactor;

/// The longest text that a failure is given.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// What callers act on. The WIT's `failure-kind` documents each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub enum FailureKind {
    InvalidArgument,
    NotConfigured,
    Unauthorized,
    Forbidden,
    Api,
    BadReply,
    Timeout,
    Network,
    ReplyTooLarge,
    TokenStore,
}

impl FailureKind {
    /// The kind as the WIT spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid-argument",
            Self::NotConfigured => "not-configured",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Api => "api",
            Self::BadReply => "bad-reply",
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::ReplyTooLarge => "reply-too-large",
            Self::TokenStore => "token-store",
        }
    }
}

/// A failed call. The WIT's `failure` documents each field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    pub operation: &'static str,
    pub attempts: u8,
    pub http_status: Option<u16>,
    pub api_code: Option<i64>,
    pub body: Option<String>,
}

impl Failure {
    /// A failure before anything was sent and answered.
    #[must_use]
    pub fn new(kind: FailureKind, operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            operation,
            attempts: 0,
            http_status: None,
            api_code: None,
            body: None,
        }
    }

    /// The failure with secrets hidden in its texts.
    #[must_use]
    pub fn redacted(self, redactor: &Redactor) -> Self {
        let hide = |text: String| redactor.start_of(&text, MAX_TEXT_BYTES);
        Self { message: hide(self.message), body: self.body.map(hide), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl core::error::Error for Failure {}

/// What is wrong before anything is sent: an argument or a setting, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An argument: its name, and what it was and must be.
    Argument(&'static str, String),
    /// A setting: its name, and what it must be.
    Setting(&'static str, String),
}

impl Fault {
    /// The failure of the call that met this.
    #[must_use]
    pub fn into_failure(self, operation: &'static str) -> Failure {
        let (kind, name, problem) = match self {
            Self::Argument(name, problem) => (FailureKind::InvalidArgument, name, problem),
            Self::Setting(name, problem) => (FailureKind::NotConfigured, name, problem),
        };
        Failure::new(kind, operation, [name, " ", &problem].concat())
    }
}
