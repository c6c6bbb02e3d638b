//! The time from the start of a process to its end after one call.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use criterion::{Criterion, SamplingMode};
use oge_host::Host;
use oge_tools::tools::QueryTaskStatus;

use crate::mock::MockProcess;
use crate::role::Role;
use crate::timing::now;
use crate::ways::{arguments, precompiled, wasmtime};

pub(crate) fn measure(criterion: &mut Criterion) -> anyhow::Result<()> {
    let mut mock = MockProcess::start(Duration::ZERO)?;
    // With a token, so that the login is not measured: only the first process of a day logs in.
    let mut settings = mock.settings().to_vec();
    settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()?));
    let state = tempfile::tempdir()?;
    let compiled = precompiled(oge_artifacts::standalone())?;
    let start = || {
        let mut command = Role::Start.command()?;
        command.envs(settings.iter().cloned());
        anyhow::Ok(command)
    };
    // Disables the cache: no directory can be created there.
    let uncached = || {
        let mut command = start()?;
        command.env("XDG_CACHE_HOME", "/dev/null");
        anyhow::Ok(command)
    };
    let run = |component: &std::path::Path| {
        let mut command = wasmtime("run", &settings, state.path())?;
        command.args(["-S", "http", "--allow-precompiled"]);
        command.args(["--invoke", r#"query-task-status("d", none)"#]).arg(component);
        anyhow::Ok(command)
    };
    type Way<'a> = Box<dyn Fn() -> anyhow::Result<Command> + 'a>;
    let ways: [(&str, Way<'_>); 4] = [
        ("host, component compiled", Box::new(uncached)),
        ("host, compiled code cached", Box::new(start)),
        ("wasmtime run, precompiled", Box::new(|| run(&compiled))),
        ("wasmtime run, component compiled", Box::new(|| run(oge_artifacts::standalone()))),
    ];
    let mut group = criterion.benchmark_group("cold start");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, way) in ways {
        time(way()?)?;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|starts| {
                (0..starts).map(|_| time(way().expect("a command")).expect("it succeeds")).sum()
            });
        });
    }
    group.finish();
    Ok(())
}

/// Returns the time from the start of a process to its end.
fn time(mut command: Command) -> anyhow::Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let since = now();
    let status = command.status()?;
    let took = since.elapsed();
    ensure!(status.success(), "{command:?}: {status}");
    Ok(took)
}

/// Runs as the measured process: builds the reference host like the command line and makes one call.
pub(crate) fn host() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let site: Vec<_> = std::env::vars().collect();
    let host = Host::builder(std::fs::read(oge_artifacts::tools())?)
        .settings(site)
        .log(|_| {})
        .calls_at_once(1)
        .build()?;
    runtime.block_on(host.run::<QueryTaskStatus>(&arguments()))?;
    Ok(())
}
