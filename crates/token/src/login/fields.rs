//! The fields of a login's response, in any of its usual objects.

use alloc::string::String;
use alloc::vec::Vec;

use oge_tools::json;
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The fields that may have a reason, best first.
const REASONS: [&str; 5] = ["msg", "message", "error_description", "errmsg", "error"];

/// How many objects may enclose a field, such as in `{"data": {"error": {"msg"}}}`.
const MAX_DEPTH: usize = 3;

/// A text that may quote a secret, so it is wiped on drop.
type Text = Zeroizing<String>;

/// The content of the token's field.
#[derive(Debug, Default)]
pub(crate) enum Token {
    #[default]
    Absent,
    /// Not a string. Has the name of its type.
    Other(&'static str),
    Text(Secret),
}

/// The fields of a response. If several objects have a field, the outermost counts.
#[derive(Debug, Default)]
pub(crate) struct LoginFields {
    pub(crate) token: Token,
    pub(crate) scheme: Option<String>,
    pub(crate) expires_in: Option<u64>,
    pub(crate) code: Option<i64>,
    /// Whether `code` is the outermost object's. An inner one may have another meaning.
    is_code_outer: bool,
    /// `success` or `ok` is false.
    pub(crate) denies_success: bool,
    /// There is an `error`, a `code` that is a string or false, or a `status` such as `fail`. It means a
    /// failure if there is no token.
    pub(crate) hints_at_failure: bool,
    reasons: [Option<Text>; REASONS.len()],
    /// Less good reasons, and strings in `data` or `detail`. Never quoted, because one may be a token.
    more: Vec<Text>,
}

impl LoginFields {
    /// Reads the fields of a JSON text.
    pub(crate) fn read(text: &str) -> Self {
        let mut fields = Self::default();
        if let Ok(value) = serde_json::from_str(text) {
            fields.add(value, MAX_DEPTH);
        }
        fields
    }

    /// Wraps a text that is not JSON as the only text of a response.
    pub(crate) fn plain(text: &str) -> Self {
        Self { more: alloc::vec![Text::new(text.into())], ..Self::default() }
    }

    /// Adds the fields of an object, or a string in place of one.
    fn add(&mut self, value: &RawValue, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if let Some(text) = json::string(value).map(Zeroizing::new) {
            if Claims::read(&text).is_none() {
                self.more.push(text);
            } else if let Token::Absent = self.token {
                self.token = Token::Text(Secret::new(text.as_str()));
            }
            return;
        }
        let (mut own, mut inner) = (Self::default(), Self::default());
        let _ = json::fields(value.get(), &mut |name, value| match name {
            "token" | "access_token" | "accessToken" => own.token = Token::read(value),
            "tokenHead" | "token_type" | "tokenType" => own.scheme = json::string(value),
            "expires_in" | "expiresIn" => {
                own.expires_in =
                    json::integer(value.get()).and_then(|seconds| seconds.try_into().ok());
            }
            "code" | "errcode" => {
                own.code = json::integer(value.get());
                let is_text = value.get().starts_with('"') || value.get() == "false";
                own.hints_at_failure |= own.code.is_none() && is_text;
            }
            "success" | "ok" => {
                own.denies_success |= matches!(value.get().trim_matches('"'), "false" | "0");
            }
            "status" => {
                let status = json::string(value).unwrap_or_default();
                let failed = ["fail", "failed", "failure", "error"];
                own.hints_at_failure |= failed.iter().any(|word| status.eq_ignore_ascii_case(word));
            }
            "data" | "result" | "detail" => inner.add(value, depth),
            name => {
                let slot = REASONS.iter().zip(&mut own.reasons).find(|(known, _)| **known == name);
                let Some((_, slot)) = slot else { return };
                *slot = json::string(value).filter(|text| !text.trim().is_empty()).map(Text::new);
                if slot.is_none() && value.get().starts_with('{') {
                    inner.add(value, depth);
                }
                own.hints_at_failure |=
                    name == "error" && (slot.is_some() || value.get().starts_with('{'));
            }
        });
        own.is_code_outer = own.code.is_some();
        inner.is_code_outer = false;
        self.fill(own);
        self.fill(inner);
    }

    /// Adds the fields of `other` that are still missing.
    fn fill(&mut self, other: Self) {
        if let Token::Absent = self.token {
            self.token = other.token;
        }
        self.scheme = self.scheme.take().or(other.scheme);
        self.expires_in = self.expires_in.or(other.expires_in);
        if self.code.is_none() {
            (self.code, self.is_code_outer) = (other.code, other.is_code_outer);
        }
        self.denies_success |= other.denies_success;
        self.hints_at_failure |= other.hints_at_failure;
        for (mine, other) in self.reasons.iter_mut().zip(other.reasons) {
            match mine {
                Some(_) => self.more.extend(other),
                None => *mine = other,
            }
        }
        self.more.extend(other.more);
    }

    /// Returns whether the response means a failure even if it has a token.
    pub(crate) fn fails(&self) -> bool {
        let is_failing = matches!(self.code, Some(400..=599 | 40_000..=59_999));
        self.denies_success || (is_failing && self.is_code_outer)
    }

    /// Returns whether the code means that the authority is too busy or too slow.
    pub(crate) fn is_overload(&self) -> bool {
        matches!(self.code, Some(408 | 429 | 40_800 | 42_900))
    }

    /// Returns the best reason.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reasons.iter().flatten().map(|text| text.as_str()).next()
    }

    /// Returns every text that may name a cause.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.reasons.iter().flatten().chain(&self.more).map(|text| text.as_str())
    }
}

impl Token {
    fn read(value: &RawValue) -> Self {
        match json::string(value).map(Secret::new) {
            Some(text) if text.expose().trim().is_empty() => Self::Absent,
            Some(text) => Self::Text(text),
            None => match value.get().as_bytes().first() {
                Some(b'n') | None => Self::Absent,
                Some(b'{') => Self::Other("an object"),
                Some(b'[') => Self::Other("a list"),
                Some(b't' | b'f') => Self::Other("a boolean"),
                // A string with an invalid escape.
                Some(b'"') => Self::Other("a broken text"),
                Some(_) => Self::Other("a number"),
            },
        }
    }

    /// Describes what was found in place of a token, for an error.
    pub(crate) fn found(&self) -> &'static str {
        match self {
            Self::Absent => "none",
            Self::Other(what) => what,
            Self::Text(_) => "one in a response that says it failed",
        }
    }
}
