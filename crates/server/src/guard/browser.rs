//! Protection against web pages that send requests through a browser. A page acts with the permissions of its viewer,
//! if authentication is disabled or the browser remembers a password.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method};

/// Returns whether a page of another site requests a change.
pub(super) fn is_cross_site_change(head: &Parts) -> bool {
    let headers = &head.headers;
    if matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    match headers.get("sec-fetch-site") {
        Some(site) => site != "same-origin" && site != "none",
        // Over plain HTTP browsers send it to localhost only; elsewhere they send the origin.
        None => headers.get(ORIGIN).is_some_and(|origin| !is_same_origin(origin.as_bytes(), head)),
    }
}

/// Returns whether an origin is the address of the request.
fn is_same_origin(origin: &[u8], head: &Parts) -> bool {
    let place = std::str::from_utf8(origin).ok().and_then(|origin| origin.split_once("://"));
    let context = head.uri.authority().map(Authority::as_str).or_else(|| {
        let host = head.headers.get(HOST)?;
        host.to_str().ok()
    });
    place.zip(context).is_some_and(|((_, page), context)| page.eq_ignore_ascii_case(context))
}

/// Returns whether the host of a request is a DNS name that is not in `own`. Anybody can point such a name at this
/// machine, and a browser then takes their page and this server for one site.
pub(super) fn has_foreign_host(head: &Parts, own: &[String]) -> bool {
    let context = head.uri.authority().map(|authority| Some(authority.host().to_owned()));
    context.into_iter().chain(hosts(&head.headers)).any(|host| match host {
        Some(host) => !is_safe_host(&host, own),
        None => true,
    })
}

/// Returns the names in the `host` headers; `None` for one that cannot be parsed.
fn hosts(headers: &HeaderMap) -> impl Iterator<Item = Option<String>> {
    let named = headers.get_all(HOST).iter().filter(|host| !host.is_empty());
    named.map(|host| {
        let authority: Authority = host.to_str().ok()?.parse().ok()?;
        Some(authority.host().to_owned())
    })
}

/// Returns whether others cannot point this name at this machine: an address, a name without a domain, or one of `own`.
fn is_safe_host(host: &str, own: &[String]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let local = !host.contains('.') || host.ends_with(".localhost");
    address || local || own.iter().any(|own| own.eq_ignore_ascii_case(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request = http::Request::builder().method(method).uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn pages_of_other_sites_cannot_request_changes() {
        let forged = |headers: &[(&str, &str)]| {
            is_cross_site_change(&request(Method::POST, "/api/v1/create", headers))
        };
        assert!(!forged(&[]), "a program");
        assert!(!forged(&[("sec-fetch-site", "same-origin"), ("origin", "https://proxy"), ("host", "here")]));
        assert!(!forged(&[("sec-fetch-site", "none")]), "typed in");
        assert!(forged(&[("sec-fetch-site", "cross-site")]));
        assert!(forged(&[("sec-fetch-site", "same-site")]), "another port of this machine");
        assert!(!forged(&[("host", "here:8080"), ("origin", "http://Here:8080")]));
        for other in ["http://there:8080", "http://here", "null", "here:8080", ""] {
            assert!(forged(&[("host", "here:8080"), ("origin", other)]), "{other:?}");
        }
        let look = request(Method::GET, "/api/v1/list", &[("sec-fetch-site", "cross-site")]);
        assert!(!is_cross_site_change(&look), "the browser does not show the response to the page");
    }

    #[test]
    fn names_that_others_can_point_here_are_foreign() {
        let own = ["backup.lan".to_owned()];
        let to = |host: &str| has_foreign_host(&request(Method::GET, "/", &[("host", host)]), &own);
        for fine in
            ["localhost:8080", "localhost.", "127.0.0.1", "[::1]:80", "x", "a.localhost", "Backup.LAN.:1", ""]
        {
            assert!(!to(fine), "{fine:?}");
        }
        for wrong in ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "a b"] {
            assert!(to(wrong), "{wrong:?}");
        }
        assert!(has_foreign_host(
            &request(Method::GET, "http://evil.example/", &[("host", "localhost")]),
            &own
        ));
        assert!(has_foreign_host(
            &request(Method::GET, "/", &[("host", "x"), ("host", "evil.example")]),
            &own
        ));
        assert!(!has_foreign_host(&request(Method::GET, "/", &[]), &own), "HTTP/1.0");
    }
}
