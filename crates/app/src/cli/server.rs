//! `server`: serves REST and gRPC, and makes the tokens and passwords that callers show.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};

use argon2::{Argon2, PasswordHasher};
use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::args::Style;
use super::session::{Session, Starting};
use super::{Before, Format, Shared, end, run_with};
use crate::config::Environment;
use crate::render::{self, Out};
use server::Role;
use wire::{DONE, Failure};

/// Serve REST and gRPC
///
/// Jobs are kept on disk, so that a restart loses none. Until the configuration names callers, only this machine
/// is served.
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
    verb: Option<Verb>,
    /// Listen at this port [default: 8080]; 0 for a free one
    #[arg(long, short, value_name = "PORT", value_parser = port, conflicts_with = "listen")]
    port: Option<u16>,
    /// Listen at this address
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Serve gRPC at an address of its own; else REST and gRPC share one
    #[arg(long, value_name = "HOST:PORT")]
    grpc_listen: Option<String>,
    /// Serve everybody, whoever they are
    #[arg(long)]
    no_auth: bool,
    /// Write the log as text or json [default: log.format]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    log_format: Option<LogFormat>,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Token(NewToken),
    Password(NewPassword),
}

/// Make a token and the line of the configuration that knows it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup server token ci backup")]
struct NewToken {
    /// Whose it is; the name that the audit log shows
    #[arg(value_parser = name)]
    name: String,
    /// read, backup (and read), restore (and backup), or admin (delete, too)
    #[arg(value_parser = role)]
    role: Role,
    #[command(flatten)]
    style: Style,
}

/// Read a password and print the line of the configuration that knows it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup server password ops admin
  pwgen 32 1 | milvus-backup server password ops admin")]
struct NewPassword {
    /// The user
    #[arg(value_parser = name)]
    name: String,
    /// read, backup (and read), restore (and backup), or admin (delete, too)
    #[arg(value_parser = role)]
    role: Role,
    #[command(flatten)]
    style: Style,
}

impl Arguments {
    /// Runs the verb.
    pub(super) fn run(&self, before: &Before, environment: &Environment) -> u8 {
        let Some(verb) = &self.verb else {
            let starting = Starting { flags: self.flags(), logs: true, server: None };
            return run_with(environment, before, &self.shared, starting, async |session: &Session<'_>| {
                self.serve(session).await
            });
        };
        let style = match verb {
            Verb::Token(NewToken { style, .. }) | Verb::Password(NewPassword { style, .. }) => {
                style.over(&before.style)
            }
        };
        let out = super::out(&style, environment);
        let made = match verb {
            Verb::Token(token) => token.run(style.format(), &out),
            Verb::Password(password) => password.run(style.format(), &out),
        };
        end(&out, made)
    }

    fn flags(&self) -> Vec<crate::config::FlagValue> {
        let port = self.port.map(|port| ("server.listen", port.to_string(), "--port"));
        let listen = self.listen.clone().map(|at| ("server.listen", at, "--listen"));
        let grpc = self.grpc_listen.clone().map(|at| ("server.grpc_listen", at, "--grpc-listen"));
        let format = self.log_format.map(|format| match format {
            LogFormat::Text => ("log.format", "text".to_owned(), "--log-format"),
            LogFormat::Json => ("log.format", "json".to_owned(), "--log-format"),
        });
        [port, listen, grpc, format].into_iter().flatten().collect()
    }

    async fn serve(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let settings = session.config.server(self.no_auth)?;
        let engine = session.engine()?;
        server::run(settings, engine, session.until_signal()?, |line| session.line(line)).await?;
        Ok(DONE)
    }
}

/// What was made.
#[derive(Serialize)]
struct Made<'a> {
    /// The key of the configuration.
    key: &'static str,
    /// The item to add to it.
    item: String,
    /// The token; it cannot be found out again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl Made<'_> {
    fn print(&self, format: Format, out: &Out) -> Result<u8, Failure> {
        match format {
            Format::Json => out.print(&render::json::text(self))?,
            Format::Text => {
                let Self { key, item, token } = self;
                let list = key.trim_start_matches("server.");
                let mut text = String::new();
                if let Some(token) = token {
                    text = format!("The token, shown this once: {token}\n");
                }
                text.push_str("Add to the configuration:\n");
                out.print(&format!("{text}  server:\n    {list}:\n      - {item}\n"))?;
            }
        }
        Ok(DONE)
    }
}

impl NewToken {
    fn run(&self, format: Format, out: &Out) -> Result<u8, Failure> {
        let random = || uuid::Uuid::new_v4().simple();
        let token = SecretString::from(format!("mb_{}{}", random(), random()));
        let hash = hex(&Sha256::digest(token.expose_secret()));
        let item = format!("{}:{}:sha256:{hash}", self.name, self.role.as_str());
        Made { key: "server.tokens", item, token: Some(token.expose_secret()) }.print(format, out)
    }
}

impl NewPassword {
    fn run(&self, format: Format, out: &Out) -> Result<u8, Failure> {
        let password = read_password()?;
        if password.expose_secret().is_empty() {
            return Err(Failure::usage("the password is empty"));
        }
        let hash = Argon2::default()
            .hash_password(password.expose_secret().as_bytes())
            .map_err(|error| Failure::usage(format!("the password cannot be used: {error}")))?;
        let item = format!("{}:{}:{hash}", self.name, self.role.as_str());
        Made { key: "server.users", item, token: None }.print(format, out)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Asks on a terminal, without showing what is typed; else reads the first line of stdin.
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

/// A port, with or without 0.4.15's colon before it.
fn port(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix(':').unwrap_or(text);
    digits.parse().map_err(|_| "expected a port (0 to 65535)".to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: server::UnknownRole| error.to_string())
}

fn name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    if !text.is_empty() && text.chars().all(fine) {
        Ok(text.to_owned())
    } else {
        Err("expected a name of letters, digits and -_.@".to_owned())
    }
}
