//! Why the status store cannot do its work, and what to do about it.
//! Must never hold the store's URL, which may hold a password.

use std::path::PathBuf;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The address is none of a store.
    #[error("status.url {problem}")]
    Url {
        /// The rule, to complete "status.url …".
        problem: &'static str,
    },
    /// The file of an SQLite store cannot be made.
    #[error("cannot make the status store {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        cause: std::io::Error,
    },
    /// The database cannot be opened, or its tables cannot be made.
    #[error("cannot open the status store {place}")]
    Open {
        /// File, or host and database.
        place: String,
        /// The database's words.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("cannot {what} the status store")]
    Query {
        /// `read`, `write`, `clear out`.
        what: &'static str,
        /// The database's words.
        #[source]
        cause: sqlx::Error,
    },
    /// A record in the store cannot be read.
    #[error("the status store holds a record that cannot be read")]
    Record {
        /// What is wrong with it.
        #[source]
        cause: serde_json::Error,
    },
}

impl StatusError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Url { .. } => {
                "for example sqlite:/var/lib/valet/status.db, sqlite::memory: (kept for one command only) or \
                 postgres://valet@db.example.com/valet with status.password_file"
            }
            Self::File { .. } => "name a file that can be written in status.url (sqlite:/path/status.db)",
            Self::Open { .. } => {
                "check status.url, the rights of the file or the login, and that it is a database of this version \
                 of valet"
            }
            Self::Query { .. } => {
                "check the disk's free space and the database's health; the log of reports fills in what was missed"
            }
            Self::Record { .. } => {
                "the store was written by a newer valet, or damaged: update valet, or move the store away and let \
                 it be filled anew from the log of reports"
            }
        }
    }
}
