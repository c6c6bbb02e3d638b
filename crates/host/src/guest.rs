//! One instance of the component and the call of one export.
//!
//! `bindgen!` would look up and type-check all exports of every instance. An instance here lives for one
//! call, so only the called export is looked up.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, ComponentType, Instance, Lift, Lower};

use crate::bindings::exports::oge::tools::types;
use crate::state::State;

/// The result of an export, before the operation is added to a failure.
pub(crate) type ExportResult<T> = Result<T, types::Failure>;

/// The interfaces that the component exports.
pub(crate) mod interface {
    pub(crate) const TOOLS: &str = "oge:tools/tools@0.1.0";
    pub(crate) const API: &str = "oge:tools/api@0.1.0";
    pub(crate) const AUTH: &str = "oge:tools/auth@0.1.0";
}

/// An instance that lives for one call.
pub(crate) struct Guest {
    pub(crate) instance: Instance,
    pub(crate) store: Store<State>,
}

impl Guest {
    /// Calls one export.
    pub(crate) async fn call<P, R>(
        &mut self,
        interface: &str,
        function: &str,
        parameters: P,
    ) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentType + Lift + Send + Sync + 'static,
    {
        let Self { instance, store } = self;
        let index = instance.get_export_index(&mut *store, None, interface);
        let index = index
            .and_then(|interface| {
                instance.get_export_index(&mut *store, Some(&interface), function)
            })
            .ok_or_else(|| wasmtime::format_err!("no export {function} in {interface}"))?;
        let function = instance.get_typed_func::<P, (R,)>(&mut *store, &index)?;
        let (result,) = function.call_async(store, parameters).await?;
        Ok(result)
    }
}
