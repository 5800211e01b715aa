//! `valet reminter`: new grants for jobs whose grants died while they waited. A daemon beside the keys.
//! Must never end with a letter half done: what was taken is finished, or goes back whole.

use std::time::Duration;

use clap::Args;
use futures::FutureExt;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use valet_broker::{DeadLetter, DeadLetters, DeadQueue, LetterFeed, OrderItem, OrderSet, Orders, Session};

use super::dead::dead_failure;
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{Ledger, store_failure};
use crate::output::safe;
use crate::remint::{Done, History, Reminted, Reminter};
use crate::stop::Stop;
use crate::submit::Submitter;

/// How long a letter in hand may take to be done once the process was told to stop; then it goes back.
const GRACE: Duration = Duration::from_secs(10);

/// Pause after a letter that could not be done, the first time and at most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Give new grants to jobs whose grants died while they waited
///
/// Runs beside the account's key until it is stopped, and takes letters from the queue expired one by one. A job
/// waits again under its own id, with grants of the same life for the content that its first attempt met, if its
/// message allows it (`valet submit --remints`) and the setting reminter.remints_max does. Letters whose grants
/// were not minted here, and jobs that were minted anew too often, go to the queue dead; cancelled jobs end.
/// Prints one line a letter. Several may run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// End when the queue is empty
    #[arg(long)]
    once: bool,
    /// The most letters a second
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    per_second: u32,
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        let config = context.config(Needs { broker: true, storage: true, ..Needs::default() })?;
        let minter = config.minter()?;
        let mut stop = Stop::listen()?;
        let session = config.session().await?;
        let ledger = Ledger::open(&config).await?;
        let mut shift = Shift {
            reminter: Reminter::new(Submitter::new(session.clone(), minter), config.reminter_remints_max),
            cancels: Cancels::read(&session).await?,
            ledger,
            session: session.clone(),
            pace: pace(self.per_second),
            context,
        };
        let ended = match self.once {
            true => shift.empty(&mut stop).await,
            false => shift.serve(&mut stop).await,
        };
        session.close().await;
        ended
    }
}

/// One run of the reminter.
struct Shift {
    reminter: Reminter,
    cancels: Cancels,
    ledger: Ledger,
    session: Session,
    pace: Interval,
    context: Context,
}

impl Shift {
    /// Does the letters that are there.
    async fn empty(&mut self, stop: &mut Stop) -> Outcome {
        let mut letters =
            DeadLetters::open(&self.session, DeadQueue::Expired).await.map_err(|error| dead_failure(&error))?;
        while let Some(letter) = letters.next().await.map_err(|error| dead_failure(&error))? {
            if !self.take_unless_stopped(letter, stop).await? {
                break;
            }
        }
        letters.close().await.map_err(|error| dead_failure(&error))
    }

