//! What the producer itself asks of its own storage account: list a blob container, read a blob's
//! properties. Every call goes out with a grant minted for it. Must never send the account key.

mod client;
mod listing;
mod page;

pub use client::{Answer, StorageClient, StorageFailure};
pub use listing::{Listed, Listing, ListingError};
