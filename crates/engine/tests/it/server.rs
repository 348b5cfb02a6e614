//! Servers that are busy, unavailable, too old, too new, or reject the credentials (simulated Milvus).

use std::time::Duration;

use engine::{Advice, BackupState, CheckPurpose, CheckState, FailureKind, JobCtx, Setting};
use milvus::Auth;
use testkit::fake::{FakeConfig, Fault};

use crate::world::{
    World, backup_request, describe_error, restore_copy_request, restore_request, within_deadline,
};
use crate::{disk, samples};

#[tokio::test]
async fn every_call_of_a_backup_is_repeated_if_the_server_is_busy() {
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
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!((report.collections, report.rows), (2, 9));
}

#[tokio::test]
async fn every_call_of_a_restore_is_repeated_if_the_server_is_busy() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
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
    // An import is not repeated if the server is unavailable, because it may have started.
    world.fake.inject(Fault::RateLimited { call: "Import", times: 2 });
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn a_server_that_limits_flushes_and_restores_is_served_at_its_rate() {
    // One flush of a collection in ten seconds, answered with code 8 "rate limit exceeded[rate=0.1]".
    let world = World::with_version("2.5.27", FakeConfig::flush_limit);
    world.fill_books().await;
    let milvus = world.connect().await;
    for name in ["books", "tags"] {
        milvus.flush(&samples::collection(name)).await.unwrap();
    }
    samples::insert_rows(&milvus, "books", "old", 1).await;
    let before = world.count_calls("Flush");
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 10), "{report:?}");
    assert!(world.count_calls("Flush") > before + 2, "a flush is refused and sent again");
    let create_import = "/v2/vectordb/jobs/import/create";
    let follow_import = "/v2/vectordb/jobs/import/get_progress";
    for call in ["CreateCollection", "CreatePartition", create_import, follow_import] {
        world.fake.inject(Fault::RateLimited { call, times: 3 });
    }
    let restored = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((restored.kind(), restored.rows()), (None, 10), "{restored:?}");
    assert_eq!(world.count_calls(create_import), 3 + 3, "three partitions, three refusals");
    for name in ["books", "tags"] {
        let copy = format!("{name}_copy");
        assert_eq!(world.fake.rows("default", &copy), world.fake.rows("default", name), "once each");
    }
}

#[tokio::test]
async fn a_server_that_stays_unavailable_leaves_an_unfinished_backup() {
    let mut world = World::with_books().await;
    world.config.milvus.limits.outage = Duration::from_millis(300);
    world.fake.inject(Fault::Unavailable { call: "Flush", times: u32::MAX });
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Unreachable);
    assert!(error.to_string().starts_with("cannot flush collection default."), "{error}");
    assert!(error.context().unwrap().starts_with("while backing up default."), "{error:?}");
    assert!(
        matches!(error.advice(), Some(Advice::CompareSettings { settings }) if settings.contains(&Setting::MilvusAddress))
    );
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
}

#[tokio::test]
async fn unsupported_versions_are_rejected() {
    let made = World::with_books().await;
    made.back_up(&backup_request("nightly")).await.unwrap();
    for (version, expected) in
        [("2.2.8", "Milvus v2.2.8 is not supported: 2.2.9 or later is required\nupgrade_milvus")]
    {
        let world = World::with_version(version, |config| config);
        let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
        assert_eq!((error.kind(), describe_error(&error).as_str()), (FailureKind::Failed, expected));
        assert!(disk::list_files(&world.backup_path("")).is_empty(), "{version}");

        let into = made.engine_with_target(&world);
        let error = within_deadline(into.plan_restore(&restore_request("nightly"), &JobCtx::detached()))
            .await
            .unwrap_err();
        assert_eq!(describe_error(&error), expected);
        assert_eq!(world.count_calls("CreateCollection"), 0);

        let lines = within_deadline(world.engine().check(CheckPurpose::Everything, &JobCtx::detached()))
            .await
            .unwrap();
        let line = lines.iter().find(|line| line.subject == "milvus").unwrap();
        assert_eq!(line.state, CheckState::Fail);
        assert!(expected.starts_with(&line.detail), "{}", line.detail);
    }
}

#[tokio::test]
async fn milvus_2_2_is_supported_with_a_warning_about_deletes() {
    let world = World::with_version("2.2.16", |config| config);
    world.fill_books().await;
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    assert!(
        report.warnings[0].contains("does not write deletes of rows flushed before"),
        "{:?}",
        report.warnings
    );
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

fn password_auth(user: &str, password: &str) -> Auth {
    Auth::Password { user: user.to_owned(), password: password.to_owned().into() }
}

#[tokio::test]
async fn the_hint_for_a_wrong_login_names_the_configuration_keys() {
    let mut world = World::with_version("2.3.5", |config: FakeConfig| config.login("root:Milvus"));
    let wrong = [
        (password_auth("root", "milvus"), "check username and password"),
        (password_auth("nobody", "Milvus"), "check username and password"),
        (Auth::None, "missing authorization"),
    ];
    for (auth, reason) in wrong {
        world.config.milvus.auth = auth;
        let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Unreachable);
        let text = describe_error(&error);
        assert!(
            text.contains(reason) && text.contains(r#"settings=["milvus_user","milvus_password"]"#),
            "{text}"
        );
        assert!(
            !format!("{error:?}").contains("Milvus\"") && !text.contains("root:"),
            "no secret: {error:?}"
        );
        assert!(disk::list_files(&world.backup_path("")).is_empty());
    }
    world.config.milvus.auth = password_auth("root", "Milvus");
    world.fill_books().await;
    assert_eq!(world.back_up(&backup_request("nightly")).await.unwrap().rows, 9);
}

#[tokio::test]
async fn the_error_for_an_unreachable_server_names_its_address() {
    let mut world = World::new();
    world.config.milvus.limits.connect = Duration::from_millis(300);
    // The port has no listener: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.config.milvus.port = port;
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Unreachable);
    let text = describe_error(&error);
    assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("milvus_address"), "{text}");
}
