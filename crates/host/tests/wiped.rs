//! Freed memory holds no credential: the tests search every block that they free. Copies that hyper, TLS and
//! the kernel make to send a request are not covered, nor is what the component receives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(unsafe_code, reason = "a global allocator, which sees every block that is freed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oge_token::{ConfiguredToken, Credentials, Issued, LoginError};
use oge_tools::response::Response;

use oge_host::{Authority, Host, HttpClient, NativeStore, PasswordLogin, to_http};

const SECRET: &str = "WIPE-ME-4711-WIPE-ME";
/// `cid` and the secret as `Basic` encodes them.
const BASIC: &str = "Y2lkOldJUEUtTUUtNDcxMS1XSVBFLU1F";

thread_local! {
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    static LEFT_BEHIND: Cell<usize> = const { Cell::new(0) };
}

struct Watched;

#[global_allocator]
static WATCHED: Watched = Watched;

// SAFETY: the system's allocator does the work. `realloc` is the trait's default, so that blocks that grow are
// freed here too.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract. Zeroed, so that every byte is initialized.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if IS_WATCHED.get() {
            // SAFETY: the block has this size, and all its bytes are initialized.
            let block = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
            let holds = |what: &str| block.windows(what.len()).any(|part| part == what.as_bytes());
            if holds(SECRET) || holds(BASIC) {
                LEFT_BEHIND.set(LEFT_BEHIND.get() + 1);
            }
        }
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Returns how many blocks were freed by `run` while they held a secret.
fn left_behind(run: impl FnOnce()) -> usize {
    LEFT_BEHIND.set(0);
    IS_WATCHED.set(true);
    run();
    IS_WATCHED.set(false);
    LEFT_BEHIND.get()
}

/// Returns every setting of a login, with `OGE_TOKEN_GRANT` if there is a `grant`.
fn settings(grant: Option<&str>) -> Vec<(String, String)> {
    let mut settings: Vec<_> = [
        ("OGE_TOKEN_URL", "http://127.0.0.1:1/token"),
        ("OGE_TOKEN_USERNAME", "name"),
        ("OGE_TOKEN_PASSWORD", SECRET),
        ("OGE_CLIENT_ID", "cid"),
        ("OGE_CLIENT_SECRET", SECRET),
        ("OGE_TOKEN", SECRET),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    settings.extend(grant.map(|grant| ("OGE_TOKEN_GRANT".to_owned(), grant.to_owned())));
    settings
}

#[test]
fn a_block_that_is_not_wiped_is_detected() {
    let (kept, grown) = (SECRET.to_owned(), SECRET.to_owned());
    assert_eq!(left_behind(|| drop(kept)), 1);
    let mut outgrown = Some(grown);
    assert_eq!(left_behind(|| outgrown.as_mut().unwrap().push_str(&" ".repeat(100))), 1);
}

#[test]
fn credentials_and_their_login_request_are_wiped() {
    for grant in [None, Some("oge"), Some("password"), Some("client_credentials")] {
        let settings = settings(grant);
        let get = |key: &str| {
            settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        };
        let left = left_behind(|| {
            let credentials = Credentials::read(get).unwrap();
            let request = credentials.request();
            assert!(format!("{:?}", request.url).ends_with("…"));
            drop(to_http(&request).unwrap());
            drop(ConfiguredToken::read(get).unwrap());
        });
        assert_eq!(left, 0, "{grant:?}");
    }
}

#[test]
fn every_login_response_is_wiped() {
    let settings = settings(None);
    let get =
        |key: &str| settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    let credentials = Credentials::read(get).unwrap();
    for (status, body) in [
        (200, format!(r#"{{"data":{{"token":"{SECRET}","tokenHead":"Bearer "}}}}"#)),
        (200, format!(r#"{{"access_token":"{SECRET}","token_type":"bearer","expires_in":60}}"#)),
        (200, format!(r#"{{"code":200,"data":{{"jwt":"{SECRET}"}}}}"#)),
        (400, format!(r#"{{"error":"invalid_grant","error_description":"not {SECRET}"}}"#)),
        (503, format!("<html>{SECRET}")),
    ] {
        let response = Response { status, body: body.clone().into_bytes(), ..Response::default() };
        let left = left_behind(|| drop(credentials.read_response(response)));
        // `error_description` is read as text before the secrets in it are hidden.
        let expected = usize::from(body.contains("error_description"));
        assert_eq!(left, expected, "{body}");
    }
}

#[test]
fn a_host_keeps_no_copy_of_its_settings() {
    let settings = settings(None);
    let left = left_behind(|| {
        let builder =
            Host::builder(std::fs::read(oge_artifacts::tools()).unwrap()).settings(settings);
        drop(builder.log(|_| {}).build().unwrap());
    });
    assert_eq!(left, 0);
}

/// An authority that issues one token and nothing else.
struct Issues;

impl Authority for Issues {
    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>> {
        async {
            let settings = settings(None);
            let get = |key: &str| {
                settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
            };
            let body = format!(r#"{{"data":{{"token":"{SECRET}"}}}}"#).into_bytes();
            let response = Response { status: 200, body, ..Response::default() };
            let issued = Credentials::read(get).unwrap().read_response(response);
            // This test's own copy of the settings is not what it checks.
            std::mem::forget(settings);
            issued
        }
        .boxed()
    }
}

#[test]
fn a_store_and_its_tokens_are_wiped() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let left = left_behind(|| {
        runtime.block_on(async {
            let store = NativeStore::new(Issues, None, std::sync::Arc::new(|_| {}));
            let token = store.get().await.unwrap();
            store.refresh(Some(token.generation)).await.unwrap();
            drop(store.peek());
        });
    });
    assert_eq!(left, 0);
}

#[test]
fn a_login_that_is_never_made_is_wiped() {
    let settings = settings(None);
    let get =
        |key: &str| settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    let client = HttpClient::new(None).unwrap();
    assert_eq!(left_behind(|| drop(PasswordLogin::new(client, get))), 0);
}
