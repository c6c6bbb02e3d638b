//! Runs one cell of the matrix: arranges the fault, calls, checks, heals, and calls again.

use std::fmt::Debug;
use std::time::Duration;

use oge_host::{CallError, HostBuilder};
use oge_mock_platform::{Fault, Mock, Options, Route};
use oge_tools::api;
use oge_tools::error::FailureKind;
use oge_tools::secret::Secret;
use oge_tools::tools::{
    ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, execute_code_to_dag, run_big_query,
};
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};

use super::matrix::{Arranged, CalledTool, Cell, Certificate, Stage};
use super::pace::Pace;
use super::proxy::{FaultyProxy, ProxyFault};
use super::sockets;
use crate::fixture::{Fixture, code, status_of};
use crate::secrets::{TELLTALES, credentials};
use crate::tls::{CertificateAuthority, TlsProxy, address};

/// `OGE_MAX_REPLY_BYTES`.
pub(super) const MOST_BYTES: usize = 2 << 20;
/// `OGE_MAX_REPLY_BYTES` for large code. The guest's memory limit is derived from it.
const MOST_BYTES_OF_LARGE: usize = 16 << 20;

/// `OGE_TIMEOUT_SECONDS` if the timeout ends the call. The steps before the fault must fit in it, also on a
/// busy machine, and it must be shorter than `LOGIN_LIMIT`.
const SHORT: u32 = 10;
/// `OGE_TIMEOUT_SECONDS` if the timeout must not end the call, also on a busy machine.
const LONG: u32 = 30;
/// The time limit of a login.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);
/// The backoff after one failed login.
const BACKOFF: Duration = Duration::from_secs(1);

/// A name that no resolver sends to a server: its label is longer than DNS allows.
const NO_NAME: &str =
    "http://a-name-that-is-longer-than-the-sixty-three-bytes-of-a-label-in-dns.invalid";
const EXPIRED: &str = r#"{"code":40003,"msg":"token过期或异常","data":null}"#;

/// A cell that is arranged and ready to run.
pub(super) struct Ready {
    cell: Cell,
    fixture: Fixture,
    front: Option<FaultyProxy>,
    /// `good` is the TLS server after healing; `_bad` keeps the faulty TLS server alive.
    good: Option<TlsProxy>,
    _bad: Option<TlsProxy>,
    _ca_file: NamedTempFile,
    dag_url: String,
    before: usize,
}

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallResult {
    Works {
        attempts: u8,
    },
    Fails {
        kind: FailureKind,
        status: Option<u16>,
        attempts: u8,
    },
    /// Neither result nor failure.
    Broke(String),
}

impl Ready {
    pub(super) async fn arrange(cell: Cell) -> Self {
        let mock = Mock::start(Options::default().credentials(credentials())).await.unwrap();
        mock.start_task("d");
        let platform = address(&mock);
        let authority = CertificateAuthority::new();
        let ca_file = authority.file();
        let secure = async |certified| Some(TlsProxy::start(certified, platform).await);
        let (mut good, mut bad, mut front) = (None, None, None);
        match cell.arranged {
            Arranged::FaultyProxy(manner) => {
                let passed = usize::from(cell.stage == Stage::Retry);
                front = Some(FaultyProxy::start(platform, manner, passed));
            }
            Arranged::Tls(manner) => {
                good = secure(authority.certify("127.0.0.1")).await;
                front = good.as_ref().map(|good| FaultyProxy::start(good.address, manner, 0));
            }
            Arranged::Certificate(which) => {
                good = secure(authority.certify("127.0.0.1")).await;
                bad = secure(match which {
                    Certificate::OfAnotherAuthority => {
                        CertificateAuthority::new().certify("127.0.0.1")
                    }
                    Certificate::OfAnotherName => authority.certify("127.0.0.2"),
                    Certificate::Expired => authority.certify_until_long_ago("127.0.0.1"),
                })
                .await;
                front =
                    bad.as_ref().map(|bad| FaultyProxy::start(bad.address, ProxyFault::Pass, 0));
            }
            _ => {}
        }
        let way = match (&front, &cell.arranged) {
            (Some(front), Arranged::FaultyProxy(_)) => format!("http://{}", front.address()),
            (Some(front), _) => format!("https://{}", front.address()),
            (None, Arranged::NoName) => NO_NAME.to_owned(),
            (None, _) => mock.origin().to_owned(),
        };
        let settings = settings(&cell, &mock, &way);
        let dag_url = settings.iter().find(|(key, _)| key == "OGE_DAG_URL").unwrap().1.clone();
        let ca_path = ca_file.path().to_str().unwrap().to_owned();
        let change =
            |builder: HostBuilder| builder.settings(settings).settings([("OGE_CA_FILE", ca_path)]);
        let fixture = Fixture::on(mock, change);
        if !matches!(cell.stage, Stage::TokenRequest | Stage::TokenBody) {
            fixture.host.refresh_token().await.unwrap();
        }
        let before = fixture.mock.count(Route::Token);
        let ready =
            Self { cell, fixture, front, good, _bad: bad, _ca_file: ca_file, dag_url, before };
        ready.inject();
        ready
    }

