//! The simulated Milvus answers like the recorded servers, as far as it goes.

use std::time::Duration;

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};
use milvus_backup_testkit::replay::{Summary, is_known, replay};

use super::exceptions::is_exception;

/// The time for which a poll is repeated: the simulated server waits for nothing.
const PATIENCE: Duration = Duration::from_millis(20);

/// The recorded versions, in the order of the columns below.
const VERSIONS: [&str; 5] = ["2.2.16", "2.3.5", "2.5.27", "2.6.19", "3.0.0"];

/// The least that agrees in each section with each version: the exchanges that have the same outcome, and those that
/// have the same answer, exceptions left out. The numbers are those that were last measured, and only rise.
///
/// The section `imports` is left out: its files are not in the recordings.
const LEAST: &[(&str, [(usize, usize); 5])] = &[
    ("aliases", [(33, 33), (33, 33), (34, 34), (31, 31), (34, 34)]),
    ("alter", [(75, 75), (75, 75), (71, 70), (75, 75), (72, 72)]),
    ("collections", [(286, 286), (286, 286), (295, 295), (286, 286), (288, 288)]),
    ("compaction", [(15, 15), (17, 14), (15, 14), (15, 14), (15, 14)]),
    ("connect", [(33, 33), (33, 33), (31, 31), (31, 31), (33, 33)]),
    ("data", [(91, 80), (97, 86), (103, 92), (106, 92), (103, 89)]),
    ("databases", [(43, 43), (43, 43), (43, 43), (43, 43), (43, 43)]),
    ("end", [(10, 10), (10, 10), (11, 11), (12, 12), (12, 12)]),
    ("external", [(0, 0), (0, 0), (0, 0), (0, 0), (36, 33)]),
    ("flush_all", [(15, 15), (14, 13), (16, 14), (16, 9), (16, 9)]),
    ("gc", [(2, 2), (2, 2), (2, 2), (2, 2), (2, 2)]),
    ("indexes", [(166, 166), (166, 166), (166, 166), (166, 166), (166, 166)]),
    ("load", [(22, 20), (28, 28), (13, 13), (13, 13), (24, 24)]),
    ("namespaces", [(0, 0), (0, 0), (0, 0), (0, 0), (98, 89)]),
    ("partitions", [(20, 20), (20, 20), (20, 20), (20, 20), (20, 20)]),
    ("quota", [(6, 6), (6, 6), (77, 67), (78, 68), (81, 68)]),
    ("rbac", [(133, 129), (133, 131), (146, 142), (146, 144), (148, 146)]),
    ("replicate", [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1)]),
    ("resources", [(0, 0), (0, 0), (0, 0), (0, 0), (2, 1)]),
    ("schema_changes", [(0, 0), (0, 0), (0, 0), (0, 0), (131, 122)]),
    ("segments_describe", [(4, 4), (4, 4), (25, 24), (25, 24), (25, 24)]),
    ("snapshot_files", [(0, 0), (0, 0), (0, 0), (0, 0), (31, 26)]),
    ("snapshots", [(0, 0), (0, 0), (0, 0), (0, 0), (7, 5)]),
    ("two_phase", [(0, 0), (0, 0), (0, 0), (0, 0), (14, 8)]),
    ("unimplemented", [(46, 36), (37, 36), (33, 29), (32, 27), (32, 27)]),
];

/// Replays the recording of one version, and compares the numbers of each section with those in the table.
#[expect(clippy::unwrap_used, clippy::print_stdout, reason = "part of a test")]
async fn check_version(version: &str) {
    let column = VERSIONS.iter().position(|known| *known == version).unwrap();
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new(version, root.path()).login("root:Milvus"));
    let endpoint = format!("http://{}:{}", fake.host(), fake.port());
    let is_wanted = |step: &str, _: &str| !step.starts_with("imports.");
    let mut compared = replay(version, endpoint, PATIENCE, is_wanted).await;
    compared.retain(|compared| is_known(&compared.method) && !is_exception(version, compared));
    let summary = Summary::new(&compared);
    for (section, least) in LEAST {
        let (same_outcome, same_answer) = least[column];
        let found = summary.section(section);
        assert!(
            found.same_outcome >= same_outcome && found.same_answer >= same_answer,
            "Milvus {version}, {section}: {found:?}, at least {same_outcome} and {same_answer} before\n{summary}"
        );
    }
    println!("Milvus {version}\n{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_milvus_answers_like_2_2_16() {
    check_version("2.2.16").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_milvus_answers_like_2_3_5() {
    check_version("2.3.5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_milvus_answers_like_2_5_27() {
    check_version("2.5.27").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_milvus_answers_like_2_6_19() {
    check_version("2.6.19").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_milvus_answers_like_3_0_0() {
    check_version("3.0.0").await;
}
