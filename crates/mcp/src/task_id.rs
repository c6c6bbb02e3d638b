//! The ids of tasks (MCP extension `io.modelcontextprotocol/tasks`).
//!
//! The server keeps nothing of a task, because no memory of a component survives a request. So the id has all that
//! is needed to go on, and any instance answers for it, also after a restart.
//!
//! An id is no permission: a client that may poll a task may also call the tool with any DAG id. So the check in
//! an id protects from ids that were changed, cut, or made by a server of another platform or account, and its key
//! has no secret: a check made with the password would let everybody who has an id try passwords against it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oge_token::{Credentials, Digest};
use oge_tools::rfc3339::rfc3339;
use oge_tools::settings::MAX_TIMEOUT_SECONDS;
use rmcp::ErrorData;
use rmcp::model::{Task, TaskStatus};
use serde_json::Value;

/// The longest id. It is a header's value too, and proxies limit those.
const MAX_BYTES: usize = 2048;

/// What the ids of a server are checked with: the platform and the account of its settings.
#[derive(Clone, Debug)]
pub struct TaskKey {
    platform: String,
    account: String,
}

impl TaskKey {
    /// Returns the key of these settings. `get` returns the value of a key.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let platform = get("OGE_DAG_URL").unwrap_or_default().trim().to_owned();
        // Without credentials the platform's name alone is the key.
        let account = Credentials::read(get).map_or_else(|_| String::new(), |it| it.account());
        Self { platform, account }
    }

    fn check(&self, content: &str) -> String {
        let Self { platform, account } = self;
        Digest::default().part("task").part(platform).part(account).part(content).name()
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskId {
    /// The tool that was called.
    pub tool: String,
    /// When the call began, in milliseconds since 1970.
    pub started: u64,
    /// How many seconds the client wants to wait.
    pub wait: u64,
    /// What the tool needs to go on. Has no secret.
    pub state: Value,
}

impl TaskId {
    /// Returns the id as text. `None` if it is too long.
    #[must_use]
    pub fn to_text(&self, key: &TaskKey) -> Option<String> {
        let Self { tool, started, wait, state } = self;
        let content = serde_json::to_vec(&(tool, started, wait, state)).ok()?;
        let content = URL_SAFE_NO_PAD.encode(content);
        let text = [&content, ".", &key.check(&content)].concat();
        (text.len() <= MAX_BYTES).then_some(text)
    }

    /// Reads an id.
    ///
    /// # Errors
    /// Returns the error of the protocol if the id was not made with this key.
    pub fn read(text: &str, key: &TaskKey) -> Result<Self, ErrorData> {
        Self::parse(text, key).ok_or_else(unknown_task)
    }

    fn parse(text: &str, key: &TaskKey) -> Option<Self> {
        let (content, check) = text.split_once('.')?;
        if text.len() > MAX_BYTES || check != key.check(content) {
            return None;
        }
        let content = URL_SAFE_NO_PAD.decode(content).ok()?;
        let (tool, started, wait, state) = serde_json::from_slice(&content).ok()?;
        (wait <= u64::from(MAX_TIMEOUT_SECONDS)).then_some(Self { tool, started, wait, state })
    }

    /// Returns how long the client has waited.
    #[must_use]
    pub fn waited(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.started))
    }

    /// Returns how long the client wants to wait.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        Duration::from_secs(self.wait)
    }

    /// Returns a working task with the id `text`. It never expires, because the server keeps nothing of it.
    #[must_use]
    pub fn task(&self, text: String, now: Duration) -> Task {
        let started = Duration::from_millis(self.started);
        Task::new(text, TaskStatus::Working, rfc3339(started), rfc3339(now))
    }
}

/// Returns the error for an id that names no task. Does not show it.
#[must_use]
pub fn unknown_task() -> ErrorData {
    let message = "Unknown task: the id is incomplete, or a server with another OGE_DAG_URL or account made it. \
                   Call query_task_status with the dag_id instead";
    ErrorData::invalid_params(message, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SETTINGS: [(&str, &str); 6] = [
        ("OGE_DAG_URL", "http://oge.test/dag"),
        ("OGE_TOKEN_URL", "http://oge.test/token"),
        ("OGE_TOKEN_USERNAME", "user"),
        ("OGE_TOKEN_PASSWORD", "password"),
        ("OGE_CLIENT_ID", "client"),
        ("OGE_CLIENT_SECRET", "secret"),
    ];

    /// Returns the key of the settings with one of them changed.
    fn key(changed: (&str, &str)) -> TaskKey {
        let all = [changed].into_iter().chain(SETTINGS);
        let all: Vec<_> = all.collect();
        TaskKey::read(|key| {
            all.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
        })
    }

    fn task() -> TaskId {
        let state = json!(["f950cff2-07c8-461a-9c24-9162d59e2666_1735787045000_0", []]);
        TaskId {
            tool: "query_task_status".to_owned(),
            started: 1_735_787_045_000,
            wait: 600,
            state,
        }
    }

    #[test]
    fn another_instance_reads_the_id() {
        let text = task().to_text(&key(("", ""))).unwrap();
        assert_eq!(TaskId::read(&text, &key(("", ""))), Ok(task()));
        // Safe in a header and in a URL.
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(text.bytes().all(is_safe) && text.len() < 200, "{text}");
    }

    #[test]
    fn an_id_of_another_platform_or_account_is_unknown() {
        let text = task().to_text(&key(("", ""))).unwrap();
        for (changed, is_known) in [
            (("OGE_DAG_URL", "http://other.test/dag"), false),
            (("OGE_TOKEN_USERNAME", "other"), false),
            (("OGE_TOKEN_URL", "http://other.test/token"), false),
            (("OGE_TOKEN_URL", ""), false),
            // A changed password ends no task.
            (("OGE_TOKEN_PASSWORD", "other"), true),
            (("OGE_CLIENT_SECRET", "other"), true),
            (("OGE_DAG_URL", " http://oge.test/dag\n"), true),
        ] {
            assert_eq!(TaskId::read(&text, &key(changed)).is_ok(), is_known, "{changed:?}");
        }
    }

    #[test]
    fn a_changed_id_is_unknown() {
        let key = key(("", ""));
        let text = task().to_text(&key).unwrap();
        let (content, check) = text.split_once('.').unwrap();
        let longer = TaskId { wait: 6000, ..task() }.to_text(&key).unwrap();
        let other = longer.split_once('.').unwrap().0;
        let forged = [other, ".", check].concat();
        let halves = [&text[..text.len() - 1], &text[1..], content, check, "", ".", "坡.坡"];
        for text in [&*forged, &text.to_uppercase()].into_iter().chain(halves) {
            let error = TaskId::read(text, &key).unwrap_err();
            assert_eq!(error.code.0, -32602);
            assert!(error.message.starts_with("Unknown task"), "{}", error.message);
            assert!(text.len() < 3 || !error.message.contains(text));
        }
        // No tool waits so long, and a poll computes its pause from the wait.
        let forged = TaskId { wait: u64::MAX, ..task() }.to_text(&key).unwrap();
        assert_eq!(TaskId::read(&forged, &key), Err(unknown_task()));
        // The check is right, the content is no task.
        for content in ["", "AAAA", &URL_SAFE_NO_PAD.encode("[1]")] {
            let text = [content, ".", &key.check(content)].concat();
            assert!(TaskId::read(&text, &key).is_err(), "{text}");
        }
    }

    #[test]
    fn a_long_dag_id_has_no_task() {
        let long = TaskId { state: json!("x".repeat(MAX_BYTES)), ..task() };
        assert_eq!(long.to_text(&key(("", ""))), None);
    }
}
