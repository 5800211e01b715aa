//! The store: records, what they are found by, and the place in the log of reports up to which they were told.
//!
//! One SQL for SQLite and Postgres. A batch of reports and the place after it are written in one transaction, and
//! feeders take turns, so each report counts once however many feed the store.
//! Must never write a record without the place in the log that it was told at.

mod feed;
mod filter;
mod open;
mod query;
mod retention;
mod row;
mod schema;
mod url;
mod verify;

use sqlx::AnyPool;

use crate::error::StatusError;

pub use feed::{Fed, Message, Place};
pub use filter::{Filter, Page, Text};
pub use url::StoreUrl;

/// An open store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
}

/// Which database it is, for the few words in which they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Store {
    /// Closes all connections to it, and waits until they are.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Names the operation that failed.
pub(crate) fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> StatusError {
    move |cause| StatusError::Query { what, cause }
}
