//! Server versions and what they can do.
