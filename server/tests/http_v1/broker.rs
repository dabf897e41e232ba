//! A broker on its own thread, and what the tests ask of it over HTTP.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use surewire_engine::config::Config as EngineConfig;
use surewire_server::config::{Config, Durability};
use surewire_server::environment::RealEnvironment;
use surewire_server::settings::{Machine, Settings};
use surewire_server::{RunError, Server};
use tokio::sync::oneshot;

use crate::http::{self, Answer};
use crate::mqtt::Client;

/// No test waits longer for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The header of the account `ops` with the password `secret`.
pub(crate) const ACCOUNT: &str = "Basic b3BzOnNlY3JldA==";

pub(crate) struct Broker {
    mqtt: SocketAddr,
    http: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Default for Broker {
    fn default() -> Self {
        Self::with(|_| {})
    }
}

impl Broker {
    /// A broker with other limits.
    pub(crate) fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let (bound, addresses) = std::sync::mpsc::channel();
        let (shutdown, asked) = oneshot::channel::<()>();
        let mut settings = settings();
        change(&mut settings.engine);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build_local(tokio::runtime::LocalOptions::default())
                .unwrap();
            runtime.block_on(async {
                let environment = RealEnvironment::new();
                let server = Server::bind(settings, &environment).await?;
                bound.send((server.addresses()[0], server.http_address().unwrap())).unwrap();
                let asked = async {
                    let _ = asked.await;
                };
                server.serve(&environment, asked).await
            })
        });
        let (mqtt, http) = addresses.recv_timeout(DEADLINE).expect("the broker binds");
        Self { mqtt, http, shutdown: Some(shutdown), thread: Some(thread) }
    }

    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    pub(crate) fn clean(&self, id: &str) -> Client {
        Client::clean(self.mqtt, id)
    }

    pub(crate) fn persistent(&self, id: &str) -> Client {
        Client::persistent(self.mqtt, id)
    }

    /// Asks for something below `/api/v1`, with an account.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Answer {
        let json = [("content-type", "application/json")];
        let headers = if body.is_empty() { &[][..] } else { &json };
        self.request_with(method, path, headers, body)
    }

    pub(crate) fn request_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let headers = [headers, &[("authorization", ACCOUNT)]].concat();
        http::request(self.http, method, &format!("/api/v1/{path}"), &headers, body)
    }

    /// The answer of a GET that succeeds.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.request("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Publishes a message; returns when it is routed.
    #[track_caller]
    pub(crate) fn publish(&self, message: &str) -> Value {
        let answer = self.request("POST", "publish", message);
        assert_eq!(answer.status, 200, "{message}: {}", answer.text());
        answer.json()
    }

    /// Sends a form to the older interface.
    #[track_caller]
    pub(crate) fn legacy(&self, path: &str, form: &str) {
        let headers =
            [("authorization", ACCOUNT), ("content-type", "application/x-www-form-urlencoded")];
        let answer = http::request(self.http, "POST", path, &headers, form);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }

    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.shutdown.take());
        if let (Some(thread), false) = (self.thread.take(), std::thread::panicking()) {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
    }
}

fn settings() -> Settings {
    let file = "http_server: {addr: '127.0.0.1:0', user: {ops: secret}}\n\
                listener: [{protocol: mqtt, addr: '127.0.0.1:0'}]\nworkers: 2\nsys_interval: off";
    let no_variables: [(&str, &str); 0] = [];
    let loaded = Config::parse(file.as_bytes(), no_variables).unwrap();
    let settings =
        Settings::resolve(&loaded.config, Machine { cores: 1, files: None, memory: None });
    // Many brokers at a time, and nothing of them is to stay.
    Settings { durability: Durability::None, ..settings }
}

/// The client ids of a list's items, in their order.
#[track_caller]
pub(crate) fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|one| one["client_id"].as_str().unwrap()).collect()
}
