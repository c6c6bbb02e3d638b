//! Whether the platform can be reached, accepts the login, and answers.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oge_host::{CallError, GuestTool, Host, HostBuilder};
use oge_tools::api;
use oge_tools::error::FailureKind;
use oge_tools::tools::{QueryTaskStatus, RunBigQuery, query_task_status, run_big_query};
use oge_tools::url::{Origin, Url};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{Report, is_set};
use crate::state;

const REACH_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may take for the response to a first request, in seconds.
const HTTP_LIMIT_SECONDS: u32 = 10;

/// Checks the network, the login, and one harmless call of each API whose URL is set.
pub(super) async fn check(
    host: HostBuilder,
    settings: BTreeMap<String, String>,
    can_log_in: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut origins: Vec<Origin> = Vec::new();
    for key in ["OGE_API_URL", "OGE_DAG_URL", "OGE_TOKEN_URL"] {
        let url = settings.get(key).and_then(|value| Url::parse(value.trim()).ok());
        if let Some(url) = url.filter(|url| !origins.contains(url.origin())) {
            origins.push(url.origin().clone());
        }
    }
    let [has_api, has_dag, has_token] =
        ["OGE_API_URL", "OGE_DAG_URL", "OGE_TOKEN"].map(|key| is_set(&settings, key));
    let quiet = [("OGE_LOG", "off")];
    let mut builder = state::kept(host, &settings);
    for origin in &origins {
        builder = builder.allow(origin.clone());
    }
    let host = builder.settings(settings).settings(quiet).log(|_| {}).calls_at_once(1).build();
    let host = match host {
        Ok(host) => host,
        Err(error) => return report.line(false, "settings", &format!("{error:#}")),
    };
    for origin in &origins {
        let reached = match connect(origin).await {
            Ok(()) => speak_http(&host, origin).await,
            Err(problem) => Err(problem.to_owned()),
        };
        let note = reached.as_ref().err().map_or("reachable", |problem| problem);
        report.line(reached.is_ok(), &origin.to_string(), note)?;
    }
    if can_log_in {
        match host.refresh_token().await {
            Ok(token) => {
                let user = token.user_name.map_or_else(String::new, |name| format!(" as {name}"));
                let life = token.expires_at.map_or_else(String::new, lifetime);
                report.line(true, "login", &format!("a new token{user}{life}"))?;
            }
            Err(error) => return report.line(false, "login", &error.to_string()),
        }
    } else if !has_token {
        return Ok(());
    }
    if has_dag {
        let dag_id = "oge-check".to_owned();
        let arguments = query_task_status::Arguments { dag_id, auth_token: None };
        call::<QueryTaskStatus>(&host, &arguments, report).await?;
    }
    if has_api {
        let query = Some("SELECT 1".to_owned());
        let arguments = run_big_query::Arguments { query, geometry_column: None };
        call::<RunBigQuery>(&host, &arguments, report).await?;
    }
    Ok(())
}

/// Makes one harmless call.
async fn call<T: GuestTool>(
    host: &Host,
    arguments: &T::Arguments,
    report: &mut Report,
) -> anyhow::Result<()>
where
    T::Arguments: Sync,
{
    match host.run::<T>(arguments).await {
        Ok(_) => report.line(true, T::NAME, "answered"),
        // The platform may refuse what was asked: it was reached, and it accepted the token.
        Err(CallError::Failure(failure))
            if failure.kind == FailureKind::Api && failure.http_status == Some(200) =>
        {
            report.line(true, T::NAME, "answered")
        }
        Err(error) => report.line(false, T::NAME, &error.to_string()),
    }
}

async fn connect(origin: &Origin) -> Result<(), &'static str> {
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

/// Sends a request without a token. Any response will do.
async fn speak_http(host: &Host, origin: &Origin) -> Result<(), String> {
    let arguments = api::Arguments {
        url: format!("{origin}/"),
        method: Some("HEAD".to_owned()),
        timeout_seconds: Some(HTTP_LIMIT_SECONDS),
        use_intranet_token: Some(false),
        ..api::Arguments::default()
    };
    match host.call_api(&arguments).await {
        Err(CallError::Failure(failure)) if failure.http_status.is_none() => Err(failure.message),
        Err(CallError::LimitExceeded(error)) => Err(error.to_string()),
        Err(CallError::Trapped(error)) => Err(error),
        _ => Ok(()),
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
