//! The settings that the store exports to the component composed with it: the tools' own and no credential.
//!
//! Composed components share their imports, and the host's environment has the password. So the composed
//! component imports the environment from the store in place of the host.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use oge_tools::settings::FILE_PROBLEM;
use oge_tools::settings::list::TOOLS;
use oge_tools::trace;

use super::bindings::Component;
use super::bindings::exports::wasi::cli::environment;
use super::settings;

fn visible() -> Vec<(String, String)> {
    settings::version();
    let get = settings::source();
    let keys = TOOLS.iter().copied().chain([FILE_PROBLEM, trace::VARIABLE, trace::ID_VARIABLE]);
    keys.filter_map(|key| Some((key.to_owned(), get(key)?))).collect()
}

impl environment::Guest for Component {
    fn get_environment() -> Vec<(String, String)> {
        visible()
    }

    fn get_arguments() -> Vec<String> {
        Vec::new()
    }

    fn initial_cwd() -> Option<String> {
        None
    }
}

#[cfg(feature = "wasi-config")]
mod config {
    use super::{FILE_PROBLEM, String, TOOLS, Vec, settings, visible};

    /// The bindings of this export.
    #[expect(unsafe_code, reason = "generated; lifting and lowering the canonical ABI")]
    mod bindings {
        wit_bindgen::generate!({ path: "../../wit", world: "visible-config" });

        export!(Visible with_types_in self);

        pub(super) struct Visible;
    }

    use bindings::exports::wasi::config::store;

    impl store::Guest for bindings::Visible {
        fn get(key: String) -> Result<Option<String>, store::Error> {
            let is_visible = TOOLS.contains(&key.as_str()) || key == FILE_PROBLEM;
            Ok(is_visible.then(|| settings::source()(&key)).flatten())
        }

        fn get_all() -> Result<Vec<(String, String)>, store::Error> {
            Ok(visible())
        }
    }
}
