//! Starts the server, and shuts it down.

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
use super::connection_limit::ConnectionLimit;
use super::guard::Guard;
use super::health::Health;
use super::routes::Routes;
use super::tls::{Certificates, TlsError};
use super::{ServerLimits, ServerState, Service, Settings, audit, health, metrics, process};
use wire::{Failure, FailureKind};

/// The time for which streams may continue after the last response.
const STREAM_GRACE: Duration = Duration::from_secs(5);

/// The interval at which expired jobs are removed.
const SWEEP_INTERVAL: Duration = Duration::from_hours(24);

/// Runs the server until `stop` is cancelled and the shutdown is complete.
///
/// `announce` gets one line for each listener. Fails if the server cannot start.
pub async fn run(
    settings: Settings,
    engine: Engine,
    stop: CancellationToken,
    announce: impl Fn(&str),
) -> Result<(), Failure> {
    log_panics();
    let no_auth = settings.access.open;
    let access = settings.access.clone().open_if_no_callers();
    let settings = Arc::new(Settings { access, limits: cap_connections(&settings.limits), ..settings });
    let tls = load_certificates(&settings)?;
    let listeners = bind(&settings, no_auth).await?;
    let handle = metrics::install_recorder(settings.build)
        .map_err(|error| failed(format!("cannot collect metrics: {error}")))?;
    let jobs = open_jobs(engine, &settings)?;
    jobs.on_end(|job| {
        metrics::count_finished_job(job);
        audit::record_end(job);
    });
    let guard = Guard::new(&settings, settings.access.open && !no_auth);
    let health = Arc::new(Health::new(jobs.engine().clone(), stop.clone()));
    let routes = Routes {
        state: ServerState {
            service: Service::new(jobs.clone(), settings.replace_unfinished),
            settings: Arc::clone(&settings),
        },
        guard: Arc::clone(&guard),
        operations: health::routes(health).merge(metrics::routes(
            handle,
            jobs.clone(),
            settings.access.metrics_open,
        )),
        stop: stop.clone(),
    };
    reload_certificates(tls.clone(), &stop)?;

    let acceptor = Acceptor {
        router: Router::new(),
        tls,
        limits: settings.limits.clone(),
        connection_limit: ConnectionLimit::new(&settings.limits),
        connections: TaskTracker::new(),
        stop: stop.clone(),
        abort: CancellationToken::new(),
    };
    for bound in listeners {
        announce(&bound.describe(&settings));
        let acceptor = Acceptor { router: routes.for_listener(bound.protocols), ..acceptor.clone() };
        tokio::spawn(acceptor.run(bound.listener));
    }
    drop(routes);
    stop.cancelled().await;
    shut_down(&acceptor, &guard, &jobs, settings.limits.shutdown_timeout).await;
    Ok(())
}

/// Stops the jobs at a safe point, waits for the responses, and closes the streams, all within `timeout`.
async fn shut_down(acceptor: &Acceptor, guard: &Guard, jobs: &Jobs, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    tracing::info!("stopping");
    acceptor.connections.close();
    jobs.shutdown(timeout).await;
    let answered = async {
        while guard.pending() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(STREAM_GRACE).await;
    };
    tokio::select! {
        () = acceptor.connections.wait() => {}
        _ = timeout_at(deadline, answered) => {}
    }
    acceptor.abort.cancel();
    acceptor.connections.wait().await;
    tracing::info!("stopped");
}

/// Limits the connections to half of the files that the process may open; the rest is for stores, Milvus and jobs.
fn cap_connections(limits: &ServerLimits) -> ServerLimits {
    let files =
        process::raise_open_file_limit().and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    let max_connections = limits.max_connections.min(files / 2);
    if max_connections < limits.max_connections {
        tracing::warn!(
            files,
            max_connections,
            "the limit of open files allows fewer connections than configured"
        );
    }
    ServerLimits { max_connections, ..limits.clone() }
}

fn load_certificates(settings: &Settings) -> Result<Option<Arc<Certificates>>, Failure> {
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

/// Reloads the certificates when they change. SIGHUP is handled without TLS too, because it would end the process.
fn reload_certificates(tls: Option<Arc<Certificates>>, stop: &CancellationToken) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        match tls {
            Some(tls) => tls.reload_on_change(hangup, stop).await,
            None => while hangup.recv().await.is_some() {},
        }
    });
    Ok(())
}

/// Logs panics in the span of their request or job.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or_default();
        tracing::error!(at, message, "panic");
    }));
}

fn open_jobs(engine: Engine, settings: &Settings) -> Result<Jobs, Failure> {
    let config = JobsConfig {
        data_dir: settings.data_dir.clone(),
        max_running: settings.max_running_jobs,
        max_queued: settings.max_queued_jobs,
        keep: settings.keep_jobs,
        sweep: SWEEP_INTERVAL,
    };
    Ok(Jobs::open(engine, config)?)
}

fn failed(message: String) -> Failure {
    Failure::new(FailureKind::Failed, message)
}
