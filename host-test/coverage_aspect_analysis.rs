//! 坡向分析 over HTTP.

use oge_mock_platform::Route;
use oge_tools::error::FailureKind;
use oge_tools::tools::CoverageAspectAnalysis;
use oge_tools::tools::coverage_aspect_analysis::Arguments;
use serde_json::json;

use crate::fixture::{Fixture, assert_headers, mount_tai};

#[tokio::test]
async fn defaults_are_those_of_the_old_server() {
    let fixture = Fixture::new().await;
    fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.unwrap();
    let request = fixture.only(Route::Process);
    assert_headers(&request);
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/gateway/computation-api/process");
    assert_eq!(
        request.json(),
        json!({
            "name": "Coverage.aspect",
            "args": {
                "coverage": {
                    "type": "Coverage",
                    "pretreatment": true,
                    "preParams": {"bbox": [117.0, 36.18, 117.2, 36.33]},
                    "value": ["Platform:Product:ASTER_GDEM_DEM30"]
                },
                "radius": 1
            },
            "dockerImageSource": "DOCKER_HUB"
        })
    );
}

#[tokio::test]
async fn every_argument_reaches_the_platform() {
    let fixture = Fixture::new().await;
    let arguments = Arguments {
        coverage_type: Some("T".to_owned()),
        pretreatment: Some(false),
        product_value: Some("P".to_owned()),
        radius: Some(7),
        ..mount_tai()
    };
    fixture.host.run::<CoverageAspectAnalysis>(&arguments).await.unwrap();
    let sent = fixture.only(Route::Process).json();
    let coverage = &sent["args"]["coverage"];
    assert_eq!(
        (&coverage["type"], &coverage["pretreatment"], &coverage["value"], &sent["args"]["radius"]),
        (&json!("T"), &json!(false), &json!(["P"]), &json!(7))
    );
}

#[tokio::test]
async fn the_platforms_json_keeps_its_order_and_number_format() {
    let fixture = Fixture::new().await;
    let body = r#"{"z": 1.0, "a":[1e-7, 9007199254740993, "坡"], "code":20000}"#;
    fixture.mock.response(Route::Process, 200, "application/json", body);
    let done = fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.unwrap();
    assert_eq!(done.output.data, body);
    let body = body.replace(' ', "");
    assert_eq!(
        fixture.envelope::<CoverageAspectAnalysis>(&mount_tai()).await,
        format!(
            r#"{{"success":true,"code":0,"msg":"坡向分析执行成功","data":{body},"operation":"坡向分析","execution_time":T,"api_endpoint":"intranet"}}"#
        )
    );
}

#[tokio::test]
async fn a_text_response_is_kept_with_the_parse_error() {
    let fixture = Fixture::new().await;
    fixture.mock.response(Route::Process, 200, "text/plain", "done");
    let done = fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.unwrap();
    let data: serde_json::Value = serde_json::from_str(&done.output.data).unwrap();
    assert_eq!((&data["raw_text"], &data["content_type"]), (&json!("done"), &json!("text/plain")));
    assert!(data["json_parse_error"].is_string());
}

#[tokio::test]
async fn a_bad_argument_is_named_and_nothing_is_sent() {
    let fixture = Fixture::new().await;
    let with_bbox = |bbox: &[f64]| Arguments { bbox: bbox.to_vec(), ..mount_tai() };
    let blank = || Some(" ".to_owned());
    for (name, arguments) in [
        ("bbox", with_bbox(&[])),
        ("bbox", with_bbox(&[1.0, 2.0, 3.0])),
        ("bbox", with_bbox(&[f64::NAN, 2.0, 3.0, 4.0])),
        ("bbox", with_bbox(&[1.0, 2.0, f64::INFINITY, 4.0])),
        ("bbox", with_bbox(&[-181.0, 2.0, 3.0, 4.0])),
        ("bbox", with_bbox(&[1.0, 2.0, 3.0, 91.0])),
        ("bbox", with_bbox(&[3.0, 2.0, 1.0, 4.0])),
        ("bbox", with_bbox(&[1.0, 4.0, 3.0, 4.0])),
        ("radius", Arguments { radius: Some(0), ..mount_tai() }),
        ("coverage_type", Arguments { coverage_type: blank(), ..mount_tai() }),
        ("product_value", Arguments { product_value: blank(), ..mount_tai() }),
    ] {
        let failure = fixture.fail::<CoverageAspectAnalysis>(&arguments).await;
        assert_eq!((failure.kind, failure.attempts), (FailureKind::InvalidArgument, 0));
        assert!(failure.message.starts_with(name), "{failure}");
    }
    fixture.nothing_sent();
}
