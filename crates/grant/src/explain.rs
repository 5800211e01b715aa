//! skeleton
use crate::GrantUrl;
use jiff::Timestamp;
use serde::Serialize;
/// What a grant opens, for whom, until when. Display is a table for people.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {}
impl std::fmt::Display for Explanation {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
/// Explains a grant.
pub fn explain(_url: &GrantUrl, _now: Timestamp) -> Explanation {
    todo!()
}
