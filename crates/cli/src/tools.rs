//! The five tools as commands: their MCP names, their arguments.

use std::str::FromStr;

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
        #[arg(long, allow_hyphen_values = true, value_name = "LON,LAT,LON,LAT")]
        bbox: Bbox,
        /// [default: Coverage]
        #[arg(long, allow_hyphen_values = true)]
        coverage_type: Option<String>,
        /// [default: true]
        #[arg(long, allow_hyphen_values = true)]
        pretreatment: Option<bool>,
        /// The product to compute from [default: Platform:Product:ASTER_GDEM_DEM30]
        #[arg(long, allow_hyphen_values = true)]
        product_value: Option<String>,
        /// In cells, at least 1 [default: 1]
        #[arg(long, allow_hyphen_values = true)]
        radius: Option<u32>,
    },
    /// 大数据查询: an SQL query over vector data
    #[command(name = "run_big_query", alias = "run-big-query")]
    RunBigQuery {
        /// SQL [default: the farmland of the land survey]
        #[arg(long, allow_hyphen_values = true)]
        query: Option<String>,
        /// The column that holds the geometry [default: geom]
        #[arg(long, allow_hyphen_values = true)]
        geometry_column: Option<String>,
    },
    /// 代码转DAG任务: turns OGE Python code into DAG tasks
    #[command(name = "execute_code_to_dag", alias = "execute-code-to-dag")]
    ExecuteCodeToDag {
        /// OGE Python code
        #[arg(long, allow_hyphen_values = true)]
        code: String,
        /// [default: the setting OGE_USER_ID]
        #[arg(long, allow_hyphen_values = true)]
        user_id: Option<String>,
        /// [default: empty]
        #[arg(long, allow_hyphen_values = true)]
        sample_name: Option<String>,
        /// The environment variable that holds a token of your own
        #[arg(long, value_name = "NAME")]
        auth_token_env: Option<String>,
    },
    /// 提交批处理任务: submits a DAG task for batch processing
    #[command(name = "submit_batch_task", alias = "submit-batch-task")]
    SubmitBatchTask {
        /// The DAG task, from execute_code_to_dag
        #[arg(long, allow_hyphen_values = true)]
        dag_id: String,
        /// [default: task_ and the time]
        #[arg(long, allow_hyphen_values = true)]
        task_name: Option<String>,
        /// [default: file_ and the time]
        #[arg(long, allow_hyphen_values = true)]
        filename: Option<String>,
        /// [default: EPSG:4326]
        #[arg(long, allow_hyphen_values = true)]
        crs: Option<String>,
        /// [default: 1000]
        #[arg(long, allow_hyphen_values = true)]
        scale: Option<String>,
        /// [default: tif]
        #[arg(long, allow_hyphen_values = true)]
        format: Option<String>,
        /// [default: the setting OGE_USERNAME]
        #[arg(long, allow_hyphen_values = true)]
        username: Option<String>,
        /// [default: empty]
        #[arg(long, allow_hyphen_values = true)]
        script: Option<String>,
        /// The environment variable that holds a token of your own
        #[arg(long, value_name = "NAME")]
        auth_token_env: Option<String>,
    },
    /// 查询任务状态: asks how far a task is
    #[command(name = "query_task_status", alias = "query-task-status")]
    QueryTaskStatus {
        /// The DAG task
        #[arg(long, allow_hyphen_values = true)]
        dag_id: String,
        /// The environment variable that holds a token of your own
        #[arg(long, value_name = "NAME")]
        auth_token_env: Option<String>,
    },
}

/// Numbers as people write a bbox: comma separated, with blanks and brackets or not.
#[derive(Clone, Debug)]
pub(crate) struct Bbox(Vec<f64>);

impl FromStr for Bbox {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let numbers = inner.split([',', '，']).map(|number| number.trim().parse());
        let problem = "it must be four numbers: min lon, min lat, max lon, max lat, such as \
                       -74,40,-73,41";
        numbers.collect::<Result<_, _>>().map(Self).map_err(|_| problem)
    }
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
                bbox: bbox.0,
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
            let value = std::env::var_os(name)
                .context("the variable that --auth-token-env names is not set")?;
            let value = value.into_string().ok().map(Secret::new);
            value.context("the variable that --auth-token-env names is not UTF-8")
        })
        .transpose()
}
