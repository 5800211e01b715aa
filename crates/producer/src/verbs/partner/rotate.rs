//! `valet partner rotate`: a new password for a partner's login.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use valet_broker::management::rotate_commands;
use valet_protocol::{Lane, LaneKind};

use super::handout::{Folder, Handout};
use super::printed;
use crate::context::Context;
use crate::failure::Outcome;
use crate::verbs::lane::desk::Desk;
use crate::verbs::topology;

/// Give a partner's login a new password
///
/// The old one is refused from then on. What is connected stays connected, unless --now.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The lane
    #[arg(value_name = "LANE")]
    lane: Lane,
    /// Close what is connected with the old password
    #[arg(long)]
    now: bool,
    /// Write what to send to the partner into this folder, readable by you alone, instead of printing it
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print commands of RabbitMQ's own tools that do the same; change nothing
    #[arg(long, conflicts_with = "out")]
    print: bool,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        let login = self.lane.as_str();
        if self.print {
            return printed::tell(&mut context, &rotate_commands(login, self.now));
        }
        let folder = self.out.as_deref().map(Folder::open).transpose()?;
        let desk = Desk::open(&context).await?;
        let record = desk.lane(&self.lane, Some(LaneKind::Partner))?;
        let handout = Handout::new(&desk.config, &record)?;
        let failed = |error| topology::failure(&error);
        let password = desk.management.rotate_partner_login(login).await.map_err(failed)?;
        let written = folder.map(|folder| folder.write(&handout, Some(&password))).transpose()?;
        match written {
            Some(written) => context.out.value(&written, |written| written.text())?,
            None => context.out.value(&handout.value(Some(&password)), |_| handout.text(Some(&password)))?,
        }
        if self.now {
            let closed = desk.management.close_connections(login).await.map_err(failed)?;
            let value = json!({ "lane": self.lane, "connections_closed": closed });
            context.out.value(&value, |_| format!("{closed} connections were closed"))?;
        }
        context.out.flush()
    }
}
