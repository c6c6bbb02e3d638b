//! Responses agree with their requests.

use oge_mock_platform::MOUNT_TAI;
use serde_json::{Value, json};

use crate::client::{ADD_TASK_RECORD, EXECUTE_CODE, TestRequest, aspect, start_with_token};

#[tokio::test]
async fn an_aspect_map_covers_the_requested_box() {
    let (mock, token) = start_with_token().await;
    let mut ids = Vec::new();
    for (bbox, area) in [
        (json!([114, 30.4, 114.6, 30.8]), "2.55E+9"),
        (json!([-0.000_01, -1, 0.5, 1e-7]), "6.18E+9"),
        (json!(MOUNT_TAI), "2.99E+8"),
    ] {
        let response = aspect(&token, &bbox).send(&mock).await;
        let data = &response.json()["data"];
        let [west, south, east, north] = [0, 1, 2, 3].map(|index| bbox[index].as_f64());
        let extent =
            json!({"xmin": west, "ymin": south, "xmax": east, "ymax": north, "crs": "EPSG:4326"});
        assert_eq!(data["extent"], extent);
        assert!(response.text().contains(&format!(r#""area":{area}}}"#)), "{}", response.text());
        ids.push(data["id"].as_u64().unwrap());
        assert!(ids.last().unwrap() % 2 == 1 && *ids.last().unwrap() > 1 << 53, "{ids:?}");
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_box_that_is_not_on_the_earth_is_refused() {
    let (mock, token) = start_with_token().await;
    for bbox in [
        json!(null),
        json!([1, 2, 3]),
        json!([1, 2, 3, 4, 5]),
        json!([3, 2, 1, 4]),
        json!([1, 2, 3, 91]),
    ] {
        let response = aspect(&token, &bbox).send(&mock).await.json();
        assert_eq!(response["code"], 500, "{bbox}");
    }
}

#[tokio::test]
async fn code_becomes_a_dag_for_each_export_on_mount_tai() {
    let (mock, token) = start_with_token().await;
    for (code, dags) in
        [("x", 1), ("x.export('a')", 1), ("x.export('a')\ny.export('b')\nz.export('c')", 3)]
    {
        let body = json!({"code": code, "userId": "u", "sampleName": "样例"});
        let request = TestRequest::new("POST", EXECUTE_CODE).token(&token).body(body);
        let response = request.send(&mock).await.json();
        assert_eq!(response["dags"].as_object().unwrap().len(), dags, "{code}");
        let place = &response["spaceParams"];
        assert_eq!(*place, json!({"zoom": 10, "center": [117.1, 36.255], "name": "样例"}));
    }
}

#[tokio::test]
async fn a_task_has_the_names_of_its_request() {
    let (mock, token) = start_with_token().await;
    let request = json!({"taskName": "任务", "crs": "EPSG:32650", "scale": "30", "filename": "f", "format": "png",
        "id": "d1", "userName": "另一个用户", "script": ""});
    let submission = TestRequest::new("POST", ADD_TASK_RECORD).token(&token).body(&request);
    let data = &submission.send(&mock).await.json()["data"];
    for name in ["taskName", "crs", "scale", "filename", "format", "userName"] {
        assert_eq!(data[name], request[name]);
    }
    assert_eq!(data["dagId"], request["id"]);
    assert_eq!(data["folder"], Value::from("/另一个用户/result"));
}
