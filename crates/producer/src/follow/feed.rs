//! Reads the log of reports on into the store, in batches, from where the store has it.
//!
//! The first message read is the last one that the store knows: so a log that was made anew, or that has dropped
//! what the store has not read, is noticed. Must never give a report to the store twice, nor skip one.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use valet_broker::{EventLog, LogItem, Session, Start};
use valet_status::{Message, Place, Store};

use super::ledger::{Ledger, store_failure};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Reports written at once.
const BATCH: usize = 500;
/// The longest that a report waits for others.
const WAIT: Duration = Duration::from_millis(200);

/// A reader of the log that writes what it reads into the store.
#[derive(Debug)]
pub struct Feed {
    ledger: Ledger,
    session: Session,
    log: EventLog,
    /// What must come first; nothing once it has.
    expected: Option<Place>,
    pending: Vec<(u64, Message)>,
    due: Instant,
}

impl Feed {
    /// Begins to read where the store has it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(ledger: &Ledger, session: &Session) -> Outcome<Self> {
        let place = ledger.store().place(ledger.log()).await.map_err(|error| store_failure(&error))?;
        // A new store begins with the oldest report that there is.
        let start = place.as_ref().map_or(Start::First, |place| Start::Offset(place.next - 1));
        Ok(Self {
            ledger: ledger.clone(),
            session: session.clone(),
            log: EventLog::replay(session, start),
            expected: place,
            pending: Vec::new(),
            due: Instant::now(),
        })
    }

    /// The ledger that is fed.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Reads to the end of the log, and writes all of it.
    ///
    /// # Errors
    /// When the log cannot be read or the store cannot be written.
    pub async fn catch_up(&mut self) -> Outcome {
        while !matches!(self.next().await?, LogItem::CaughtUp) {}
        self.flush().await
    }

    /// The next message that the store did not know; waits for ever. It is written soon, not at once. Cancel-safe.
    ///
    /// # Errors
    /// When the log cannot be read or the store cannot be written.
    pub async fn next(&mut self) -> Outcome<LogItem> {
        loop {
            if self.pending.len() >= BATCH {
                self.flush().await?;
            }
            let item = tokio::select! {
                item = self.log.next() => item,
                () = sleep_until(self.due), if !self.pending.is_empty() => {
                    self.flush().await?;
                    continue;
                }
            };
            let item =
                item.map_err(|error| Failure::from_error(Exit::Unavailable, &error).advise(error.advice()))?;
            if let Some(item) = self.admit(item).await? {
                return Ok(item);
            }
        }
    }

    /// Writes what was read and is not written yet.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn flush(&mut self) -> Outcome {
        let fed = self.ledger.store().feed(self.ledger.log(), &self.pending).await;
        fed.map_err(|error| store_failure(&error))?;
        self.pending.clear();
        Ok(())
    }

    /// Keeps a message for the store. `None`: it only told that this is the log that the store knows, or not.
    async fn admit(&mut self, item: LogItem) -> Outcome<Option<LogItem>> {
        let (offset, message) = match &item {
            LogItem::Report { offset, report } => (*offset, Message::Report(report.clone())),
            LogItem::Malformed { offset, .. } => (*offset, Message::Other("no report".to_owned())),
            // Taken in too: else each command would read all marks since the last report.
            LogItem::Mark { offset, id } => (*offset, Message::Other(format!("mark {id}"))),
            LogItem::CaughtUp => match self.expected.take() {
                // Shorter than what the store has read of it.
                Some(place) => return self.restart(&place).await.map(|()| None),
                None => return Ok(Some(item)),
            },
            _ => return Ok(None),
        };
        if let Some(place) = self.expected.take() {
            if offset < place.next - 1 {
                self.expected = Some(place);
                return Ok(None);
            }
            if offset == place.next - 1 {
                let is_same = Store::mark(&message) == place.mark;
                return if is_same { Ok(None) } else { self.restart(&place).await.map(|()| None) };
            }
            if offset > place.next {
                let missed = offset - place.next;
                tracing::warn!(
                    missed,
                    "the log no longer holds reports that the status store has not read; jobs \
                    of that time may show an old state. Run `valet collect` all the time, or keep the log longer"
                );
            }
        }
        if self.pending.is_empty() {
            self.due = Instant::now() + WAIT;
        }
        self.pending.push((offset, message));
        Ok(Some(item))
    }

    /// Begins anew with a log that was made anew.
    async fn restart(&mut self, place: &Place) -> Outcome {
        tracing::warn!("the log of reports was made anew; the status store reads it from its beginning");
        let restarted = self.ledger.store().restart(self.ledger.log(), place).await;
        restarted.map_err(|error| store_failure(&error))?;
        self.log = EventLog::replay(&self.session, Start::First);
        Ok(())
    }
}
