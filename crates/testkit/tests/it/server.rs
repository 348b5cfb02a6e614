use milvus_backup_testkit::milvus_server::{self, Options};
use milvus_backup_testkit::tls::Certificates;
use std::net::TcpStream;

#[test]
fn a_server_stops_when_its_guard_is_dropped() {
    let certificates = Certificates::generate();
    let Some(guard) = milvus_server::start(&Options::default().login().mutual_tls(&certificates)) else {
        return;
    };
    let address = (guard.server().address.clone(), guard.server().port);
    assert!(TcpStream::connect(&address).is_ok(), "the server listens");
    drop(guard);
    assert!(TcpStream::connect(&address).is_err(), "the server is gone");
}
