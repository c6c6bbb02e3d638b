//! End-to-end tests: the component in the reference host against a mock OGE on real sockets.
//! Each behaviour has a module.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "tests"
)]

mod api;
mod artifacts;
mod auth;
mod call_rule;
mod concurrency;
mod confused_deputy;
mod coverage_aspect_analysis;
mod dependencies;
mod etcd;
mod examples;
mod execute_code_to_dag;
mod execute_dag_workflow;
mod faults;
mod fixture;
mod limits;
mod login_rate;
mod model;
mod old_server;
mod properties;
mod query_task_status;
mod responses;
mod run_big_query;
mod sandbox;
mod scenarios;
mod scripted_responses;
mod secrets;
mod security_md;
mod settings;
mod sink;
mod submit_batch_task;
mod tls;
