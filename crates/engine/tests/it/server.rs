//! Servers that are busy, away, too old, too new, or do not let us in (simulated Milvus).

use std::time::Duration;

use engine::{BackupState, CheckState, JobCtx, Kind};
use milvus::Auth;
use testkit::fake::{FakeConfig, Fault};

use crate::disk;
use crate::world::{World, backup_of, in_time, restore_beside, restore_of, told};

#[tokio::test]
async fn a_busy_server_is_waited_for_in_every_call_of_a_backup() {
    let world = World::with_books().await;
    for call in [
        "Connect",
        "ListDatabases",
        "ShowCollections",
        "DescribeCollection",
        "ShowPartitions",
        "DescribeIndex",
        "GetLoadState",
        "Flush",
        "GetFlushState",
        "GetPersistentSegmentInfo",
        "GetCollectionStatistics",
    ] {
        world.fake.inject(Fault::RateLimited { call, times: 1 });
        world.fake.inject(Fault::Unavailable { call, times: 1 });
    }
    let report = world.back_up(&backup_of("nightly")).await.unwrap();
    assert_eq!((report.collections, report.rows), (2, 9));
}

#[tokio::test]
async fn a_busy_server_is_waited_for_in_every_call_of_a_restore() {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    for call in [
        "ListDatabases",
        "HasCollection",
        "CreateCollection",
        "CreatePartition",
        "DescribeIndex",
        "GetImportState",
    ] {
        world.fake.inject(Fault::RateLimited { call, times: 1 });
        world.fake.inject(Fault::Unavailable { call, times: 1 });
    }
    // an import may have been begun although the answer says that the server is away
    world.fake.inject(Fault::RateLimited { call: "Import", times: 2 });
    let report = world.restore(&restore_beside("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn a_server_that_stays_away_fails_the_backup_and_leaves_it_unfinished() {
    let mut world = World::with_books().await;
    world.config.milvus.limits.outage = Duration::from_millis(300);
    world.fake.inject(Fault::Unavailable { call: "Flush", times: u32::MAX });
    let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.to_string().starts_with("cannot flush collection default."), "{error}");
    assert!(error.context().unwrap().starts_with("while backing up default."), "{error:?}");
    assert!(error.hint().unwrap().contains("milvus.address"));
    assert_eq!(world.listed("nightly").await.unwrap().state, BackupState::Unfinished);
}

#[tokio::test]
async fn versions_that_are_not_served_are_refused_by_name() {
    let made = World::with_books().await;
    made.back_up(&backup_of("nightly")).await.unwrap();
    let cases = [
        (
            "2.2.8",
            "Milvus v2.2.8 is too old: 2.2.9 is the first that is served\nupgrade Milvus to 2.2.9 or later",
        ),
        (
            "2.4.1",
            "Milvus v2.4.1 is not served yet: 2.3 is the newest that is\nuse Milvus Backup (Go) for this Milvus until then",
        ),
        (
            "2.6.0",
            "Milvus v2.6.0 is not served yet: 2.3 is the newest that is\nuse Milvus Backup (Go) for this Milvus until then",
        ),
    ];
    for (version, expected) in cases {
        let world = World::of(version, |config| config);
        let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
        assert_eq!((error.kind(), told(&error).as_str()), (Kind::Failed, expected));
        assert!(disk::files(&world.backup_path("")).is_empty(), "{version}");

        let into = made.engine_into(&world);
        let error =
            in_time(into.plan_restore(&restore_of("nightly"), &JobCtx::detached())).await.unwrap_err();
        assert_eq!(told(&error), expected);
        assert_eq!(world.calls("CreateCollection"), 0);

        let lines = in_time(world.engine().check(&JobCtx::detached())).await.unwrap();
        let line = lines.iter().find(|line| line.subject == "milvus").unwrap();
        assert_eq!(line.state, CheckState::Fail);
        assert!(expected.starts_with(&line.detail), "{}", line.detail);
    }
}

#[tokio::test]
async fn milvus_2_2_is_served_and_warns_of_deletes_that_a_flush_does_not_write() {
    let world = World::of("2.2.16", |config| config);
    world.fill_books().await;
    let report = world.back_up(&backup_of("nightly")).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    assert!(
        report.warnings[0].contains("does not write deletes of rows flushed before"),
        "{:?}",
        report.warnings
    );
    let report = world.restore(&restore_beside("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

fn login(user: &str, password: &str) -> Auth {
    Auth::Password { user: user.to_owned(), password: password.to_owned().into() }
}

#[tokio::test]
async fn a_wrong_login_is_told_with_the_keys_to_compare() {
    let mut world = World::of("2.3.5", |config: FakeConfig| config.login("root:Milvus"));
    let wrong = [
        (login("root", "milvus"), "check username and password"),
        (login("nobody", "Milvus"), "check username and password"),
        (Auth::None, "missing authorization"),
    ];
    for (auth, reason) in wrong {
        world.config.milvus.auth = auth;
        let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
        let text = told(&error);
        assert!(text.contains(reason) && text.contains("milvus.user and milvus.password"), "{text}");
        assert!(
            !format!("{error:?}").contains("Milvus\"") && !text.contains("root:"),
            "no secret: {error:?}"
        );
        assert!(disk::files(&world.backup_path("")).is_empty());
    }
    world.config.milvus.auth = login("root", "Milvus");
    world.fill_books().await;
    assert_eq!(world.back_up(&backup_of("nightly")).await.unwrap().rows, 9);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_address() {
    let mut world = World::new();
    world.config.milvus.limits.connect = Duration::from_millis(300);
    // nothing listens there: the port was free a moment ago
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.config.milvus.port = port;
    let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    let text = told(&error);
    assert!(
        text.contains(&format!("127.0.0.1:{port}")) && text.contains("milvus.address, milvus.port"),
        "{text}"
    );
}
