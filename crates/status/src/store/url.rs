//! The store's address. Its password never prints.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::error::StatusError;

/// Where a store is.
#[derive(Clone)]
pub struct StoreUrl(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    /// An SQLite file.
    File(PathBuf),
    /// An SQLite database that ends with the process.
    Memory,
    /// A Postgres database.
    Postgres(Url),
}

impl StoreUrl {
    /// The SQLite file at this path.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self(Kind::File(path.as_ref().to_owned()))
    }

    /// An SQLite database that ends with the process.
    pub fn memory() -> Self {
        Self(Kind::Memory)
    }

    /// Parses `sqlite:PATH`, `sqlite::memory:` or `postgres://[USER@]HOST[:PORT]/DATABASE`; `password` is the
    /// login's, if the URL has none.
    ///
    /// # Errors
    /// [`StatusError::Url`], without the URL.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self, StatusError> {
        let wrong = |problem| StatusError::Url { problem };
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(wrong("names no file")),
                ":memory:" => Ok(Self::memory()),
                path => Ok(Self::file(path)),
            };
        }
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(wrong("must begin with sqlite: or postgres://"));
        }
        let mut url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
        if url.host_str().is_none_or(str::is_empty) || url.path().len() < 2 {
            return Err(wrong("must name a host and a database"));
        }
        if let Some(password) = password.filter(|_| url.password().is_none()) {
            url.set_password(Some(password)).map_err(|()| wrong("names no host to log in to"))?;
        }
        Ok(Self(Kind::Postgres(url)))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => write!(f, "sqlite:{}", path.display()),
            Kind::Memory => f.write_str("sqlite::memory:"),
            Kind::Postgres(url) => {
                write!(f, "postgres://{}{}", url.host_str().unwrap_or_default(), url.path())
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}
