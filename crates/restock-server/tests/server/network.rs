//! What only a network shows: hosts, TLS, and where a server does not listen.

use std::net::SocketAddr;
use std::sync::Arc;

use restock_ledger::SqliteLedger;
use restock_server::{Role, Security, ServeError, TlsFiles};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::fixtures::{Fixture, PASSWORD};

/// A server on a free port of this machine.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServeError>>,
    secret: String,
    _folder: Arc<tempfile::TempDir>,
}

async fn serve(set: impl FnOnce(&mut Security)) -> Served {
    let fixture = Fixture::with_security(Box::new(SqliteLedger::in_memory().unwrap()), set).await;
    fixture.user("ada", Role::Admin);
    let secret = fixture.secret(Role::Viewer).to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(fixture.server.serve(listener, async { drop(stopped.await) }));
    Served { address, stop, serving, secret, _folder: fixture.folder }
}

impl Served {
    async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap().unwrap();
    }
}

/// Sends a request and reads the answer until the connection ends.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Some servers end TLS without a farewell; what was read counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn get(address: SocketAddr, host: &str, headers: &str) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /v1/inventory HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
    exchange(stream, &request).await
}

/// A page of another site that makes its name lead to this machine gets nothing.
#[tokio::test]
async fn on_loopback_only_our_own_names_are_answered() {
    let served = serve(|security| security.hosts = vec!["restock.example".to_owned()]).await;
    let token = format!("authorization: Bearer {}\r\n", served.secret);
    let port = served.address.port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        ("LOCALHOST".to_owned(), 200),
        ("[::1]:1".to_owned(), 200),
        ("restock.example".to_owned(), 200),
        ("evil.example".to_owned(), 421),
        (format!("127.0.0.1.evil.example:{port}"), 421),
        (format!("localhost.:{port}"), 421),
        (String::new(), 421),
    ] {
        let answer = get(served.address, &host, &token).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
    }
    served.stop().await;
}

#[tokio::test]
async fn beyond_this_machine_a_server_needs_tls() {
    let fixture = Fixture::new().await;
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = fixture.server.serve(listener, std::future::pending()).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, ServeError::Unprotected { .. }), "{text}");
    let listen = "192.0.2.1:8080".parse().unwrap();
    let mut security = Security::in_folder("");
    insta::assert_snapshot!(security.check_listen(listen).unwrap_err(), @r"
    the server would listen on 192.0.2.1:8080 without TLS, which others can reach and overhear

    hint: set a certificate and its key, listen on 127.0.0.1, or say that a proxy in front of it speaks TLS
    ");
    for local in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        security.check_listen(local.parse().unwrap()).unwrap();
    }
    security.behind_proxy = true;
    security.check_listen(listen).unwrap();
}

#[tokio::test]
async fn over_tls_cookies_and_headers_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: path("cert.pem"), key: path("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let served = serve(|security| security.tls = Some(files)).await;

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let connect = async || {
        let stream = TcpStream::connect(served.address).await.unwrap();
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    };

    let body = format!("{{\"name\":\"ada\",\"password\":\"{PASSWORD}\"}}");
    let request = format!(
        "POST /v1/session HTTP/1.1\r\nhost: localhost\r\norigin: https://localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(connect().await, &request).await;
    let header = |name: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
    };
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let cookie = header("set-cookie");
    let (pair, attributes) = cookie.split_once(';').unwrap();
    assert!(pair.starts_with("__Host-restock_session="), "{cookie}");
    assert_eq!(attributes, " Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure");
    assert_eq!(header("strict-transport-security"), "max-age=31536000");

    let get = |cookie: &str| {
        format!("GET /v1/session HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: a=b; {cookie}\r\n\r\n")
    };
    assert!(exchange(connect().await, &get(pair)).await.starts_with("HTTP/1.1 200 "));
    let renamed = pair.replace("__Host-", "");
    assert!(
        exchange(connect().await, &get(&renamed)).await.starts_with("HTTP/1.1 401 "),
        "a cookie that anybody can set"
    );

    // Who does not speak TLS gets no answer, and is no harm to others.
    let plain = exchange(TcpStream::connect(served.address).await.unwrap(), &get(pair)).await;
    assert!(!plain.starts_with("HTTP"), "{plain}");
    assert!(exchange(connect().await, &get(pair)).await.starts_with("HTTP/1.1 200 "));
    served.stop().await;
}

#[tokio::test]
async fn a_bad_certificate_is_said_before_anything_is_answered() {
    let files = TlsFiles { certificate: "nowhere/cert.pem".into(), key: "nowhere/key.pem".into() };
    let fixture =
        Fixture::with_security(Box::new(SqliteLedger::in_memory().unwrap()), |security| security.tls = Some(files))
            .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = fixture.server.serve(listener, std::future::pending()).await.unwrap_err().to_string();
    assert!(refused.starts_with("cannot use the certificate nowhere/cert.pem: "), "{refused}");
}

/// What browsers are told with every answer, of routes and of problems.
#[tokio::test]
async fn headers_of_every_answer() {
    let fixture = Fixture::new().await;
    let shown = |answer: &crate::fixtures::Answer| {
        let headers =
            answer.headers.iter().filter(|(name, _)| !["content-length", "x-request-id"].contains(&name.as_str()));
        let mut lines: Vec<String> =
            headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines.join("\n")
    };
    insta::assert_snapshot!(shown(&fixture.get(Role::Viewer, "/v1/inventory").await), @r#"
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    cross-origin-resource-policy: same-origin
    ratelimit-policy: "reads";q=500;w=1
    ratelimit: "reads";r=499;t=1
    referrer-policy: no-referrer
    x-content-type-options: nosniff
    x-frame-options: DENY
    "#);
    insta::assert_snapshot!(shown(&fixture.send(crate::fixtures::request("GET", "/nowhere", None, "", "")).await), @r"
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/problem+json
    cross-origin-resource-policy: same-origin
    referrer-policy: no-referrer
    x-content-type-options: nosniff
    x-frame-options: DENY
    ");
}
