//! `valet submit`: enqueue jobs.

use clap::Args;

use super::ending;
use super::enqueue::{self, Tell};
use super::options::{Patience, What};
use crate::context::Context;
use crate::failure::Outcome;
use crate::follow::{Feed, Ledger, Watch};
use crate::hold::HoldLimit;
use crate::verify::Verifier;

/// Mint two grants per job and enqueue it
///
/// One job (INPUT OUTPUT), every blob that a glob means, or a manifest of tens of thousands. Everything is
/// checked before anything is enqueued: names, presets, parameters, and that no two jobs write one blob.
/// Prints one line a job when the broker has confirmed it: its id, input and output.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    what: What,
    /// Wait until the jobs have ended, and print how
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

const EXAMPLES: &str = "\
Examples:
  valet submit raw/a.mov out/a.mp4 --preset h264-720p --param crf=20
  valet submit 'raw/**/*.mov' 'out/{path}/{stem}.mp4' --preset h264-720p --wait
  valet submit --manifest jobs.jsonl --idempotency-key nightly-2024-05-01
  valet submit raw/a.mov out/a.mp4 -p copy | valet wait -

Placeholders of outputs:
  {path}    the input's folder within its container
  {name}    its file name
  {stem}    its file name without extension
  {ext}     the extension that the preset writes, or the input's own
  {preset}  the preset's name
  {id}      the job's id

Lines of a .jsonl manifest have input, and may have output, preset, params, priority, tags, ttl,
wall, limits and etag:
  {\"input\":\"raw/a.mov\",\"output\":\"out/a.mp4\",\"preset\":\"h264-720p@1\",\"params\":{\"crf\":20}}
The header of a .csv manifest names the same columns; params, tags and limits are param.NAME,
tag.NAME and limit.NAME:
  input,output,preset,param.crf,tag.title,limit.frames

Limits (of --limit, limits, limit.NAME) narrow what the worker allows; beyond one, the job fails:
  input_bytes output_bytes   size of input and output, such as 500MiB
  duration_seconds           length of the input, such as 1h30m
  pixels frames streams      of the input: one picture's pixels, pictures, streams
  cpu_seconds stall_seconds  processor time; longest time without progress
  memory_bytes               private memory of the codec, such as 2GiB

Job ids are UUIDv7. With --idempotency-key their time is zero, and the rest is a hash of the key
and of input, output, preset and parameters as written: the same line under the same key is the
same job. What is queued, running or done under its id is left out, and listed; what has failed for good is
enqueued anew. --again enqueues all; outputs are created once and never overwritten all the same.";

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        if self.wait {
            return submit_and_wait(context, self.what, self.patience).await;
        }
        submit(context, self.what).await
    }
}

async fn submit(mut context: Context, what: What) -> Outcome {
    let planned = enqueue::plan(&context, &what, false).await?;
    if what.dry_run {
        return enqueue::show(&mut context, planned);
    }
    let session = planned.config.session().await?;
    enqueue::check_walls(&planned, &HoldLimit::of(&session))?;
    let planned = match what.idempotency_key {
        Some(_) => {
            let ledger = Ledger::open(&planned.config).await?;
            ledger.sync(&session).await?;
            enqueue::leave_out_known(&mut context, planned, &ledger, what.again, Tell::EachJob).await?
        }
        None => planned,
    };
    let sent = enqueue::send(&mut context, planned, session.clone(), Tell::EachJob).await;
    session.close().await;
    sent
}

/// Submits, then waits for the ends of all jobs: what `valet run` is.
pub(super) async fn submit_and_wait(mut context: Context, what: What, patience: Patience) -> Outcome {
    let mut planned = enqueue::plan(&context, &what, true).await?;
    if what.dry_run {
        return enqueue::show(&mut context, planned);
    }
    let session = planned.config.session().await?;
    enqueue::check_walls(&planned, &HoldLimit::of(&session))?;
    let verifier = Verifier::new(planned.minter.clone())?;
    let jobs = std::mem::take(&mut planned.jobs);
    let ledger = Ledger::open(&planned.config).await?;
    // Opened first: what a job came to before it is enqueued anew does not count.
    let mut watch = Watch::resume(Feed::open(&ledger, &session).await?, &jobs).await?;
    let planned = match what.idempotency_key {
        Some(_) => {
            enqueue::leave_out_known(&mut context, planned, &ledger, what.again, Tell::Nothing).await?
        }
        None => planned,
    };
    enqueue::send(&mut context, planned, session.clone(), Tell::Nothing).await?;
    jobs.into_iter().for_each(|job| watch.add(job));
    let ended = ending::wait(&mut context, watch, Some(verifier), patience.timeout).await;
    session.close().await;
    ended
}
