//! Who may ask: the name the server was called by, the site a request comes from, the token. And
//! what every answer carries.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::App;
use super::problem::Problem;
use super::upload::too_many_bytes;

/// The cookie that carries the token of the page.
pub(crate) const COOKIE: &str = "relume";

/// Bytes that a form may need besides its photos.
const FORM: u64 = 1_000_000;

/// Nothing but the server's own files runs or is loaded; pictures may be made in the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' blob: data:; font-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What every answer carries.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Lets a request pass or answers it; writes a line about it.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    app.counts.requests.fetch_add(1, Ordering::Relaxed);
    let mut response = match check(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        app.counts.refused.fetch_add(1, Ordering::Relaxed);
    }
    // A path can hold anything: what would move a terminal's cursor is written as escapes.
    let line =
        format!("{method} {} {status} {} ms", path.escape_debug(), start.elapsed().as_millis());
    app.console.note(&line);
    response
}

fn check(app: &App, request: &Request) -> Result<(), Problem> {
    let host = host(request);
    if !host.is_some_and(|host| is_ours(host, &app.options.names)) {
        let detail = "this server is not called so; use its address, or start it with --allow-host";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    if comes_from_elsewhere(request, host.unwrap_or_default()) {
        let detail = "pages of other sites may not ask this server for anything";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // A form is a little larger than what it carries.
    if announced.is_some_and(|bytes| bytes > app.options.upload_bytes.saturating_add(FORM)) {
        return Err(too_many_bytes(app.options.upload_bytes));
    }
    let path = request.uri().path();
    let open = super::page::is_part(path) || path == "/healthz" || path == "/v1/session";
    match &app.options.token {
        Some(token) if !open && !carries(request.headers(), token) => Err(unauthorized()),
        _ => Ok(()),
    }
}

/// The refusal of a request without token.
pub(crate) fn unauthorized() -> Problem {
    let detail = "send the token that the server printed: Authorization: Bearer TOKEN";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

fn host(request: &Request) -> Option<&str> {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    // Two different names are one too many.
    match (header, request.uri().authority()) {
        (Some(host), Some(authority)) if host != authority.as_str() => None,
        (host, _) => host,
    }
}

/// A name that no stranger's DNS can point here: an IP address, `localhost`, or one from --allow-host.
fn is_ours(host: &str, names: &[String]) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("localhost", port),
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, _)) => (name, &host[name.len()..]),
            None => (host, ""),
        },
    };
    let port_fits =
        port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    let named = names.iter().any(|known| known.eq_ignore_ascii_case(name));
    port_fits && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok() || named)
}

/// Whether a page of another site sent the request. Programs that are no browsers say nothing about
/// a site and pass.
fn comes_from_elsewhere(request: &Request, host: &str) -> bool {
    let text = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap_or("?"));
    let opens_page = request.method() == Method::GET && super::page::is_part(request.uri().path());
    match (text("sec-fetch-site"), text("origin")) {
        (Some("same-origin" | "none"), None) => false,
        // A link from elsewhere may open the page, and nothing else.
        (Some(_), None) => !opens_page,
        (_, Some(origin)) => {
            let ours =
                ["http://", "https://"].iter().filter_map(|scheme| origin.strip_prefix(scheme));
            !ours.into_iter().any(|name| name == host)
        }
        (None, None) => false,
    }
}

/// Whether the headers carry the token, as a bearer or in the cookie of the page.
pub(crate) fn carries(headers: &HeaderMap, token: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let cookie = text(header::COOKIE).and_then(|cookies| {
        let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value).next()
    });
    [bearer, cookie].into_iter().flatten().any(|given| same(given, token))
}

/// Compares digests: how long it takes says nothing about the token.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given) == Sha256::digest(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_cannot_be_rebound_are_ours() {
        let names = ["photos.example".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:7860",
            "[::1]:7860",
            "192.168.1.7",
            "photos.example",
        ] {
            assert!(is_ours(host, &names), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost:x",
            "[evil]:1",
            "photos.example.evil",
        ] {
            assert!(!is_ours(host, &names), "{host}");
        }
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(axum::body::Body::empty()).unwrap()
    }

    #[test]
    fn other_sites_may_open_the_page_and_nothing_else() {
        let from = |method, path, headers: &[_]| {
            comes_from_elsewhere(&request(method, path, headers), "127.0.0.1:7860")
        };
        assert!(!from("POST", "/v1/jobs", &[]));
        assert!(!from(
            "POST",
            "/v1/jobs",
            &[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:7860")]
        ));
        assert!(!from("GET", "/", &[("sec-fetch-site", "cross-site")]));
        assert!(from("GET", "/v1/jobs", &[("sec-fetch-site", "cross-site")]));
        assert!(from("POST", "/", &[("sec-fetch-site", "cross-site")]));
        assert!(from("POST", "/v1/jobs", &[("sec-fetch-site", "same-site")]));
        assert!(from("POST", "/v1/jobs", &[("origin", "http://evil.example")]));
        assert!(from("POST", "/v1/jobs", &[("origin", "http://127.0.0.1:7861")]));
        assert!(from("POST", "/v1/jobs", &[("origin", "null")]));
    }

    #[test]
    fn the_token_is_taken_from_header_and_cookie() {
        let carried = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )]);
            carries(&headers, "secret")
        };
        assert!(carried("authorization", "Bearer secret"));
        assert!(carried("cookie", "a=b; relume=secret"));
        assert!(!carried("authorization", "secret"));
        assert!(!carried("cookie", "relume=secre"));
        assert!(!carried("cookie", "relume="));
    }
}
