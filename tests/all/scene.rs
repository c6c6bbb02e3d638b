//! What a test arranges: a fake OGE, a host with the built component, and what both saw.

use std::sync::{Arc, Mutex};

use oge_fake::{Fake, Options};
use oge_host::{Host, HostBuilder};

/// A fake OGE and a host that talks to it.
pub struct Scene {
    pub fake: Fake,
    pub host: Host,
    log: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    /// A platform that answers and a host set up for it.
    pub async fn new() -> Self {
        Self::with(Options::default(), |builder| builder).await
    }

    /// The same with other options, and a host changed by `change`.
    pub async fn with(options: Options, change: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        let fake = Fake::start(options).await.expect("a port on loopback");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let builder = Host::builder()
            .settings(fake.settings())
            .log(move |line| lines.lock().unwrap().push(line.to_owned()));
        let host = change(builder).build().expect("the built component fits");
        Self { fake, host, log }
    }

    /// What the component and the host have logged.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}
