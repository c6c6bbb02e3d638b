//! Components as OCI artifacts, which a registry keeps and a host pulls: image layouts after the CNCF's guidance for
//! Wasm artifacts, each with a configuration that names the imports and exports, and the component as its one layer.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::workshop::{Compression, Workshop};
use crate::{VERSION, files};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) fn build(shop: &Workshop) -> anyhow::Result<()> {
    let description = "The OGE tools as an MCP server, on stdio and HTTP";
    write(shop, "oge-mcp", description, oge_artifacts::mcp())?;
    let description = "The OGE tools for Wassette";
    write(shop, "oge-tools-wassette", description, oge_artifacts::wassette())
}

fn write(shop: &Workshop, name: &str, description: &str, component: &Path) -> anyhow::Result<()> {
    let stage = shop.stage.join("oci").join(name);
    let layer = blob(&stage, LAYER, &fs::read(component)?)?;
    let (resolve, world) = oge_artifacts::decode(component)?;
    let world = resolve.worlds.get(world).context("no world")?;
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key));
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key));
    let config = json!({
        "created": shop.date,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer.digest],
        "component": {
            "imports": imports.collect::<Vec<_>>(),
            "exports": exports.collect::<Vec<_>>(),
        },
    });
    let config = blob(&stage, CONFIG, &serde_json::to_vec(&config)?)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
        "annotations": {
            "org.opencontainers.image.created": shop.date,
            "org.opencontainers.image.description": description,
            "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
            "org.opencontainers.image.title": name,
            "org.opencontainers.image.version": VERSION,
        },
    });
    let manifest = blob(&stage, MANIFEST, &serde_json::to_vec(&manifest)?)?;
    let mut named = manifest.descriptor();
    named.insert("annotations".to_owned(), json!({ "org.opencontainers.image.ref.name": VERSION }));
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [named] });
    fs::write(stage.join("index.json"), serde_json::to_vec(&index)?)?;
    let layout = json!({ "imageLayoutVersion": "1.0.0" });
    fs::write(stage.join("oci-layout"), serde_json::to_vec(&layout)?)?;
    let archive = format!("{name}-{VERSION}.oci.tar");
    shop.tar(&archive, &stage, &["blobs", "index.json", "oci-layout"], Compression::None)
}

/// Bytes of a layout, which its digest names.
struct Blob {
    media_type: &'static str,
    digest: String,
    size: usize,
}

impl Blob {
    fn descriptor(&self) -> Map<String, Value> {
        let fields = [
            ("mediaType", json!(self.media_type)),
            ("digest", json!(self.digest)),
            ("size", json!(self.size)),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}

fn blob(stage: &Path, media_type: &'static str, bytes: &[u8]) -> anyhow::Result<Blob> {
    let digest = files::sha256(bytes);
    let directory = stage.join("blobs/sha256");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(&digest), bytes)?;
    Ok(Blob { media_type, digest: format!("sha256:{digest}"), size: bytes.len() })
}
