//! TLS: certificates of the server and of clients, and their renewal while the server runs.

use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, Identity};
use serde_json::{Value, json};
use testkit::tls::Certificates;

use crate::serving::{DEADLINE, World};

fn tls_settings(certificates: &Certificates, more: &Value) -> Value {
    let mut keys = json!({
        "tls": { "cert": certificates.server_cert(), "key": certificates.server_key() },
    });
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    keys
}

/// Creates a client that trusts an authority and has its own certificate, if given.
fn create_client(authority: &Certificates, own: Option<&Certificates>) -> Client {
    let read = |path| std::fs::read(path).unwrap();
    let trusted = Certificate::from_pem(&read(authority.ca())).unwrap();
    let builder =
        Client::builder().tls_certs_only([trusted]).timeout(DEADLINE).no_proxy().pool_max_idle_per_host(0);
    match own {
        None => builder.build().unwrap(),
        Some(own) => {
            let pem = [read(own.client_cert()), read(own.client_key())].concat();
            builder.identity(Identity::from_pem(&pem).unwrap()).build().unwrap()
        }
    }
}

#[tokio::test]
async fn renewed_certificates_are_loaded_and_invalid_ones_are_not() {
    let (old, new) = (Certificates::generate(), Certificates::generate());
    let world = World::new();
    let serving = world.serve(tls_settings(&old, &json!({})), &[]);
    assert!(serving.urls[0].starts_with("https://"), "{:?}", serving.urls);
    let fetch = async |authority: &Certificates| {
        create_client(authority, None).get(serving.url("/healthz")).send().await
    };
    assert_eq!(fetch(&old).await.unwrap().status(), 200);
    assert!(fetch(&new).await.is_err(), "a stranger's certificate was taken");

    std::fs::write(old.server_key(), "no key").unwrap();
    serving.signal("HUP");
    serving.logs("cannot use the new certificates").await;
    assert_eq!(fetch(&old).await.unwrap().status(), 200);

    std::fs::copy(new.server_key(), old.server_key()).unwrap();
    std::fs::copy(new.server_cert(), old.server_cert()).unwrap();
    serving.signal("HUP");
    serving.logs("certificates reloaded").await;
    assert_eq!(fetch(&new).await.unwrap().status(), 200);
    assert!(fetch(&old).await.is_err(), "the old certificate is still shown");
}

#[tokio::test]
async fn renewed_certificates_are_loaded_without_a_signal() {
    let (old, new) = (Certificates::generate(), Certificates::generate());
    let world = World::new();
    let serving = world.serve(tls_settings(&old, &json!({})), &[]);
    std::fs::copy(new.server_key(), old.server_key()).unwrap();
    std::fs::copy(new.server_cert(), old.server_cert()).unwrap();
    // The server inspects the files every ten seconds and may see them together or one after the other.
    let deadline = Instant::now() + DEADLINE;
    while create_client(&new, None).get(serving.url("/healthz")).send().await.is_err() {
        assert!(Instant::now() < deadline, "the old certificate is still shown: {}", serving.log());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    serving.logs("certificates reloaded").await;
}

#[tokio::test]
async fn a_tls_listener_survives_plain_requests_and_silent_connections() {
    let certificates = Certificates::generate();
    let world = World::new();
    let serving = world.serve(tls_settings(&certificates, &json!({ "handshake_timeout": "1s" })), &[]);
    let silent = tokio::net::TcpStream::connect(serving.address()).await.unwrap();
    let plain = format!("http://{}/healthz", serving.address());
    assert!(create_client(&certificates, None).get(plain).send().await.is_err());
    let closed = tokio::time::timeout(DEADLINE, silent.readable()).await;
    assert!(closed.is_ok(), "a silent connection is kept");
    let url = serving.url("/healthz");
    assert_eq!(create_client(&certificates, None).get(url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_mapped_client_certificate_authenticates_its_name() {
    let (ours, strange) = (Certificates::generate(), Certificates::generate());
    let mut settings = tls_settings(&ours, &json!({ "client_names": ["client:read"] }));
    settings["tls"]["client_ca"] = json!(ours.ca());
    let world = World::new();
    let serving = world.serve(settings.clone(), &[]);
    let ask = async |own: Option<&Certificates>, path: &str| {
        create_client(&ours, own).get(serving.url(path)).send().await.map(|reply| reply.status().as_u16())
    };
    assert_eq!(ask(Some(&ours), "/api/v2/jobs").await.unwrap(), 200);
    let write = create_client(&ours, Some(&ours)).post(serving.url("/api/v1/create")).body("{}");
    assert_eq!(write.send().await.unwrap().status(), 403);
    assert!(ask(None, "/healthz").await.is_err(), "no certificate was asked for");
    assert!(ask(Some(&strange), "/healthz").await.is_err(), "a stranger's certificate was taken");
    std::fs::copy(ours.client_cert(), world.path("client.pem")).unwrap();
    std::fs::copy(ours.expired_client_cert(), ours.client_cert()).unwrap();
    assert!(ask(Some(&ours), "/healthz").await.is_err(), "a certificate was taken that ran out");
    std::fs::copy(world.path("client.pem"), ours.client_cert()).unwrap();
    drop(serving);

    // The certificate is trusted, but its name is not mapped.
    settings["client_names"] = json!(["somebody:admin"]);
    let serving = world.serve(settings, &[]);
    let reply = create_client(&ours, Some(&ours)).get(serving.url("/api/v2/jobs")).send().await.unwrap();
    assert_eq!(reply.status(), 401);
    let stderr = reply.text().await.unwrap();
    assert!(stderr.contains("in server.client_names") && stderr.contains("client"), "{stderr}");
}

#[test]
fn invalid_certificates_stop_the_start() {
    let certificates = Certificates::generate();
    let world = World::new();
    let mut settings = tls_settings(&certificates, &json!({}));
    settings["tls"]["key"] = json!(world.path("none.pem"));
    let (status, log) = world.try_serve(settings, &[]).err().unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("cannot read a private key from ") && log.contains("none.pem"), "{log}");
    let (status, log) = world.try_serve(json!({ "client_names": ["a:read"] }), &[]).err().unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("client certificates need server.tls.cert"), "{log}");
}
