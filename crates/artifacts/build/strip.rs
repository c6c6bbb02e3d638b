//! Removes the sections of a component that only a debugger reads.

use anyhow::Context as _;
use wasm_encoder::{ComponentSectionId, Encode as _};
use wasmparser::{Encoding, Parser, Payload};

/// Removes all custom sections at any depth: names, and producers, which the finished component has once.
pub(crate) fn strip(component: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut parents = Vec::new();
    let mut output = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { encoding, .. } => output.extend_from_slice(match encoding {
                Encoding::Component => &wasm_encoder::Component::HEADER,
                Encoding::Module => &wasm_encoder::Module::HEADER,
            }),
            Payload::ModuleSection { .. } => {
                parents.push((ComponentSectionId::CoreModule, std::mem::take(&mut output)));
            }
            Payload::ComponentSection { .. } => {
                parents.push((ComponentSectionId::Component, std::mem::take(&mut output)));
            }
            Payload::End(_) => {
                let Some((id, mut parent)) = parents.pop() else {
                    return Ok(output);
                };
                parent.push(id as u8);
                output.encode(&mut parent);
                output = parent;
            }
            Payload::CustomSection(_) => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
                    let section = component.get(range).context("a section lies outside")?;
                    output.push(id);
                    section.encode(&mut output);
                }
            }
        }
    }
    anyhow::bail!("the component ends before its end")
}
