//! No token, password or secret in anything that anybody can read.

use oge_fake::{Credentials, Fault, Options, Route};
use oge_tools::api;
use oge_tools::envelope::Envelope;
use oge_tools::error::Failure;
use oge_tools::secret::Secret;
use oge_tools::tools::{QueryTaskStatus, query_task_status};

use crate::scene::{Scene, status_of};

const PASSWORD: &str = "MARKER_P@ss-word!";
const CLIENT_SECRET: &str = "MARKER-client=1.~";

async fn scene() -> Scene {
    let credentials = Credentials {
        password: PASSWORD.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        ..Credentials::default()
    };
    let options = Options::default().credentials(credentials);
    Scene::with(options, |builder| builder.settings([("OGE_LOG", "debug")])).await
}

/// Everything that a failure shows to anybody, and the log.
fn shown(scene: &Scene, failure: &Failure) -> String {
    let envelope = Envelope::<query_task_status::Output>::of::<QueryTaskStatus>(Err(failure));
    format!("{failure} {failure:?} {} {:?}", envelope.to_json(), scene.log())
}

fn assert_clean(text: &str) {
    for secret in ["MARKER", "eyJ", "P%40ss", "client%3D1"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_token_that_the_platform_repeats_is_hidden() {
    let scene = scene().await;
    scene.fake.fail(Route::GetState, Fault::EchoToken);
    let failure = scene.ask().await.unwrap_err();
    assert!(failure.body.as_deref().unwrap().contains("***"), "{failure:?}");
    assert_clean(&shown(&scene, &failure));
}

#[tokio::test]
async fn a_callers_token_that_the_platform_repeats_is_hidden() {
    let scene = scene().await;
    scene.fake.fail(Route::GetState, Fault::EchoToken);
    let mut arguments = status_of("d");
    arguments.auth_token = Some(Secret::new("eyJtoken.MARKERMARKER.MARKERMARKER"));
    let failure = scene.fail::<QueryTaskStatus>(&arguments).await;
    assert_clean(&shown(&scene, &failure));
    assert_clean(&format!("{arguments:?}"));
}

#[tokio::test]
async fn credentials_that_the_login_repeats_are_hidden() {
    let scene = scene().await;
    scene.fake.fail(Route::Token, Fault::EchoToken);
    let failure = scene.ask().await.unwrap_err();
    assert!(failure.message.contains("***"), "{failure}");
    assert_clean(&shown(&scene, &failure));
}

#[tokio::test]
async fn a_login_that_answers_in_an_unknown_form_is_not_quoted() {
    let scene = scene().await;
    let body =
        r#"{"code":200,"msg":"eyJhbGciOiJIUzI1NiJ9.MARKER.c2ln","data":{"jwt":"eyJMARKER"}}"#;
    scene.fake.reply(Route::Token, 200, "application/json", body);
    let failure = scene.ask().await.unwrap_err();
    assert_clean(&shown(&scene, &failure));
}

#[tokio::test]
async fn a_call_that_goes_well_logs_no_secret() {
    let scene = scene().await;
    scene.ask().await.unwrap();
    scene.fake.revoke_tokens();
    scene.ask().await.unwrap();
    assert!(scene.log().len() > 5, "{:?}", scene.log());
    assert_clean(&format!("{:?}", scene.log()));
}

#[tokio::test]
async fn a_private_header_is_hidden_whoevers_token_is_sent() {
    let scene = Scene::new().await;
    scene.fake.reply(
        Route::Other,
        200,
        "application/json",
        r#"{"code":500,"msg":"key MARKER-4711"}"#,
    );
    for auth_token in [None, Some(Secret::new(scene.fake.issue_token()))] {
        let arguments = api::Arguments {
            url: format!("{}/other", scene.fake.origin()),
            headers: Some(vec![("X-Api-Key".to_owned(), Secret::new("MARKER-4711"))]),
            use_intranet_token: Some(true),
            auth_token,
            ..Default::default()
        };
        let error = scene.host.call_api(&arguments).await.unwrap_err();
        assert!(error.to_string().contains("***"), "{error}");
        assert!(!format!("{error:?}{:?}", scene.log()).contains("MARKER-4711"), "{error:?}");
    }
}

#[tokio::test]
async fn a_log_shows_its_level_and_those_before() {
    for (level, lines) in [("off", 0), ("error", 1), ("warn", 1), ("info", 1), ("debug", 3)] {
        let scene = Scene::set(&[("OGE_LOG", level)]).await;
        scene.fake.fail(Route::GetState, oge_fake::Fault::Status(500));
        scene.ask().await.unwrap_err();
        assert_eq!(scene.log().len(), lines, "{level}: {:?}", scene.log());
    }
}
