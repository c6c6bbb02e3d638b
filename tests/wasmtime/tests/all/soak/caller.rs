//! One caller, which checks each result. Each of its submissions has a unique name, and it asks only for the
//! state of its own task, which has just started.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::tally::Tally;
use super::ways::Way;

pub struct Caller {
    pub number: usize,
    pub pause: Duration,
    pub rng: Rng,
    pub account: Arc<Tally>,
}

impl Caller {
    pub async fn go_on(mut self, way: impl Way) {
        let dag_id = format!("dag-{}", self.number);
        let mut last = 0;
        for call in 0_u64.. {
            if self.account.is_ended() {
                return;
            }
            let name = format!("caller {}, call {call}", self.number);
            self.account.started();
            let submitted = self.account.take(way.submit(&dag_id, &name).await);
            if let Some(output) = submitted {
                last = self.check_task(&output, &dag_id, &name, last);
                self.think().await;
                self.account.started();
                if let Some(output) = self.account.take(way.state(&dag_id).await) {
                    let (id, status) = (&output["dag_id"], &output["status"]);
                    if (id, status) != (&json!(dag_id), &json!("starting")) {
                        self.account.wrong(format!("{name}: {output}"));
                    }
                }
            }
            self.think().await;
        }
    }

    /// Checks that the task is this call's and newer than `last`. Returns its number.
    fn check_task(&self, output: &Value, dag_id: &str, name: &str, last: u64) -> u64 {
        let number = output["task_id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(0);
        let fields =
            [&output["dag_id"], &output["task_name"], &output["filename"], &output["state"]];
        if fields != [dag_id, name, name, "starting"] || number <= last {
            self.account.wrong(format!("{name}: {output}"));
        }
        number
    }

    async fn think(&mut self) {
        let pause = self.pause.mul_f64(self.rng.f64());
        sleep(pause).await;
    }
}
