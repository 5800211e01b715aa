//! Opening a store: the file and its rights, the connections and their settings, the tables.
//! Must never make a file that others can read.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Executor};
use url::Url;

use super::url::Kind;
use super::{Dialect, Store, StoreUrl, schema};
use crate::error::StatusError;

/// How long a connection to the database may take to come.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Connections of one process: the feeder, a query, and one to spare.
const CONNECTIONS_MAX: u32 = 3;
/// Several may make the tables at once; one wins, and the others look again.
const TRIES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Readers and one writer at once; a writer waits for another one; a power cut may cost the last batches, which
/// the log gives again (batch and place in the log go together).
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 15000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
     PRAGMA cache_size = -16000; PRAGMA mmap_size = 268435456; PRAGMA temp_store = MEMORY";

impl Store {
    /// Opens the store; makes file and tables if there are none.
    ///
    /// # Errors
    /// When file, database or tables cannot be made or used.
    pub async fn open(url: &StoreUrl) -> Result<Self, StatusError> {
        sqlx::any::install_default_drivers();
        let refused = |cause: Box<dyn std::error::Error + Send + Sync>| StatusError::Open {
            place: url.to_string(),
            cause,
        };
        let (address, dialect, connections) = match &url.0 {
            Kind::Memory => ("sqlite::memory:".to_owned(), Dialect::Sqlite, 1),
            Kind::File(path) => (make_file(path)?, Dialect::Sqlite, CONNECTIONS_MAX),
            Kind::Postgres(url) => (url.to_string(), Dialect::Postgres, CONNECTIONS_MAX),
        };
        let options: AnyConnectOptions =
            address.parse().map_err(|error: sqlx::Error| refused(error.into()))?;
        let mut tries = 1;
        loop {
            match connect(options.clone(), dialect, connections).await {
                Ok(pool) => return Ok(Self { pool, dialect }),
                Err(error) if tries == TRIES_MAX || !may_pass(error.as_ref()) => return Err(refused(error)),
                Err(_) => tokio::time::sleep(PAUSE * tries).await,
            }
            tries += 1;
        }
    }
}

/// Whether another opener may be what is in the way. Refused logins and absent hosts are not.
fn may_pass(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let words = error.to_string();
    ["locked", "busy", "already exists", "duplicate key", "UNIQUE constraint"]
        .iter()
        .any(|it| words.contains(it))
}

async fn connect(
    options: AnyConnectOptions,
    dialect: Dialect,
    connections: u32,
) -> Result<AnyPool, Box<dyn std::error::Error + Send + Sync>> {
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECT_TIME_MAX)
        // A database in memory is gone with its connection.
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if dialect == Dialect::Sqlite {
                    connection.execute(SQLITE_SETTINGS).await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    schema::migrator().run(&pool).await?;
    Ok(pool)
}

/// Makes the file with rights for its owner alone, and gives its address.
fn make_file(path: &Path) -> Result<String, StatusError> {
    let failed = |cause| StatusError::File { path: path.to_owned(), cause };
    let path_absolute = std::path::absolute(path).map_err(failed)?;
    if let Some(folder) = path_absolute.parent().filter(|folder| !folder.is_dir()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(&path_absolute);
    made.map_err(failed)?;
    let url = Url::from_file_path(&path_absolute).map_err(|()| {
        failed(io::Error::new(io::ErrorKind::InvalidInput, "the path cannot be written as a URL"))
    })?;
    Ok(format!("sqlite://{}", url.path()))
}
