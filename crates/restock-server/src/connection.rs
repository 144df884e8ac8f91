//! What a connection tells about a request: who is at its other end, and whether it can be overheard.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;
use crate::security::Security;

/// A connection, as every request on it carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) is_tls: bool,
}

/// Whether browsers speak TLS, with us or with the proxy in front of us.
pub(crate) fn is_secure(connection: Option<&Connection>, security: &Security) -> bool {
    security.behind_proxy || connection.is_some_and(|connection| connection.is_tls)
}

/// Who is at the other end, for budgets: an IPv4 address, or the network of an IPv6 address, because everybody has very
/// many of those. Behind a proxy it is whom the proxy names last.
pub(crate) fn address(connection: Option<&Connection>, headers: &HeaderMap, security: &Security) -> String {
    let forwarded = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let peer = connection.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |connection| connection.peer.ip());
    let address = if security.behind_proxy { forwarded().unwrap_or(peer) } else { peer };
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The host that the request is for, without a port. A page of another site cannot choose it, so a name that is not ours is
/// refused where the server trusts that only this machine can reach it (DNS rebinding), and where names are configured.
pub(crate) fn check_host(
    connection: Option<&Connection>,
    host: Option<&str>,
    security: &Security,
) -> Result<(), Box<Problem>> {
    // Without a network, nobody else chooses a name.
    let Some(connection) = connection else { return Ok(()) };
    if !connection.local.ip().is_loopback() && security.hosts.is_empty() {
        return Ok(());
    }
    let got = host.unwrap_or_default();
    let name = without_port(got);
    let is_local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own));
    if is_local || security.hosts.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Ok(());
    }
    let mut expected = vec!["localhost", "127.0.0.1", "[::1]"];
    expected.extend(security.hosts.iter().map(String::as_str));
    let expected = expected.join(" or ");
    let detail = format!("the request is for the host {got:?}, expected {expected}");
    let problem =
        Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", "The request is for another host", detail);
    Err(Box::new(problem.field("host", got, expected).fix("whoever runs the server can add the name to its hosts")))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Whether a request that a browser sends with a cookie comes from a page of ours: what the browser says of its origin must
/// be our own, and it must say something.
pub(crate) fn check_origin(headers: &HeaderMap, is_secure: bool) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let (site, origin) = (text("sec-fetch-site"), text(header::ORIGIN.as_str()));
    if site.is_some_and(|site| site != "same-origin") {
        return Err("the header sec-fetch-site is not same-origin");
    }
    if let Some(origin) = origin {
        let scheme = if is_secure { "https://" } else { "http://" };
        let host = origin.strip_prefix(scheme).unwrap_or_default();
        if host.is_empty() || text(header::HOST.as_str()) != Some(host) {
            return Err("the header origin is not this server");
        }
    }
    if site.is_none() && origin.is_none() {
        return Err("there is neither a header origin nor sec-fetch-site");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_their_port_begins() {
        for (host, name) in [
            ("localhost:8080", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("evil.example:80", "evil.example"),
            ("localhost:80x", "localhost:80x"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn budgets_are_those_of_whom_the_proxy_names_or_of_the_network() {
        let connection = |peer: &str| Connection {
            peer: format!("{peer}:5").parse().unwrap(),
            local: "127.0.0.1:1".parse().unwrap(),
            is_tls: false,
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "10.9.9.9, 192.0.2.1".parse().unwrap());
        let plain = Security::in_folder("");
        let proxied = Security { behind_proxy: true, ..Security::in_folder("") };
        assert_eq!(
            address(Some(&connection("198.51.100.7")), &headers, &plain),
            "198.51.100.7",
            "headers can be made up"
        );
        assert_eq!(
            address(Some(&connection("198.51.100.7")), &headers, &proxied),
            "192.0.2.1",
            "the last is the proxy's"
        );
        assert_eq!(address(Some(&connection("[2001:db8:1:2:3:4:5:6]")), &headers, &plain), "2001:db8:1:2::/64");
        assert_eq!(address(Some(&connection("[::ffff:192.0.2.9]")), &headers, &plain), "192.0.2.9");
    }
}
