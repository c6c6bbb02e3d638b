//! The JSON gateway of an etcd in memory: transactions on two kinds of keys, and leases that end with the clock.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oge_tools::client::{Transport, TransportError};
use oge_tools::request::Request;
use oge_tools::response::Response;
use oge_tools::secret::Secret;
use serde_json::{Value, json};
use shuttle::future::yield_now;

/// One etcd. Clones share it. Each has the clock of its machine.
#[derive(Clone)]
pub(crate) struct MockEtcd {
    cluster: Arc<Mutex<Cluster>>,
    pub(crate) now: Arc<dyn Fn() -> Duration + Send + Sync>,
    pass: Arc<dyn Fn(Duration) + Send + Sync>,
}

#[derive(Default)]
pub(crate) struct Cluster {
    keys: BTreeMap<String, Entry>,
    /// When each lease ends.
    leases: BTreeMap<u64, Duration>,
    revision: u64,
    /// When a machine is suspended, and for how long.
    pub(crate) suspends: Option<(Before, Duration)>,
    /// How long each call takes.
    pub(crate) latency: Duration,
    /// What each call gets in place of an answer.
    pub(crate) fails: Option<TransportError>,
    /// The paths of all calls.
    pub(crate) calls: Vec<String>,
    /// Wait for a change.
    waiting: Vec<Waker>,
}

/// A moment just before a call takes effect.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Before {
    /// The lock is created.
    Lock,
    /// The state is written.
    Write,
}

struct Entry {
    value: String,
    create_revision: u64,
    lease: u64,
}

impl MockEtcd {
    pub(crate) fn new(
        now: impl Fn() -> Duration + Send + Sync + 'static,
        pass: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Self {
        Self { cluster: Arc::default(), now: Arc::new(now), pass: Arc::new(pass) }
    }

    /// Returns when something changes.
    pub(crate) async fn changed(&self) {
        let mut is_waiting = false;
        poll_fn(|context| {
            if mem::replace(&mut is_waiting, true) {
                return Poll::Ready(());
            }
            self.with(|cluster| cluster.waiting.push(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Wakes all who wait for a change.
    pub(crate) fn notify(&self) {
        self.with(|cluster| mem::take(&mut cluster.waiting)).into_iter().for_each(Waker::wake);
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Cluster) -> R) -> R {
        work(&mut self.cluster.lock().unwrap())
    }
}

impl Cluster {
    /// Loses all data, as a cluster does whose members start again with empty disks.
    pub(crate) fn wipe(&mut self) {
        self.keys.clear();
        self.leases.clear();
    }

    /// Returns whether there is a lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.keys.values().any(|entry| entry.lease != 0)
    }

    /// Returns the response, or `None` if the lease of a put is over.
    fn call(&mut self, path: &str, body: &Value, now: Duration) -> Option<Value> {
        self.leases.retain(|_, end| *end > now);
        let leases = &self.leases;
        self.keys.retain(|_, entry| entry.lease == 0 || leases.contains_key(&entry.lease));
        Some(match path {
            "/v3/lease/grant" => {
                self.revision += 1;
                let ttl = number(&body["TTL"]);
                self.leases.insert(self.revision, now + Duration::from_secs(ttl));
                json!({ "ID": self.revision.to_string(), "TTL": ttl.to_string() })
            }
            "/v3/lease/revoke" => {
                let id = number(&body["ID"]);
                self.leases.remove(&id);
                self.keys.retain(|_, entry| entry.lease != id);
                json!({})
            }
            "/v3/kv/txn" => {
                let mut compares = body["compare"].as_array().into_iter().flatten();
                let succeeded = compares.all(|compare| self.compare(compare));
                let branch = &body[if succeeded { "success" } else { "failure" }];
                self.revision += 1;
                let operations = branch.as_array().into_iter().flatten();
                let responses = operations.map(|operation| self.operate(operation));
                let responses = responses.collect::<Option<Vec<_>>>()?;
                // A gateway leaves out what is false or empty.
                if succeeded {
                    json!({ "succeeded": true, "responses": responses })
                } else {
                    json!({ "responses": responses })
                }
            }
            other => unreachable!("{other} is not called"),
        })
    }

    fn compare(&self, compare: &Value) -> bool {
        assert_eq!((&compare["target"], &compare["result"]), (&json!("CREATE"), &json!("EQUAL")));
        let entry = self.keys.get(compare["key"].as_str().unwrap());
        entry.map_or(0, |entry| entry.create_revision) == number(&compare["create_revision"])
    }

    fn operate(&mut self, operation: &Value) -> Option<Value> {
        if let Some(put) = operation.get("request_put") {
            let lease = put.get("lease").map_or(0, number);
            if lease != 0 && !self.leases.contains_key(&lease) {
                return None;
            }
            let value = put["value"].as_str().unwrap_or_default().to_owned();
            let key = put["key"].as_str().unwrap().to_owned();
            let before = self.keys.get(&key).map(|entry| entry.create_revision);
            let create_revision = before.unwrap_or(self.revision);
            self.keys.insert(key, Entry { value, create_revision, lease });
            return Some(json!({ "response_put": {} }));
        }
        let key = operation["request_range"]["key"].as_str().unwrap();
        assert!(STANDARD.decode(key).is_ok(), "{key} is not base64");
        Some(match self.keys.get(key) {
            None => json!({ "response_range": {} }),
            Some(Entry { value, create_revision, lease }) => json!({ "response_range": { "kvs": [{
                "key": key,
                "value": value,
                "create_revision": create_revision.to_string(),
                "lease": lease.to_string(),
            }] } }),
        })
    }
}

fn number(value: &Value) -> u64 {
    value.as_str().expect("64 bits are a string").parse().unwrap()
}

impl Transport for MockEtcd {
    /// Other tasks may run before the call takes effect, and before its response arrives.
    async fn send(
        &self,
        request: &Request,
        _authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        yield_now().await;
        let path = request.url.path_and_query().to_owned();
        let body: Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
        let before =
            body["compare"][0]["create_revision"].as_str().map(|revision| match revision {
                "0" => Before::Lock,
                _ => Before::Write,
            });
        let suspends =
            |cluster: &mut Cluster| cluster.suspends.take_if(|(moment, _)| Some(*moment) == before);
        if let Some((_, time)) = self.with(suspends) {
            (self.pass)(time);
        }
        let now = (self.now)();
        let answer = self.with(|cluster| {
            cluster.calls.push(path.clone());
            match &cluster.fails {
                Some(error) => Err(error.clone()),
                None => Ok(cluster.call(&path, &body, now)),
            }
        });
        self.notify();
        let latency = self.with(|cluster| cluster.latency);
        (self.pass)(latency.min(request.timeout));
        if latency > request.timeout {
            return Err(TransportError::Timeout { after: request.timeout });
        }
        let answer = answer?;
        yield_now().await;
        let (status, body) = match answer {
            Some(body) => (200, body),
            None => (404, json!({ "code": 5, "message": "etcdserver: requested lease not found" })),
        };
        Ok(Response { status, body: body.to_string().into_bytes(), ..Response::default() })
    }
}