    /// Injects the fault into the mock, if the mock causes it.
    fn inject(&self) {
        let (mock, cell) = (&self.fixture.mock, &self.cell);
        let route = cell.tool.route();
        if cell.stage == Stage::Renewal {
            mock.revoke_tokens();
        }
        if cell.stage == Stage::Retry {
            // `connection: close`, so that the second request opens a new connection.
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length";
            let expired = format!("{head}: {}\r\n\r\n{EXPIRED}", EXPIRED.len());
            mock.fail_times(route, 1, Fault::Wire(expired.into()));
        }
        if let Arranged::Mock(fault) = &cell.arranged {
            mock.fail(if cell.stage.is_login() { Route::Token } else { route }, fault.clone());
        }
    }

    /// Runs the cell. Returns the call's result and every violated expectation.
    pub(super) async fn run(mut self, pace: &Pace) -> (CallResult, Vec<String>) {
        let mut wrong = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        let cell = self.cell.clone();
        let started = Instant::now();
        let (came, shown) = self.call().await;
        let ended = Instant::now();

        let (status, attempts) = (cell.status, cell.attempts);
        let expected = match cell.fails {
            Some(kind) => CallResult::Fails { kind, status, attempts },
            None => CallResult::Works { attempts },
        };
        expect(came == expected, format!("{came:?} and not {expected:?}: {shown}"));
        let logins = self.fixture.mock.count(Route::Token) - self.before;
        expect(logins == cell.logins, format!("{logins} token requests and not {}", cell.logins));
        let deadline = Duration::from_secs(deadline(&cell).into());
        let limit = if cell.stage.is_login() { LOGIN_LIMIT } else { deadline };
        // Only delays before a timer starts and after it fires make the call late, so delays in between
        // do not extend the limit.
        let held_up =
            pace.held_up(started, started + limit / 5) + pace.held_up(started + limit, ended);
        let elapsed = ended - started;
        let in_time = elapsed <= limit + limit / 10 + held_up;
        expect(in_time, format!("it took {elapsed:?}, with a delay of {held_up:?} by the machine"));
        expect(!cell.waits || elapsed >= limit, format!("it ended early, after {elapsed:?}"));
        let output = format!("{shown} {:?}", self.fixture.log());
        expect(
            !TELLTALES.iter().any(|secret| output.contains(secret)),
            format!("a secret is shown: {output}"),
        );

        self.clear_faults().await;
        if cell.rejects_credentials {
            let before = self.fixture.mock.count(Route::Token);
            let (again, _) = self.next().await;
            expect(
                again.is_failure(FailureKind::TokenStore),
                format!("credentials rejected, then {again:?}"),
            );
            let logins = self.fixture.mock.count(Route::Token) - before;
            expect(logins == 0, "rejected credentials were tried again at once".to_owned());
        }
        if cell.fails == Some(FailureKind::TokenStore) && !matches!(cell.arranged, Arranged::NoName)
        {
            sleep(BACKOFF).await;
            // A forced login is allowed even if the backoff for calls is longer.
            let login = self.fixture.host.refresh_token().await;
            expect(login.is_ok(), format!("forced login: {login:?}"));
        }
        let (next, shown) = self.next().await;
        let works = matches!(next, CallResult::Works { .. });
        expect(works, format!("next call: {next:?}: {shown}"));

        // One connection may be kept for the next call. None may outlive the host.
        let server = self.front.as_ref().map_or(address(&self.fixture.mock), FaultyProxy::address);
        let left = sockets::at_most(1, server).await;
        expect(left.is_ok(), format!("{left:?} connections are open after the calls"));
        let Self { fixture: Fixture { mock, host, .. }, front, good, .. } = self;
        drop(host);
        let left = sockets::at_most(0, server).await;
        expect(left.is_ok(), format!("{left:?} connections outlive the host"));
        drop((front, good, mock));
        (came, wrong)
    }

