//! The built components: their imports, exports, documentation and metadata.

use std::path::Path;

use oge_artifacts::decode;
use wasm_metadata::Payload;
use wit_parser::decoding::{self, DecodedWasm};
use wit_parser::{Resolve, WorldItem, WorldKey};

/// Returns each shipped component with the name of its world.
fn components() -> [(&'static Path, &'static str); 5] {
    [
        (oge_artifacts::tools(), "oge-tools"),
        (oge_artifacts::token_store(), "oge-token-store"),
        (oge_artifacts::standalone(), "oge-tools"),
        (oge_artifacts::wassette(), "oge-tools-wassette"),
        (oge_artifacts::mcp(), "oge-mcp"),
    ]
}

fn contract() -> Resolve {
    let bytes = std::fs::read(oge_artifacts::wit()).unwrap();
    let DecodedWasm::WitPackage(resolve, _) = decoding::decode(&bytes).unwrap() else {
        panic!("the contract is no WIT package");
    };
    resolve
}

/// Returns the sorted names without versions. Leaves out types, which a host does not provide.
fn names<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<String> {
    let asks = |item: &WorldItem| match item {
        WorldItem::Type { .. } => false,
        WorldItem::Function(_) => true,
        WorldItem::Interface { id, .. } => {
            let interface = &resolve.interfaces[*id];
            interface.functions.len() + interface.types.len() > 0
        }
    };
    let items = items.filter(|(_, item)| asks(item));
    let mut names: Vec<_> = items
        .map(|(key, _)| resolve.name_world_key(key).split('@').next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// The WASI interfaces that the tools import, without those of a token store.
const TOOLS: [&str; 9] = [
    "wasi:cli/environment",
    "wasi:cli/stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];
const FILES: [&str; 2] = ["wasi:filesystem/preopens", "wasi:filesystem/types"];
/// The interfaces that Rust's standard library always imports.
const STANDARD: [&str; 8] = [
    "wasi:cli/exit",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];
const INTERFACES: [&str; 4] =
    ["oge:tools/api", "oge:tools/auth", "oge:tools/tools", "oge:tools/types"];
const FUNCTIONS: [&str; 6] = [
    "coverage-aspect-analysis",
    "execute-code-to-dag",
    "execute-dag-workflow",
    "query-task-status",
    "run-big-query",
    "submit-batch-task",
];

#[track_caller]
fn assert_world(component: &Path, mut imports: Vec<&str>, exports: &[&str]) {
    let (resolve, world) = decode(component).unwrap();
    let world = &resolve.worlds[world];
    imports.sort_unstable();
    assert_eq!(names(&resolve, world.imports.iter()), imports);
    assert_eq!(names(&resolve, world.exports.iter()), exports);
}

#[test]
fn components_import_and_export_exactly_the_listed_interfaces() {
    let with = |more: &[&'static str]| [&TOOLS[..], more].concat();
    assert_world(oge_artifacts::tools(), with(&["oge:tools/token-store"]), &INTERFACES);
    assert_world(
        oge_artifacts::token_store(),
        with(&FILES),
        &["oge:tools/token-store", "wasi:cli/environment"],
    );
    assert_world(oge_artifacts::standalone(), with(&FILES), &INTERFACES);
    // It imports only types from oge:tools/types; the loop below asserts that.
    let mut config = with(&FILES);
    config.extend(["oge:tools/types", "wasi:config/store"]);
    config.retain(|name| *name != "wasi:cli/environment");
    assert_world(oge_artifacts::wassette(), config, &FUNCTIONS);
    let mut server = with(&FILES);
    server.extend(STANDARD.iter().chain(&["wasi:cli/stdin", "wasi:cli/stdout"]));
    assert_world(oge_artifacts::mcp(), server, &["wasi:cli/run", "wasi:http/incoming-handler"]);
    let (resolve, world) = decode(oge_artifacts::wassette()).unwrap();
    for (key, item) in &resolve.worlds[world].imports {
        if let WorldItem::Interface { id, .. } = item
            && resolve.name_world_key(key).starts_with("oge:")
        {
            assert!(
                resolve.interfaces[*id].functions.is_empty(),
                "a host would have to provide it"
            );
        }
    }
}

#[test]
fn components_import_wasi_0_2_6_or_older() {
    for (component, _) in components() {
        let (resolve, world) = decode(component).unwrap();
        for key in resolve.worlds[world].imports.keys() {
            let name = resolve.name_world_key(key);
            let Some((_, patch)) = name.split_once("@0.2.") else { continue };
            let is_draft = name.starts_with("wasi:config/");
            assert!(is_draft || patch.parse::<u32>().unwrap() <= 6, "{name} in {component:?}");
        }
    }
}

#[test]
fn each_component_contains_its_wit_docs() {
    let contract = contract();
    for (component, world) in components() {
        let (_, ours) = contract.worlds.iter().find(|(_, ours)| ours.name == world).unwrap();
        let (resolve, theirs) = decode(component).unwrap();
        let theirs = &resolve.worlds[theirs];
        assert_eq!(theirs.docs, ours.docs, "{component:?}");
        assert!(theirs.docs.contents.is_some());
        for item in theirs.exports.values() {
            if let WorldItem::Function(function) = item {
                let docs = function.docs.contents.as_deref().unwrap();
                assert!(docs.contains("Fails"), "{}: {docs}", function.name);
            }
        }
    }
}

/// WIT cannot export an interface's functions at the root of a world, so `wassette.wit` is generated.
#[test]
fn wassette_wit_matches_tools_wit() {
    const MARK: &str = "writes it anew.\n";
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let tools = std::fs::read_to_string(wit.join("tools.wit")).unwrap();
    let (_, items) = tools.split_once("interface tools {\n").unwrap();
    let exported = |line: &str| match line.split_once(": func(") {
        Some((name, rest)) if !name.trim_start().starts_with("//") => {
            format!("  export {}: func({rest}\n", name.trim_start())
        }
        _ => format!("{line}\n"),
    };
    let made: String = items.lines().map(exported).collect();
    let file = wit.join("wassette.wit");
    let whole = std::fs::read_to_string(&file).unwrap();
    let (header, rest) = whole.split_once(MARK).unwrap();
    if std::env::var_os("OGE_BLESS").is_some() {
        std::fs::write(&file, [header, MARK, &made].concat()).unwrap();
    } else {
        assert_eq!(rest, made, "OGE_BLESS=1 writes wit/wassette.wit anew");
    }
}

#[test]
fn each_component_has_name_version_and_licence() {
    for (component, name) in components() {
        let bytes = std::fs::read(component).unwrap();
        let Payload::Component { metadata, children } = Payload::from_binary(&bytes).unwrap()
        else {
            panic!("{component:?} is no component");
        };
        assert_eq!(metadata.name.as_deref(), Some(name));
        assert_eq!(metadata.version.unwrap().to_string(), env!("CARGO_PKG_VERSION"));
        assert_eq!(metadata.licenses.unwrap().to_string(), "Apache-2.0");
        assert!(metadata.producers.is_some());
        for child in children {
            assert_eq!(child.metadata().name, None, "names are for debuggers");
        }
    }
}
