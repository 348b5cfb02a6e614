//! Pages of lists.

use wire::Failure;

/// How many items a page has where nobody says.
const USUAL: usize = 50;
/// How many it has at most.
const MOST: usize = 500;

/// How many items a page shall have.
pub(super) fn limit(page_size: i32) -> Result<usize, Failure> {
    match usize::try_from(page_size) {
        Ok(0) => Ok(USUAL),
        Ok(size) => Ok(size.min(MOST)),
        Err(_) => Err(Failure::usage(format!("page_size {page_size}: a page has at least one item"))),
    }
}
