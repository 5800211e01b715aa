//! A real PostgreSQL of one's own, or the one that `xtask test` shares between all tests.

mod node;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Program;
use node::Node;

/// Address of the shared PostgreSQL: `postgres://name:password@127.0.0.1:port`. Set by `xtask test`.
pub const ENV_POSTGRES: &str = "VALET_TEST_POSTGRES";

/// Longest one statement of ours may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// A PostgreSQL server and the login of its superuser.
#[derive(Debug)]
pub struct Postgres {
    /// `127.0.0.1:port`.
    address: String,
    username: String,
    password: String,
    /// Absent when another process owns the server.
    node: Option<Node>,
}

/// An empty database for one test; dropped with everything in it, connections included.
#[derive(Debug)]
pub struct Database<'a> {
    postgres: &'a Postgres,
    name: String,
}

impl Postgres {
    /// Whether PostgreSQL is installed on this machine.
    pub fn is_installed() -> bool {
        node::find("initdb").is_some()
    }

    /// Starts a private server and waits until it takes connections (about 2 s).
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        let node = Node::start();
        Self {
            address: node.address(),
            username: node::USERNAME.to_owned(),
            password: node.password().to_owned(),
            node: Some(node),
        }
    }

    /// The server of [`ENV_POSTGRES`]; without it one private server for this process. Tests keep apart by
    /// [`Postgres::database`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        let given = || Self::parse(&std::env::var(ENV_POSTGRES).ok()?);
        SHARED.get_or_init(|| given().unwrap_or_else(Self::start))
    }

    /// Makes an empty database.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn database(&self) -> Database<'_> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}_{:08x}", std::process::id(), fastrand::u32(..));
        self.run("postgres", &format!("create database {name}"));
        Database { postgres: self, name }
    }

    /// `postgres://name:password@127.0.0.1:port`, the superuser's, for [`ENV_POSTGRES`].
    pub fn url(&self) -> String {
        format!("postgres://{}:{}@{}", self.username, self.password, self.address)
    }

    /// The superuser's password, to search for where it must not be.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Stops the server at once but in good order; its data stays for [`Postgres::restart`].
    ///
    /// # Panics
    /// When it is shared, or does not end.
    pub fn stop(&self) {
        self.node().stop();
    }

    /// Kills the server as a power cut would; its data stays for [`Postgres::restart`].
    ///
    /// # Panics
    /// When it is shared.
    pub fn kill(&self) {
        self.node().kill();
    }

    /// Starts it again, after [`Postgres::stop`] or [`Postgres::kill`], on the same port and data.
    ///
    /// # Panics
    /// When it is shared, runs, or does not start.
    pub fn restart(&self) {
        self.node().restart();
    }

    /// Runs one statement in a database and returns what it says: rows by line, columns by `|`.
    ///
    /// # Panics
    /// When the server refuses, with its words.
    #[track_caller]
    fn run(&self, database: &str, statement: &str) -> String {
        let done = self.psql(database, statement).run(STATEMENT_TIMEOUT);
        assert!(done.success(), "`{statement}` failed: {}", done.stderr);
        done.stdout.trim_end().to_owned()
    }

    fn psql(&self, database: &str, statement: &str) -> Program {
        let (host, port) = self.address.split_once(':').expect("an address has a port");
        Program::new(node::find("psql").expect("psql comes with PostgreSQL"))
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"])
            .args(["--host", host, "--port", port, "--username", &self.username])
            .args(["--dbname", database, "--command", statement])
            .env("PGPASSWORD", &self.password)
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("the shared PostgreSQL is not one test's to command; use Postgres::start")
    }

    fn parse(url: &str) -> Option<Self> {
        let (login, address) = url.strip_prefix("postgres://")?.rsplit_once('@')?;
        let (username, password) = login.split_once(':')?;
        Some(Self {
            address: address.trim_end_matches('/').to_owned(),
            username: username.to_owned(),
            password: password.to_owned(),
            node: None,
        })
    }
}

impl Database<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `postgres://name:password@127.0.0.1:port/database`.
    pub fn url(&self) -> String {
        format!("{}/{}", self.postgres.url(), self.name)
    }

    /// Runs one statement in it and returns what it says: rows by line, columns by `|`.
    ///
    /// # Panics
    /// When the server refuses, with its words.
    #[track_caller]
    pub fn run(&self, statement: &str) -> String {
        self.postgres.run(&self.name, statement)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // A test may have stopped the server; its data then goes with it.
        let statement = format!("drop database if exists {} with (force)", self.name);
        let psql = self.postgres.psql("postgres", &statement).start();
        let _ = crate::wait::try_wait_for(STATEMENT_TIMEOUT, || !psql.is_running());
    }
}
