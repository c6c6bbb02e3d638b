//! Each package, installed as a user would and driven by the official Python SDK: `tests/packages/run.py`. Real
//! clients, with the server added as their users do: `tests/clients/run.py`. The OCI artifacts in a registry:
//! `tests/packages/oci.py`. Wassette, wasmCloud and the manifests for Kubernetes: `tests/engines`. The command
//! `oge`: `tests/packages/command.py`.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

/// Runs all rules of a script on one package or client.
fn drive(script: &str, subject: &str) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packaged = std::fs::read(root.join("target/packages/oge-mcp.wasm"))?;
    let is_current = packaged == std::fs::read(oge_artifacts::mcp())?;
    ensure!(is_current, "the component has changed: run cargo packages again");
    let mut python = Command::new(root.join("target/clients/bin/python"));
    let status = python.arg(root.join("tests").join(script)).arg(subject).status()?;
    ensure!(status.success(), "{script} {subject} failed: {status}");
    Ok(())
}

macro_rules! driven {
    ($script:literal if $is_installed:ident; $($test:ident: $subject:expr;)*) => {
        $(
            #[test]
            #[cfg_attr(
                not($is_installed),
                ignore = "needs cargo packages and its clients: packages/README.md"
            )]
            fn $test() -> anyhow::Result<()> {
                drive($script, $subject)
            }
        )*
    };
}

driven! {
    "packages/run.py" if has_packages;
    the_wheel: "wheel";
    the_npm_package: "npm";
    the_bundle: "mcpb";
    the_wheel_of_the_offline_archive: "offline-wheel";
    the_npm_package_of_the_offline_archive: "offline-npm";
}

driven! {
    "packages/command.py" if has_command;
    the_command: env!("TARGET");
}

driven! {
    "packages/versions.py" if has_packages;
    the_versions_and_server_json: "all";
}

driven! {
    "packages/oci.py" if has_registry;
    the_oci_artifacts: "any";
}

driven! {
    "packages/oci.py" if has_wassette;
    the_oci_artifacts_in_wassette: "wassette";
}

driven! {
    "engines/wassette.py" if has_wassette;
    wassette_with_the_example_policy: "file";
}

driven! {
    "engines/wasmcloud.py" if has_wasmcloud;
    two_wasmcloud_hosts: "all";
}

driven! {
    "engines/kubernetes.py" if has_kubernetes;
    the_manifests_for_kubernetes: "all";
}

driven! {
    "clients/run.py" if has_clients;
    claude_code: "claude-code";
    codex: "codex";
    gemini_cli: "gemini";
    mcp_inspector: "inspector";
    opencode: "opencode";
    qwen_code: "qwen-code";
}
