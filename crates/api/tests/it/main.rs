//! Our protocol files.
#![expect(clippy::expect_used, reason = "a failure here is a failed test, and panicking says so")]

mod release;