    /// Does letters as they come. What cannot be done goes back, and is tried again after a pause.
    async fn serve(&mut self, stop: &mut Stop) -> Outcome {
        let mut pause = PAUSE;
        eprintln!("taking letters from the queue {}", DeadQueue::Expired.name());
        loop {
            // A feed of its own each time: a letter that was not done goes back with the feed.
            let mut letters = self.session.letters(DeadQueue::Expired);
            match self.serve_from(&mut letters, stop, &mut pause).await {
                Ok(()) => return Ok(()),
                Err(failure) => eprintln!("{failure}"),
            }
            drop(letters);
            tokio::select! {
                () = stop.asked() => return Ok(()),
                () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    /// Ends when the process is told to stop.
    async fn serve_from(&mut self, letters: &mut LetterFeed, stop: &mut Stop, pause: &mut Duration) -> Outcome {
        loop {
            let letter = tokio::select! {
                biased;
                () = stop.asked() => return Ok(()),
                noted = self.cancels.note_next() => { noted?; continue }
                letter = letters.next() => letter,
            };
            let Some(letter) = letter else { return Err(Failure::new(Exit::Unavailable, "the session was closed")) };
            if !self.take_unless_stopped(letter, stop).await? {
                return Ok(());
            }
            *pause = PAUSE;
        }
    }

    /// Does one letter; false if it went back since the process is to stop.
    async fn take_unless_stopped(&mut self, letter: DeadLetter, stop: &mut Stop) -> Outcome<bool> {
        tokio::select! {
            done = self.take(letter) => done.map(|()| true),
            () = async { stop.asked().await; sleep(GRACE).await } => Ok(false),
        }
    }

    async fn take(&mut self, letter: DeadLetter) -> Outcome {
        self.pace.tick().await;
        let history = self.history(&letter).await?;
        let reason = letter.reason.clone();
        let done = self.reminter.take(letter, &history).await;
        let done = done.map_err(|error| {
            let advice = error.advice();
            Failure::from_error(Exit::Unavailable, &error).advise(advice)
        })?;
        let value = value(&done, &reason);
        self.context.out.value(&value, |_| text(&done, &reason))?;
        self.context.out.flush()
    }

    /// What is known of the letter's job, up to now.
    async fn history(&mut self, letter: &DeadLetter) -> Outcome<History> {
        let Some(job) = letter.job() else { return Ok(History::default()) };
        self.ledger.sync(&self.session).await?;
        self.cancels.note_waiting()?;
        let record = self.ledger.store().job(&job).await.map_err(|error| store_failure(&error))?;
        let history = record.map(|record| History::of(&record)).unwrap_or_default();
        let submission = history.submission.as_ref();
        let order = submission.and_then(|it| self.cancels.newest.order_for(&job, it.submitted_at));
        Ok(History { order, ..history })
    }
}

/// The orders so far. Bounded by what the broker's log can hold.
struct Cancels {
    orders: Orders,
    newest: OrderSet,
}

impl Cancels {
    /// Reads all orders that there are.
    async fn read(session: &Session) -> Outcome<Self> {
        let mut cancels = Self { orders: session.orders(), newest: OrderSet::default() };
        while !matches!(cancels.note_next().await?, OrderItem::CaughtUp) {}
        Ok(cancels)
    }

    /// Notes those that have come meanwhile.
    fn note_waiting(&mut self) -> Outcome {
        while let Some(noted) = self.note_next().now_or_never() {
            noted?;
        }
        Ok(())
    }

    /// Notes the next one, when it comes. Cancel-safe.
    async fn note_next(&mut self) -> Outcome<OrderItem> {
        let item = self.orders.next().await;
        let item = item.map_err(|error| Failure::from_error(Exit::Unavailable, &error).advise(error.advice()))?;
        if let OrderItem::Order(order) = &item {
            self.newest.add(order.clone(), Timestamp::now());
        }
        Ok(item)
    }
}

fn pace(per_second: u32) -> Interval {
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

fn value(reminted: &Reminted, was: &str) -> serde_json::Value {
    let mut value = match &reminted.done {
        Done::Minted { not_after, remints_left } => {
            json!({ "done": "minted", "not_after": not_after, "remints_left": remints_left })
        }
        Done::LetGo { why } => json!({ "done": "let-go", "why": why }),
        Done::Cancelled => json!({ "done": "cancelled" }),
        Done::PutAway { reason, detail } => json!({ "done": "put-away", "reason": reason, "detail": detail }),
    };
    value["id"] = json!(reminted.job.as_ref().map(|job| job.id));
    value["lane"] = json!(reminted.job.as_ref().map(|job| &job.lane));
    value["was"] = json!(was);
    value["time"] = json!(Timestamp::now());
    value
}

fn text(reminted: &Reminted, was: &str) -> String {
    let id = reminted.job.as_ref().map_or_else(|| "(no id)".to_owned(), |job| job.to_string());
    match &reminted.done {
        Done::Minted { not_after, remints_left } => {
            format!("{id}  minted anew  {} before; of use until {not_after}, {remints_left} more", safe(was))
        }
        Done::LetGo { why } => format!("{id}  let go       {why}"),
        Done::Cancelled => format!("{id}  cancelled    while it waited"),
        Done::PutAway { reason, detail } => format!("{id}  put away     {reason}: {}", safe(detail)),
    }
}
