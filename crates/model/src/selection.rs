//! Which databases and collections a request means.
