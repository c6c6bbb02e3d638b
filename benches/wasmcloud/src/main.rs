//! A component in wasmCloud's runtime, which this program does no more than start.
//!
//! `oge-wasmcloud COMPONENT STATE` serves the component's `wasi:http/incoming-handler` on loopback. The component's
//! environment is what this program's has of `OGE_…`, its `/state` is the directory STATE. The address is told in
//! the words of `wasmtime serve`. The program ends when its input does.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use wash_runtime::engine::Engine;
use wash_runtime::host::{HostApi as _, HostBuilder};
use wash_runtime::plugin::wasi_http::HttpServer;
use wash_runtime::types::{
    Component, HostPathVolume, LocalResources, Volume, VolumeMount, VolumeType, Workload,
    WorkloadStartRequest,
};
use wash_runtime::wit::WitInterface;

const STATE: &str = "state";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let component = arguments.next().context("which component?")?;
    let state = arguments.next().context("which directory for its state?")?;

    let address = free_address()?;
    let host = HostBuilder::new()
        .with_engine(Engine::builder().build()?)
        .with_plugin(Arc::new(HttpServer::new(address)))?
        .build()?;
    let host = host.start().await?;
    let workload = workload(std::fs::read(component)?, state);
    host.workload_start(WorkloadStartRequest { workload }).await?;
    eprintln!("Serving HTTP on http://{address}/");

    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    host.stop().await
}

/// The runtime binds the port itself and does not tell which one it got.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn workload(component: Vec<u8>, state: String) -> Workload {
    let environment: HashMap<_, _> =
        std::env::vars().filter(|(key, _)| key.starts_with("OGE_")).collect();
    let mount =
        VolumeMount { name: STATE.to_owned(), mount_path: format!("/{STATE}"), read_only: false };
    let local_resources =
        LocalResources { environment, volume_mounts: vec![mount], ..Default::default() };
    let volume = Volume {
        name: STATE.to_owned(),
        volume_type: VolumeType::HostPath(HostPathVolume { local_path: state }),
    };
    Workload {
        namespace: "oge".to_owned(),
        name: "tools".to_owned(),
        annotations: HashMap::new(),
        service: None,
        components: vec![Component {
            bytes: component.into(),
            local_resources,
            ..Default::default()
        }],
        host_interfaces: vec![WitInterface::from("wasi:http/incoming-handler")],
        volumes: vec![volume],
    }
}
