//! Composes one component into another: a token store into the tools.

use anyhow::{Context as _, ensure};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wit_parser::WorldItem;

use crate::contract::decode;

/// Connects all `interfaces` that `socket` imports to the exports of `plug`. Fails if the result imports
/// anything but WASI. `wac`'s own plug silently skips an interface whose type differs, and a skipped
/// `wasi:cli/environment` would show the tools every credential.
pub(crate) fn plug(socket: &[u8], plug: &[u8], interfaces: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let package = Package::from_bytes("oge:socket", None, socket, graph.types_mut())?;
    let package = graph.register_package(package)?;
    let world = &graph.types()[graph[package].ty()];
    let exported: Vec<_> = world.exports.keys().cloned().collect();
    let wanted: Vec<_> = world.imports.keys().cloned().collect();
    let socket = graph.instantiate(package);
    let package = Package::from_bytes("oge:plug", None, plug, graph.types_mut())?;
    let package = graph.register_package(package)?;
    let offered: Vec<_> = graph.types()[graph[package].ty()].exports.keys().cloned().collect();
    let plug = graph.instantiate(package);
    for interface in interfaces {
        // The two components may use different patch versions of WASI.
        let find = |names: &[String]| {
            names.iter().find(|name| name.split('@').next() == Some(interface)).cloned()
        };
        let from = find(&offered).with_context(|| format!("nothing offers {interface}"))?;
        let to = find(&wanted).with_context(|| format!("nothing wants {interface}"))?;
        let export = graph.alias_instance_export(plug, &from)?;
        graph
            .set_instantiation_argument(socket, &to, export)
            .with_context(|| format!("{interface} does not fit"))?;
    }
    for name in exported {
        let export = graph.alias_instance_export(socket, &name)?;
        graph.export(export, &name)?;
    }
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
