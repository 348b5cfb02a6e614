//! The documentation pages in a real Chromium, which scripts/test installs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::serving::{DEADLINE, World};

/// A running chromedriver; it is killed when this is dropped.
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}: run `scripts/apt-install chromium chromium-driver`"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            |line: String| line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok();
        let port = lines.find_map(port).unwrap();
        Self { child, port }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a headless browser that resolves no host names, so that it loads nothing from the internet.
async fn start_browser(driver: &Driver, profile: &std::path::Path) -> Client {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,2000",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities.as_object().unwrap().clone())
        .connect(&format!("http://127.0.0.1:{}", driver.port))
        .await
        .unwrap()
}

/// Opens an operation, executes it, and waits until the page shows this status and a response that contains this text.
async fn execute_operation(page: &Client, operation: &str, status: &str, part: &str) {
    for button in [".opblock-summary-control", ".try-out__btn", ".btn.execute"] {
        click(page, &format!("{operation} {button}")).await;
    }
    let answer = format!("{operation} .live-responses-table tr.response .response-col_");
    wait_for_text(page, &format!("{answer}status"), status).await;
    wait_for_text(page, &format!("{answer}description"), part).await;
}

/// Waits until the selected element contains this text, and returns its whole text.
async fn wait_for_text(page: &Client, selector: &str, part: &str) -> String {
    let found = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Ok(element) = page.find(Locator::Css(selector)).await
                && let Ok(text) = element.text().await
                && text.contains(part)
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    if let Ok(text) = found.await {
        return text;
    }
    let shown = page.find(Locator::Css("#swagger-ui")).await.unwrap().text().await.unwrap();
    panic!("no {part:?} in {selector} of\n{shown}")
}

async fn click(page: &Client, selector: &str) {
    let wait = page.wait().at_most(DEADLINE);
    wait.for_element(Locator::Css(selector)).await.unwrap().click().await.unwrap();
}

#[tokio::test]
async fn the_documentation_pages_list_the_operations_and_execute_them() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    for name in ["nightly", "monthly"] {
        serving.post("/api/v1/create", &json!({ "backup_name": name })).await.has_status(200);
    }
    let driver = Driver::start();
    let profile = tempfile::tempdir().unwrap();
    let page = start_browser(&driver, profile.path()).await;
    for path in ["/api/v1/docs/", "/api/v1/docs/index.html"] {
        page.goto(&serving.url(path)).await.unwrap();
        wait_for_text(&page, "#swagger-ui", "/api/v1/restore").await;
    }
    let operations = wait_for_text(&page, "#swagger-ui", "/api/v1/list").await;
    for path in ["/api/v1/create", "/api/v1/get_backup", "/api/v1/delete", "/api/v1/get_restore"] {
        assert!(operations.contains(path), "no {path} in\n{operations}");
    }
    let list = page.find(Locator::Css("[data-path='/api/v1/list']")).await.unwrap();
    let list = list.find(Locator::XPath("./ancestor::div[starts-with(@id, 'operations-')]")).await.unwrap();
    let list = format!("#{}", list.attr("id").await.unwrap().unwrap());
    execute_operation(&page, &list, "200", "nightly").await;

    let select = page.find(Locator::Css("#select")).await.unwrap();
    select.select_by_label("v2").await.unwrap();
    wait_for_text(&page, "#swagger-ui", "/api/v2/jobs/{id}:cancel").await;
    // With the parameters as the page offers them, without a filter.
    execute_operation(&page, "#operations-backups-list_backups", "200", "monthly").await;
    page.close().await.unwrap();
}
