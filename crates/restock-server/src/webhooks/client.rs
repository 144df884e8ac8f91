//! Sends deliveries. A webhook makes the server ask addresses that somebody else chose, so it asks only those that it should:
//! the name is looked up once, every address is checked, and the connection goes to the address that was checked. No
//! redirect is followed, and nothing of the answer is kept but its status.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::uri::Scheme;
use axum::http::{Request, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::{TlsError, client_config};
use crate::webhooks::WebhookOptions;

/// The longest URL, bytes.
const MAX_URL_BYTES: usize = 2_000;
/// The most bytes of an answer that are read: its head must fit.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The parts of a URL that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    is_tls: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// As the header `host` has it.
    authority: String,
    path: String,
    /// Whether it may be anywhere in the networks of this machine.
    is_listed: bool,
}

/// A URL that deliveries may go to, as far as it can be said without looking up its name; or what is allowed.
pub(crate) fn check_url(url: &str, options: &WebhookOptions) -> Result<Target, &'static str> {
    let uri: Uri = match url.parse() {
        Ok(uri) if url.len() <= MAX_URL_BYTES => uri,
        _ => return Err("a URL of at most 2000 bytes"),
    };
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err("a URL with https:// and a host");
    };
    if authority.as_str().contains('@') {
        return Err("a URL without a user and password; deliveries are signed");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let is_listed = options.private_receivers.iter().any(|own| own.eq_ignore_ascii_case(&host));
    let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let is_tls = *scheme == Scheme::HTTPS;
    if !is_tls && (*scheme != Scheme::HTTP || !(is_local || is_listed)) {
        return Err("https; http goes to this machine and to listed private receivers only");
    }
    if let Ok(address) = host.parse()
        && !may_connect(address, is_tls, is_listed)
    {
        return Err("a public address; private ones must be listed by whoever runs the server");
    }
    Ok(Target {
        is_tls,
        host,
        port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
        authority: authority.as_str().to_owned(),
        path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        is_listed,
    })
}

/// Whether a connection may go to an address.
fn may_connect(address: IpAddr, is_tls: bool, is_listed: bool) -> bool {
    let address = embedded(address);
    let is_receiver = !address.is_unspecified() && !address.is_multicast();
    is_receiver && (is_listed || address.is_loopback() || (is_tls && is_public(address)))
}

/// The IPv4 address that an IPv6 address leads to, by the ways of passing from one to the other.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, .., g, h] = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::from([(high >> 8) as u8, high as u8, (low >> 8) as u8, low as u8]);
    match (a, b) {
        (0x64, 0xff9b) => v4(g, h),
        (0x2002, _) => v4(b, c),
        _ if v6.segments()[..6] == [0; 6] && !v6.is_loopback() && !v6.is_unspecified() => v4(g, h),
        _ => address.to_canonical(),
    }
}

/// Whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let is_reserved = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_broadcast()
                || a == 0
                || a >= 224
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b));
            !is_reserved
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            // Only this part is given out to the public, without what is for documents and tunnels.
            const TEREDO: Ipv6Addr = Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0);
            (a & 0xe000) == 0x2000 && !(a == TEREDO.segments()[0] && (b == 0 || b == 0x0db8))
        }
    }
}

/// A receiver's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// How long it asks to wait.
    pub(crate) retry_after: Option<SignedDuration>,
}

/// What is sent.
pub(crate) struct Delivery<'a> {
    pub(crate) id: &'a str,
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    pub(crate) signature: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Client {
    tls: Arc<ClientConfig>,
    options: WebhookOptions,
}

impl Client {
    /// Reads the certificates that this machine trusts: some 20 ms.
    pub(crate) fn new(options: WebhookOptions) -> Result<Self, TlsError> {
        Ok(Self { tls: client_config(options.certificates.as_deref())?, options })
    }

