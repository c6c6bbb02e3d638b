//! The settings of the tools and of the token store.

use oge_token::{ConfiguredToken, Credentials};
use oge_tools::error::Fault;
use oge_tools::settings::list::{LOGIN, TOOLS};
use oge_tools::settings::{MAX_TIMEOUT_SECONDS, Settings};
use oge_tools::url::Origin;

use crate::input;

/// Input: `KEY=value` in each line.
pub(crate) fn target(data: &[u8]) {
    let secret_free = !input::gives_itself_away(data);
    let data = input::with_secret(data, "MARKER");
    let lines: Vec<_> = input::lines(&data).collect();
    let get = |key: &str| {
        let pairs = lines.iter().filter_map(|line| line.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).next_back()
    };
    match Settings::read(get) {
        Ok(settings) => {
            assert!((1..=1 << 30).contains(&settings.max_reply_bytes));
            let seconds = settings.timeout(30).as_secs();
            assert!((1..=u64::from(MAX_TIMEOUT_SECONDS)).contains(&seconds));
            for origin in settings.origins() {
                assert!(settings.may_get_token(origin));
                assert_eq!(Origin::parse(&origin.to_string()).as_ref(), Ok(origin));
            }
            let endpoints = [settings.api_url(), settings.dag_url()];
            for url in endpoints.into_iter().flatten() {
                assert!(settings.may_get_token(url.origin()));
            }
            assert_eq!(settings.origins().count() == 0, {
                let lists = ["OGE_API_URL", "OGE_DAG_URL", "OGE_ALLOWED_ORIGINS"].map(get);
                lists.iter().flatten().all(|value| {
                    value.trim().chars().all(|mark| mark == ',' || mark.is_whitespace())
                })
            });
        }
        Err(fault) => assert_names(&fault, TOOLS, secret_free),
    }
    if let Err(fault) = Credentials::read(get) {
        assert_names(&fault, LOGIN, secret_free);
    }
    match ConfiguredToken::read(get) {
        Ok(given) => {
            if let Some(given) = given {
                let token = given.authorization.expose().strip_prefix("Bearer ").unwrap();
                assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
        Err(fault) => assert_names(&fault, &["OGE_TOKEN"], secret_free),
    }
}

/// Asserts that a fault names a known setting and does not show its value.
fn assert_names(fault: &Fault, keys: &[&str], secret_free: bool) {
    let Fault::Setting(key, problem) = fault else { panic!("{fault:?} is not about a setting") };
    assert!(keys.contains(key), "{key}");
    if secret_free {
        input::assert_hides(problem);
    }
}
