//! What a guest can access: its settings, the allowed origins, the token store, its log.

use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use oge_host::{Host, TokenStore};
use oge_mock_platform::{Mock, Options};
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError};
use oge_tools::url::Origin;
use wasm_encoder::{
    Component, ComponentImportSection, ComponentTypeRef, ComponentTypeSection, ComponentValType,
    InstanceType,
};

use crate::limits::{hostile, tell};

#[tokio::test]
async fn a_guest_sees_only_its_own_settings() {
    let seen = [
        ("OGE_API_URL", "http://h/a"),
        ("OGE_DAG_URL", "http://h/d"),
        ("OGE_LOG", "debug"),
        ("OGE_USER_ID", "user"),
    ];
    let host = hostile()
        .settings(std::env::vars().filter(|(key, _)| !key.starts_with("OGE_")))
        .settings(seen)
        .settings([
            ("OGE_TOKEN_URL", "http://h/token"),
            ("OGE_TOKEN_USERNAME", "marker"),
            ("OGE_TOKEN_PASSWORD", "marker"),
            ("OGE_CLIENT_ID", "marker"),
            ("OGE_CLIENT_SECRET", "marker"),
            ("OGE_TOKEN", "marker"),
            ("OGE_UNKNOWN", "marker"),
        ])
        .build()
        .unwrap();
    let expected = seen.map(|(key, value)| format!("{key}={value}")).join("\n");
    assert_eq!(tell(&host, "environment").await.unwrap(), expected);
}

#[tokio::test]
async fn requests_are_sent_to_allowed_origins_only() {
    let mock = Mock::start(Options::default()).await.unwrap();
    let authority = mock.origin().trim_start_matches("http://");
    let port = authority.rsplit(':').next().unwrap();
    let host = hostile().allow(Origin::parse("http://127.0.0.1:1").unwrap()).build().unwrap();
    for other in [
        authority.to_owned(),
        format!("localhost:{port}"),
        format!("127.1:{port}"),
        format!("127.0.0.1:1@{authority}"),
        format!("[::ffff:127.0.0.1]:{port}"),
    ] {
        let answer = tell(&host, &format!("get:{other}")).await.unwrap();
        assert!(
            ["ErrorCode::HttpRequestDenied", "refused at once"].contains(&&*answer),
            "{other}: {answer}"
        );
    }
    assert!(mock.all_requests().is_empty(), "{:?}", mock.all_requests());
}

#[tokio::test]
async fn the_origins_of_the_settings_are_allowed() {
    let mock = Mock::start(Options::default()).await.unwrap();
    let get = format!("get:{}", mock.origin().trim_start_matches("http://"));
    for setting in ["OGE_API_URL", "OGE_DAG_URL", "OGE_ALLOWED_ORIGINS"] {
        let host = hostile().settings([(setting, mock.origin())]).build().unwrap();
        let answer = tell(&host, &get).await.unwrap();
        assert!(answer.starts_with("status "), "{setting}: {answer}");
    }
}

/// A token store with a different result for each request.
struct FixedResults;

impl TokenStore for FixedResults {
    fn get(&self) -> BoxFuture<'_, Result<Token, TokenError>> {
        ready(Err(TokenError::NotConfigured("OGE_TOKEN_URL".to_owned()))).boxed()
    }

    fn peek(&self) -> BoxFuture<'_, Option<Token>> {
        ready(Some(Token { authorization: Secret::new("Bearer held"), generation: 7 })).boxed()
    }

    fn refresh(&self, stale: Option<u64>) -> BoxFuture<'_, Result<Token, TokenError>> {
        ready(match stale {
            Some(_) => Err(TokenError::Rejected("wrong password".to_owned())),
            None => Err(TokenError::Unavailable("no answer".to_owned())),
        })
        .boxed()
    }
}

#[tokio::test]
async fn token_store_results_reach_the_guest_unchanged() {
    let host = hostile().token_store(FixedResults).build().unwrap();
    assert_eq!(
        tell(&host, "tokens").await.unwrap(),
        "get: TokenError::NotConfigured(\"OGE_TOKEN_URL\")\n\
         peek: Bearer held\n\
         refresh 7: TokenError::Rejected(\"wrong password\")\n\
         refresh: TokenError::Unavailable(\"no answer\")"
    );
}

#[tokio::test]
async fn a_flooded_log_is_cut_and_closed() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let host = hostile().log(move |line| sink.lock().unwrap().push(line.len())).build().unwrap();
    assert_eq!(tell(&host, "flood").await.unwrap(), "the log is closed");
    let lines = lines.lock().unwrap();
    assert!(lines.iter().sum::<usize>() < 2 << 20, "{} lines", lines.len());
}

#[tokio::test]
async fn a_guest_sees_no_argument_and_no_directory() {
    let host = hostile().build().unwrap();
    assert_eq!(tell(&host, "arguments").await.unwrap(), "[] None");
}

/// Returns a component that imports one function of an interface, without parameters and results.
fn asks_for(interface: &str, function: &str) -> Vec<u8> {
    let mut instance = InstanceType::new();
    let no_parameters: [(&str, ComponentValType); 0] = [];
    instance.ty().function().params(no_parameters).result(None);
    instance.export(function, ComponentTypeRef::Func(0));
    let mut types = ComponentTypeSection::new();
    types.instance(&instance);
    let mut imports = ComponentImportSection::new();
    imports.import(interface, ComponentTypeRef::Instance(0));
    let mut component = Component::new();
    component.section(&types).section(&imports);
    component.finish()
}

/// Returns why a component that imports this function is not loaded.
fn not_loaded(interface: &str, function: &str) -> String {
    let built = Host::builder(asks_for(interface, function)).build();
    format!("{:#}", built.err().unwrap())
}

#[test]
fn a_component_with_other_imports_is_not_loaded() {
    const MISSING: &str = "implementation is missing";
    for (interface, function) in [
        ("wasi:cli/exit@0.2.4", "exit"),
        ("wasi:cli/stdin@0.2.4", "get-stdin"),
        ("wasi:cli/stdout@0.2.4", "get-stdout"),
        ("wasi:cli/terminal-stderr@0.2.4", "get-terminal-stderr"),
        ("wasi:clocks/timezone@0.2.4", "display"),
        ("wasi:config/store@0.2.0-rc.1", "get"),
        ("wasi:filesystem/preopens@0.2.4", "get-directories"),
        ("wasi:filesystem/types@0.2.4", "filesystem-error-code"),
        ("wasi:http/incoming-handler@0.2.4", "handle"),
        ("wasi:keyvalue/store@0.2.0-draft", "open"),
        ("wasi:random/insecure-seed@0.2.4", "insecure-seed"),
        ("wasi:random/random@0.2.4", "get-random-bytes"),
        ("wasi:sockets/instance-network@0.2.4", "instance-network"),
        ("wasi:sockets/ip-name-lookup@0.2.4", "resolve-addresses"),
        ("wasi:sockets/tcp-create-socket@0.2.4", "create-tcp-socket"),
        ("wasi:sockets/udp-create-socket@0.2.4", "create-udp-socket"),
    ] {
        let error = not_loaded(interface, function);
        assert!(error.contains(interface) && error.contains(MISSING), "{interface}: {error}");
    }
    // An interface that the host provides is not missing; here only the function's type differs.
    let error = not_loaded("wasi:clocks/wall-clock@0.2.4", "now");
    assert!(!error.contains(MISSING), "{error}");
}
