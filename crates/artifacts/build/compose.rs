//! Composes a token store into the tools.

use anyhow::{Context as _, ensure};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wit_parser::WorldItem;

use crate::contract::decode;

/// `socket` with its token store from `plug`. Fails where a host would have to provide anything then
/// but WASI: `wac` skips a plug whose type differs, and says nothing.
pub(crate) fn plug(socket: &[u8], plug: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let package = Package::from_bytes("oge:socket", None, socket, graph.types_mut())?;
    let socket = graph.register_package(package)?;
    let package = Package::from_bytes("oge:plug", None, plug, graph.types_mut())?;
    let plug = graph.register_package(package)?;
    wac_graph::plug(&mut graph, vec![plug], socket).context("the token store fits nowhere")?;
    let composed = graph.encode(EncodeOptions::default())?;

    let (resolve, world) = decode(&composed)?;
    for (name, item) in &resolve.worlds[world].imports {
        let name = resolve.name_world_key(name);
        let is_types_alone = match item {
            WorldItem::Type { .. } => true,
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].functions.is_empty(),
            WorldItem::Function(_) => false,
        };
        ensure!(
            is_types_alone || name.starts_with("wasi:"),
            "the composed component still imports {name}"
        );
    }
    Ok(composed)
}
