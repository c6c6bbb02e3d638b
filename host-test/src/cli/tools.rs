//! The five tools as commands: their MCP names, their arguments.

use anyhow::Context as _;
use clap::Subcommand;
use oge_tools::secret::Secret;
use oge_tools::tools::{
    coverage_aspect_analysis, execute_code_to_dag, query_task_status, run_big_query,
    submit_batch_task,
};

/// A tool and its arguments. What is left out takes its default.
#[derive(Debug, Subcommand)]
pub(crate) enum ToolCommand {
    /// 坡向分析: the aspect of slopes from a digital elevation model
    #[command(name = "coverage_aspect_analysis", alias = "coverage-aspect-analysis")]
    CoverageAspectAnalysis {
        /// Four numbers in degrees: min lon, min lat, max lon, max lat
        #[arg(
            long,
            required = true,
            value_delimiter = ',',
            num_args = 1,
            allow_hyphen_values = true,
            value_name = "LON,LAT,LON,LAT"
        )]
        bbox: Vec<f64>,
        /// [default: Coverage]
        #[arg(long)]
        coverage_type: Option<String>,
        /// [default: true]
        #[arg(long)]
        pretreatment: Option<bool>,
        /// The product to compute from [default: Platform:Product:ASTER_GDEM_DEM30]
        #[arg(long)]
        product_value: Option<String>,
        /// In cells, at least 1 [default: 1]
        #[arg(long)]
        radius: Option<u32>,
    },
    /// 大数据查询: an SQL query over vector data
    #[command(name = "run_big_query", alias = "run-big-query")]
    RunBigQuery {
        /// SQL [default: the farmland of the land survey]
        #[arg(long)]
        query: Option<String>,
        /// The column that holds the geometry [default: geom]
        #[arg(long)]
        geometry_column: Option<String>,
    },
    /// 代码转DAG任务: turns OGE Python code into DAG tasks
    #[command(name = "execute_code_to_dag", alias = "execute-code-to-dag")]
    ExecuteCodeToDag {
        /// OGE Python code
        #[arg(long)]
        code: String,
        /// [default: the setting OGE_USER_ID]
        #[arg(long)]
        user_id: Option<String>,
        /// [default: empty]
        #[arg(long)]
        sample_name: Option<String>,
        /// The environment variable that holds a token of your own
        #[arg(long, value_name = "NAME")]
        auth_token_env: Option<String>,
    },
    /// 提交批处理任务: submits a DAG task for batch processing
    #[command(name = "submit_batch_task", alias = "submit-batch-task")]
    SubmitBatchTask {
        /// The DAG task, from execute_code_to_dag
        #[arg(long)]
        dag_id: String,
        /// [default: task_ and the time]
        #[arg(long)]
        task_name: Option<String>,
        /// [default: file_ and the time]
        #[arg(long)]
        filename: Option<String>,
        /// [default: EPSG:4326]
        #[arg(long)]
        crs: Option<String>,
        /// [default: 1000]
        #[arg(long)]
        scale: Option<String>,
        /// [default: tif]
        #[arg(long)]
        format: Option<String>,
        /// [default: the setting OGE_USERNAME]
        #[arg(long)]
        username: Option<String>,
        /// [default: empty]
        #[arg(long)]
        script: Option<String>,
        /// The environment variable that holds a token of your own
        #[arg(long, value_name = "NAME")]
        auth_token_env: Option<String>,
    },
    /// 查询任务状态: asks how far a task is
    #[command(name = "query_task_status", alias = "query-task-status")]
    QueryTaskStatus {
        /// The DAG task
        #[arg(long)]
        dag_id: String,
        /// The environment variable that holds a token of your own
        #[arg(long, value_name = "NAME")]
        auth_token_env: Option<String>,
    },
}

/// A tool's arguments as the core takes them.
pub(crate) enum Arguments {
    CoverageAspectAnalysis(coverage_aspect_analysis::Arguments),
    RunBigQuery(run_big_query::Arguments),
    ExecuteCodeToDag(execute_code_to_dag::Arguments),
    SubmitBatchTask(submit_batch_task::Arguments),
    QueryTaskStatus(query_task_status::Arguments),
}

impl ToolCommand {
    /// The arguments; a token is read from the variable that was named.
    pub(crate) fn arguments(self) -> anyhow::Result<Arguments> {
        Ok(match self {
            Self::CoverageAspectAnalysis {
                bbox,
                coverage_type,
                pretreatment,
                product_value,
                radius,
            } => Arguments::CoverageAspectAnalysis(coverage_aspect_analysis::Arguments {
                bbox,
                coverage_type,
                pretreatment,
                product_value,
                radius,
            }),
            Self::RunBigQuery { query, geometry_column } => {
                Arguments::RunBigQuery(run_big_query::Arguments { query, geometry_column })
            }
            Self::ExecuteCodeToDag { code, user_id, sample_name, auth_token_env } => {
                Arguments::ExecuteCodeToDag(execute_code_to_dag::Arguments {
                    code,
                    user_id,
                    sample_name,
                    auth_token: token(auth_token_env)?,
                })
            }
            Self::SubmitBatchTask {
                dag_id,
                task_name,
                filename,
                crs,
                scale,
                format,
                username,
                script,
                auth_token_env,
            } => Arguments::SubmitBatchTask(submit_batch_task::Arguments {
                dag_id,
                task_name,
                filename,
                crs,
                scale,
                format,
                username,
                script,
                auth_token: token(auth_token_env)?,
            }),
            Self::QueryTaskStatus { dag_id, auth_token_env } => {
                Arguments::QueryTaskStatus(query_task_status::Arguments {
                    dag_id,
                    auth_token: token(auth_token_env)?,
                })
            }
        })
    }
}

/// A secret never stands in a command line, where every process could read it.
fn token(variable: Option<String>) -> anyhow::Result<Option<Secret>> {
    variable
        .map(|name| {
            // The name is not repeated: it may be a token that was pasted in its place.
            let value = std::env::var(name).ok().map(Secret::new);
            value.context("the variable that --auth-token-env names is not set")
        })
        .transpose()
}
