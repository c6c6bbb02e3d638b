//! `server.json` for the MCP registry: the template, with the version, the settings and the bundle's digest.

use std::fs;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::workshop::{Workshop, field};
use crate::{VERSION, files};

pub(crate) fn write(shop: &Workshop) -> anyhow::Result<()> {
    let template = fs::read_to_string(shop.templates.join("server.json"))?;
    let template =
        template.replace("VERSION", VERSION).replace("\"0.0.0\"", &format!("\"{VERSION}\""));
    let mut server: Value = serde_json::from_str(&template)?;
    let settings = settings(shop)?;
    let packages = server.get_mut("packages").and_then(Value::as_array_mut).context("packages")?;
    for package in packages {
        let is_bundle = field(package, "registryType") == "mcpb";
        let package = package.as_object_mut().context("a package is no object")?;
        package.insert("environmentVariables".to_owned(), settings.clone());
        if is_bundle {
            let bundle = fs::read(shop.out.join(format!("oge-mcp-{VERSION}.mcpb")))?;
            package.insert("fileSha256".to_owned(), json!(files::sha256(&bundle)));
        } else {
            package.insert("version".to_owned(), json!(VERSION));
        }
    }
    let text = serde_json::to_string_pretty(&server)?;
    Ok(fs::write(shop.out.join("server.json"), text + "\n")?)
}

/// The settings that `init` asks for. None is required: without them the server starts, and says what to do.
fn settings(shop: &Workshop) -> anyhow::Result<Value> {
    let text = fs::read_to_string(shop.templates.join("shared/settings.json"))?;
    let settings: Vec<Map<String, Value>> = serde_json::from_str(&text)?;
    let described = settings.into_iter().map(|setting| {
        let is_secret = setting.get("kind").is_some_and(|kind| kind == "secret");
        json!({ "name": setting.get("key"), "description": setting.get("title"), "isSecret": is_secret })
    });
    Ok(described.collect())
}
