//! The simulated Milvus answers like the recorded servers, as far as it goes.

use std::cell::Cell;
use std::time::Duration;

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};
use milvus_backup_testkit::replay::{Server, Summary, is_known, replay};

use super::exceptions::is_exception;

/// The time for which a poll is repeated: the simulated server waits for nothing.
const PATIENCE: Duration = Duration::from_millis(20);

/// The recorded versions, in the order of the columns below.
const VERSIONS: [&str; 5] = ["2.2.16", "2.3.5", "2.5.27", "2.6.19", "3.0.0"];

/// The steps that are left out: they need a segment of another version, and the reading of external sources.
const LEFT_OUT: [&str; 2] = ["imports.kit", "external.refresh"];

/// The recorded servers that had no query node, so that no collection was ever loaded there.
const WITHOUT_QUERY_NODE: [&str; 2] = ["2.5.27", "2.6.19"];

/// The least that agrees in each section with each version: the exchanges that have the same outcome, and those that
/// have the same answer, exceptions left out. The numbers are those that were last measured, and only rise.
const LEAST: &[(&str, [(usize, usize); 5])] = &[
    ("aliases", [(33, 33), (33, 33), (34, 34), (31, 31), (34, 34)]),
    ("alter", [(75, 75), (75, 75), (71, 70), (75, 75), (72, 72)]),
    ("collections", [(286, 286), (286, 286), (295, 295), (286, 286), (288, 288)]),
    ("compaction", [(15, 15), (13, 13), (19, 19), (19, 19), (19, 19)]),
    ("connect", [(35, 35), (35, 35), (33, 33), (33, 33), (35, 35)]),
    ("data", [(86, 86), (92, 92), (99, 99), (101, 100), (98, 97)]),
    ("databases", [(43, 43), (43, 43), (43, 43), (43, 43), (43, 43)]),
    ("end", [(10, 10), (10, 10), (11, 11), (12, 11), (12, 11)]),
    ("external", [(0, 0), (0, 0), (0, 0), (0, 0), (76, 76)]),
    ("flush_all", [(15, 15), (12, 12), (13, 13), (14, 14), (14, 14)]),
    ("gc", [(29, 29), (29, 29), (29, 29), (33, 33), (33, 33)]),
    ("imports", [(240, 240), (264, 264), (532, 532), (551, 550), (505, 504)]),
    ("indexes", [(166, 166), (166, 166), (166, 166), (166, 166), (166, 166)]),
    ("load", [(22, 22), (28, 28), (11, 11), (11, 11), (24, 24)]),
    ("namespaces", [(0, 0), (0, 0), (0, 0), (0, 0), (115, 105)]),
    ("partitions", [(20, 20), (20, 20), (20, 20), (20, 20), (20, 20)]),
    ("quota", [(6, 6), (6, 6), (100, 98), (101, 100), (112, 111)]),
    ("rbac", [(133, 131), (133, 131), (152, 150), (151, 151), (155, 155)]),
    ("replicate", [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1)]),
    ("resources", [(0, 0), (0, 0), (0, 0), (0, 0), (2, 1)]),
    ("schema_changes", [(0, 0), (0, 0), (0, 0), (0, 0), (141, 139)]),
    ("segments_describe", [(5, 5), (4, 4), (38, 38), (49, 48), (48, 47)]),
    ("snapshot_files", [(0, 0), (0, 0), (0, 0), (0, 0), (95, 95)]),
    ("snapshots", [(1, 1), (1, 1), (1, 1), (1, 1), (72, 72)]),
    ("two_phase", [(0, 0), (0, 0), (0, 0), (0, 0), (46, 46)]),
    ("unimplemented", [(57, 49), (49, 49), (46, 43), (44, 41), (45, 42)]),
];

/// Replays the recording of one version, and compares the numbers of each section with those in the table.
#[expect(clippy::unwrap_used, clippy::print_stdout, reason = "part of a test")]
async fn check_version(version: &str) {
    let column = VERSIONS.iter().position(|known| *known == version).unwrap();
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new(version, root.path()).login("root:Milvus"));
    let server = Server {
        endpoint: format!("http://{}:{}", fake.host(), fake.port()),
        management: format!("http://{}", fake.management_endpoint()),
        root: root.path().display().to_string(),
    };
    let is_folded = Cell::new(false);
    let is_wanted = |step: &str, method: &str| {
        // Here the scenario switches the compaction on.
        if step == "compaction.poll" && !is_folded.replace(true) {
            for collection in ["w_main", "w_str", "w_key"] {
                fake.fold_deletes("default", collection);
            }
        }
        // And here it changes other settings.
        fake.set_disk_full(step.starts_with("quota.disk"));
        fake.set_l0_import(step.starts_with("quota.l0_on"));
        let is_left_out = LEFT_OUT.iter().any(|left_out| step.starts_with(left_out));
        let lacks_node = WITHOUT_QUERY_NODE.contains(&version) && method == "LoadCollection";
        !is_left_out && !lacks_node
    };
    let mut compared = replay(version, server, PATIENCE, is_wanted).await;
    compared.retain(|compared| is_known(&compared.method) && !is_exception(version, compared));
    let summary = Summary::new(&compared);
    for it in compared {
        if let Some(difference) = it.agreement.difference {
            println!("{version} {} {} {}: {difference}", it.number, it.step, it.method);
        }
    }
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
