//! The component's exports as this host calls them: the core's arguments in, the core's results out.
//!
//! What `bindgen!` makes would look up all nine for every instance, and check the type of each; an instance
//! here lives for one call, so one is looked up.

use oge_tools::tools::{
    CoverageAspectAnalysis, Done, ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, SubmitBatchTask,
    Tool,
};
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, ComponentType, Instance, Lift, Lower};

use crate::bindings::exports::oge::tools::types;
use crate::from_wit;
use crate::state::State;

/// What the component answered, before a failure is given its operation.
pub(crate) type Answer<T> = Result<T, types::Failure>;

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

/// A tool that the component exports.
pub trait GuestTool: Tool + sealed::Call<Self> {}

impl<T: Tool + sealed::Call<Self>> GuestTool for T {}

pub(crate) mod sealed {
    use super::{Answer, Done, Guest, Tool};

    /// One export.
    pub trait Call<T: Tool> {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate can call it")]
        fn call(
            guest: &mut Guest,
            arguments: &T::Arguments,
        ) -> impl Future<Output = wasmtime::Result<Answer<Done<T::Output>>>> + Send;
    }
}

/// Implements one export: its name, the type and the reading of its result, and which of the arguments it
/// takes.
macro_rules! export {
    ($tool:ident, $name:literal, $result:ident, $read:path, |$arguments:ident| ($($argument:expr),*)) => {
        impl sealed::Call<$tool> for $tool {
            #[expect(private_interfaces, reason = "sealed: only this crate can call it")]
            async fn call(
                guest: &mut Guest,
                $arguments: &<$tool as Tool>::Arguments,
            ) -> wasmtime::Result<Answer<Done<<$tool as Tool>::Output>>> {
                let parameters = ($($argument,)*);
                let answer: Answer<types::$result> =
                    guest.call(interface::TOOLS, $name, parameters).await?;
                match answer {
                    Ok(result) => Ok(Ok($read(result)?)),
                    Err(failure) => Ok(Err(failure)),
                }
            }
        }
    };
}

export!(
    CoverageAspectAnalysis,
    "coverage-aspect-analysis",
    Computation,
    from_wit::computation,
    |arguments| (
        &*arguments.bbox,
        arguments.coverage_type.as_deref(),
        arguments.pretreatment,
        arguments.product_value.as_deref(),
        arguments.radius
    )
);
export!(RunBigQuery, "run-big-query", Computation, from_wit::computation, |arguments| (
    arguments.query.as_deref(),
    arguments.geometry_column.as_deref()
));
export!(ExecuteCodeToDag, "execute-code-to-dag", DagTasks, from_wit::dags, |arguments| (
    &*arguments.code,
    arguments.user_id.as_deref(),
    arguments.sample_name.as_deref(),
    arguments.auth_token.as_ref().map(|token| token.expose())
));
export!(SubmitBatchTask, "submit-batch-task", BatchTask, from_wit::task, |arguments| (
    &*arguments.dag_id,
    arguments.task_name.as_deref(),
    arguments.filename.as_deref(),
    arguments.crs.as_deref(),
    arguments.scale.as_deref(),
    arguments.format.as_deref(),
    arguments.username.as_deref(),
    arguments.script.as_deref(),
    arguments.auth_token.as_ref().map(|token| token.expose())
));
export!(QueryTaskStatus, "query-task-status", TaskStatus, from_wit::status, |arguments| (
    &*arguments.dag_id,
    arguments.auth_token.as_ref().map(|token| token.expose())
));
