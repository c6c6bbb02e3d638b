//! `oge check`: reports what is wrong with the settings and how to fix it.

mod platform;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use oge_mcp_server::access::Access;
use oge_mcp_server::result::Limits;
use oge_token::{Credentials, EtcdSettings};
use oge_tools::error::Fault;
use oge_tools::log::escape_control;
use oge_tools::settings::Settings;
use oge_tools::settings::list::{ETCD, MCP, MCP_HTTP};

use crate::component::ComponentFile;
use crate::env_file::{EnvFile, SettingsSources, is_set};
use crate::style::{FAINT, HANDLED, mark, paint, print};
use crate::{FAILED, known};

/// The settings that the tools need.
const TOOLS: [(&str, &str); 4] = [
    ("OGE_API_URL", "the URL of the computation API, for the first two tools"),
    ("OGE_DAG_URL", "the base URL of the DAG batch API, for the other four"),
    ("OGE_USER_ID", "the default of user_id of execute_code_to_dag and execute_dag_workflow"),
    ("OGE_USERNAME", "the default of username of submit_batch_task and execute_dag_workflow"),
];

/// The settings of a login. The grant decides which of them it needs.
const LOGIN: [(&str, &str); 5] = [
    ("OGE_TOKEN_URL", "the URL of the token endpoint"),
    ("OGE_TOKEN_USERNAME", "the account's name"),
    ("OGE_TOKEN_PASSWORD", "the account's password; set it in the environment"),
    ("OGE_CLIENT_ID", "the client's id"),
    ("OGE_CLIENT_SECRET", "the client's secret; set it in the environment"),
];

/// Check the settings, the network, the login and two harmless calls, and say what to fix
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
        let sources = self.env_file.sources()?;
        let mut report = Report { good: true };
        note_unknown(&sources)?;
        let (settings, mut faults) = usable(&sources.settings);
        for (key, what) in TOOLS {
            match faults.remove(key) {
                Some(problem) => report.bad_setting(key, &problem, &sources)?,
                None if is_set(&settings, key) => report.line(true, key, &sources.source(key))?,
                None => report.line(false, key, &format!("not set: {what}"))?,
            }
        }
        for (key, problem) in faults {
            report.bad_setting(key, &problem, &sources)?;
        }
        let has_login = report.login(&sources)?;
        let can_log_in = report.etcd(&sources)? && has_login;
        report.mcp(&sources)?;
        platform::check(self.component.host()?, settings, can_log_in, &mut report).await?;
        Ok(if report.good { ExitCode::SUCCESS } else { FAILED.into() })
    }
}

impl Report {
    fn bad_setting(
        &mut self,
        key: &str,
        problem: &str,
        sources: &SettingsSources,
    ) -> anyhow::Result<()> {
        self.line(false, key, &format!("{problem} ({})", sources.source(key)))
    }

    /// Reports the settings of the login and the grant that they choose. Returns whether a login is possible.
    fn login(&mut self, sources: &SettingsSources) -> anyhow::Result<bool> {
        let settings = &sources.settings;
        let login = Credentials::read(|key| settings.get(key).cloned());
        if is_set(settings, "OGE_TOKEN") {
            let alone = match &login {
                Ok(_) => "",
                Err(_) => "; without a login it is used until the platform rejects it",
            };
            self.line(true, "OGE_TOKEN", &format!("{}{alone}", sources.source("OGE_TOKEN")))?;
            if login.is_err() && !LOGIN.iter().any(|(key, _)| is_set(settings, key)) {
                return Ok(false);
            }
        }
        let fault = login.as_ref().err();
        let (bad, problem) = match fault {
            Some(Fault::Setting(key, problem) | Fault::Argument(key, problem)) => {
                (*key, &**problem)
            }
            None => ("", ""),
        };
        for (key, what) in LOGIN {
            match &login {
                _ if is_set(settings, key) && key == bad => {
                    self.bad_setting(key, problem, sources)?;
                }
                _ if is_set(settings, key) => self.line(true, key, &sources.source(key))?,
                Ok(login) => {
                    let grant = login.grant();
                    self.line(true, key, &format!("not set; the grant {grant} does not need it"))?;
                }
                Err(_) => self.line(false, key, &format!("not set: {what}"))?,
            }
        }
        if !bad.is_empty() && !LOGIN.iter().any(|(key, _)| *key == bad) {
            self.bad_setting(bad, problem, sources)?;
        }
        if let Ok(login) = &login {
            let reason = if is_set(settings, "OGE_TOKEN_GRANT") {
                format!("OGE_TOKEN_GRANT: {}", sources.source("OGE_TOKEN_GRANT"))
            } else if login.grant() == "client_credentials" {
                "a client is set and no user; the platform's own login needs OGE_TOKEN_USERNAME and \
                 OGE_TOKEN_PASSWORD"
                    .to_owned()
            } else {
                "the platform's own login, because OGE_TOKEN_GRANT is not set".to_owned()
            };
            self.line(true, "grant", &format!("{} ({reason})", login.grant()))?;
        }
        Ok(login.is_ok())
    }
}

