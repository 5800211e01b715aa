//! PostgreSQL starts, serves, fails on command and ends with its owner.

use valet_testkit::{Database, Postgres};

fn say(database: &Database<'_>, statement: &str) -> String {
    database.run(statement)
}

#[test]
fn tests_have_databases_of_their_own() {
    let postgres = Postgres::shared();
    let (first, second) = (postgres.database(), postgres.database());
    say(&first, "create table t (n int)");
    say(&first, "insert into t values (1), (2)");
    assert_eq!(say(&first, "select n, n * 2 from t order by n"), "1|2\n2|4");
    assert_eq!(say(&second, "select count(*) from pg_tables where tablename = 't'"), "0");
    let name = first.name().to_owned();
    drop(first);
    assert_eq!(say(&second, &format!("select count(*) from pg_database where datname = '{name}'")), "0");
}

#[test]
fn heavy_postgres_survives_a_kill_and_a_stop() {
    let postgres = Postgres::start();
    let database = postgres.database();
    say(&database, "create table t (n int); insert into t values (7)");
    assert!(database.url().starts_with("postgres://") && database.url().contains(postgres.password()));
    postgres.kill();
    postgres.restart();
    assert_eq!(say(&database, "select n from t"), "7");
    postgres.stop();
    postgres.restart();
    assert_eq!(say(&database, "select n from t"), "7");
}
