//! `valet topology`: the only place that may declare anything on the broker.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use valet_broker::Password;
use valet_broker::management::{Existing, LoginNames, Management, ManagementError};
use valet_broker::topology::{Topology, TopologyOptions};

use super::options::duration;
use crate::config::{Config, Needs};
use crate::context::{Context, parse_broker_url};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

mod logins;
mod token;

/// Declare or check exchanges, queues, policies and logins
///
/// Needs an administrator of RabbitMQ: broker.management_url, broker.admin_username and
/// broker.admin_password. Nothing else of Valet ever does.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create what is missing, and logins with the least rights
    ///
    /// Safe to repeat: what is right stays as it is. New logins are written as ready-to-use settings into a
    /// folder, one file each, readable by you alone.
    Declare {
        /// Folder for the logins' settings; `{role}` in it gives each login a folder of its own
        #[arg(long, value_name = "FOLDER", default_value = "valet-logins")]
        logins: PathBuf,
        /// Give existing logins new passwords
        #[arg(long)]
        rotate: bool,
        #[command(flatten)]
        numbers: Numbers,
    },
    /// Print every difference between what is and what should be; exit code 1 if there is one
    Check {
        #[command(flatten)]
        numbers: Numbers,
    },
    Token(token::Options),
}

/// What an operator may choose.
#[derive(Debug, Clone, Args)]
struct Numbers {
    /// Wait before the second attempt
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    retry_1: Option<Duration>,
    /// Wait before the third attempt
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    retry_2: Option<Duration>,
    /// Most jobs that wait in a queue before it refuses more
    #[arg(long, value_name = "COUNT")]
    queue_length_max: Option<u64>,
    /// Longest time that a worker may hold a job (RabbitMQ 3.12 and later)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    consumer_timeout: Option<Duration>,
    /// What consumer_timeout is in rabbitmq.conf: the limit that holds before RabbitMQ 3.12 (default 30m)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    node_consumer_timeout: Option<Duration>,
    /// What the logins' names begin with; another one for each Valet on the same broker
    #[arg(long, value_name = "NAME", default_value = "valet")]
    login_prefix: String,
}

impl Numbers {
    fn names(&self) -> LoginNames {
        LoginNames::with_prefix(&self.login_prefix)
    }

    fn topology(&self) -> Topology {
        let standard = TopologyOptions::default();
        Topology::standard(&TopologyOptions {
            retry_1: self.retry_1.unwrap_or(standard.retry_1),
            retry_2: self.retry_2.unwrap_or(standard.retry_2),
            queue_length_max: self.queue_length_max.unwrap_or(standard.queue_length_max),
            consumer_timeout: self.consumer_timeout.unwrap_or(standard.consumer_timeout),
            node_consumer_timeout: self.node_consumer_timeout.unwrap_or(standard.node_consumer_timeout),
            publishers: vec![self.names().producer],
            ..standard
        })
    }
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let what = match self.what {
            What::Token(options) => return options.run(context),
            what => what,
        };
        let config = context.config(Needs { admin: true, ..Needs::default() })?;
        let management = management(&config)?;
        match what {
            What::Declare { logins, rotate, numbers } => {
                let existing = if rotate { Existing::Rotate } else { Existing::Keep };
                let folder = logins::Folder::open(&logins)?;
                let names = numbers.names();
                let changes = declare(&mut context, &management, &numbers.topology()).await?;
                let provisioned = management.provision(&names, existing).await;
                for login in provisioned.map_err(|error| failure(&error))? {
                    let told = folder.keep(&login, &names, &config)?;
                    context.out.value(&told, logins::Told::text)?;
                }
                if changes == 0 {
                    tracing::info!("the topology was as it should be");
                }
                context.out.flush()
            }
            What::Check { numbers } => check(&mut context, &management, &numbers).await,
            What::Token(_) => Ok(()), // returned above
        }
    }
}

/// The topology with the usual numbers.
pub(super) fn standard() -> Topology {
    Topology::standard(&TopologyOptions::default())
}

/// A client of the management API with the administrator's login.
pub(super) fn management(config: &Config) -> Outcome<Management> {
    let vhost = parse_broker_url(config.broker_url.as_deref().unwrap_or_default())?.vhost().to_owned();
    let admin = config.admin.as_ref().ok_or_else(|| {
        Failure::new(Exit::Config, "this needs the administrator's login")
            .advise("set broker.management_url, broker.admin_username and broker.admin_password")
    })?;
    let password = Password::from(admin.password.expose_secret());
    let tls = config.broker_tls()?;
    Management::new(&admin.management_url, &admin.username, password, &vhost, &tls).map_err(|error| failure(&error))
}

pub(super) fn failure(error: &ManagementError) -> Failure {
    let exit = match error {
        ManagementError::Url { .. } | ManagementError::Client { .. } => Exit::Config,
        ManagementError::Refused { .. } => Exit::Permission,
        ManagementError::Conflict { .. } => Exit::Data,
        _ => Exit::Unavailable,
    };
    Failure::from_error(exit, error).advise(error.advice())
}

/// Declares the topology and tells what changed; gives the number of changes.
async fn declare(context: &mut Context, management: &Management, topology: &Topology) -> Outcome<usize> {
    let mut changes = Vec::new();
    if management.ensure_vhost().await.map_err(|error| failure(&error))? {
        changes.push("created the vhost".to_owned());
    }
    let declared = management.declare(topology).await.map_err(|error| failure(&error))?;
    changes.extend(declared.changes);
    for change in &changes {
        context.out.value(&serde_json::json!({ "change": change }), |_| change.clone())?;
    }
    for note in &declared.notes {
        context.out.value(&serde_json::json!({ "note": note }), |_| format!("note: {note}"))?;
    }
    Ok(changes.len())
}

async fn check(context: &mut Context, management: &Management, numbers: &Numbers) -> Outcome {
    let found = management.check(&numbers.topology(), Some(&numbers.names())).await;
    let differences = found.map_err(|error| failure(&error))?;
    for difference in &differences {
        let value = serde_json::json!({ "subject": difference.subject, "problem": difference.problem,
                                        "advice": difference.advice,
                                        "repaired_by_declare": difference.repaired_by_declare });
        context.out.value(&value, |_| format!("{difference}\n  next: {}", difference.advice))?;
    }
    context.out.flush()?;
    if differences.is_empty() { Ok(()) } else { Err(Failure::silent(Exit::JobFailed)) }
}
