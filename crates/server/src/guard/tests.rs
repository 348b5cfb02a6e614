//! Tests of the guard around routes that exist only here.

use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

const V1: Policy = Policy::reads(RefusalForm::Envelope);
const V2: Policy = Policy::reads(RefusalForm::Problem);
const CALL: Policy = Policy::reads(RefusalForm::GrpcStatus);

/// Puts the guard of a server without authentication around routes.
fn protected(routes: DeclaredRoutes) -> Router {
    Guard::new(&Settings::without_authentication(), false).protect(routes)
}

async fn send(app: &Router, request: http::request::Builder) -> (http::response::Parts, String) {
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    (head, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

async fn panics() -> &'static str {
    panic!("broken on purpose, with a secret")
}

#[tokio::test]
async fn a_panic_of_a_handler_is_refused_in_the_form_of_its_route() {
    let routes = DeclaredRoutes::new()
        .get("/api/v1/list", V1, panics)
        .get("/api/v2/jobs", V2, panics)
        .any("/a.Service/Get", CALL, panics)
        .get("/fine", V2, async || "fine");
    let app = protected(routes);
    for path in ["/api/v1/list", "/api/v2/jobs"] {
        let (head, body) = send(&app, http::Request::get(path).header("x-request-id", "mine")).await;
        assert_eq!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(head.headers[&REQUEST_ID], "mine");
        assert!(
            body.contains("internal server error; see the server log for request id mine")
                && !body.contains("secret"),
            "{body}"
        );
    }
    let (head, _) = send(&app, http::Request::post("/a.Service/Get")).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.headers["grpc-status"], "13");
    assert_eq!(send(&app, http::Request::get("/fine")).await.1, "fine");
}

#[tokio::test]
async fn a_route_without_a_policy_is_refused() {
    let declared = DeclaredRoutes::new().get("/declared", V2, async || "fine");
    let undeclared = Router::new()
        .route("/undeclared", axum::routing::get(panics))
        .route("/a.Service/{*rest}", axum::routing::post(panics))
        .route("/declared", axum::routing::post(panics));
    let app = protected(DeclaredRoutes { router: declared.router.merge(undeclared), ..declared });
    assert_eq!(send(&app, http::Request::get("/declared")).await.1, "fine");
    for request in [http::Request::get("/undeclared"), http::Request::post("/declared")] {
        assert_eq!(send(&app, request).await.0.status, StatusCode::NOT_FOUND);
    }
    let call = http::Request::post("/a.Service/Get").header("content-type", "application/grpc");
    assert_eq!(send(&app, call).await.0.headers["grpc-status"], "12");
}

#[tokio::test]
async fn a_route_that_reads_must_answer_in_time_and_one_that_changes_something_need_not() {
    let mut settings = Settings::without_authentication();
    settings.limits.request_timeout = Duration::from_millis(50);
    let late = async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        "late"
    };
    let routes = DeclaredRoutes::new()
        .get("/reads", V2, late)
        .get("/changes", Policy::changes(RefusalForm::Problem), late)
        .any("/a.Service/Change", Policy::changes(RefusalForm::GrpcStatus), late);
    let app = Guard::new(&settings, false).protect(routes);
    assert_eq!(send(&app, http::Request::get("/reads")).await.0.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(send(&app, http::Request::get("/changes")).await.1, "late");
    let hurried = http::Request::post("/a.Service/Change").header("grpc-timeout", "50m");
    assert_eq!(send(&app, hurried).await.0.headers["grpc-status"], "4");
}
