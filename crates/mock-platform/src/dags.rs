//! The tasks that the platform knows, and their states.

use std::collections::HashMap;

/// The state of a task that was never started.
const UNKNOWN: &str = "unknown";

pub(crate) struct Dags {
    states: Vec<String>,
    /// How often the state of each task was queried, by DAG id.
    queried: HashMap<String, usize>,
    submitted: u64,
}

impl Dags {
    pub(crate) fn new(states: Vec<String>) -> Self {
        Self { states, queried: HashMap::new(), submitted: 0 }
    }

    /// Adds a task in the first state, or sets it back to it.
    pub(crate) fn start(&mut self, id: impl Into<String>) {
        self.queried.insert(id.into(), 0);
    }

    /// Starts the task. Returns the number of this submission.
    pub(crate) fn submit(&mut self, id: &str) -> u64 {
        self.start(id);
        self.submitted += 1;
        self.submitted
    }

    /// Returns the first state, which a task has when it is submitted.
    pub(crate) fn first_state(&self) -> &str {
        self.states.first().map_or(UNKNOWN, String::as_str)
    }

    /// Returns the state of a task and advances it to the next one.
    pub(crate) fn query(&mut self, id: &str) -> &str {
        let Some(queried) = self.queried.get_mut(id) else {
            return UNKNOWN;
        };
        let state = self.states.get(*queried).or(self.states.last());
        *queried = queried.saturating_add(1);
        state.map_or(UNKNOWN, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dags() -> Dags {
        Dags::new(["starting", "success"].map(str::to_owned).into())
    }

    #[test]
    fn each_query_advances_a_task_until_its_last_state() {
        let mut dags = dags();
        dags.start("a");
        dags.start("b");
        let seen: Vec<String> = (0..3).map(|_| dags.query("a").to_owned()).collect();
        assert_eq!(seen, ["starting", "success", "success"]);
        assert_eq!(dags.query("b"), "starting");
    }

    #[test]
    fn a_task_that_is_submitted_again_restarts() {
        let mut dags = dags();
        assert_eq!(dags.submit("a"), 1);
        dags.query("a");
        assert_eq!(dags.submit("a"), 2);
        assert_eq!(dags.query("a"), "starting");
    }

    #[test]
    fn a_task_that_was_not_started_is_unknown() {
        assert_eq!(dags().query("a"), "unknown");
    }

    #[test]
    fn without_states_every_task_is_unknown() {
        let mut dags = Dags::new(Vec::new());
        dags.start("a");
        assert_eq!(dags.query("a"), "unknown");
        assert_eq!(dags.first_state(), "unknown");
    }
}
