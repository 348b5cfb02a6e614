//! Plans: what a job will do, as data.
