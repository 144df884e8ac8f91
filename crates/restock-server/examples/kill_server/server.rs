//! `restock serve` as a process, and requests to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;

use crate::Outcome;
use crate::project::Project;

/// Longer than any start; a server that is not ready then has failed.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Lines of the log that are kept to explain a failure.
const N_LINES: usize = 30;

/// What the server wrote to standard error.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    /// Panics and errors: a kill is no reason for them.
    faults: Vec<String>,
}

/// A server that runs until it is killed.
pub(crate) struct Process {
    child: Child,
    address: Option<String>,
    told: Option<oneshot::Receiver<String>>,
    log: Arc<Mutex<Log>>,
    reader: Option<std::thread::JoinHandle<()>>,
    started: Instant,
    was_asked: bool,
}

impl Process {
    pub(crate) fn spawn(project: &Project) -> Outcome<Self> {
        let mut child = project.command(&["serve", "--listen", "127.0.0.1:0"]).spawn()?;
        let lines = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::new(Mutex::new(Log::default()));
        let (tell, told) = oneshot::channel();
        let shared = log.clone();
        // Lines are read while the server runs, so that a full pipe never holds it up; the reader ends with it.
        let reader = std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("http://")
                    && let Some(tell) = tell.take()
                {
                    // Nobody waits for it where the server is killed during its start.
                    let _ = tell.send(rest.split([',', ' ']).next().unwrap_or(rest).to_owned());
                }
                let mut log = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if line.contains("panicked at") || line.contains("\"level\":\"ERROR\"") {
                    log.faults.push(line.clone());
                }
                if log.lines.len() == N_LINES {
                    log.lines.remove(0);
                }
                log.lines.push(line);
            }
        });
        let started = Instant::now();
        Ok(Self { child, address: None, told: Some(told), log, reader: Some(reader), started, was_asked: false })
    }

    /// Waits until requests are answered; returns the time since the start.
    pub(crate) async fn ready(&mut self) -> Outcome<Duration> {
        let told = self.told.take().expect("it is waited for once");
        match tokio::time::timeout(START_TIMEOUT, told).await {
            Ok(Ok(address)) => self.address = Some(address),
            _ => return Err(format!("the server did not start: {}", self.lines()).into()),
        }
        let api = Api::new(self.url()?, BTreeMap::new())?;
        while self.started.elapsed() < START_TIMEOUT {
            if api.call("", "GET", "/ready", &[], None).await.is_some_and(|answer| answer.status == 200) {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended by itself ({status}): {}", self.lines()).into());
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        Err(format!("the server was not ready after {START_TIMEOUT:?}: {}", self.lines()).into())
    }

    fn url(&self) -> Outcome<String> {
        Ok(format!("http://{}", self.address.as_ref().ok_or("the server has no address yet")?))
    }

    pub(crate) fn api(&self, project: &Project) -> Outcome<Api> {
        Api::new(self.url()?, project.tokens.clone())
    }

    /// Asks it to end, as a supervisor does.
    pub(crate) fn ask_to_stop(&mut self) -> Outcome<()> {
        self.was_asked = true;
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(format!("the server could not be asked to end ({status})").into()) }
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When it had ended before without being asked to.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        let ended: Option<ExitStatus> = self.child.try_wait()?;
        if ended.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        if let Some(reader) = self.reader.take() {
            reader.join().map_err(|_| "the reader of the log failed")?;
        }
        match ended {
            Some(status) if !self.was_asked => {
                Err(format!("the server ended by itself ({status}): {}", self.lines()).into())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).faults.clone()
    }

    fn lines(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).lines.join(" | ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the server answered, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// Requests with the token of a role.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    url: String,
    tokens: Arc<BTreeMap<&'static str, String>>,
}

impl Api {
    fn new(url: String, tokens: BTreeMap<&'static str, String>) -> Outcome<Self> {
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).timeout(START_TIMEOUT).build()?;
        Ok(Self { client, url, tokens: Arc::new(tokens) })
    }

    /// The same with a connection of its own.
    pub(crate) fn apart(&self) -> Outcome<Self> {
        Self::new(self.url.clone(), (*self.tokens).clone())
    }

    pub(crate) fn request(&self, role: &str, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.url));
        match self.tokens.get(role) {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The answer to a request; `None` where it did not come whole, so that nobody knows what was done.
    pub(crate) async fn call(
        &self,
        role: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Option<Answer> {
        let mut request = self.request(role, method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.ok()?;
        Some(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    pub(crate) async fn get(&self, role: &str, path: &str) -> Option<Answer> {
        self.call(role, "GET", path, &[], None).await
    }
}
