//! Where lanes are administered: the management API for what is, and the log of records for what is allowed.
//! Must never change a lane whose record it could not read.

use std::collections::BTreeMap;

use valet_broker::management::{LaneDepth, Management};
use valet_broker::topology::names::is_reserved;
use valet_broker::{LaneItem, LogError, Purpose, Session};
use valet_protocol::{Lane, LaneKind, LaneRecord, LaneState};

use crate::config::{Config, Needs};
use crate::context::{Context, parse_broker_url};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::submit::SubmitError;
use crate::verbs::topology;

/// The administrator's desk.
pub(in crate::verbs) struct Desk {
    /// Settings.
    pub(in crate::verbs) config: Config,
    /// What is on the broker.
    pub(in crate::verbs) management: Management,
    /// Every lane's record, by name.
    pub(in crate::verbs) records: BTreeMap<Lane, LaneRecord>,
}

impl Desk {
    /// Logs in, both ways, and reads every record.
    pub(in crate::verbs) async fn open(context: &Context) -> Outcome<Self> {
        let config = context.config(Needs { admin: true, ..Needs::default() })?;
        let management = topology::management(&config)?;
        let records = read_records(&config).await?;
        Ok(Self { config, management, records })
    }

    /// A lane that there must be; of this kind, if one is given.
    pub(in crate::verbs) fn lane(&self, lane: &Lane, kind: Option<LaneKind>) -> Outcome<LaneRecord> {
        let found = self.records.get(lane).cloned();
        let record = found.ok_or_else(|| {
            Failure::new(Exit::Data, format!("there is no lane {lane}")).advise("`valet lane ls` lists all")
        })?;
        match kind {
            Some(kind) if kind != record.kind => Err(other_kind(&record)),
            _ => Ok(record),
        }
    }

    /// Tells everybody a lane's new record.
    pub(in crate::verbs) async fn publish(&self, record: &LaneRecord) -> Outcome {
        self.management.publish_lane_record(record).await.map_err(|error| topology::failure(&error))
    }

    /// What a lane's queues hold, those that there are.
    pub(in crate::verbs) async fn depths(&self, lane: &Lane) -> Outcome<Vec<LaneDepth>> {
        self.management.lane_depths(lane).await.map_err(|error| topology::failure(&error))
    }
}

/// How many messages the queues hold together.
pub(in crate::verbs) fn waiting(depths: &[LaneDepth]) -> u64 {
    depths.iter().map(|depth| depth.messages).sum()
}

/// A field that breaks its rule is the caller's mistake.
pub(in crate::verbs) fn sound(record: &LaneRecord) -> Outcome {
    if is_reserved(&record.lane) {
        let what = format!("no lane may be called {}: its queues would be others'", record.lane);
        return Err(Failure::new(Exit::Data, what).advise("choose another name"));
    }
    record.encode().map(|_| ()).map_err(|error| {
        Failure::from_error(Exit::Data, &error).advise("correct the option; nothing was changed")
    })
}

/// `open`, `paused` or `removed`.
pub(in crate::verbs) fn state_word(state: LaneState) -> &'static str {
    match state {
        LaneState::Open => "open",
        LaneState::Paused => "paused",
        LaneState::Removed => "removed",
    }
}

/// `own` or `partner`.
pub(in crate::verbs) fn kind_word(kind: LaneKind) -> &'static str {
    match kind {
        LaneKind::Own => "own",
        LaneKind::Partner => "partner",
    }
}

fn other_kind(record: &LaneRecord) -> Failure {
    let what = match record.kind {
        LaneKind::Own => format!("{} is a lane of our own, no partner's", record.lane),
        LaneKind::Partner => format!("{} is a partner's lane", record.lane),
    };
    Failure::new(Exit::Data, what).advise("`valet lane ls` lists all, with their kind")
}

/// With the administrator's login: nobody else may read all records and change them.
async fn read_records(config: &Config) -> Outcome<BTreeMap<Lane, LaneRecord>> {
    let broker = parse_broker_url(config.broker_url.as_deref().unwrap_or_default())?;
    let admin = config.admin.as_ref().ok_or_else(|| Failure::new(Exit::Config, "this needs the administrator's login"))?;
    let broker = broker
        .with_tls(config.broker_tls()?)
        .with_connection_name("valet")
        .with_login(&admin.username, admin.password.expose_secret());
    let session = Session::connect(broker, Purpose::Probe).await;
    let session = session.map_err(|cause| Failure::from(SubmitError::Connect(Box::new(cause))))?;
    let records = last_records(&session).await.map_err(|error| unreadable(&error));
    session.close().await;
    records
}

/// The last record of each lane that is not removed.
async fn last_records(session: &Session) -> Result<BTreeMap<Lane, LaneRecord>, LogError> {
    let mut records = BTreeMap::new();
    let mut log = session.lanes();
    loop {
        match log.next().await? {
            LaneItem::Record(record) if record.state == LaneState::Removed => {
                records.remove(&record.lane);
            }
            LaneItem::Record(record) => {
                records.insert(record.lane.clone(), *record);
            }
            LaneItem::Malformed { offset, problem } => {
                tracing::warn!(offset, problem, "an entry of lanes.log is no record of a lane");
            }
            LaneItem::CaughtUp => return Ok(records),
            _ => {}
        }
    }
}

fn unreadable(error: &LogError) -> Failure {
    match error {
        LogError::Denied { .. } => {
            Failure::from_error(Exit::Unavailable, error).advise("`valet topology declare` makes the log of lanes")
        }
        _ => Failure::from_error(Exit::Unavailable, error).advise(error.advice()),
    }
}
