//! Who is at the other end: the address, from the connection or from a proxy that is trusted.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;

use crate::serve::Network;

/// The client's address. `Forwarded` (RFC 7239), else `X-Forwarded-For`, is read from right to left
/// for as long as the hops are trusted proxies.
pub fn address(headers: &HeaderMap, peer: SocketAddr, trusted: &[Network]) -> IpAddr {
    let mut client = peer.ip().to_canonical();
    let trusts = |a: IpAddr| trusted.iter().any(|n| n.contains(a));
    if !trusts(client) {
        return client;
    }
    for hop in hops(headers).into_iter().rev() {
        match hop {
            Some(address) => client = address,
            None => break,
        }
        if !trusts(client) {
            break;
        }
    }
    client
}

/// True when a trusted proxy says that the client's own connection is TLS: the leftmost `proto` of
/// `Forwarded`, else `X-Forwarded-Proto`.
pub fn by_tls(headers: &HeaderMap, peer: SocketAddr, trusted: &[Network]) -> bool {
    if !trusted.iter().any(|network| network.contains(peer.ip())) {
        return false;
    }
    let first = |name: &str| headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim);
    let proto = match first("forwarded") {
        Some(element) => parameter(element, "proto"),
        None => first("x-forwarded-proto"),
    };
    proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name: &str| -> Vec<String> {
        headers
            .get_all(name)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .map(str::to_owned)
            .collect()
    };
    let forwarded = values("forwarded");
    if !forwarded.is_empty() {
        return forwarded.iter().map(|element| node(parameter(element, "for")?)).collect();
    }
    values("x-forwarded-for").iter().map(|v| node(v)).collect()
}

fn parameter<'a>(element: &'a str, wanted: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim().trim_matches('"'))
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.split_once(']')).map_or(text, |(inner, _)| inner);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()));
    address.map(|a: IpAddr| a.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, name: &'static str, value: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let trusted: Vec<Network> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        address(&headers, peer.parse().unwrap(), &trusted).to_string()
    }

    #[test]
    fn a_trusted_proxy_says_whether_its_client_came_by_tls() {
        let proxy = ["10.0.0.0/8".parse().unwrap()];
        let by_tls_from = |peer: &str, name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            by_tls(&headers, peer.parse().unwrap(), &proxy)
        };
        assert!(by_tls_from("10.0.0.1:9", "x-forwarded-proto", "https"));
        assert!(by_tls_from("10.0.0.1:9", "forwarded", "for=203.0.113.7;proto=\"HTTPS\", for=10.0.0.2"));
        assert!(!by_tls_from("10.0.0.1:9", "x-forwarded-proto", "http, https"));
        assert!(!by_tls_from("10.0.0.1:9", "forwarded", "for=203.0.113.7"));
        assert!(!by_tls_from("198.51.100.2:9", "x-forwarded-proto", "https"), "anybody can write it");
    }

    #[test]
    fn forwarding_headers_are_believed_from_trusted_proxies_only() {
        let spoof = "for=203.0.113.7";
        assert_eq!(client("198.51.100.2:9", "forwarded", spoof, &[]), "198.51.100.2");
        assert_eq!(client("10.0.0.1:9", "forwarded", spoof, &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(
            client("10.0.0.1:9", "x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.2", &["10.0.0.0/8"]),
            "203.0.113.7",
            "what a client wrote itself stands left of what the proxy saw"
        );
        let v6 = r#"for="[2001:db8::1]:4711";proto=https"#;
        assert_eq!(client("10.0.0.1:9", "forwarded", v6, &["10.0.0.1"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1:9", "forwarded", "for=unknown", &["10.0.0.1"]), "10.0.0.1");
    }
}
