//! The log: lines on stderr and, if configured, in a file that is rotated.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};
use wire::Failure;

use crate::config::{LogFile, LogSettings};
use crate::render::{MESSAGE_TARGET, Out};

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log of this process. Lines are written to stderr only if `verbose`, because the command itself prints
/// warnings and errors.
pub(crate) fn start(settings: &LogSettings, verbose: bool, out: &Out) -> Result<(), Failure> {
    let mut layers: Vec<BoxedLayer> = Vec::new();
    if verbose && settings.console {
        let out = out.clone();
        layers.push(layer(settings, move || Console(out.clone())));
    }
    if let Some(file) = &settings.file {
        let writer = Rotating::open(file.clone()).map_err(|error| {
            Failure::usage(format!("cannot write the log file {}: {error}", file.path.display()))
                .hint("set log.file.path (v1: log.file.filename) to a writable path, or to \"\" for no file")
        })?;
        layers.push(layer(settings, writer));
    }
    // Fails if the log was started before in this process, as in tests.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(())
}

fn layer(settings: &LogSettings, writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) -> BoxedLayer {
    // Libraries log warnings only; the audit log is independent of the level.
    let filter = format!("warn,audit=info,{MESSAGE_TARGET}=info,milvus_backup={}", settings.level);
    let filter = EnvFilter::builder().parse_lossy(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    if settings.json {
        layer.json().with_span_list(true).with_current_span(false).with_filter(filter).boxed()
    } else {
        layer.with_filter(filter).boxed()
    }
}

struct Console(Out);

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is renamed to `NAME.1` once it is full, an older one to `NAME.2` and so on.
struct Rotating {
    settings: LogFile,
    open: Mutex<(File, u64)>,
}

impl Rotating {
    fn open(settings: LogFile) -> io::Result<Self> {
        if let Some(dir) = settings.path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = append(&settings.path)?;
        let size = file.metadata()?.len();
        Ok(Self { settings, open: Mutex::new((file, size)) })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.1 > 0 && open.1 + bytes.len() as u64 > self.settings.max_bytes {
            self.rotate()?;
            *open = (append(&self.settings.path)?, 0);
        }
        open.0.write_all(bytes)?;
        open.1 += bytes.len() as u64;
        Ok(())
    }

    fn rotated_path(&self, number: u64) -> PathBuf {
        let mut path = self.settings.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }

    fn rotate(&self) -> io::Result<()> {
        let mut count = 0;
        while self.rotated_path(count + 1).exists() {
            count += 1;
        }
        for number in (1..=count).rev() {
            let path = self.rotated_path(number);
            let is_surplus = self.settings.max_backups > 0 && number >= self.settings.max_backups;
            if is_surplus || self.is_old(&path) {
                fs::remove_file(path)?;
            } else {
                fs::rename(path, self.rotated_path(number + 1))?;
            }
        }
        fs::rename(&self.settings.path, self.rotated_path(1))
    }

    fn is_old(&self, path: &std::path::Path) -> bool {
        let age =
            fs::metadata(path).and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        let limit = Duration::from_secs(self.settings.max_days.saturating_mul(24 * 3600));
        self.settings.max_days > 0 && age.is_some_and(|age| age > limit)
    }
}

fn append(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl<'w> MakeWriter<'w> for Rotating {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line(self)
    }
}

/// The writer of one log line, which arrives in one piece.
struct Line<'w>(&'w Rotating);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_files_are_rotated_and_the_oldest_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/b.log");
        let settings = LogFile { path: path.clone(), max_bytes: 10, max_backups: 2, max_days: 0 };
        let log = Rotating::open(settings.clone()).unwrap();
        for line in ["first\n", "second\n", "third\n", "fourth\n"] {
            log.write(line.as_bytes()).unwrap();
        }
        drop(log);
        Rotating::open(settings).unwrap().write(b"4\n").unwrap();
        let read =
            |suffix: &str| fs::read_to_string(format!("{}{suffix}", path.display())).unwrap_or_default();
        assert_eq!(
            [read(""), read(".1"), read(".2"), read(".3")],
            ["fourth\n4\n", "third\n", "second\n", ""]
        );
    }
}
