//! The tasks that the platform knows and how far they are.

use std::collections::HashMap;

/// What a query of a task that nobody started is told.
const UNKNOWN: &str = "unknown";

pub(crate) struct Dags {
    states: Vec<String>,
    /// By DAG id, how often its state was asked.
    queried: HashMap<String, usize>,
    submitted: u64,
}

impl Dags {
    pub(crate) fn new(states: Vec<String>) -> Self {
        Self { states, queried: HashMap::new(), submitted: 0 }
    }

    /// The task is known and stands at the beginning.
    pub(crate) fn start(&mut self, id: impl Into<String>) {
        self.queried.insert(id.into(), 0);
    }

    /// Starts the task; the number names this submission.
    pub(crate) fn submit(&mut self, id: &str) -> u64 {
        self.start(id);
        self.submitted += 1;
        self.submitted
    }

    /// The first of the states, which is what a task is in when it is submitted.
    pub(crate) fn first_state(&self) -> &str {
        self.states.first().map_or(UNKNOWN, String::as_str)
    }

    /// The state now; the next query sees the next one.
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
    fn each_task_advances_by_its_own_queries_and_stays_at_the_end() {
        let mut dags = dags();
        dags.start("a");
        dags.start("b");
        let seen: Vec<String> = (0..3).map(|_| dags.query("a").to_owned()).collect();
        assert_eq!(seen, ["starting", "success", "success"]);
        assert_eq!(dags.query("b"), "starting");
    }

    #[test]
    fn a_task_submitted_again_begins_again() {
        let mut dags = dags();
        assert_eq!(dags.submit("a"), 1);
        dags.query("a");
        assert_eq!(dags.submit("a"), 2);
        assert_eq!(dags.query("a"), "starting");
    }

    #[test]
    fn a_task_that_nobody_started_is_unknown() {
        assert_eq!(dags().query("a"), "unknown");
    }

    #[test]
    fn without_any_states_every_task_is_unknown() {
        let mut dags = Dags::new(Vec::new());
        dags.start("a");
        assert_eq!(dags.query("a"), "unknown");
        assert_eq!(dags.first_state(), "unknown");
    }
}
