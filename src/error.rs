//! Why a call failed: one type for every export, made where the fact is known.

use alloc::string::String;
use core::fmt;

use crate::secret::Redactor;

/// The longest text that a failure is given.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Calls `$then!` with every failure kind: its name in Rust and in the WIT. Whatever needs a case for each kind
/// is written by such a macro.
#[macro_export]
macro_rules! for_each_failure_kind {
    ($then:ident) => {
        $then! {
            InvalidArgument = "invalid-argument",
            NotConfigured = "not-configured",
            Unauthorized = "unauthorized",
            Forbidden = "forbidden",
            Api = "api",
            BadReply = "bad-reply",
            Timeout = "timeout",
            Network = "network",
            ReplyTooLarge = "reply-too-large",
            TokenStore = "token-store",
        }
    };
}

macro_rules! failure_kind {
    ($($kind:ident = $name:literal,)*) => {
        /// The kind of a failure, for programs to match on. The WIT's `failure-kind` documents each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
        pub enum FailureKind {
            $($kind,)*
        }

        impl FailureKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Returns the kind's name in the WIT.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

for_each_failure_kind!(failure_kind);

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
        let search = redactor.search();
        let hide = |text: String| search.start_of(&text, MAX_TEXT_BYTES);
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
