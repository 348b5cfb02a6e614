//! The program as a shell meets it, as far as that needs no server.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test, and panicking says so")]

mod configuration;
mod documents;
mod flags;
mod help;
mod terminal;
mod tool;
