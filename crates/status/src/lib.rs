//! What became of each job: the reports of workers and producers folded into one record a job, and a store of
//! these records in SQLite or Postgres.
//!
//! Must never reach the broker or storage, and can hold no grant: reports have none.
