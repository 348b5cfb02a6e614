//! `server`: runs the server, and creates tokens and password entries for it.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};

use argon2::{Argon2, PasswordHasher};
use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use server::Role;
use sha2::{Digest, Sha256};
use wire::{DONE, Failure};

use super::args::{CommonFlags, LeadingFlags, OutputFlags};
use super::run::{end, out, run};
use super::session::{Session, SessionOptions};
use crate::config::{Environment, FlagValue, Usage, keys};
use crate::render::{self, Format, Out};

/// Run the server for REST and gRPC
///
/// Jobs are stored on disk and survive a restart. Without credentials in the configuration, the server listens on
/// loopback only.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Environment: SERVER_PORT, SERVER_TOKENS, SERVER_USERS (or SERVER_TOKENS_FILE, SERVER_USERS_FILE)

Examples:
  milvus-backup server
  milvus-backup server token ci backup
  milvus-backup server --listen 0.0.0.0:8080 --log-format json"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Listen on this port; 0 for any free port [default: 8080]
    #[arg(long, short, value_name = "PORT", value_parser = port, conflicts_with = "listen")]
    port: Option<u16>,
    /// Listen on this address [default: server.listen]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Serve gRPC on this address [default: the address of REST]
    #[arg(long, value_name = "HOST:PORT")]
    grpc_listen: Option<String>,
    /// Disable authentication
    #[arg(long)]
    no_auth: bool,
    /// Write the log as text or json [default: log.format]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    log_format: Option<LogFormat>,
    #[command(flatten)]
    common: CommonFlags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand, Debug)]
enum Command {
    Token(NewToken),
    Password(NewPassword),
}

/// Create a token and print its configuration entry
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup server token ci backup")]
struct NewToken {
    /// The name of the caller, which the audit log shows
    #[arg(value_parser = name)]
    name: String,
    /// The role of the caller: read, backup (and read), restore (and backup) or admin (everything)
    #[arg(value_parser = role)]
    role: Role,
    #[command(flatten)]
    output: OutputFlags,
}

/// Read a password and print its configuration entry
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup server password ops admin
  pwgen 32 1 | milvus-backup server password ops admin")]
struct NewPassword {
    /// The name of the user
    #[arg(value_parser = name)]
    name: String,
    /// The role of the caller: read, backup (and read), restore (and backup) or admin (everything)
    #[arg(value_parser = role)]
    role: Role,
    #[command(flatten)]
    output: OutputFlags,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) fn run(&self, before: &LeadingFlags, environment: &Environment) -> u8 {
        let flags = match &self.command {
            None => {
                let options = SessionOptions { flags: self.flags(), logs: true, server: None };
                return run(environment, before, &self.common, options, async |session: &Session<'_>| {
                    self.serve(session).await
                });
            }
            Some(Command::Token(token)) => token.output.or(&before.output),
            Some(Command::Password(password)) => password.output.or(&before.output),
        };
        let out = out(&flags, environment);
        let entry = match &self.command {
            Some(Command::Password(password)) => password.create(),
            Some(Command::Token(token)) => Ok(token.create()),
            None => return wire::DONE,
        };
        end(&out, entry.and_then(|entry| entry.print(flags.format(), &out)))
    }

    fn flags(&self) -> Vec<FlagValue> {
        let port = self.port.map(|port| (keys::SERVER_LISTEN.any(), port.to_string(), "--port"));
        let listen = self.listen.clone().map(|address| (keys::SERVER_LISTEN.any(), address, "--listen"));
        let grpc = self
            .grpc_listen
            .clone()
            .map(|address| (keys::SERVER_GRPC_LISTEN.any(), address, "--grpc-listen"));
        let format = self.log_format.map(|format| match format {
            LogFormat::Text => (keys::LOG_FORMAT.any(), "text".to_owned(), "--log-format"),
            LogFormat::Json => (keys::LOG_FORMAT.any(), "json".to_owned(), "--log-format"),
        });
        [port, listen, grpc, format].into_iter().flatten().collect()
    }

    async fn serve(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let settings = session.config.server(self.no_auth)?;
        let engine = session.engine(Usage::Milvus)?;
        server::run(settings, engine, session.until_signal()?, |line| session.line(line)).await?;
        Ok(DONE)
    }
}

/// An entry for the configuration of the server.
#[derive(Serialize)]
struct Entry {
    /// The key of the list to which the entry belongs.
    key: &'static str,
    item: String,
    /// The token, which cannot be computed from the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Entry {
    fn print(&self, format: Format, out: &Out) -> Result<u8, Failure> {
        match format {
            Format::Json => out.print(&render::json::text(self))?,
            Format::Text => {
                let Self { key, item, token } = self;
                let list = key.trim_start_matches("server.");
                let mut text = String::new();
                if let Some(token) = token {
                    text = format!("Token (it is not shown again): {token}\n");
                }
                text.push_str("Add to the configuration:\n");
                out.print(&format!("{text}  server:\n    {list}:\n      - {item}\n"))?;
            }
        }
        Ok(DONE)
    }
}

impl NewToken {
    fn create(&self) -> Entry {
        let random = || uuid::Uuid::new_v4().simple();
        let token = format!("mb_{}{}", random(), random());
        let hash = hex(&Sha256::digest(&token));
        let item = format!("{}:{}:sha256:{hash}", self.name, self.role.as_str());
        Entry { key: keys::SERVER_TOKENS.name(), item, token: Some(token) }
    }
}

impl NewPassword {
    fn create(&self) -> Result<Entry, Failure> {
        let password = read_password()?;
        if password.expose_secret().is_empty() {
            return Err(
                Failure::usage("the password is empty").hint("type it, or write it to stdin as one line")
            );
        }
        let hash = Argon2::default()
            .hash_password(password.expose_secret().as_bytes())
            .map_err(|error| Failure::usage(format!("cannot hash the password: {error}")))?;
        let item = format!("{}:{}:{hash}", self.name, self.role.as_str());
        Ok(Entry { key: keys::SERVER_USERS.name(), item, token: None })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Asks on a terminal without echo; otherwise reads the first line of stdin.
fn read_password() -> Result<SecretString, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let terminal = console::Term::stderr();
        terminal.write_str("Password: ")?;
        return Ok(terminal.read_secure_line()?.into());
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// Parses a port, with or without the colon of 0.4.15 before it.
fn port(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix(':').unwrap_or(text);
    digits.parse().map_err(|_| "expected a port (0 to 65535)".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: server::UnknownRole| error.to_string())
}

fn name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    if !text.is_empty() && text.chars().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err("expected a name of letters, digits and -_.@".to_owned())
    }
}
