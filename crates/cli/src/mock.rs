//! `oge mock`: runs a mock platform to experiment with.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use oge_mock_platform::{ExpiredForm, Mock, Options, Outcome};
use tokio::sync::broadcast::error::RecvError;

use crate::stderr::print_error;
use crate::style::{BAD, FAINT, GOOD, HANDLED, paint, print};

/// Run a mock platform on loopback until Ctrl-C, and print the settings to use it.
#[derive(Debug, Args)]
pub(crate) struct MockCommand {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// End the current token after this many calls
    #[arg(long, value_name = "CALLS")]
    expire_after: Option<usize>,
    /// How long a token lives, in seconds
    #[arg(long, value_name = "SECONDS")]
    token_lifetime: Option<u64>,
    /// The time before every response, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// Each login ends the tokens before it
    #[arg(long)]
    single_session: bool,
    /// Five wrong logins lock the account, as on the public platform
    #[arg(long)]
    lock_account: bool,
    /// The response to an expired token
    #[arg(long, value_enum, default_value_t = Form::Code)]
    form: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// HTTP 200 with `{"code":40003}`
    #[value(name = "40003")]
    Code,
    /// HTTP 401
    #[value(name = "401")]
    Status,
}

impl MockCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut options = Options::default()
            .port(self.port)
            .latency(Duration::from_millis(self.latency))
            .single_session(self.single_session)
            .locks_account(self.lock_account)
            // It may run for a long time, and nothing reads the records.
            .record(false);
        if let Some(seconds) = self.token_lifetime {
            options = options.token_lifetime(Duration::from_secs(seconds));
        }
        let mock = Mock::start(options)
            .await
            .with_context(|| format!("the mock platform cannot listen on port {}", self.port))?;
        mock.expired_form(match self.form {
            Form::Code => ExpiredForm::Code40003,
            Form::Status => ExpiredForm::Status401,
        });
        if let Some(calls) = self.expire_after {
            mock.expire_after(calls);
        }
        print(&format!("# A mock OGE on {}; its secrets are valid here only.", mock.origin()))?;
        for (key, value) in mock.settings() {
            print(&format!("{key}={value}"))?;
        }
        print(
            "# Map tiles of Mount Tai. In QGIS: Layer > Add Layer > Add XYZ Layer. Each aspect \
             analysis returns\n# such an address.",
        )?;
        print(&format!("#   {}", mock.tiles_url()))?;
        print(&format!("# One of them, for a browser:\n#   {}", mock.tile_url()))?;
        print("# Requests are listed on standard error, until Ctrl-C.")?;
        let mut events = mock.subscribe();
        loop {
            match events.recv().await {
                Ok(event) => print_error(&format!(
                    "{} {} {:?} {}",
                    paint(FAINT, format_args!("{:>4}", event.sequence)),
                    event.method,
                    event.route,
                    outcome(event.outcome),
                )),
                Err(RecvError::Lagged(missed)) => print_error(&format!("… {missed} more")),
                Err(RecvError::Closed) => return Ok(ExitCode::SUCCESS),
            }
        }
    }
}

/// Returns an outcome as one word.
pub(crate) fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Accepted => paint(GOOD, "accepted"),
        Outcome::Expired => paint(HANDLED, "expired"),
        Outcome::Refused => paint(BAD, "refused"),
        _ => paint(BAD, "fault"),
    }
}
