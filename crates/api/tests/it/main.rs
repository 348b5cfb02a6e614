//! Tests of the `.proto` files.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod go_tool;