    /// Sends once; a text says why there was no answer.
    pub(crate) async fn send(&self, url: &str, delivery: Delivery<'_>) -> Result<Answer, String> {
        let target = check_url(url, &self.options).map_err(|expected| format!("the URL is not allowed: {expected}"))?;
        let limit = self.options.timeout;
        let late = |_| format!("no answer within {} s", limit.as_secs_f64());
        tokio::time::timeout(limit, self.send_to(&target, delivery)).await.map_err(late)?
    }

    async fn send_to(&self, target: &Target, delivery: Delivery<'_>) -> Result<Answer, String> {
        let Delivery { id, seconds, signature, body } = delivery;
        let request = Request::post(&target.path)
            .header(header::HOST, &target.authority)
            .header(header::USER_AGENT, concat!("restock/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/cloudevents+json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(Body::from(body))
            .map_err(|error| error.to_string())?;
        let stream = connect(target).await?;
        if !target.is_tls {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|error| error.to_string())?;
        let connected = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        exchange(connected.map_err(|error| format!("no TLS: {error}"))?, request).await
    }
}

async fn connect(target: &Target) -> Result<TcpStream, String> {
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|error| format!("the name has no address: {error}"))?.collect();
    let allowed = addresses.iter().filter(|address| may_connect(address.ip(), target.is_tls, target.is_listed));
    let mut reason = "the name leads to private addresses only, and is not listed".to_owned();
    for address in allowed {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => reason = format!("no connection: {error}"),
        }
    }
    Err(reason)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    request: Request<Body>,
) -> Result<Answer, String> {
    let failed = |error: hyper::Error| format!("the connection broke: {error}");
    let shaken = http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(failed)?;
    let mut answer = pin!(sender.send_request(request));
    let mut connection = pin!(connection);
    let response = tokio::select! {
        biased;
        response = &mut answer => response,
        // The connection has ended; the answer may have come before.
        _ = &mut connection => answer.await,
    };
    let response = response.map_err(failed)?;
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = retry_after.map(|seconds: u32| SignedDuration::from_secs(seconds.into()));
    Ok(Answer { status: response.status().as_u16(), retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listed: &[&str]) -> WebhookOptions {
        let private_receivers = listed.iter().map(|&name| name.to_owned()).collect();
        WebhookOptions { private_receivers, ..WebhookOptions::in_file("webhooks.json") }
    }

    #[test]
    fn only_https_and_this_machine_are_asked_unless_listed() {
        let is_allowed = |url: &str, listed: &[&str]| check_url(url, &options(listed)).is_ok();
        for url in [
            "https://erp.example/hook",
            "https://erp.example:8443",
            "http://127.0.0.1:9/a?b=c",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert!(is_allowed(url, &[]), "{url}");
        }
        for url in [
            "http://erp.example/",
            "ftp://erp.example/",
            "/hook",
            "erp.example",
            "",
            "https://ada:secret@erp.example/",
            "https://10.0.0.7/",
            "https://[fd00::7]/",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.7]/",
            "https://0.0.0.0/",
            "http://[::]/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            &format!("https://erp.example/{}", "a".repeat(2_000)),
        ] {
            assert!(!is_allowed(url, &["erp.lan"]), "{url}");
        }
        for url in ["http://ERP.lan/", "https://erp.lan:8069/x"] {
            assert!(is_allowed(url, &["erp.lan"]), "{url}");
        }
        assert!(is_allowed("http://10.0.0.7/", &["10.0.0.7"]) && !is_allowed("http://0.0.0.0/", &["0.0.0.0"]));
    }

    /// The special-purpose registries of IANA for IPv4 and IPv6.
    #[test]
    fn private_addresses_are_not_public_however_they_are_written() {
        for address in [
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(embedded(address.parse().unwrap())), "{address}");
        }
        for address in
            ["1.1.1.1", "100.63.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "2606:4700::1111", "2002:101:101::1"]
        {
            assert!(is_public(embedded(address.parse().unwrap())), "{address}");
        }
    }
}
