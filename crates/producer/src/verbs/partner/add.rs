//! `valet partner add`: a lane and its login, and what to send to the partner.
//! Must never give an existing login a new password, nor take over one that is no partner's.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use valet_broker::management::lane_commands;
use valet_protocol::{Lane, LaneKind, LaneRecord};

use super::handout::{Folder, Handout};
use super::printed;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::verbs::lane::add::{put, tell};
use crate::verbs::lane::desk::Desk;
use crate::verbs::lane::terms::{Doors, Terms};
use crate::verbs::topology;

/// Give a partner a lane and a login, or change what it is allowed
///
/// Prints what to send to the partner. Safe to repeat: what is not said stays as it is, what changed is told, and
/// an existing login keeps its password.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The lane: also the login's name
    #[arg(value_name = "LANE")]
    lane: Lane,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    doors: Doors,
    /// Write what to send to the partner into this folder, readable by you alone, instead of printing it
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print commands of RabbitMQ's own tools that do the same for a new partner; change nothing
    #[arg(long, conflicts_with = "out")]
    print: bool,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        if self.print {
            return self.print(&mut context);
        }
        // Before anything changes: a password that cannot be kept is a login lost.
        let folder = self.out.as_deref().map(Folder::open).transpose()?;
        let desk = Desk::open(&context).await?;
        let old = self.known(&desk).await?;
        let base = old.clone().unwrap_or_else(|| partner(&self.lane));
        let new = self.terms.apply(&base)?;
        let mut done = put(&desk, old.as_ref(), &base, &new, |was| self.terms.numbers(&self.doors, was)).await?;
        let login = self.lane.as_str();
        let made = desk.management.ensure_partner_login(login, &new, &done.numbers).await;
        let made = made.map_err(|error| topology::failure(&error))?;
        done.made.extend(made.changes);
        let handout = Handout::new(&desk.config, &new)?;
        let password = made.password.as_ref();
        // Kept first: whatever goes wrong with the terminal, it is not lost.
        let written = folder.map(|folder| folder.write(&handout, password)).transpose()?;
        tell(&mut context, &self.lane, &done.made, &done.changes)?;
        match written {
            Some(written) => context.out.value(&written, |written| written.text())?,
            None => context.out.value(&handout.value(password), |_| handout.text(password))?,
        }
        context.out.flush()
    }

    /// The partner's record, if it is one already.
    async fn known(&self, desk: &Desk) -> Outcome<Option<LaneRecord>> {
        if desk.records.contains_key(&self.lane) {
            return desk.lane(&self.lane, Some(LaneKind::Partner)).map(Some);
        }
        let exists = desk.management.login_exists(self.lane.as_str()).await;
        match exists.map_err(|error| topology::failure(&error))? {
            true => Err(Failure::new(Exit::Data, format!("there is a login {} already, and it is no partner's here", self.lane))
                .advise("choose another name for the lane, or remove that login from the broker first")),
            false => Ok(None),
        }
    }

    fn print(&self, context: &mut Context) -> Outcome {
        let vhost = printed::vhost(context)?;
        let record = LaneRecord { changed_at: Timestamp::now(), ..self.terms.apply(&partner(&self.lane))? };
        let numbers = self.terms.numbers(&self.doors, &Default::default());
        printed::tell(context, &lane_commands(&vhost, &record, &numbers))
    }
}

fn partner(lane: &Lane) -> LaneRecord {
    LaneRecord::partner(lane.clone(), lane.to_string())
}
