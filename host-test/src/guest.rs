//! The tools as this host calls them: the core's arguments in, the core's results out.

use oge_tools::tools::{
    CoverageAspectAnalysis, Done, ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, SubmitBatchTask,
    Tool,
};
use wasmtime::Store;

use crate::bindings::OgeTools;
use crate::bindings::exports::oge::tools::types;
use crate::from_wit;
use crate::state::State;

/// What the component answered, before a failure is given its operation.
pub(crate) type Answer<T> = Result<T, types::Failure>;

/// A tool that the component exports.
pub trait GuestTool: Tool + sealed::Call<Self> {}

impl<T: Tool + sealed::Call<Self>> GuestTool for T {}

pub(crate) mod sealed {
    use super::{Answer, Done, OgeTools, State, Store, Tool};

    /// One export.
    pub trait Call<T: Tool> {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate can call it")]
        fn call(
            component: &OgeTools,
            store: &mut Store<State>,
            arguments: &T::Arguments,
        ) -> impl Future<Output = wasmtime::Result<Answer<Done<T::Output>>>> + Send;
    }
}

/// Implements one export: which function, which of the arguments it takes, and how its result reads.
macro_rules! export {
    ($tool:ident, $function:ident, $read:path, |$arguments:ident| ($($argument:expr),*)) => {
        impl sealed::Call<$tool> for $tool {
            #[expect(private_interfaces, reason = "sealed: only this crate can call it")]
            async fn call(
                component: &OgeTools,
                store: &mut Store<State>,
                $arguments: &<$tool as Tool>::Arguments,
            ) -> wasmtime::Result<Answer<Done<<$tool as Tool>::Output>>> {
                let tools = component.oge_tools_tools();
                match tools.$function(store, $($argument),*).await? {
                    Ok(result) => Ok(Ok($read(result)?)),
                    Err(failure) => Ok(Err(failure)),
                }
            }
        }
    };
}

export!(
    CoverageAspectAnalysis,
    call_coverage_aspect_analysis,
    from_wit::computation,
    |arguments| (
        &arguments.bbox,
        arguments.coverage_type.as_deref(),
        arguments.pretreatment,
        arguments.product_value.as_deref(),
        arguments.radius
    )
);
export!(RunBigQuery, call_run_big_query, from_wit::computation, |arguments| (
    arguments.query.as_deref(),
    arguments.geometry_column.as_deref()
));
export!(ExecuteCodeToDag, call_execute_code_to_dag, from_wit::dags, |arguments| (
    &arguments.code,
    arguments.user_id.as_deref(),
    arguments.sample_name.as_deref(),
    arguments.auth_token.as_ref().map(|token| token.expose())
));
export!(SubmitBatchTask, call_submit_batch_task, from_wit::task, |arguments| (
    &arguments.dag_id,
    arguments.task_name.as_deref(),
    arguments.filename.as_deref(),
    arguments.crs.as_deref(),
    arguments.scale.as_deref(),
    arguments.format.as_deref(),
    arguments.username.as_deref(),
    arguments.script.as_deref(),
    arguments.auth_token.as_ref().map(|token| token.expose())
));
export!(QueryTaskStatus, call_query_task_status, from_wit::status, |arguments| (
    &arguments.dag_id,
    arguments.auth_token.as_ref().map(|token| token.expose())
));
