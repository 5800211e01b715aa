//! `valet dead show`: one letter with its message. Grants are shown redacted, by their type.

use clap::Args;
use serde_json::{Value, json};
use valet_broker::DeadLetter;
use valet_protocol::JobMessage;

use super::ls::Entry;
use super::history::History;
use super::{Queues, dead_failure, explain, open};
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::verbs::ids;

/// Show one dead letter with its message, grants redacted
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The job's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    in_lane: ids::InLane,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        let name = self.in_lane.parse(&self.id)?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        let known = History::open(&config, &session, &context).await;
        let mut shown = false;
        for queue in Queues::Both.list() {
            let mut letters = open(&session, *queue).await?;
            // All of them: the letter of another lane's job may have the same id.
            while let Some(letter) = letters.next().await.map_err(|error| dead_failure(&error))? {
                if !letter.job().is_some_and(|job| name.is_of(&job)) {
                    continue;
                }
                shown = true;
                let mut entry = Entry::of(&letter, *queue);
                entry.history = known.of(&letter).await?;
                context.out.value(&describe(&letter, &entry), text)?;
            }
            letters.close().await.map_err(|error| dead_failure(&error))?;
        }
        session.close().await;
        context.out.flush()?;
        match shown {
            true => Ok(()),
            false => Err(Failure::new(Exit::Data, format!("no dead letter of {}", name.id))
                .advise("`valet dead ls` lists them; `valet status ID` tells where a job stands")),
        }
    }
}

fn describe(letter: &DeadLetter, entry: &Entry<'_>) -> Value {
    let mut value = json!(entry);
    if let Some(way) = explain::way(letter) {
        value["way"] = way.into();
    }
    value["message"] = match JobMessage::decode(letter.body()) {
        Ok(message) => describe_message(&message),
        Err(error) => json!({ "undecodable": error.to_string(), "advice": error.advice(),
                              "bytes": letter.body().len() }),
    };
    value
}

fn describe_message(message: &JobMessage) -> Value {
    let (input, output) = message.grants.urls().unzip();
    let sealed = message.grants.sealed().map(|sealed| format!("to key {}", sealed.header().kid));
    json!({
        "id": message.id,
        "lane": message.lane,
        "input": { "url": input, "etag": message.input.etag },
        "output": { "url": output, "content_type": message.output.content_type },
        "sealed": sealed,
        "preset": { "name": message.preset.name, "version": message.preset.version,
                    "params": message.preset.params },
        "limits": message.limits,
        "priority": message.priority,
        "tags": message.tags,
        "submitted_at": message.submitted_at,
        "not_after": message.not_after,
        "remints": message.remints,
        "attempts_before": message.attempts_before,
    })
}

fn text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
