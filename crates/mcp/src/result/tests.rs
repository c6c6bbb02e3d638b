use super::size::FRAME;
use super::*;
use std::time::Duration;

use oge_tools::error::FailureKind;
use oge_tools::tools::execute_dag_workflow::FinalStatus;
use oge_tools::tools::{
    Computation, ExecuteDagWorkflow, RunBigQuery, execute_code_to_dag, execute_dag_workflow,
};
use serde_json::json;
use serde_json::value::RawValue;

const LIMITS: Limits = Limits::with_memory(128 << 20);

fn try_done(data: &str, limits: Limits) -> Result<CallToolResult, Failure> {
    let output = Computation { data: data.to_owned() };
    let done = Completed { output, attempts: 2, elapsed: Duration::from_secs(2) };
    measure::<RunBigQuery>(done, limits).checked()?.build()
}

fn done(data: &str) -> CallToolResult {
    try_done(data, LIMITS).unwrap()
}

fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

#[test]
fn success_has_the_envelope_in_both_forms() {
    let result = done(r#"{"b": 1.50, "a": "坡"}"#);
    assert_eq!(result.is_error, Some(false));
    assert_eq!(
        text(&result),
        r#"{"success":true,"code":0,"msg":"大数据查询执行成功","data":{"b":1.50,"a":"坡"},"operation":"大数据查询","execution_time":2.0,"api_endpoint":"intranet"}"#
    );
    let structured = result.structured_content.unwrap();
    assert_eq!(structured["data"], json!({"a": "坡", "b": 1.5}));
    assert_eq!(structured["success"], json!(true));
}

#[test]
fn failure_has_the_envelope_and_the_kind() {
    let failure = Failure {
        attempts: 2,
        http_status: Some(200),
        api_code: Some(40003),
        ..Failure::new(FailureKind::Unauthorized, "大数据查询", "why")
    };
    let result = super::failure::<RunBigQuery>(&failure);
    assert_eq!(result.is_error, Some(true));
    assert_eq!(
        text(&result),
        r#"{"success":false,"code":1,"msg":"大数据查询失败: why (状态码: 未知状态码)","data":null,"operation":"大数据查询","execution_time":null,"api_endpoint":"oge","error":{"kind":"unauthorized","message":"why","attempts":2,"http_status":200,"api_code":40003}}"#
    );
    let structured = result.structured_content.as_ref().unwrap();
    assert_eq!(*structured, serde_json::from_str::<Value>(text(&result)).unwrap());
}

/// Returns a workflow whose submission failed.
fn workflow() -> Completed<execute_dag_workflow::Output> {
    let dags = execute_code_to_dag::Output {
        dags: RawValue::from_string(r#"{"d1":{}}"#.to_owned()).unwrap(),
        dag_ids: vec!["d1".to_owned()],
        space_params: None,
        log: None,
        user_id: "u".to_owned(),
        sample_name: String::new(),
    };
    let elapsed = Duration::from_secs(1);
    let failure = Failure::new(FailureKind::Api, "DAG批处理工作流", "the \"queue\" is full");
    let output = execute_dag_workflow::Output {
        final_status: FinalStatus::FailedAtTaskSubmission,
        dag_tasks: Some(Completed { output: dags, attempts: 1, elapsed }),
        task: None,
        status: None,
        failure: Some(failure),
        elapsed,
    };
    Completed { output, attempts: 1, elapsed }
}

#[test]
fn a_failure_that_keeps_data_has_both() {
    let built = measure::<ExecuteDagWorkflow>(workflow(), LIMITS).build().unwrap();
    assert_eq!(built.is_error, Some(true));
    let structured = built.structured_content.clone().unwrap();
    assert_eq!((&structured["success"], &structured["code"]), (&json!(false), &json!(1)));
    assert_eq!(structured["data"]["dag_ids"], json!(["d1"]));
    assert_eq!(structured["error"]["kind"], "api");
    assert_eq!(structured, serde_json::from_str::<Value>(text(&built)).unwrap());
    let whole = length(&built);
    let limits = |message| Limits { message, ..LIMITS };
    let measured = |limit| measure::<ExecuteDagWorkflow>(workflow(), limits(limit));
    // `true` is one byte shorter than what is measured.
    assert_eq!(length(&measured(whole + 1).checked().unwrap().build().unwrap()), whole);
    // Even if the result is too large, its start has the ids.
    let failure = measured(whole - 1).checked().unwrap_err();
    assert!(failure.body.unwrap().contains(r#""dag_ids":["d1"]"#));
}

#[test]
fn data_that_a_value_cannot_hold_becomes_text() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let result = done(&deep);
    assert!(text(&result).contains(&deep));
    let structured = result.structured_content.unwrap();
    assert_eq!((&structured["data"], &structured["code"]), (&json!(deep), &json!(0)));
}

fn length(result: &CallToolResult) -> usize {
    serde_json::to_string(result).unwrap().len() + FRAME
}

#[test]
fn the_limit_applies_to_the_finished_message() {
    let datas = [
        format!("{:?}", "x".repeat(5000)),
        format!("{:?}", "\\\"".repeat(5000)),
        format!("[{}0]", "[ ], {\"a\": \"\\u0001\"}, ".repeat(500)),
        format!("[{}0]", "1e9,".repeat(2000)),
        format!("{}{}", "[".repeat(3000), "]".repeat(3000)),
    ];
    for data in datas {
        let whole = length(&done(&data));
        let limits = |message| Limits { message, ..LIMITS };
        assert_eq!(length(&try_done(&data, limits(whole)).unwrap()), whole);
        let failure = try_done(&data, limits(whole - 1)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::ReplyTooLarge);
        assert_eq!((failure.attempts, failure.http_status), (2, Some(200)));
        assert!(failure.message.contains("OGE_MCP_MAX_RESULT_BYTES"), "{}", failure.message);
        let start = failure.body.clone().unwrap();
        let compact = json::compact(&data);
        assert!(start.len() > 300 && compact.starts_with(&start), "{start}");
        let short = shortened::<RunBigQuery>(failure, limits(4096));
        let short = super::failure::<RunBigQuery>(&short);
        assert!(length(&short) <= 4096, "{}", length(&short));
    }
}

#[test]
fn the_measured_size_is_that_of_the_message() {
    for data in ["null", r#"{"a":"\\\"坡\u0001"}"#] {
        let output = Computation { data: data.to_owned() };
        let done = Completed { output, attempts: 1, elapsed: Duration::from_millis(12_345) };
        let measured = measure::<RunBigQuery>(done, LIMITS);
        let size = measured.size.message();
        assert_eq!(length(&measured.build().unwrap()), size, "{data}");
    }
}

#[test]
fn a_large_failure_loses_its_response_then_its_messages_end() {
    let failure = |message: &str, body: &str| Failure {
        body: Some(body.to_owned()),
        ..Failure::new(FailureKind::Api, "大数据查询", message)
    };
    // The most that 512 bytes of ignored arguments take.
    let limits = Limits { message: 4096, ..LIMITS }.reserving(1600);
    let shorten = |failure: Failure| {
        let short = shortened::<RunBigQuery>(failure, limits);
        let size = length(&super::failure::<RunBigQuery>(&short));
        assert!(size <= limits.message, "{size}");
        short
    };
    let large = "\u{1}".repeat(4096);
    let whole = failure("why", "because");
    assert_eq!(shorten(whole.clone()), whole);
    assert_eq!(shorten(failure("why", &large)), Failure { body: None, ..whole });
    for long in [&large, &"坡".repeat(4096), &"\"\\".repeat(4096)] {
        let short = shorten(failure(long, &large));
        let kept = short.message.strip_suffix('…').unwrap();
        assert!(short.body.is_none() && kept.len() > 10 && long.starts_with(kept), "{kept}");
    }
}

/// The pages that a preview names are those that are read, whatever else the message has.
#[test]
fn ignored_arguments_change_no_page() {
    assert_eq!(LIMITS.reserving(1600).page, LIMITS.page);
}

#[test]
fn a_value_takes_no_more_memory_than_was_measured() {
    // The worst cases of memory for each byte of text.
    for (part, count) in [("0,", 600_000), ("[],", 400_000), ("{\"a\":0},", 80_000)] {
        let data = format!("[{}0]", part.repeat(count));
        let little = Limits { message: 64 << 20, memory: 48 << 20, ..LIMITS };
        let result = try_done(&data, little).unwrap();
        let structured = result.structured_content.as_ref().unwrap();
        assert_eq!(structured["data"], Value::String(data.clone()), "{part}");
        let much = Limits { message: 64 << 20, memory: 256 << 20, ..LIMITS };
        let result = try_done(&data, much).unwrap();
        assert!(result.structured_content.unwrap()["data"].is_array());
    }
}

#[test]
fn a_result_beyond_the_memory_names_the_setting_to_raise() {
    let data = format!("{:?}", "x".repeat(1 << 20));
    let failure =
        try_done(&data, Limits { message: 8 << 20, memory: 1 << 20, ..LIMITS }).unwrap_err();
    assert!(failure.message.ends_with("or raise OGE_MAX_REPLY_BYTES"), "{}", failure.message);
}

const ID: &str = "1767323045000-5-0123456789abcdef0123456789abcdef";

fn measured(data: &str, limits: Limits) -> Measured<RunBigQuery> {
    let output = Computation { data: data.to_owned() };
    measure(Completed { output, attempts: 2, elapsed: Duration::from_secs(2) }, limits)
}

#[test]
fn a_kept_result_has_a_preview_and_a_link() {
    let rows = format!("[{}0]", "[1, 2], ".repeat(12_000));
    let mut measured = measured(&rows, LIMITS);
    assert!(measured.is_large());
    let mut kept = String::new();
    let result = measured.keep(|data| {
        kept = String::from_utf8(data.to_vec()).unwrap();
        Ok(ID.parse().unwrap())
    });
    assert_eq!(kept, json::compact(&rows));
    let result = result.unwrap();
    let structured = result.structured_content.as_ref().unwrap();
    assert_eq!(*structured, serde_json::from_str::<Value>(text(&result)).unwrap());
    assert_eq!((&structured["success"], &structured["data"]), (&json!(true), &json!(null)));
    let preview = &structured["preview"];
    assert_eq!((&preview["kind"], &preview["count"]), (&json!("list"), &json!(12_001)));
    assert_eq!((&preview["pages"], &preview["bytes"]), (&json!(1), &json!(5)));
    assert_eq!(preview["first"], json!(vec![[1, 2]; 20]));
    let uri = format!("oge://results/{ID}");
    assert_eq!(preview["uri"], json!(uri));
    let link = result.content[1].as_resource_link().unwrap();
    assert_eq!((&link.uri, link.size), (&uri, Some(5)));
}

#[test]
fn a_preview_fits_the_smallest_limit() {
    for data in [format!("{:?}", "\\\"".repeat(5000)), format!("[{}0]", "\"坡\\n\",".repeat(5000))]
    {
        let limits = Limits { message: 4096, keep_above: 4096, ..LIMITS };
        let result = measured(&data, limits).keep(|_| Ok(ID.parse().unwrap())).unwrap();
        assert!(length(&result) <= 4096, "{}", length(&result));
    }
}

#[test]
fn a_result_that_cannot_be_kept_is_whole_or_says_why() {
    let rows = format!("[{}0]", "[1,2],".repeat(9000));
    let unkept = |limits| {
        let mut measured = measured(&rows, limits);
        assert_eq!(measured.keep(|_| Err("disk full".to_owned())), None);
        measured.checked()
    };
    assert_eq!(text(&unkept(LIMITS).unwrap().build().unwrap()), text(&done(&rows)));
    let failure = unkept(Limits { message: 8192, ..LIMITS }).unwrap_err();
    assert_eq!(failure.kind, FailureKind::ReplyTooLarge);
    assert!(failure.message.contains("OGE_TOKEN_FILE: disk full;"), "{}", failure.message);
}

#[test]
fn a_limit_that_is_set_applies_with_and_without_a_place() {
    let read = |value: Option<&str>| {
        let limits = Limits::read(|_| value.map(str::to_owned), 1).unwrap();
        (limits.message, limits.keep_above)
    };
    assert_eq!(read(None), (4 << 20, 128 << 10));
    assert_eq!(read(Some("50000")), (50_000, 50_000));
}

#[test]
fn a_bad_limit_is_refused_by_name() {
    let read = |value: &str| Limits::read(|_| Some(value.to_owned()), 1);
    assert_eq!(read(" ").unwrap().message, 4 << 20);
    assert_eq!(read(" 4096 ").unwrap().message, 4096);
    for bad in ["4095", "0", "-1", "4MB", "1e6", "1073741825"] {
        let fault = read(bad).unwrap_err();
        assert!(matches!(fault, Fault::Setting("OGE_MCP_MAX_RESULT_BYTES", _)), "{bad}");
    }
}
