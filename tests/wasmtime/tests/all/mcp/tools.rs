//! The tools' descriptions and behaviour for an MCP client.

use oge_mock_platform::Route;
use serde_json::{Value, json};

use super::{STDIO, Session, Transport, WAYS, envelope, refused, with};
use crate::command::mock;

const NAMES: [&str; 6] = [
    "coverage_aspect_analysis",
    "run_big_query",
    "execute_code_to_dag",
    "submit_batch_task",
    "query_task_status",
    "execute_dag_workflow",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_and_version_lists_six_tools() {
    let mock = mock().await;
    for way in WAYS {
        let session = Session::start(&mock.settings(), way).await;
        let tools = session.client.list_all_tools().await.unwrap();
        let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, NAMES, "{way:?}");
        for tool in &tools {
            let schema = Value::Object((*tool.input_schema).clone());
            // Unknown arguments are allowed and ignored.
            assert_eq!(schema.get("additionalProperties"), None, "{}", tool.name);
            for (name, property) in schema["properties"].as_object().unwrap() {
                assert!(property["description"].is_string(), "{}: {name}", tool.name);
                let is_required = schema["required"]
                    .as_array()
                    .is_some_and(|required| required.iter().any(|required| required == name));
                assert!(property["type"].is_string(), "{}: {name}", tool.name);
                assert!(!(is_required && property.get("default").is_some()), "{name}");
            }
            assert!(tool.output_schema.is_some() && tool.annotations.is_some(), "{}", tool.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tool_works_and_an_expired_token_is_refreshed() {
    for way in WAYS {
        let mock = mock().await;
        mock.start_task("d");
        let session = Session::start(&mock.settings(), way).await;
        let bbox = json!({"bbox": [114.0, 30.4, 114.6, 30.8], "radius": null});
        let code = json!({"code": "import oge", "sample_name": "s"});
        let mut dag = Value::Null;
        for (tool, arguments) in [
            ("coverage_aspect_analysis", bbox),
            ("run_big_query", json!({})),
            ("execute_code_to_dag", code),
            ("submit_batch_task", Value::Null),
            ("query_task_status", Value::Null),
            ("execute_dag_workflow", json!({"code": "import oge"})),
        ] {
            if tool == "execute_code_to_dag" {
                mock.revoke_tokens();
            }
            let arguments = if arguments.is_null() { json!({"dag_id": dag}) } else { arguments };
            let envelope = session.envelope(tool, arguments).await;
            assert_eq!(
                (&envelope["success"], &envelope["code"]),
                (&json!(true), &json!(0)),
                "{envelope}"
            );
            if tool == "execute_code_to_dag" {
                dag = envelope["data"]["dag_ids"][0].clone();
            }
        }
        assert_eq!(mock.count(Route::Token), 2, "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_arguments_are_named_before_anything_is_sent() {
    for way in STDIO {
        let mock = mock().await;
        let session = Session::start(&mock.settings(), way).await;
        for (tool, arguments, named) in [
            ("coverage_aspect_analysis", json!({}), "`bbox` is required"),
            ("coverage_aspect_analysis", json!({"bbox": [1, 2, "x", 4]}), "bbox must be 4 numbers"),
            ("coverage_aspect_analysis", json!({"bbox": [4, 2, 3, 1]}), "bbox has min lon"),
            (
                "coverage_aspect_analysis",
                json!({"bbox": [1, 2, 3, 4], "radius": 0}),
                "radius must be",
            ),
            (
                "run_big_query",
                json!({"Query": "SELECT 1"}),
                "`Query` is unknown; did you mean `query`?",
            ),
            ("execute_code_to_dag", json!({"code": " "}), "`code` is required"),
            ("submit_batch_task", json!({"dag_id": 5}), "dag_id must be a text; it was 5"),
            ("query_task_status", json!({"dag_id": "d", "wait_seconds": 601}), "wait_seconds"),
            ("query_task_status", json!({"dag_id": "d", "auth_token": 47_114_711}), "auth_token"),
            ("execute_dag_workflow", json!({"code": "c", "check_interval": 0}), "check_interval"),
            (
                "execute_dag_workflow",
                json!({"code": "c", "max_wait_time": "long"}),
                "max_wait_time",
            ),
        ] {
            let envelope = session.envelope(tool, arguments).await;
            assert_eq!(envelope["error"]["kind"], "invalid-argument", "{envelope}");
            assert_eq!(envelope["error"]["attempts"], 0);
            let message = envelope["error"]["message"].as_str().unwrap();
            assert!(message.starts_with(named), "{message}");
            assert!(!message.contains("47114711"), "{message}");
        }
        assert_eq!(mock.all_requests().len(), 0);
        let error = refused(session.try_call("run_query", json!({})).await);
        assert_eq!(error.code.0, -32602);
        assert!(error.message.contains("run_query") && error.message.contains("run_big_query"));
    }
}

/// The MCP Inspector's command line, forms and models send such arguments.
#[tokio::test(flavor = "multi_thread")]
async fn arguments_may_be_text_or_blank() {
    for way in STDIO {
        let mock = mock().await;
        let session = Session::start(&mock.settings(), way).await;
        let sent = |route| mock.requests(route).pop().unwrap().json();
        let arguments = json!({"bbox": "114,30,115,31", "radius": "2", "pretreatment": "false",
                           "coverage_type": "", "product_value": null});
        let envelope = session.envelope("coverage_aspect_analysis", arguments).await;
        assert_eq!(envelope["success"], json!(true), "{envelope}");
        let args = sent(Route::Process)["args"].clone();
        assert_eq!(args["radius"], json!(2));
        assert_eq!(args["coverage"]["preParams"]["bbox"], json!([114.0, 30.0, 115.0, 31.0]));
        assert_eq!(args["coverage"]["type"], "Coverage");
        assert_eq!(args["coverage"]["pretreatment"], json!(false));
        let arguments = json!({"dag_id": "d", "scale": 30, "auth_token": "", "username": " "});
        session.envelope("submit_batch_task", arguments).await;
        assert_eq!(sent(Route::AddTaskRecord)["scale"], "30");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_arguments_are_ignored_and_named() {
    let mock = mock().await;
    let session = Session::start(&mock.settings(), (Transport::Http, "2025-11-25")).await;
    let n8n = json!({"sessionId": "s", "action": "sendMessage", "chatInput": "hi", "tool": "t",
                     "toolCallId": "c"});
    let names = json!(["action", "chatInput", "sessionId", "tool", "toolCallId"]);
    let envelope = session.envelope("run_big_query", n8n.clone()).await;
    assert_eq!((&envelope["success"], &envelope["ignored_arguments"]), (&json!(true), &names));
    mock.fail(Route::Process, oge_mock_platform::Fault::Code(500));
    let envelope = session.envelope("run_big_query", n8n).await;
    assert_eq!((&envelope["success"], &envelope["ignored_arguments"]), (&json!(false), &names));
    let envelope = session.envelope("run_big_query", json!({})).await;
    assert_eq!(envelope.get("ignored_arguments"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_setting_fails_each_call_and_not_the_server() {
    let mock = mock().await;
    for transport in [Transport::Stdio, Transport::Http, Transport::OgeStdio, Transport::OgeHttp] {
        let settings = with(&mock, &[("OGE_TIMEOUT_SECONDS", "soon")]);
        let session = Session::start(&settings, (transport, "2025-11-25")).await;
        for _ in 0..2 {
            let result = session.call("run_big_query", json!({})).await;
            let envelope = envelope(&result);
            assert_eq!(envelope["error"]["kind"], "not-configured");
            assert!(envelope["msg"].as_str().unwrap().contains("OGE_TIMEOUT_SECONDS"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_token_is_hidden_in_the_failures_of_later_calls() {
    for way in STDIO {
        let mock = mock().await;
        let session = Session::start(&mock.settings(), way).await;
        let arguments = json!({"dag_id": "d", "auth_token": "Bearer callers-token-7"});
        session.envelope("query_task_status", arguments).await;
        mock.response(Route::Process, 500, "text/plain", "not callers-token-7 again");
        let failure = session.envelope("run_big_query", json!({})).await.to_string();
        assert!(failure.contains("not *** again"), "{failure}");
        assert!(!failure.contains("callers-token"), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_reports_its_progress() {
    for way in WAYS {
        let mock = mock().await;
        let session = Session::start(&mock.settings(), way).await;
        session.call("run_big_query", json!({})).await;
        session.progress(3).await;
        session.listener.progress.lock().unwrap().clear();
        mock.revoke_tokens();
        session.call("run_big_query", json!({})).await;
        let progress = session.progress(7).await;
        let messages: Vec<_> =
            progress.iter().map(|step| step.message.as_deref().unwrap()).collect();
        let expected = [
            "发送请求 (第1次)",
            "收到回复，读取中 (第1次)",
            "检测到token过期(40003)，尝试自动刷新...",
            "Token刷新成功，重新调用API...",
            "发送请求 (第2次)",
            "收到回复，读取中 (第2次)",
            "API调用成功",
        ];
        assert_eq!(messages.len(), expected.len(), "{way:?}: {messages:?}");
        for (message, expected) in messages.iter().zip(expected) {
            assert!(message.starts_with(expected), "{way:?}: {message}");
        }
        assert!(progress.windows(2).all(|pair| pair[0].progress < pair[1].progress));
    }
}
