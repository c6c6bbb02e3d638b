//! The fixture of most tests: a mock OGE and a host with the built component.

use std::sync::{Arc, Mutex};

use oge_host::{CallError, GuestTool, Host, HostBuilder};
use oge_mock_platform::{Mock, Options, Recorded, Route};
use oge_tools::envelope::Envelope;
use oge_tools::error::Failure;
use oge_tools::tools::{
    QueryTaskStatus, coverage_aspect_analysis, execute_code_to_dag, query_task_status,
    submit_batch_task,
};

/// A mock OGE, a host that calls it, and the log.
pub struct Fixture {
    pub mock: Mock,
    pub host: Host,
    log: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    /// Returns a fixture with default options and settings.
    pub async fn new() -> Self {
        Self::with(Options::default(), |builder| builder).await
    }

    /// Returns a fixture with additional settings.
    pub async fn set(settings: &[(&str, &str)]) -> Self {
        Self::with(Options::default(), |builder| builder.settings(settings.iter().copied())).await
    }

    /// Returns a fixture with other options and a host builder changed by `change`.
    pub async fn with(options: Options, change: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        let mock = Mock::start(options).await.expect("a port on loopback");
        Self::on(mock, change)
    }

    /// Returns a fixture with a mock that already runs.
    pub fn on(mock: Mock, change: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let builder = Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
            .settings(mock.settings())
            .log(move |line| lines.lock().unwrap().push(line.to_owned()));
        let host = change(builder).build().expect("the built component fits");
        Self { mock, host, log }
    }

    /// Returns a fixture whose host has logged in and whose mock has no recorded request.
    pub async fn logged_in() -> Self {
        let fixture = Self::new().await;
        fixture.host.refresh_token().await.unwrap();
        fixture.mock.clear_requests();
        fixture
    }

    /// Returns the log lines of component and host.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Runs a tool that must fail, and returns its failure.
    pub async fn fail<T: GuestTool>(&self, arguments: &T::Arguments) -> Failure
    where
        T::Arguments: Sync,
    {
        match self.host.run::<T>(arguments).await {
            Err(CallError::Failure(failure)) => failure,
            Err(error) => panic!("not a failure but {error:?}"),
            Ok(_) => panic!("{} should have failed", T::NAME),
        }
    }

    /// Runs a tool and returns its envelope with the time replaced by `T`.
    pub async fn envelope<T: GuestTool>(&self, arguments: &T::Arguments) -> String
    where
        T::Arguments: Sync,
    {
        let json = match self.host.run::<T>(arguments).await {
            Ok(done) => Envelope::of::<T>(Ok(done)).to_json(),
            Err(CallError::Failure(failure)) => {
                Envelope::<T::Output>::of::<T>(Err(&failure)).to_json()
            }
            Err(error) => panic!("neither result nor failure but {error:?}"),
        };
        let (before, after) = json.split_once("\"execution_time\":").unwrap();
        let (time, after) = after.split_once(',').unwrap();
        assert!(time == "null" || time.parse::<f64>().is_ok(), "{time}");
        format!("{before}\"execution_time\":T,{after}")
    }

    /// Asks for the state of a task.
    pub async fn ask(&self) -> Result<String, Failure> {
        match self.host.run::<QueryTaskStatus>(&status_of("d")).await {
            Ok(done) => Ok(done.output.status),
            Err(CallError::Failure(failure)) => Err(failure),
            Err(error) => panic!("neither result nor failure but {error:?}"),
        }
    }

    /// Returns the only request of a route.
    pub fn only(&self, route: Route) -> Recorded {
        let mut requests = self.mock.requests(route);
        assert_eq!(requests.len(), 1, "requests of {route:?}");
        requests.remove(0)
    }

    /// Asserts that nothing was sent, not even a login.
    pub fn nothing_sent(&self) {
        assert!(self.mock.all_requests().is_empty(), "{:?}", self.mock.all_requests());
    }
}

/// Asserts the headers that every request of a tool has.
pub fn assert_headers(request: &Recorded) {
    let all = |name: &str| request.headers.get_all(name).iter().count();
    let token = request.header("authorization").unwrap();
    assert_eq!(all("authorization"), 1);
    assert!(token.starts_with("Bearer eyJ") && token.matches(' ').count() == 1);
    assert_eq!(
        (all("content-type"), request.header("content-type")),
        (1, Some("application/json"))
    );
    let encoding = request.header("accept-encoding");
    assert_eq!((all("accept-encoding"), encoding), (1, Some("identity")));
    assert_eq!(request.header("transfer-encoding"), None);
    let length = (!request.body.is_empty()).then(|| request.body.len().to_string());
    assert_eq!(request.header("content-length"), length.as_deref());
}

/// Returns arguments with a box around Mount Tai.
pub fn mount_tai() -> coverage_aspect_analysis::Arguments {
    let bbox = vec![117.0, 36.18, 117.2, 36.33];
    coverage_aspect_analysis::Arguments { bbox, ..Default::default() }
}

/// Returns arguments with code that makes one DAG.
pub fn code() -> execute_code_to_dag::Arguments {
    execute_code_to_dag::Arguments { code: "oge.x().export('a')".to_owned(), ..Default::default() }
}

/// Returns arguments that submit a DAG.
pub fn submission(dag_id: &str) -> submit_batch_task::Arguments {
    submit_batch_task::Arguments { dag_id: dag_id.to_owned(), ..Default::default() }
}

/// Returns arguments that ask for a DAG's status.
pub fn status_of(dag_id: &str) -> query_task_status::Arguments {
    query_task_status::Arguments { dag_id: dag_id.to_owned(), auth_token: None }
}
