//! What browsers say of the pages that ask through them. A page acts as whoever looks at it: where nobody needs a name,
//! or the browser remembers one, any page in the world would.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method};

/// Whether a page of another site has a browser ask for a change.
pub(super) fn is_forged(head: &Parts) -> bool {
    let headers = &head.headers;
    if matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    match headers.get("sec-fetch-site") {
        Some(site) => site != "same-origin" && site != "none",
        // Over plain HTTP browsers say it to localhost only; elsewhere the origin of the page tells.
        None => headers.get(ORIGIN).is_some_and(|origin| !is_here(origin.as_bytes(), head)),
    }
}

/// Whether an origin is where the request goes to.
fn is_here(origin: &[u8], head: &Parts) -> bool {
    let place = std::str::from_utf8(origin).ok().and_then(|origin| origin.split_once("://"));
    let asked = head.uri.authority().map(Authority::as_str).or_else(|| {
        let host = head.headers.get(HOST)?;
        host.to_str().ok()
    });
    place.zip(asked).is_some_and(|((_, page), asked)| page.eq_ignore_ascii_case(asked))
}

/// Whether a request goes to a name in the DNS that is not one of `own`: such a name may have been made to lead to this
/// machine, so that a browser takes a stranger's page and this server for one site.
pub(super) fn is_misled(head: &Parts, own: &[String]) -> bool {
    let asked = head.uri.authority().map(|authority| Some(authority.host().to_owned()));
    asked.into_iter().chain(hosts(&head.headers)).any(|host| match host {
        Some(host) => !is_harmless(&host, own),
        None => true,
    })
}

/// The names in the `host` header; nothing for one that cannot be read.
fn hosts(headers: &HeaderMap) -> impl Iterator<Item = Option<String>> {
    let named = headers.get_all(HOST).iter().filter(|host| !host.is_empty());
    named.map(|host| {
        let authority: Authority = host.to_str().ok()?.parse().ok()?;
        Some(authority.host().to_owned())
    })
}

/// Whether a stranger cannot make this name lead here: an address, a name without a domain, or one of ours.
fn is_harmless(host: &str, own: &[String]) -> bool {
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
    fn changes_are_not_made_for_pages_of_other_sites() {
        let forged = |headers: &[(&str, &str)]| is_forged(&request(Method::POST, "/api/v1/create", headers));
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
        assert!(!is_forged(&look), "what it is answered a browser keeps from the page");
    }

    #[test]
    fn names_that_may_lead_anywhere_are_told_from_those_that_cannot() {
        let own = ["backup.lan".to_owned()];
        let to = |host: &str| is_misled(&request(Method::GET, "/", &[("host", host)]), &own);
        for fine in
            ["localhost:8080", "localhost.", "127.0.0.1", "[::1]:80", "x", "a.localhost", "Backup.LAN.:1", ""]
        {
            assert!(!to(fine), "{fine:?}");
        }
        for wrong in ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "a b"] {
            assert!(to(wrong), "{wrong:?}");
        }
        assert!(is_misled(&request(Method::GET, "http://evil.example/", &[("host", "localhost")]), &own));
        assert!(is_misled(&request(Method::GET, "/", &[("host", "x"), ("host", "evil.example")]), &own));
        assert!(!is_misled(&request(Method::GET, "/", &[]), &own), "HTTP/1.0");
    }
}
