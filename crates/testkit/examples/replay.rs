//! Replays recorded exchanges against a server and prints how far it agrees: `replay VERSION URL [SECTION…]`. With
//! `fake` instead of a URL, the server is the simulated one.
//!
//! The exit code is 1 if fewer than 95 of 100 answers of a section are the same. `scripts/test-replay` runs it against real servers, whose answers must be those of the recording.
#![expect(clippy::print_stdout, reason = "prints the results")]
#![expect(clippy::expect_used, reason = "a program for people, not a library")]
#![expect(clippy::print_stderr, reason = "prints how it is used")]

use std::process::ExitCode;
use std::time::Duration;

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};
use milvus_backup_testkit::replay::{Server, Summary, is_known, replay};

/// The longest time for which a poll is repeated.
const PATIENCE: Duration = Duration::from_mins(1);
/// The same for the simulated server, which waits for nothing.
const FAKE_PATIENCE: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [version, url, sections @ ..] = arguments.as_slice() else {
        eprintln!("usage: replay VERSION URL [SECTION...]");
        return ExitCode::from(2);
    };
    let root = tempfile::tempdir().expect("a directory");
    let fake = (url == "fake")
        .then(|| FakeMilvus::start(FakeConfig::new(version, root.path()).login("root:Milvus")));
    let (server, patience) = match &fake {
        Some(fake) => {
            let server = Server {
                endpoint: format!("http://{}:{}", fake.host(), fake.port()),
                management: format!("http://{}", fake.management_endpoint()),
                root: root.path().display().to_string(),
            };
            (server, FAKE_PATIENCE)
        }
        None => (Server::from(url.clone()), PATIENCE),
    };
    let is_wanted = |step: &str, _: &str| {
        !step.starts_with("imports.kit")
            && (sections.is_empty()
                || sections.iter().any(|section| step.starts_with(&format!("{section}."))))
    };
    let mut compared = replay(version, server, patience, is_wanted).await;
    compared.retain(|compared| is_known(&compared.method));
    for difference in compared.iter().filter_map(|it| Some((it, it.agreement.difference.as_ref()?))) {
        let (exchange, text) = difference;
        println!("{} {} {}: {text}", exchange.number, exchange.step, exchange.method);
    }
    let summary = Summary::new(&compared);
    print!("{summary}");
    let disagreeing = summary.disagreeing_sections();
    if disagreeing.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("fewer than 95 of 100 answers are the same in: {}", disagreeing.join(", "));
        ExitCode::FAILURE
    }
}
