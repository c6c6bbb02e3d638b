//! `oge demo`: calls the tools on a mock platform. The token is rejected before its `exp`, and again
//! later; the user does not notice.

mod stage;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use oge_mock_platform::{ExpiredForm, MOUNT_TAI, Mock, Options};
use oge_tools::tools::execute_dag_workflow::FinalStatus;
use oge_tools::tools::{
    CoverageAspectAnalysis, ExecuteCodeToDag, ExecuteDagWorkflow, QueryTaskStatus, RunBigQuery,
    SubmitBatchTask, coverage_aspect_analysis, execute_code_to_dag, execute_dag_workflow,
    query_task_status, run_big_query, submit_batch_task,
};

use self::stage::Stage;
use crate::FAILED;
use crate::style::{STRONG, mark, paint, print};

/// How long the mock takes for each response, so that a person can follow.
const LATENCY: Duration = Duration::from_millis(150);

const CODE: &str = "\
import oge
oge.initialize()
dem = oge.Service().getCoverage(coverageID='ASTGTM_N36E117', productID='ASTER_GDEM_DEM30')
aspect = oge.Service().getProcess('Coverage.aspect').execute(dem, 1)
aspect.export('aspect_taishan')
";

/// Runs the demo. The exit code is 0 only if every step succeeded.
pub(crate) async fn run() -> anyhow::Result<ExitCode> {
    let states = ["starting", "running", "success"];
    let mock = Mock::start(Options::default().latency(LATENCY).task_states(states)).await?;
    let first = mock.issue_token();
    mock.revoke_tokens();
    let mut stage = Stage::new(mock, &first)?;
    match play(&mut stage).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            print(&format!("\n{} {error:#}", mark(false)))?;
            Ok(FAILED.into())
        }
    }
}

async fn play(stage: &mut Stage) -> anyhow::Result<()> {
    print(&format!(
        "{}\nA mock OGE on {}, the component in a sandbox, and a token whose exp lies ahead but \
         which the\nplatform has ended. Each line below a call is a request as the platform saw it.",
        paint(STRONG, "OGE tools: an expired token is a non-event"),
        stage.mock.origin(),
    ))?;

    let bbox = coverage_aspect_analysis::Arguments {
        bbox: MOUNT_TAI.to_vec(),
        ..coverage_aspect_analysis::Arguments::default()
    };
    let map = stage.call::<CoverageAspectAnalysis>("the slopes of Mount Tai", &bbox).await?;
    stage.show_tiles(&map.data)?;

    let farmland = run_big_query::Arguments::default();
    stage.call::<RunBigQuery>("the farmland of the land survey", &farmland).await?;

    let code = execute_code_to_dag::Arguments {
        code: CODE.to_owned(),
        ..execute_code_to_dag::Arguments::default()
    };
    let dags = stage.call::<ExecuteCodeToDag>("a script for the same slopes", &code).await?;
    let dag_id = dags.dag_ids.first().context("the script became no DAG task")?.clone();

    let submission = submit_batch_task::Arguments {
        dag_id: dag_id.clone(),
        ..submit_batch_task::Arguments::default()
    };
    stage.call::<SubmitBatchTask>("its task", &submission).await?;

    let question = query_task_status::Arguments { dag_id, auth_token: None };
    stage.call::<QueryTaskStatus>("how far it is", &question).await?;

    // The second expiry has the platform's other form, and comes while the task is waited for.
    stage.mock.expired_form(ExpiredForm::Status401);
    stage.mock.expire_after(3);
    let whole = execute_dag_workflow::Arguments {
        code: CODE.to_owned(),
        wait_for_completion: Some(true),
        check_interval: Some(1),
        ..execute_dag_workflow::Arguments::default()
    };
    let workflow =
        stage.call::<ExecuteDagWorkflow>("all of that in one call, to its end", &whole).await?;
    let status = workflow.final_status.as_str();
    ensure!(workflow.final_status == FinalStatus::Completed, "the workflow ended as {status}");
    stage.sum_up()
}
