//! A real nats-server in a folder of its own, which can be killed and started again.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct NatsServer {
    folder: tempfile::TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Child,
}

impl NatsServer {
    /// Starts a server with more arguments; `None` where there is no program of that name.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // Nobody else takes the port in the moment until the server does.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let process = launch(folder.path(), port, &arguments)?;
        Some(Self { folder, port, arguments, process })
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again with what it had on disk.
    pub(crate) fn start_again(&mut self) {
        self.process = launch(self.folder.path(), self.port, &self.arguments).unwrap();
    }
}

fn launch(folder: &std::path::Path, port: u16, arguments: &[String]) -> Option<Child> {
    let command = Command::new("nats-server")
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
        .arg(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut process = match command {
        Ok(process) => process,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("nats-server does not start: {error}"),
    };
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert_eq!(process.try_wait().unwrap(), None, "nats-server has ended");
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(process)
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