    async fn clear_faults(&mut self) {
        let to = self.good.as_ref().map_or(address(&self.fixture.mock), |good| good.address);
        if let Some(front) = &mut self.front {
            front.clear_faults(to).await;
        }
        self.fixture.mock.clear_all_faults();
    }

    /// Makes the call with the fault. Returns its result and the failure's text.
    async fn call(&self) -> (CallResult, String) {
        let host = &self.fixture.host;
        if self.cell.stage == Stage::Resolve {
            let url = format!("{NO_NAME}/state");
            let arguments =
                api::Arguments { url, use_intranet_token: Some(true), ..Default::default() };
            return came(host.call_api(&arguments).await, |output| output.attempts);
        }
        match self.cell.tool {
            CalledTool::State => {
                came(host.run::<QueryTaskStatus>(&status_of("d")).await, |done| done.attempts)
            }
            CalledTool::Query => {
                let query = run_big_query::Arguments::default();
                came(host.run::<RunBigQuery>(&query).await, |done| done.attempts)
            }
            CalledTool::Code => {
                came(host.run::<ExecuteCodeToDag>(&code()).await, |done| done.attempts)
            }
            CalledTool::LargeCode => {
                let code = execute_code_to_dag::Arguments { code: "#".repeat(8 << 20), ..code() };
                came(host.run::<ExecuteCodeToDag>(&code).await, |done| done.attempts)
            }
        }
    }

    /// Makes another call to the same endpoint with a long timeout. If the fault is in the token settings,
    /// the call brings its own token.
    async fn next(&self) -> (CallResult, String) {
        let is_wrong = matches!(self.cell.arranged, Arranged::NoName);
        let mock = &self.fixture.mock;
        let arguments = api::Arguments {
            url: format!("{}/getState", self.dag_url),
            method: Some("GET".to_owned()),
            query: Some(vec![("dagId".to_owned(), "d".to_owned())]),
            timeout_seconds: Some(LONG),
            use_intranet_token: Some(!is_wrong),
            auth_token: is_wrong.then(|| Secret::new(mock.issue_token())),
            ..Default::default()
        };
        came(self.fixture.host.call_api(&arguments).await, |output| output.attempts)
    }
}

impl CalledTool {
    fn route(self) -> Route {
        match self {
            Self::State => Route::GetState,
            Self::Query => Route::Process,
            Self::Code | Self::LargeCode => Route::ExecuteCode,
        }
    }
}

impl CallResult {
    fn is_failure(&self, expected: FailureKind) -> bool {
        matches!(self, Self::Fails { kind, .. } if *kind == expected)
    }
}

fn came<T: Debug>(result: Result<T, CallError>, attempts: fn(&T) -> u8) -> (CallResult, String) {
    match result {
        Ok(done) => (CallResult::Works { attempts: attempts(&done) }, String::new()),
        Err(CallError::Failure(failure)) => {
            let (kind, status, attempts) = (failure.kind, failure.http_status, failure.attempts);
            (CallResult::Fails { kind, status, attempts }, format!("{failure} {failure:?}"))
        }
        Err(error) => (CallResult::Broke(error.to_string()), format!("{error:?}")),
    }
}

fn deadline(cell: &Cell) -> u32 {
    if cell.waits { SHORT } else { LONG }
}

/// Returns the mock's settings, with the faulty endpoint's origin replaced by `way`.
fn settings(cell: &Cell, mock: &Mock, way: &str) -> Vec<(String, String)> {
    let mut settings = mock.settings();
    for (key, value) in &mut settings {
        let is_led = match key.as_str() {
            "OGE_TOKEN_URL" => cell.stage.is_login(),
            "OGE_DAG_URL" => !cell.stage.is_login() && cell.stage != Stage::Resolve,
            _ => false,
        };
        if is_led {
            *value = value.replace(mock.origin(), way);
        }
    }
    let is_large = cell.tool == CalledTool::LargeCode;
    let most_bytes = if is_large { MOST_BYTES_OF_LARGE } else { MOST_BYTES };
    let more = [
        ("OGE_TIMEOUT_SECONDS", deadline(cell).to_string()),
        ("OGE_MAX_REPLY_BYTES", most_bytes.to_string()),
        ("OGE_ALLOWED_ORIGINS", NO_NAME.to_owned()),
        ("OGE_LOG", "debug".to_owned()),
    ];
    settings.extend(more.map(|(key, value)| (key.to_owned(), value)));
    settings
}
