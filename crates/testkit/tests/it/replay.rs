//! The simulated Milvus answers like the recorded servers, as far as it goes.

use std::time::Duration;

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};
use milvus_backup_testkit::replay::{Summary, is_known, replay};

/// The calls of our protocol files that the simulated server does not serve, because only tests with real servers make
/// them.
const NOT_SIMULATED: [&str; 6] =
    ["CreateCredential", "CreateRole", "OperateUserRole", "OperatePrivilege", "SelectUser", "SelectGrant"];

/// The least that agrees in each section with 2.2.16 and with 2.3.5: the exchanges that have the same outcome, and those
/// that have the same answer. The numbers are those that were last measured, and only rise.
///
/// The section `imports` is left out: its files are not in the recordings.
const LEAST: [(&str, [(usize, usize); 2]); 18] = [
    ("aliases", [(30, 26), (28, 22)]),
    ("alter", [(42, 39), (43, 40)]),
    ("collections", [(232, 184), (233, 200)]),
    ("compaction", [(15, 15), (17, 14)]),
    ("connect", [(32, 32), (32, 32)]),
    ("data", [(76, 48), (73, 46)]),
    ("databases", [(25, 23), (25, 23)]),
    ("end", [(12, 10), (12, 10)]),
    ("flush_all", [(2, 1), (2, 1)]),
    ("gc", [(2, 2), (2, 2)]),
    ("indexes", [(79, 58), (82, 70)]),
    ("load", [(14, 11), (24, 23)]),
    ("partitions", [(20, 19), (20, 19)]),
    ("quota", [(2, 2), (2, 2)]),
    ("rbac", [(1, 1), (1, 1)]),
    ("replicate", [(1, 0), (1, 1)]),
    ("segments_describe", [(4, 3), (4, 4)]),
    ("unimplemented", [(27, 11), (14, 8)]),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_milvus_answers_like_the_recorded_servers() {
    for (index, version) in ["2.2.16", "2.3.5"].into_iter().enumerate() {
        let root = tempfile::tempdir().unwrap();
        let fake = FakeMilvus::start(FakeConfig::new(version, root.path()).login("root:Milvus"));
        let endpoint = format!("http://{}:{}", fake.host(), fake.port());
        let is_wanted =
            |step: &str, method: &str| !step.starts_with("imports.") && !NOT_SIMULATED.contains(&method);
        let mut compared = replay(version, endpoint, Duration::from_millis(200), is_wanted).await;
        compared.retain(|compared| is_known(&compared.method));
        let summary = Summary::new(&compared);
        for (section, least) in LEAST {
            let (same_outcome, same_answer) = least[index];
            let found = summary.section(section);
            assert!(
                found.same_outcome >= same_outcome && found.same_answer >= same_answer,
                "Milvus {version}, {section}: {found:?}, at least {same_outcome} and {same_answer} before\n{summary}"
            );
        }
    }
}
