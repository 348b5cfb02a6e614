//! Host names and addresses that only this machine or its network link can reach.

use std::net::IpAddr;

/// Returns whether a host, as in a URL, is this machine or reachable on its network link only.
///
/// A proxy that the environment names cannot be meant for such a host.
pub fn is_local_host(host: &str) -> bool {
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_this_machine_and_its_link_are_local() {
        for host in ["localhost", "127.0.0.2", "[::1]", "169.254.169.254", "[fe80::1]"] {
            assert!(is_local_host(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "", "[fd00:ec2::254]"] {
            assert!(!is_local_host(host), "{host}");
        }
    }
}
