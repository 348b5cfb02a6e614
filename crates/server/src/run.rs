//! The server from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use engine::Engine;
use jobs::{Jobs, JobsConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept::Acceptor;
use super::bind::bind;
use super::guard::Guard;
use super::health::Health;
use super::places::Places;
use super::routes::Routes;
use super::tls::{Certificates, TlsError};
use super::{Limits, Service, Settings, State, audit, health, metrics, process};
use wire::{Failure, Kind};

/// How long what streams may go on once everything else has been answered.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// How often jobs are removed that have been over for long.
const SWEEP: Duration = Duration::from_hours(24);

/// Serves until `stop` is pulled and everything has come to an orderly end. `tell` is told where it listens.
pub async fn run(
    settings: Settings,
    engine: Engine,
    stop: CancellationToken,
    tell: impl Fn(&str),
) -> Result<(), Failure> {
    report_panics();
    let everywhere = settings.access.open;
    let access = settings.access.clone().or_open();
    let settings = Arc::new(Settings { access, limits: within_reach(&settings.limits), ..settings });
    let tls = certificates(&settings)?;
    let listeners = bind(&settings, everywhere).await?;
    let handle =
        metrics::start(settings.build).map_err(|error| failed(format!("cannot keep metrics: {error}")))?;
    let jobs = open_jobs(&engine, &settings)?;
    jobs.on_end(|job| {
        metrics::ended(job);
        audit::ended(job);
    });
    let guard = Guard::new(&settings, settings.access.open && !everywhere);
    let health = Arc::new(Health::new(engine.clone(), stop.clone()));
    let routes = Routes {
        state: State { service: Service::new(engine, jobs.clone()), settings: Arc::clone(&settings) },
        guard: Arc::clone(&guard),
        operations: health::routes(health).merge(metrics::routes(
            handle,
            jobs.clone(),
            settings.access.metrics_open,
        )),
        stop: stop.clone(),
    };
    follow(tls.clone(), &stop)?;

    let acceptor = Acceptor {
        router: Router::new(),
        tls,
        limits: settings.limits.clone(),
        places: Places::new(&settings.limits),
        open: TaskTracker::new(),
        stop: stop.clone(),
        kill: CancellationToken::new(),
    };
    for bound in listeners {
        tell(&bound.describe(&settings));
        let acceptor = Acceptor { router: routes.of(bound.serves), ..acceptor.clone() };
        tokio::spawn(acceptor.run(bound.listener));
    }
    drop(routes);
    stop.cancelled().await;
    end(&acceptor, &guard, &jobs, settings.limits.shutdown_timeout).await;
    Ok(())
}

/// Ends in good order: jobs are stopped at a safe point, requests are answered, what streams is cut off.
async fn end(acceptor: &Acceptor, guard: &Guard, jobs: &Jobs, patience: Duration) {
    let deadline = Instant::now() + patience;
    tracing::info!("stopping");
    acceptor.open.close();
    jobs.shutdown(patience).await;
    let answered = async {
        while guard.pending() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(AFTERWARDS).await;
    };
    tokio::select! {
        () = acceptor.open.wait() => {}
        _ = timeout_at(deadline, answered) => {}
    }
    acceptor.kill.cancel();
    acceptor.open.wait().await;
    tracing::info!("stopped");
}

/// Half of the files that may be open are for connections, the rest for stores, Milvus and jobs.
fn within_reach(limits: &Limits) -> Limits {
    let files = process::open_files().and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    let max_connections = limits.max_connections.min(files / 2);
    if max_connections < limits.max_connections {
        tracing::warn!(
            files,
            max_connections,
            "fewer connections than configured: files that may be open are few"
        );
    }
    Limits { max_connections, ..limits.clone() }
}

fn certificates(settings: &Settings) -> Result<Option<Arc<Certificates>>, Failure> {
    let Some(files) = &settings.tls else { return Ok(None) };
    let optional = !settings.access.tokens.is_empty() || !settings.access.users.is_empty();
    let certificates = Certificates::load(files.clone(), optional).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let hint = match &error {
            TlsError::File { .. } | TlsError::Unusable(..) => {
                "server.tls.cert and server.tls.key name PEM files"
            }
            TlsError::Authority { .. } => "server.tls.client_ca names a PEM file of certificates",
        };
        Failure::usage(format!("{error}{cause}")).hint(hint)
    })?;
    Ok(Some(Arc::new(certificates)))
}

/// Reads certificates again when they change. SIGHUP ends a process that does not take it, so it is taken always.
fn follow(tls: Option<Arc<Certificates>>, stop: &CancellationToken) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        match tls {
            Some(tls) => tls.follow(hangup, stop).await,
            None => while hangup.recv().await.is_some() {},
        }
    });
    Ok(())
}

/// Writes a panic down as a line of the log, which is where its request or job stands, too.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or_default();
        tracing::error!(at, message, "a part of the server broke");
    }));
}

fn open_jobs(engine: &Engine, settings: &Settings) -> Result<Jobs, Failure> {
    let config = JobsConfig {
        data_dir: settings.data_dir.clone(),
        max_running: settings.max_running_jobs,
        max_queued: settings.max_queued_jobs,
        keep: settings.keep_jobs,
        sweep: SWEEP,
    };
    Ok(Jobs::open(engine.clone(), config)?)
}

fn failed(message: String) -> Failure {
    Failure::new(Kind::Failed, message)
}