impl Report {
    /// Reports the settings of etcd, if it is used. Returns whether they are good.
    fn etcd(&mut self, sources: &SettingsSources) -> anyhow::Result<bool> {
        match EtcdSettings::read(|key| sources.settings.get(key).cloned()) {
            Ok(None) => Ok(true),
            Ok(Some(_)) => self.good_settings(ETCD, sources).map(|()| true),
            Err(Fault::Setting(key, problem) | Fault::Argument(key, problem)) => {
                self.bad_setting(key, &problem, sources)?;
                Ok(false)
            }
        }
    }

    /// Reports the settings of the MCP server. Those over HTTP are checked only if one of them is set.
    fn mcp(&mut self, sources: &SettingsSources) -> anyhow::Result<()> {
        let get = |key: &str| sources.settings.get(key).cloned();
        match Limits::read(get, usize::MAX) {
            Err(Fault::Setting(key, problem) | Fault::Argument(key, problem)) => {
                self.bad_setting(key, &problem, sources)?;
            }
            Ok(_) => self.good_settings(MCP, sources)?,
        }
        if !MCP_HTTP.iter().any(|key| is_set(&sources.settings, key)) {
            return Ok(());
        }
        match Access::read(get).is_open_to_someone() {
            Ok(()) => self.good_settings(MCP_HTTP, sources),
            Err(problem) => self.line(false, "oge serve", problem.trim_end()),
        }
    }

    /// Reports where each of these settings comes from that is set.
    fn good_settings(&mut self, keys: &[&str], sources: &SettingsSources) -> anyhow::Result<()> {
        let mut set = keys.iter().filter(|key| is_set(&sources.settings, key));
        set.try_for_each(|key| self.line(true, key, &sources.source(key)))
    }
}

/// Notes each key of the file that is ours and no setting. Other programs may use the same file.
fn note_unknown(sources: &SettingsSources) -> anyhow::Result<()> {
    let keys = sources.file.iter().flat_map(|(_, file)| file.iter().map(|(key, _)| key));
    let is_ours = |key: &&str| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("OGE_"));
    for key in keys.filter(is_ours) {
        if let Some(problem) = known::problem(key) {
            let note = paint(FAINT, format_args!("{problem} ({})", sources.source(key)));
            print(&format!("{} {} {note}", paint(HANDLED, "note"), escape_control(key)))?;
        }
    }
    Ok(())
}

/// Returns the settings without the tools' bad ones, and what is wrong with each of those.
fn usable(
    settings: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, BTreeMap<&'static str, String>) {
    let (mut settings, mut faults) = (settings.clone(), BTreeMap::new());
    while let Err(Fault::Setting(key, problem) | Fault::Argument(key, problem)) =
        Settings::read(|key| settings.get(key).cloned())
    {
        settings.remove(key);
        faults.insert(key, problem);
    }
    (settings, faults)
}
