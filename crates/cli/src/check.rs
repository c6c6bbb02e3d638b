//! `oge check`: reports what is wrong with the settings and how to fix it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use oge_host::{CallError, HostBuilder};
use oge_token::Credentials;
use oge_tools::error::{FailureKind, Fault};
use oge_tools::log::escape_control;
use oge_tools::settings::Settings;
use oge_tools::tools::{QueryTaskStatus, query_task_status};
use oge_tools::url::{Origin, Url};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::component::ComponentFile;
use crate::env_file::EnvFile;
use crate::style::{FAINT, HANDLED, mark, paint, print};
use crate::{FAILED, known, state};

/// The settings that the tools need.
const TOOLS: [(&str, &str); 4] = [
    ("OGE_API_URL", "the URL of the computation API, for the first two tools"),
    ("OGE_DAG_URL", "the base URL of the DAG batch API, for the other three"),
    ("OGE_USER_ID", "the default of execute_code_to_dag's user_id"),
    ("OGE_USERNAME", "the default of submit_batch_task's username"),
];

/// The settings of a login. The grant decides which of them it needs.
const LOGIN: [(&str, &str); 5] = [
    ("OGE_TOKEN_URL", "the URL of the token endpoint"),
    ("OGE_TOKEN_USERNAME", "the account's name"),
    ("OGE_TOKEN_PASSWORD", "the account's password; set it in the environment"),
    ("OGE_CLIENT_ID", "the client's id"),
    ("OGE_CLIENT_SECRET", "the client's secret; set it in the environment"),
];

const REACH_LIMIT: Duration = Duration::from_secs(5);

/// Check the settings, the names, the login and one harmless call, and say what to fix.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    env_file: EnvFile,
    #[command(flatten)]
    component: ComponentFile,
}

/// Prints one line per check, and records whether all succeeded.
struct Report {
    good: bool,
}

impl Report {
    fn line(&mut self, good: bool, what: &str, note: &str) -> anyhow::Result<()> {
        self.good &= good;
        print(&format!("{} {what} {}", mark(good), paint(FAINT, escape_control(note))))
    }
}

impl Check {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.env_file.read()?;
        let mut report = Report { good: true };
        let get = |key: &str| settings.get(key).cloned();
        let is_set = |key: &str| get(key).is_some_and(|value| !value.trim().is_empty());
        for key in self.env_file.file()?.keys().filter(|key| is_ours(key)) {
            if let Some(problem) = known::problem(key) {
                print(&format!(
                    "{} {} {}",
                    paint(HANDLED, "note"),
                    escape_control(key),
                    paint(FAINT, problem)
                ))?;
            }
        }
        for (key, what) in TOOLS {
            report.line(is_set(key), key, if is_set(key) { "set" } else { what })?;
        }
        let login = Credentials::read(get);
        let has_login = login.is_ok() || LOGIN.iter().any(|(key, _)| is_set(key));
        if is_set("OGE_TOKEN") && !has_login {
            report.line(
                true,
                "OGE_TOKEN",
                "set; without a login it is used until the platform rejects it",
            )?;
        } else {
            for (key, what) in LOGIN {
                let note = match &login {
                    _ if is_set(key) => "set",
                    Ok(_) => "not needed for this grant",
                    Err(_) => what,
                };
                report.line(is_set(key) || login.is_ok(), key, note)?;
            }
        }
        match Settings::read(get) {
            Ok(_) => platform(self.component.host()?, settings, has_login, &mut report).await?,
            Err(Fault::Setting(key, problem) | Fault::Argument(key, problem)) => {
                report.line(false, key, &problem)?;
            }
        }
        Ok(if report.good { ExitCode::SUCCESS } else { FAILED.into() })
    }
}

/// Checks that the platform is reachable, accepts the login, and responds to a call.
async fn platform(
    host: HostBuilder,
    settings: BTreeMap<String, String>,
    has_login: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut origins: Vec<Origin> = Vec::new();
    for key in ["OGE_API_URL", "OGE_DAG_URL", "OGE_TOKEN_URL"] {
        let url = settings.get(key).and_then(|value| Url::parse(value.trim()).ok());
        if let Some(url) = url.filter(|url| !origins.contains(url.origin())) {
            origins.push(url.origin().clone());
        }
    }
    for origin in &origins {
        let reached = reach(origin).await;
        report.line(reached.is_ok(), &origin.to_string(), reached.err().unwrap_or("reachable"))?;
    }
    let quiet = [("OGE_LOG", "off")];
    let builder = state::kept(host, &settings);
    let host = builder.settings(settings).settings(quiet).log(|_| {}).calls_at_once(1).build();
    let host = match host {
        Ok(host) => host,
        Err(error) => return report.line(false, "settings", &format!("{error:#}")),
    };
    if has_login {
        match host.refresh_token().await {
            Ok(token) => {
                let user = token.user_name.map_or_else(String::new, |name| format!(" as {name}"));
                let life = token.expires_at.map_or_else(String::new, lifetime);
                report.line(true, "login", &format!("a new token{user}{life}"))?;
            }
            Err(error) => return report.line(false, "login", &error.to_string()),
        }
    }
    let arguments =
        query_task_status::Arguments { dag_id: "oge-check".to_owned(), auth_token: None };
    match host.run::<QueryTaskStatus>(&arguments).await {
        Ok(_) => report.line(true, "query_task_status", "answered"),
        // The platform may report that there is no such task: it was reached, and it accepted the token.
        Err(CallError::Failure(failure))
            if failure.kind == FailureKind::Api && failure.http_status == Some(200) =>
        {
            report.line(true, "query_task_status", "answered")
        }
        Err(error) => report.line(false, "query_task_status", &error.to_string()),
    }
}

/// Returns whether a key of the file is one of ours. Other programs may use the same file.
fn is_ours(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("OGE_"))
}

async fn reach(origin: &Origin) -> Result<(), &'static str> {
    let address = origin.host_and_port();
    let unknown = "the host name cannot be resolved: check it, or this machine's DNS";
    let looked_up = timeout(REACH_LIMIT, lookup_host(&address)).await.map_err(|_| unknown)?;
    let mut addresses = looked_up.map_err(|_| unknown)?;
    let address = addresses.next().ok_or("the name has no address")?;
    match timeout(REACH_LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err("nothing listens there: check the port, or a firewall"),
        Err(_) => Err("no connection within 5 s: check the network, a VPN or a firewall"),
    }
}

#[expect(clippy::disallowed_methods, reason = "shown to a person at once")]
fn lifetime(expires_at: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match expires_at.checked_sub(now) {
        Some(left) => format!(", good for {} min", left / 60),
        None => ", which has expired by this machine's clock: is the clock right?".to_owned(),
    }
}
