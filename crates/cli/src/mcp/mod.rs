//! `oge mcp` and `oge serve`: the reference host as an MCP server.
//!
//! The protocol runs natively, on one thread, with the code of `oge-mcp.wasm`. Each tool runs in its own sandbox
//! on the other threads. Credentials stay outside of every sandbox.

mod address;
mod connections;
mod console;
mod env;
mod http;
mod late;
mod settings;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Context as _;
use clap::Args;
use oge_mcp_server::access::Access;
use oge_mcp_server::oge_toolbox::OgeToolbox;
use oge_mcp_server::server::Server;
use oge_mcp_server::stdio;
use tokio::runtime::{Builder, Handle};
use tokio::task::LocalSet;

use self::address::Address;
use self::connections::Capacity;
use self::console::NativeConsole;
use self::env::HostEnv;
use self::http::Http;
use self::settings::LiveSettings;
use crate::component::ComponentFile;
use crate::env_file::EnvFile;
use crate::log::print_line;
use crate::stderr;

/// How many calls of one assistant run at the same time. Further calls wait.
const STDIO_CALLS: u32 = 32;

/// The arguments of `oge mcp`.
#[derive(Debug, Args)]
pub(crate) struct McpCommand {
    #[command(flatten)]
    env_file: EnvFile,
    #[command(flatten)]
    component: ComponentFile,
}

/// The arguments of `oge serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeCommand {
    #[command(flatten)]
    env_file: EnvFile,
    #[command(flatten)]
    component: ComponentFile,
    /// Where to listen: HOST:PORT, :PORT or PORT
    #[arg(default_value = "127.0.0.1:8080")]
    address: Address,
    /// How many calls run at the same time. Further calls get 503 with Retry-After
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_calls: u32,
    /// How many connections are open at the same time. Further ones get 503 [default: what the limit of open files
    /// allows, at most 4096]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: Option<u32>,
}

impl McpCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        stderr::detach();
        if std::io::stdin().is_terminal() {
            print_line(
                "oge mcp: an AI assistant starts this command and talks to it over standard input and output. \
                 `oge check` says whether the settings are right. Ctrl-C ends it.",
            );
        }
        let settings = LiveSettings::start(self.env_file);
        let component = self.component.hosts()?;
        on_one_thread(async move |sandboxes| {
            let env = HostEnv::start(settings, component, STDIO_CALLS, sandboxes);
            let memory = Rc::clone(env.memory());
            let console = NativeConsole::new(env.log());
            let served = stdio::serve(Server::new(OgeToolbox::new(env)), console, &memory).await;
            served.map_err(anyhow::Error::msg)
        })
        .await
    }
}

impl ServeCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        stderr::detach();
        let Self { env_file, component, address, max_calls, max_connections } = self;
        let capacity = Capacity::new(max_calls, max_connections)?;
        let settings = LiveSettings::start(env_file);
        let component = component.hosts()?;
        on_one_thread(async move |sandboxes| {
            let listener = address.listen().await?;
            let env = HostEnv::start(settings, component, max_calls, sandboxes);
            announce(&listener, &env.access())?;
            connections::serve(listener, Http::new(env, max_calls), capacity).await
        })
        .await
    }
}

/// Prints the URL for clients, and why the server will refuse every call if it will.
fn announce(listener: &tokio::net::TcpListener, access: &Access) -> anyhow::Result<()> {
    let address = listener.local_addr().context("the address is unknown")?;
    print_line(&format!("oge serve: MCP at http://{address}/mcp; Ctrl-C ends it"));
    if let Err(why) = access.is_open_to_someone() {
        print_line(&format!("oge serve: every call is refused (503): {}", why.trim_end()));
    }
    if !address.ip().is_loopback() {
        print_line(
            "oge serve: other machines reach this address without TLS: put a TLS proxy in front of it, and \
             name the host that clients use in OGE_MCP_ALLOWED_HOSTS",
        );
    }
    Ok(())
}

/// Runs `work` on a thread of its own, as the server's futures stay on one thread. Passes it the handle of the
/// runtime whose threads run the sandboxes.
async fn on_one_thread(
    work: impl AsyncFnOnce(Handle) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let sandboxes = Handle::current();
    let thread = move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let served = LocalSet::new().block_on(&runtime, work(sandboxes));
        runtime.shutdown_background();
        served
    };
    tokio::task::spawn_blocking(thread).await.context("the server ended unexpectedly")??;
    Ok(ExitCode::SUCCESS)
}
