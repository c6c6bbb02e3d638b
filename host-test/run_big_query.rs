//! 大数据查询 over HTTP.

use oge_mock_platform::{Fault, Route};
use oge_tools::error::FailureKind;
use oge_tools::tools::RunBigQuery;
use oge_tools::tools::run_big_query::{Arguments, FARMLAND};
use serde_json::json;

use crate::fixture::{Fixture, assert_headers};

#[tokio::test]
async fn defaults_ask_for_farmland() {
    let fixture = Fixture::new().await;
    let done = fixture.host.run::<RunBigQuery>(&Arguments::default()).await.unwrap();
    assert!(done.output.data.contains("bigquery_"), "{}", done.output.data);
    let request = fixture.only(Route::Process);
    assert_headers(&request);
    assert_eq!(
        request.json(),
        json!({
            "name": "FeatureCollection.runBigQuery",
            "args": {"query": FARMLAND, "geometryColumn": "geom"},
            "dockerImageSource": "DOCKER_HUB"
        })
    );
}

#[tokio::test]
async fn every_argument_reaches_the_platform() {
    let fixture = Fixture::new().await;
    let query = "SELECT \"a\"\nFROM t WHERE b = '坡\\'".to_owned();
    let arguments =
        Arguments { query: Some(query.clone()), geometry_column: Some("shape".to_owned()) };
    fixture.host.run::<RunBigQuery>(&arguments).await.unwrap();
    let sent = fixture.only(Route::Process).json();
    assert_eq!(sent["args"], json!({"query": query, "geometryColumn": "shape"}));
}

#[tokio::test]
async fn a_failure_ends_with_the_status() {
    let fixture = Fixture::new().await;
    fixture.mock.fail(Route::Process, Fault::Status(502));
    let envelope = fixture.envelope::<RunBigQuery>(&Arguments::default()).await;
    assert!(
        envelope.starts_with(r#"{"success":false,"code":1,"msg":"大数据查询失败: "#),
        "{envelope}"
    );
    assert!(
        envelope.ends_with(
            r#" (状态码: 502)","data":null,"operation":"大数据查询","execution_time":T,"api_endpoint":"oge"}"#
        ),
        "{envelope}"
    );
    fixture.mock.fail(Route::Process, Fault::Code(500));
    let envelope = fixture.envelope::<RunBigQuery>(&Arguments::default()).await;
    assert!(envelope.contains(" (状态码: 未知状态码)\""), "{envelope}");
}

#[tokio::test]
async fn blank_arguments_are_named_and_nothing_is_sent() {
    let fixture = Fixture::new().await;
    let blank = || Some("\n".to_owned());
    for (name, arguments) in [
        ("query", Arguments { query: blank(), ..Arguments::default() }),
        ("geometry_column", Arguments { geometry_column: blank(), ..Arguments::default() }),
    ] {
        let failure = fixture.fail::<RunBigQuery>(&arguments).await;
        assert_eq!(failure.kind, FailureKind::InvalidArgument);
        assert!(failure.message.starts_with(name), "{failure}");
    }
    fixture.nothing_sent();
}
