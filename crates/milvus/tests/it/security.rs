//! Login, TLS, and servers that are not there.

use std::time::{Duration, Instant};

use milvus::{Auth, ConnectConfig, ErrorKind, Milvus, Tls};
use testkit::milvus_server::{self, Options};
use testkit::servers::{self, MilvusServer, ServerStorage};
use testkit::tls::Certificates;

use crate::shop::{connect, plain};

async fn fails(config: &ConnectConfig) -> milvus::MilvusError {
    Milvus::connect(config).await.expect_err("this must not connect")
}

#[tokio::test]
async fn only_the_right_password_is_let_in() {
    let Some(guard) = milvus_server::start(&Options::default().login()) else { return };
    let login = |user: &str, password: &str| ConnectConfig {
        auth: Auth::Password { user: user.to_owned(), password: password.into() },
        ..plain(guard.server())
    };
    let root = Milvus::connect(&login("root", "Milvus")).await.expect("the first user");
    assert!(root.list_databases().await.unwrap().contains(&"default".to_owned()));
    let token = ConnectConfig { auth: Auth::Token("root:Milvus".into()), ..plain(guard.server()) };
    Milvus::connect(&token).await.expect("a token of user and password");
    for wrong in [login("root", "milvus"), login("nobody", "Milvus"), plain(guard.server())] {
        let error = fails(&wrong).await;
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    }
    assert!(!format!("{:?} {root:?}", login("root", "secret")).contains("secret"));
}

#[tokio::test]
async fn a_server_with_tls_is_trusted_by_its_authority() {
    let certificates = Certificates::generate();
    let Some(guard) = milvus_server::start(&Options::default().tls(&certificates)) else { return };
    let config = |ca: bool, server_name: Option<&str>| ConnectConfig {
        tls: Tls::Server { ca: ca.then(|| certificates.ca()), server_name: server_name.map(str::to_owned) },
        ..plain(guard.server())
    };
    for trusted in [config(true, None), config(true, Some("localhost"))] {
        let milvus = Milvus::connect(&trusted).await.expect("the right authority and name");
        milvus.list_databases().await.unwrap();
    }
    for untrusted in [config(false, None), config(true, Some("elsewhere"))] {
        assert_eq!(fails(&untrusted).await.kind(), ErrorKind::Unreachable);
    }
    assert_eq!(fails(&plain(guard.server())).await.kind(), ErrorKind::Unreachable, "without TLS");
}

#[tokio::test]
async fn a_server_with_mutual_tls_wants_our_certificate() {
    let certificates = Certificates::generate();
    let Some(guard) = milvus_server::start(&Options::default().mutual_tls(&certificates)) else { return };
    let mutual = ConnectConfig {
        tls: Tls::Mutual {
            ca: Some(certificates.ca()),
            server_name: None,
            cert: certificates.client_cert(),
            key: certificates.client_key(),
        },
        ..plain(guard.server())
    };
    let milvus = Milvus::connect(&mutual).await.expect("our certificate is of its authority");
    milvus.list_databases().await.unwrap();
    let one_way = Tls::Server { ca: Some(certificates.ca()), server_name: None };
    let error = fails(&ConnectConfig { tls: one_way, ..plain(guard.server()) }).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn tls_files_that_cannot_be_used_are_named() {
    let nowhere = MilvusServer {
        version: String::new(),
        address: "127.0.0.1".to_owned(),
        port: 1,
        storage: ServerStorage::Local { root: "/".into() },
    };
    let dir = env!("CARGO_MANIFEST_DIR");
    for (file, reason) in [("missing.pem", "No such file"), ("Cargo.toml", "no PEM block")] {
        let ca = Some(format!("{dir}/{file}").into());
        let error =
            fails(&ConnectConfig { tls: Tls::Server { ca, server_name: None }, ..plain(&nowhere) }).await;
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(file) && error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_soon() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let absent = MilvusServer {
        version: String::new(),
        address: "127.0.0.1".to_owned(),
        port: free,
        storage: ServerStorage::Local { root: "/".into() },
    };
    let begun = Instant::now();
    let error = fails(&plain(&absent)).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.is_temporary());
    assert_eq!(error.to_string(), format!("cannot connect to Milvus at 127.0.0.1:{free}: no connection"));
    let cause = std::error::Error::source(&error).and_then(|cause| cause.source()).map(ToString::to_string);
    assert!(cause.is_some_and(|cause| cause.contains("refused") || cause.contains("connect")), "{error:?}");
}

#[tokio::test]
async fn a_server_without_the_management_routes_cannot_pause() {
    let Some(server) = servers::milvus() else { return };
    let milvus = connect(&server).await;
    let error = milvus.gc_pause(Duration::from_mins(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    // its proxy port answers HTTP too, and knows no such route either
    let config = ConnectConfig {
        management_endpoint: Some(format!("{}:{}", server.address, server.port)),
        ..plain(&server)
    };
    let milvus = Milvus::connect(&config).await.unwrap();
    for error in [milvus.gc_pause(Duration::from_mins(1)).await, milvus.gc_resume().await] {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
