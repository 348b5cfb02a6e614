//! Tests of authentication, TLS, unreachable servers and the management endpoint.

use std::time::{Duration, Instant};

use milvus::{Auth, ConnectConfig, GcPauseTicket, Milvus, MilvusErrorKind, Tls};
use testkit::milvus_server::{self, Options};
use testkit::servers::{self, MilvusServer, ServerStorage};
use testkit::tls::Certificates;

use crate::fixtures::{connect, plain_config};

/// Connects with settings that must fail, and returns the error.
async fn connect_error(config: &ConnectConfig) -> milvus::MilvusError {
    Milvus::connect(config).await.expect_err("this must not connect")
}

#[tokio::test]
async fn only_the_correct_password_is_accepted() {
    let Some(guard) = milvus_server::start(&Options::default().login()) else { return };
    let login = |user: &str, password: &str| ConnectConfig {
        auth: Auth::Password { user: user.to_owned(), password: password.into() },
        ..plain_config(guard.server())
    };
    let root = Milvus::connect(&login("root", "Milvus")).await.expect("the first user");
    assert!(root.list_databases().await.unwrap().contains(&"default".to_owned()));
    let token = ConnectConfig { auth: Auth::Token("root:Milvus".into()), ..plain_config(guard.server()) };
    Milvus::connect(&token).await.expect("a token of user and password");
    for wrong in [login("root", "milvus"), login("nobody", "Milvus"), plain_config(guard.server())] {
        let error = connect_error(&wrong).await;
        assert_eq!(error.kind(), MilvusErrorKind::Unauthenticated, "{error}");
    }
    assert!(!format!("{:?} {root:?}", login("root", "secret")).contains("secret"));
}

#[tokio::test]
async fn a_server_with_tls_is_verified_by_its_authority_and_name() {
    let certificates = Certificates::generate();
    let Some(guard) = milvus_server::start(&Options::default().tls(&certificates)) else { return };
    let config = |ca: bool, server_name: Option<&str>| ConnectConfig {
        tls: Tls::Server { ca: ca.then(|| certificates.ca()), server_name: server_name.map(str::to_owned) },
        ..plain_config(guard.server())
    };
    for trusted in [config(true, None), config(true, Some("localhost"))] {
        let milvus = Milvus::connect(&trusted).await.expect("the right authority and name");
        milvus.list_databases().await.unwrap();
    }
    for untrusted in [config(false, None), config(true, Some("elsewhere"))] {
        assert_eq!(connect_error(&untrusted).await.kind(), MilvusErrorKind::Unreachable);
    }
    assert_eq!(
        connect_error(&plain_config(guard.server())).await.kind(),
        MilvusErrorKind::Unreachable,
        "without TLS"
    );
}

#[tokio::test]
async fn a_server_with_mutual_tls_requires_a_client_certificate() {
    let certificates = Certificates::generate();
    let Some(guard) = milvus_server::start(&Options::default().mutual_tls(&certificates)) else { return };
    let mutual = ConnectConfig {
        tls: Tls::Mutual {
            ca: Some(certificates.ca()),
            server_name: None,
            cert: certificates.client_cert(),
            key: certificates.client_key(),
        },
        ..plain_config(guard.server())
    };
    let milvus = Milvus::connect(&mutual).await.expect("our certificate is of its authority");
    milvus.list_databases().await.unwrap();
    let one_way = Tls::Server { ca: Some(certificates.ca()), server_name: None };
    let error = connect_error(&ConnectConfig { tls: one_way, ..plain_config(guard.server()) }).await;
    assert_eq!(error.kind(), MilvusErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn invalid_tls_files_are_reported_with_their_path() {
    let nowhere = MilvusServer {
        version: String::new(),
        address: "127.0.0.1".to_owned(),
        port: 1,
        storage: ServerStorage::Local { root: "/".into() },
    };
    let dir = env!("CARGO_MANIFEST_DIR");
    for (file, reason) in [("missing.pem", "No such file"), ("Cargo.toml", "no PEM block")] {
        let ca = Some(format!("{dir}/{file}").into());
        let error = connect_error(&ConnectConfig {
            tls: Tls::Server { ca, server_name: None },
            ..plain_config(&nowhere)
        })
        .await;
        assert_eq!(error.kind(), MilvusErrorKind::Invalid);
        assert!(error.to_string().contains(file) && error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_within_seconds() {
    let unused_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let absent = MilvusServer {
        version: String::new(),
        address: "127.0.0.1".to_owned(),
        port: unused_port,
        storage: ServerStorage::Local { root: "/".into() },
    };
    let started = Instant::now();
    let error = connect_error(&plain_config(&absent)).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(error.kind(), MilvusErrorKind::Unreachable);
    assert!(error.is_temporary());
    assert_eq!(
        error.to_string(),
        format!("cannot connect to Milvus at 127.0.0.1:{unused_port}: no connection")
    );
    let cause = std::error::Error::source(&error).and_then(|cause| cause.source()).map(ToString::to_string);
    assert!(cause.is_some_and(|cause| cause.contains("refused") || cause.contains("connect")), "{error:?}");
}

#[tokio::test]
async fn pausing_garbage_collection_needs_the_management_routes() {
    let Some(server) = servers::milvus() else { return };
    let milvus = connect(&server).await;
    let error = milvus.gc_pause(Duration::from_mins(1)).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Unsupported, "{error}");
    // The proxy port also answers HTTP requests, but does not have the route.
    let config = ConnectConfig {
        management_endpoint: Some(format!("{}:{}", server.address, server.port)),
        ..plain_config(&server)
    };
    let milvus = Milvus::connect(&config).await.unwrap();
    for error in [
        milvus.gc_pause(Duration::from_mins(1)).await.map(drop),
        milvus.gc_resume(&GcPauseTicket::default()).await,
    ] {
        assert_eq!(error.unwrap_err().kind(), MilvusErrorKind::Unsupported);
    }
}
