//! The address of a listener.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// An address to listen on: a port, or a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// The host; `None` for loopback, or for all addresses if authentication is configured.
    pub host: Option<String>,
    /// The port; 0 for a free port.
    pub port: u16,
}

/// The text is not an address to listen on.
#[derive(Debug, thiserror::Error)]
#[error("expected PORT, :PORT or HOST:PORT, not {0:?}")]
pub struct InvalidListenAddress(String);

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, InvalidListenAddress> {
        let wrong = || InvalidListenAddress(text.to_owned());
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let bracketed = bare.len() != host.len();
        if host.contains(|c: char| c.is_whitespace() || c == '/') || (bare.contains(':') && !bracketed) {
            return Err(wrong());
        }
        if port.starts_with('+') {
            return Err(wrong());
        }
        let port = port.parse().map_err(|_| wrong())?;
        Ok(Self { host: (!bare.is_empty()).then(|| bare.to_owned()), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

impl ListenAddress {
    /// Returns the addresses to try in order. Without a host: loopback, or all addresses if `public`.
    pub(crate) async fn resolve(&self, public: bool) -> std::io::Result<Vec<SocketAddr>> {
        let at = |ip: IpAddr| SocketAddr::new(ip, self.port);
        match &self.host {
            Some(host) => Ok(tokio::net::lookup_host((host.as_str(), self.port)).await?.collect()),
            // The IPv6 wildcard includes IPv4; the second address is for machines without IPv6.
            None if public => Ok(vec![at(Ipv6Addr::UNSPECIFIED.into()), at(Ipv4Addr::UNSPECIFIED.into())]),
            None => Ok(vec![at(Ipv4Addr::LOCALHOST.into())]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_in_the_forms_of_both_releases() {
        let read = |text: &str| {
            text.parse::<ListenAddress>().map(|listen| (listen.host.clone(), listen.to_string()))
        };
        let host = |host: &str, shown: &str| (Some(host.to_owned()), shown.to_owned());
        assert_eq!(read("8080").unwrap(), (None, ":8080".to_owned()));
        assert_eq!(read(":8080").unwrap(), (None, ":8080".to_owned()));
        assert_eq!(read("0.0.0.0:0").unwrap(), host("0.0.0.0", "0.0.0.0:0"));
        assert_eq!(read("[::1]:80").unwrap(), host("::1", "[::1]:80"));
        assert_eq!(read("localhost:80").unwrap(), host("localhost", "localhost:80"));
        for wrong in ["", "x", "8080x", "+1", "70000", "::1:80", "http://a:1", "a b:1", "a:"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
