//! The answers that the five tools and a plain call live on.

use oge_mock_platform::{Mock, Options};
use serde_json::{Value, json};

use crate::client::{
    ADD_TASK_RECORD, Answer, Ask, EXECUTE_CODE, GET_STATE, PROCESS, setting, start,
    start_with_token,
};

async fn post(mock: &Mock, target: &str, body: Value) -> Answer {
    Ask::new("POST", target).token(&mock.issue_token()).body(body).send(mock).await
}

fn aspect() -> Value {
    json!({
        "name": "Coverage.aspect",
        "args": {
            "coverage": {
                "type": "Coverage",
                "pretreatment": true,
                "preParams": {"bbox": [114.05, 30.4, 114.75, 30.9]},
                "value": ["Platform:Product:ASTER_GDEM_DEM30"],
            },
            "radius": 1,
        },
        "dockerImageSource": "DOCKER_HUB",
    })
}

fn big_query(query: &str) -> Value {
    json!({
        "name": "FeatureCollection.runBigQuery",
        "args": {"query": query, "geometryColumn": "geom"},
        "dockerImageSource": "DOCKER_HUB",
    })
}

fn execute(code: &str) -> Value {
    json!({"code": code, "userId": "u", "sampleName": "示例"})
}

fn task(id: &str) -> Value {
    json!({
        "taskName": "t", "crs": "EPSG:4326", "scale": "1000", "filename": "f", "format": "tif",
        "id": id, "userName": "n", "script": "",
    })
}

#[tokio::test]
async fn an_aspect_is_json_with_numbers_in_every_spelling() {
    let mock = start().await;
    let answer = post(&mock, PROCESS, aspect()).await;
    assert_eq!(answer.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(answer.json()["code"], 20000);
    for spelling in ["1e-7", "1.25E+9", "181.250", "-1.0", "坡向分析"] {
        assert!(answer.text().contains(spelling), "{spelling}");
    }
}

#[tokio::test]
async fn an_aspect_with_any_argument_missing_or_wrong_fails() {
    let mock = start().await;
    for (pointer, wrong) in [
        ("/args/coverage/preParams/bbox", json!([1, 2, 3])),
        ("/args/coverage/preParams/bbox/3", json!("30.9")),
        ("/args/coverage/type", Value::Null),
        ("/args/coverage/pretreatment", json!("true")),
        ("/args/coverage/value", json!([])),
        ("/args/radius", json!(-1)),
        ("/name", json!("Coverage.unheardOf")),
        ("/dockerImageSource", json!("")),
    ] {
        let mut body = aspect();
        *body.pointer_mut(pointer).unwrap() = wrong;
        let answer = post(&mock, PROCESS, body).await.json();
        assert_eq!(answer["code"], 500, "{pointer}");
    }
}

#[tokio::test]
async fn a_query_is_answered_with_an_identifier_of_its_own() {
    let mock = start().await;
    let mut ids = Vec::new();
    for query in ["SELECT 1", "SELECT 1", "SELECT 2"] {
        let answer = post(&mock, PROCESS, big_query(query)).await.json();
        ids.push(answer["data"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn code_makes_one_dag_or_two_for_two_exports() {
    let mock = start().await;
    for (code, count) in [("x", 1), ("a.export('a')\nb.export('b')", 2)] {
        let answer = post(&mock, EXECUTE_CODE, execute(code)).await.json();
        let dags = answer["dags"].as_object().unwrap();
        assert_eq!(dags.len(), count, "{code}");
        assert!(dags.values().all(Value::is_object));
        assert!(answer["log"].is_string());
        assert_eq!(answer["spaceParams"]["name"], "示例");
    }
}

#[tokio::test]
async fn the_same_code_makes_the_same_dags_and_other_code_others() {
    let mock = start().await;
    let mut answers = Vec::new();
    for code in ["x", "x", "y"] {
        answers.push(post(&mock, EXECUTE_CODE, execute(code)).await.json());
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0]["dags"], answers[2]["dags"]);
}

#[tokio::test]
async fn blank_code_makes_no_dag() {
    let mock = start().await;
    let answer = post(&mock, EXECUTE_CODE, execute(" \n")).await.json();
    assert_eq!(answer["code"], 500);
    assert!(answer.get("dags").is_none());
}

#[tokio::test]
async fn a_submitted_task_is_answered_with_its_whole_record() {
    let mock = start().await;
    let answer = post(&mock, ADD_TASK_RECORD, task("d1")).await.json();
    assert_eq!(answer["code"], 200);
    let record = answer["data"].as_object().unwrap();
    for (field, value) in [
        ("dagId", "d1"),
        ("taskName", "t"),
        ("state", "starting"),
        ("filename", "f"),
        ("format", "tif"),
        ("scale", "1000"),
        ("crs", "EPSG:4326"),
        ("userName", "n"),
        ("id", "1"),
        ("folder", "/n/result"),
        ("userId", &setting(&mock, "OGE_USER_ID")),
    ] {
        assert_eq!(record[field], value, "{field}");
    }
    assert!(record["batchSessionId"].is_string());
}

#[tokio::test]
async fn the_state_of_a_task_advances_with_each_query() {
    let (mock, token) = start_with_token().await;
    let mut states = Vec::new();
    for _ in 0..4 {
        let answer = Ask::state(&token).send(&mock).await;
        assert_eq!(answer.header("content-type"), "text/plain;charset=UTF-8");
        states.push(answer.text().to_owned());
    }
    assert_eq!(states, ["starting", "running", "success", "success"]);
}

#[tokio::test]
async fn the_states_of_a_task_can_be_chosen() {
    let options = Options::default().task_states(["FAILED"]);
    let mock = Mock::start(options).await.unwrap();
    mock.start_task("d1");
    let answer = Ask::state(&mock.issue_token()).send(&mock).await;
    assert_eq!(answer.text(), "FAILED");
}

#[tokio::test]
async fn a_dag_is_known_from_its_making_and_from_its_submission() {
    let mock = start().await;
    let answer = post(&mock, EXECUTE_CODE, execute("x")).await.json();
    let made = answer["dags"].as_object().unwrap().keys().next().unwrap().clone();
    post(&mock, ADD_TASK_RECORD, task("任务 1+1")).await;
    for (id, state) in [
        (made.as_str(), "starting"),
        ("%E4%BB%BB%E5%8A%A1%201%2B1", "starting"),
        ("%E4%BB%BB%E5%8A%A1%201+1", "unknown"),
        ("nobody", "unknown"),
    ] {
        let answer = Ask::new("GET", format!("/api/oge-dag-22/getState?dagId={id}"))
            .token(&mock.issue_token())
            .send(&mock)
            .await;
        assert_eq!(answer.text(), state, "{id}");
    }
}

#[tokio::test]
async fn a_state_without_a_dag_id_is_a_bad_request() {
    let (mock, token) = start_with_token().await;
    let bare = GET_STATE.trim_end_matches("d1");
    for target in [bare, bare.trim_end_matches("dagId=")] {
        let answer = Ask::new("GET", target).token(&token).send(&mock).await;
        assert_eq!(answer.status, 400, "{target}");
    }
}

#[tokio::test]
async fn any_other_path_is_an_echo() {
    let (mock, token) = start_with_token().await;
    let answer = Ask::new("DELETE", "/api/any/where?a=1&b=%20")
        .without("content-type")
        .token(&token)
        .send(&mock)
        .await;
    let echo = json!({"method": "DELETE", "path": "/api/any/where", "query": "a=1&b=%20"});
    assert_eq!(answer.json(), json!({"code": 200, "data": echo}));
}
