//! A cluster of three etcd processes on loopback.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oge_mock_platform::ReservedPort;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// A cluster. Its processes are killed on drop.
pub struct Cluster {
    members: Vec<Member>,
    directory: TempDir,
}

struct Member {
    client: String,
    peer: String,
    /// Kept also while the member does not run.
    _ports: [ReservedPort; 2],
    process: Option<Child>,
}

impl Cluster {
    /// Starts three members and waits until they have elected a leader.
    pub async fn start() -> Self {
        let members = (0..3).map(|_| {
            let ports = [(); 2].map(|()| ReservedPort::new().unwrap());
            let [client, peer] = ports.each_ref().map(|port| format!("http://{}", port.address()));
            Member { client, peer, _ports: ports, process: None }
        });
        let mut cluster = Self { members: members.collect(), directory: TempDir::new().unwrap() };
        cluster.start_all().await;
        cluster
    }

    async fn start_all(&mut self) {
        for index in 0..self.members.len() {
            self.start_member(index);
        }
        self.wait_for_leader().await;
    }

    fn start_member(&mut self, index: usize) {
        let peers = self.members.iter().enumerate();
        let peers: Vec<_> =
            peers.map(|(index, member)| format!("m{index}={}", member.peer)).collect();
        let data = self.data(index);
        let member = &mut self.members[index];
        let mut etcd = Command::new("etcd");
        etcd.args(["--name", &format!("m{index}"), "--initial-cluster", &peers.join(",")]);
        etcd.args(["--listen-client-urls", &member.client]);
        etcd.args(["--advertise-client-urls", &member.client]);
        etcd.args(["--listen-peer-urls", &member.peer]);
        etcd.args(["--initial-advertise-peer-urls", &member.peer]);
        etcd.args(["--heartbeat-interval", "100", "--election-timeout", "1000"]);
        etcd.arg("--data-dir").arg(data);
        etcd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        member.process = Some(etcd.spawn().expect("etcd starts"));
    }

    fn data(&self, index: usize) -> PathBuf {
        self.directory.path().join(index.to_string())
    }

    /// Returns the value of `OGE_TOKEN_ETCD`.
    pub fn endpoints(&self) -> String {
        let clients: Vec<_> = self.members.iter().map(|member| member.client.as_str()).collect();
        clients.join(",")
    }

    /// Returns the endpoint of one member.
    pub fn endpoint(&self, index: usize) -> &str {
        &self.members[index].client
    }

    /// Calls one member's gateway. `None` if it does not answer.
    pub async fn ask(&self, index: usize, path: &str, body: Value) -> Option<Value> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
        let request = client.post(format!("{}{path}", self.members[index].client));
        let response = request.body(body.to_string()).send().await.ok()?;
        serde_json::from_slice(&response.bytes().await.ok()?).ok()
    }

    /// Returns the leader's index.
    pub async fn leader(&self) -> Option<usize> {
        let status = self.ask(0, "/v3/maintenance/status", json!({})).await?;
        let leader = status["leader"].as_str()?.to_owned();
        for index in 0..self.members.len() {
            let status = self.ask(index, "/v3/maintenance/status", json!({})).await?;
            if status["header"]["member_id"].as_str()? == leader {
                return Some(index);
            }
        }
        None
    }

    async fn wait_for_leader(&self) {
        let started = Instant::now();
        while self.leader().await.is_none() {
            assert!(started.elapsed() < Duration::from_secs(30), "etcd elects no leader");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Kills a member.
    pub fn kill(&mut self, index: usize) {
        let mut process = self.members[index].process.take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Freezes a member: its connections stay open, and nothing is answered.
    pub fn freeze(&self, index: usize) {
        let id = self.members[index].process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    }

    /// Restarts all members with empty disks.
    pub async fn wipe(&mut self) {
        for index in 0..self.members.len() {
            self.kill(index);
            fs::remove_dir_all(self.data(index)).unwrap();
        }
        self.start_all().await;
    }

    /// Restarts all members.
    pub async fn restart(&mut self) {
        for index in 0..self.members.len() {
            self.kill(index);
        }
        self.start_all().await;
    }

    /// Turns on etcd's own authentication, with the user `oge`, who may use the keys of the store.
    pub async fn require_user(&self, password: &str) {
        for (path, body) in [
            ("user/add", json!({ "name": "root", "password": password })),
            ("role/add", json!({ "name": "root" })),
            ("user/grant", json!({ "user": "root", "role": "root" })),
            ("user/add", json!({ "name": "oge", "password": password })),
            ("role/add", json!({ "name": "oge" })),
            // From "oge/" to the key after all that start with it.
            (
                "role/grant",
                json!({ "name": "oge", "perm": { "permType": "READWRITE", "key": "b2dlLw==", "range_end": "b2dlMA==" } }),
            ),
            ("user/grant", json!({ "user": "oge", "role": "oge" })),
            ("enable", json!({})),
        ] {
            let answer = self.ask(0, &format!("/v3/auth/{path}"), body).await.expect("an answer");
            assert!(answer.get("error").is_none(), "{path}: {answer}");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.members.iter_mut().filter_map(|member| member.process.as_mut()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
