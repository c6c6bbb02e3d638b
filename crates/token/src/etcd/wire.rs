//! The messages of etcd's JSON gateway: version 3 of its API, over HTTP. Keys and values are base64, and numbers
//! of 64 bits are strings.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oge_tools::json;
use oge_tools::secret::Secret;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::timing::{ETCD_REQUEST_TIMEOUT, ETCD_TIMEOUT, LOCK_LEASE};

/// A key in base64.
pub(super) struct Key(String);

impl Key {
    pub(super) fn new(name: &str) -> Self {
        Self(STANDARD.encode(name))
    }
}

/// A call: its path, its body, its time limit at one endpoint, and whether it needs a lease.
pub(super) struct Call {
    pub(super) path: &'static str,
    pub(super) body: Zeroizing<String>,
    pub(super) timeout: Duration,
    pub(super) needs_lease: bool,
}

impl Call {
    fn new(path: &'static str, body: String) -> Self {
        let body = Zeroizing::new(body);
        Self { path, body, timeout: ETCD_REQUEST_TIMEOUT, needs_lease: false }
    }

    /// Reads the state and the lock, at one revision.
    pub(super) fn read(state: &Key, lock: &Key) -> Self {
        let (state, lock) = (range(state), range(lock));
        Self::new("/v3/kv/txn", format!(r#"{{"success":[{state},{lock}]}}"#))
    }

    /// Creates a lease that ends by itself.
    pub(super) fn grant() -> Self {
        Self::new("/v3/lease/grant", format!(r#"{{"TTL":"{}"}}"#, LOCK_LEASE.as_secs()))
    }

    /// Ends a lease, and with it the lock.
    pub(super) fn revoke(lease: u64) -> Self {
        Self::new("/v3/lease/revoke", format!(r#"{{"ID":"{lease}"}}"#))
    }

    /// Creates the lock under `lease` if there is none. In any case reads the state and the lock.
    pub(super) fn lock(state: &Key, lock: &Key, lease: u64) -> Self {
        let compare = created(lock, 0);
        let put = format!(r#"{{"request_put":{{"key":"{}","lease":"{lease}"}}}}"#, lock.0);
        let (state, lock) = (range(state), range(lock));
        let body = format!(
            r#"{{"compare":[{compare}],"success":[{put},{state},{lock}],"failure":[{state},{lock}]}}"#
        );
        Self { needs_lease: true, ..Self::new("/v3/kv/txn", body) }
    }

    /// Writes the state if the lock is still the one that was created at `revision`.
    pub(super) fn write(state: &Key, value: &[u8], lock: &Key, revision: u64) -> Self {
        let compare = created(lock, revision);
        // The capacity is enough, because a string that grows does not wipe its old buffer.
        let mut body =
            String::with_capacity(value.len() / 3 * 4 + state.0.len() + compare.len() + 128);
        body += &format!(
            r#"{{"compare":[{compare}],"success":[{{"request_put":{{"key":"{}","value":""#,
            state.0
        );
        STANDARD.encode_string(value, &mut body);
        body += r#""}}]}"#;
        Self::new("/v3/kv/txn", body)
    }

    /// Asks for a token of etcd's own authentication.
    pub(super) fn authenticate(name: &str, password: &Secret) -> Self {
        let quoted = |text: &str| Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
        let (name, password) = (quoted(name), quoted(password.expose()));
        let body = [r#"{"name":"#, &name, r#","password":"#, &password, "}"].concat();
        // etcd checks a password slowly on purpose, and one after another.
        Self { timeout: ETCD_TIMEOUT, ..Self::new("/v3/auth/authenticate", body) }
    }
}

fn range(key: &Key) -> String {
    format!(r#"{{"request_range":{{"key":"{}"}}}}"#, key.0)
}

fn created(key: &Key, revision: u64) -> String {
    format!(
        r#"{{"key":"{}","target":"CREATE","result":"EQUAL","create_revision":"{revision}"}}"#,
        key.0
    )
}

/// A response, with the fields of all calls. Fields with a default value are left out of a response.
#[derive(Default)]
pub(super) struct Answer {
    /// Whether a transaction's comparison held.
    pub(super) succeeded: bool,
    /// The entry of each range of a transaction, in order. `None` for a key that does not exist.
    pub(super) entries: Vec<Option<Entry>>,
    /// A new lease.
    pub(super) lease: Option<u64>,
    /// A token of etcd's own authentication.
    pub(super) token: Option<Secret>,
    /// The gRPC code of a failure.
    pub(super) code: Option<i64>,
    /// The text of a failure.
    pub(super) message: String,
}

/// A key's value.
#[derive(Default)]
pub(super) struct Entry {
    /// Empty if it is not base64.
    pub(super) value: Zeroizing<Vec<u8>>,
    pub(super) create_revision: u64,
    /// Zero if the key has no lease.
    pub(super) lease: u64,
}

impl Answer {
    /// Reads a response. `None` if it is not an object.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        let text = core::str::from_utf8(body).ok()?;
        let is_object = json::fields(text, &mut |name, value| match name {
            "succeeded" => read.succeeded = value.get() == "true",
            "responses" => {
                read.entries = elements(value).into_iter().filter_map(range_of).collect()
            }
            "ID" => read.lease = Some(number(value)),
            "token" => read.token = json::string(value).map(Secret::new),
            "code" => read.code = json::integer(value.get()),
            "message" => read.message = json::string(value).unwrap_or_default(),
            _ => {}
        });
        is_object.ok()?.then_some(read)
    }
}

/// Returns the entry of a range, or `None` if the operation is no range.
fn range_of(operation: &RawValue) -> Option<Option<Entry>> {
    let mut range = None;
    let _ = json::fields(operation.get(), &mut |name, value| {
        if let "response_range" | "responseRange" = name {
            let entry = range.insert(None);
            let _ = json::fields(value.get(), &mut |name, value| {
                if name == "kvs" {
                    *entry = elements(value).first().map(|value| Entry::read(value));
                }
            });
        }
    });
    range
}

impl Entry {
    fn read(value: &RawValue) -> Self {
        let mut entry = Self::default();
        let _ = json::fields(value.get(), &mut |name, value| match name {
            "value" => {
                let text = Zeroizing::new(json::string(value).unwrap_or_default());
                entry.value = Zeroizing::new(STANDARD.decode(&*text).unwrap_or_default());
            }
            "create_revision" | "createRevision" => entry.create_revision = number(value),
            "lease" => entry.lease = number(value),
            _ => {}
        });
        entry
    }
}

fn elements(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}

fn number(value: &RawValue) -> u64 {
    json::integer(value.get()).and_then(|number| number.try_into().ok()).unwrap_or_default()
}
