//! The page size of lists.

use wire::Failure;

/// The default page size.
const DEFAULT_PAGE_SIZE: usize = 50;
/// The largest page size.
const MAX_PAGE_SIZE: usize = 500;

/// Returns the page size for the `page_size` of a request; 0 means the default.
pub(super) fn limit(page_size: i32) -> Result<usize, Failure> {
    match usize::try_from(page_size) {
        Ok(0) => Ok(DEFAULT_PAGE_SIZE),
        Ok(size) => Ok(size.min(MAX_PAGE_SIZE)),
        Err(_) => Err(Failure::usage(format!(
            "page_size {page_size}: expected a positive number, or 0 for the default"
        ))),
    }
}
