//! Login and TLS with servers that require them.

use crate::tool::Tool;
use milvus::{Auth, ConnectConfig, Tls};
use model::name::CollectionRef;
use testkit::milvus_server::{self, Options};
use testkit::seed;
use testkit::test_milvus::TestMilvus;
use testkit::tls::Certificates;

#[tokio::test]
async fn login_and_server_certificate_are_supported() {
    let certificates = Certificates::generate();
    let Some(guard) = milvus_server::start(&Options::default().login().tls(&certificates)) else { return };
    let ca = certificates.ca();
    let config = ConnectConfig {
        tls: Tls::Server { ca: Some(ca.clone()), server_name: None },
        auth: Auth::Password { user: "root".to_owned(), password: "Milvus".into() },
        ..guard.server().config()
    };
    let milvus = TestMilvus::connect(&config).await.unwrap();
    let apple = CollectionRef::new("default", "apple");
    seed::hundred_rows(&milvus, &apple).await.unwrap();

    let tool = Tool::on_disk(guard.server());
    let ca = ca.display();
    let run = |arguments: &str, user: &str, password: &str| {
        let settings: [(&str, &dyn std::fmt::Display); 4] = [
            ("milvus.grpc.tlsMode", &"server"),
            ("milvus.grpc.caCertPath", &ca),
            ("milvus.user", &user),
            ("milvus.password", &password),
        ];
        tool.run_with(arguments, &settings)
    };
    run("create -n fruit", "root", "Milvus").exits_with(0);
    run("restore -n fruit --suffix _copy", "root", "Milvus").exits_with(0);
    assert!(milvus.has_collection(&CollectionRef::new("default", "apple_copy")).await.unwrap());

    let wrong = run("create -n wrong", "root", "not-the-password").exits_with(5).prints(&[
        "password",
        "hint:",
        "milvus.user",
    ]);
    assert!(!wrong.stderr.contains("not-the-password"));
    run("create -n wrong", "", "").exits_with(5).prints(&["hint:"]);
    // Without TLS, and without the certificate authority of the server.
    tool.run("create -n wrong").exits_with(5).prints(&["hint:"]);
    tool.run_with("create -n wrong", &[("milvus.grpc.tlsMode", &"server")])
        .exits_with(5)
        .prints(&["certificate"]);
}

#[tokio::test]
async fn mutual_tls_is_supported() {
    let certificates = Certificates::generate();
    let Some(guard) = milvus_server::start(&Options::default().mutual_tls(&certificates)) else { return };
    let tool = Tool::on_disk(guard.server());
    let (ca, cert, key) = (certificates.ca(), certificates.client_cert(), certificates.client_key());
    let (ca, cert, key) = (ca.display(), cert.display(), key.display());
    let mutual: [(&str, &dyn std::fmt::Display); 4] = [
        ("milvus.grpc.tlsMode", &"mutual"),
        ("milvus.grpc.caCertPath", &ca),
        ("milvus.grpc.mtlsCertPath", &cert),
        ("milvus.grpc.mtlsKeyPath", &key),
    ];
    tool.run_with("create -n nothing", &mutual).exits_with(0);
    tool.run_with("create -n wrong", &[("milvus.grpc.tlsMode", &"server"), ("milvus.grpc.caCertPath", &ca)])
        .exits_with(5)
        .prints(&["hint:"]);
    // A missing key file is an error of the configuration.
    let missing = [mutual[0], mutual[1], mutual[2], ("milvus.grpc.mtlsKeyPath", &"/no/such.key" as _)];
    tool.run_with("create -n wrong", &missing).exits_with(2).prints(&["/no/such.key"]);
}
