//! What the component asks of its host, and what it offers: exactly this.

use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldItem, WorldKey};

fn names<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<String> {
    let mut names: Vec<_> = items.map(|(key, _)| resolve.name_world_key(key)).collect();
    names.sort();
    names
}

#[test]
fn imports_and_exports_are_those_of_the_world_and_old_hosts_have_them() {
    let bytes = std::fs::read(oge_artifacts::tools()).unwrap();
    let DecodedWasm::Component(resolve, world) = decode(&bytes).unwrap() else {
        panic!("no component");
    };
    let world = &resolve.worlds[world];
    let imports = names(&resolve, world.imports.iter());
    let plain: Vec<_> = imports.iter().map(|name| name.split('@').next().unwrap()).collect();
    assert_eq!(
        plain,
        [
            "oge:tools/token-store",
            "wasi:cli/environment",
            "wasi:cli/stderr",
            "wasi:clocks/monotonic-clock",
            "wasi:clocks/wall-clock",
            "wasi:http/outgoing-handler",
            "wasi:http/types",
            "wasi:io/error",
            "wasi:io/poll",
            "wasi:io/streams",
        ]
    );
    for name in imports.iter().filter(|name| name.starts_with("wasi:")) {
        let patch: u32 = name.rsplit("@0.2.").next().unwrap().parse().unwrap();
        assert!(patch <= 6, "{name} is too new for last year's hosts");
    }
    assert_eq!(
        names(&resolve, world.exports.iter()),
        [
            "oge:tools/api@0.1.0",
            "oge:tools/auth@0.1.0",
            "oge:tools/tools@0.1.0",
            "oge:tools/types@0.1.0",
        ]
    );
}
