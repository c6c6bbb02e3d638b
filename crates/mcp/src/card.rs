//! A card that shows results to a user: the MCP extension `io.modelcontextprotocol/ui` (MCP Apps).
//!
//! Results do not depend on it. A host without the extension ignores the metadata of the tools.

use std::collections::BTreeMap;

use rmcp::ErrorData;
use rmcp::model::{
    ExtensionCapabilities, JsonObject, MetaObject, ReadResourceResult, Resource, ResourceContents,
    Tool,
};
use serde_json::{Value, json};

/// The name of the extension.
const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// The card's address.
pub(crate) const URI: &str = "ui://oge/card.html";
/// The type of a page that a host shows.
const MIME_TYPE: &str = "text/html;profile=mcp-app";
/// The card, built by `card/build.mjs`.
const HTML: &str = include_str!("../../../card/dist/card.html");

/// Adds the extension to those that the server declares.
pub(crate) fn declare(extensions: &mut Option<ExtensionCapabilities>) {
    let settings = object(json!({ "mimeTypes": [MIME_TYPE] }));
    extensions.get_or_insert_with(BTreeMap::new).insert(EXTENSION.to_owned(), settings);
}

/// Returns the tool with the card's address in its metadata.
///
/// Every client gets it: over HTTP without a session, the server does not know the extensions of a client that
/// speaks an earlier protocol than 2026-07-28.
pub(crate) fn with_card(mut tool: Tool) -> Tool {
    let meta = tool.meta.get_or_insert_with(MetaObject::default);
    meta.0.insert("ui".to_owned(), json!({ "resourceUri": URI }));
    tool
}

/// Returns the card's entry in the list of resources.
pub(crate) fn resource() -> Resource {
    Resource::new(URI, "card")
        .with_title("OGE 结果卡片 (a card that shows results)")
        .with_mime_type(MIME_TYPE)
        .with_meta(meta())
}

/// Returns the card if this is its address.
pub(crate) fn read(uri: &str) -> Option<Result<ReadResourceResult, ErrorData>> {
    let contents = ResourceContents::text(HTML, uri).with_mime_type(MIME_TYPE).with_meta(meta());
    (uri == URI).then(|| Ok(ReadResourceResult::new(vec![contents])))
}

/// Returns the card's metadata, which allows no origin.
fn meta() -> MetaObject {
    let csp = json!({ "connectDomains": [], "resourceDomains": [] });
    MetaObject(object(json!({ "ui": { "csp": csp, "prefersBorder": true } })))
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_at_most_eighty_kilobytes_and_names_no_origin() {
        assert!(HTML.len() <= 80 * 1024, "{}", HTML.len());
        let without_namespace = HTML.replace("http://www.w3.org/2000/svg", "");
        for address in ["http://", "https://", "innerHTML", "src="] {
            assert!(!without_namespace.contains(address), "{address}");
        }
        assert!(HTML.contains("default-src 'none'"));
    }

    #[test]
    fn every_tool_names_the_card() {
        for tool in crate::tools::all() {
            let meta = tool.meta.as_ref().unwrap();
            assert_eq!(meta.0["ui"]["resourceUri"], URI, "{}", tool.name);
        }
    }

    #[test]
    fn only_its_address_returns_the_card() {
        assert!(read("ui://oge/other.html").is_none());
        assert_eq!(read(URI).unwrap().unwrap().contents.len(), 1);
    }
}
