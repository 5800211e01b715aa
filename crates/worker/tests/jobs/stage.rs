//! A broker with topology and logins, storage, and the built worker between them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use valet_broker::Start;
use valet_broker::events::{EventLog, LogItem};
use valet_broker::management::{Existing, Login, LoginNames, Management};
use valet_broker::topology::{Role, Topology, TopologyOptions, names};
use valet_broker::{BrokerConfig, Outgoing, Password, Purpose, Session, TlsConfig};
use valet_grant::GrantUrl;
use valet_protocol::{
    Grants, Input, JobId, JobMessage, Lane, Limits, Output, PresetRef, Priority, Report, ReportKind, amqp,
};
use valet_testkit::Sas;
use valet_testkit::{Broker, Process, Program, Storage, Vhost, workspace};

/// Longest wait for anything, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a job of these tests may take, when it says nothing else.
const WALL_SECONDS: u32 = 600;

pub(crate) struct Stage {
    pub(crate) vhost: Vhost<'static>,
    pub(crate) storage: &'static Storage,
    pub(crate) container: String,
    pub(crate) scratch: tempfile::TempDir,
    names: LoginNames,
    logins: Vec<Login>,
    producer: Session,
    events: EventLog,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::declared(Broker::shared(), TopologyOptions::default()).await
    }

    pub(crate) async fn declared(broker: &'static Broker, options: TopologyOptions) -> Self {
        let storage = Storage::shared();
        let vhost = broker.vhost();
        let management = management(broker, &vhost);
        management.declare(&Topology::standard(&options)).await.unwrap();
        let names = LoginNames::with_prefix(&vhost);
        let logins = management.provision(&names, Existing::Keep).await.unwrap();
        let config = BrokerConfig::parse(&vhost.amqp_url())
            .unwrap()
            .with_login(names.of(Role::Producer), password_of(&logins, Role::Producer));
        let producer = Session::connect(config, Purpose::Producer).await.unwrap();
        let events = EventLog::replay(&producer, Start::First);
        let (container, scratch) = (storage.container(), tempfile::tempdir().unwrap());
        Self { vhost, storage, container, scratch, names, logins, producer, events }
    }

    /// Declares the topology anew.
    pub(crate) async fn declare(&self, options: &TopologyOptions) {
        let management = management(Broker::shared(), &self.vhost);
        management.declare(&Topology::standard(options)).await.unwrap();
    }

    /// The built worker with nothing but what it needs; `settings` are further variables.
    pub(crate) fn worker(&self, settings: &[(&str, &str)]) -> Process {
        let password = password_of(&self.logins, Role::Worker);
        Program::new(env!("CARGO_BIN_EXE_valet-worker"))
            .arg("run")
            .env("VALET_BROKER_URL", self.vhost.amqp_url())
            .env("VALET_BROKER_USERNAME", self.names.of(Role::Worker))
            .env("VALET_BROKER_PASSWORD", password.expose())
            .env("VALET_STORAGE_LOOPBACK", "true")
            .env("VALET_WORKER_SCRATCH", self.scratch.path())
            // One for all tests: building it takes a second.
            .env("VALET_JAIL_ROOTS", workspace::program_folder().join("roots"))
            .envs(settings.iter().copied())
            .current_dir(self.scratch.path())
            .start()
    }

    /// A job on blob `input` for blob `output` of this stage's blob container.
    pub(crate) fn job(&self, preset: &str, input: &str, output: &str) -> JobMessage {
        let url = |sas: &Sas| GrantUrl::new(self.storage.sas_url(sas));
        JobMessage {
            id: JobId::from_uuid(uuid::Uuid::now_v7()).unwrap(),
            lane: Lane::default(),
            grants: Grants::Open {
                input: url(&Sas::read(&self.container, input)),
                output: url(&Sas::create(&self.container, output)),
            },
            input: Input::default(),
            output: Output::default(),
            preset: PresetRef { name: preset.to_owned(), version: 1, params: serde_json::Map::new() },
            // What the broker's consumer timeout leaves by default may be longer than these grants live.
            limits: Limits { wall_seconds: Some(WALL_SECONDS), ..Limits::default() },
            priority: Priority::Normal,
            tags: std::collections::BTreeMap::new(),
            submitted_at: Timestamp::now(),
            not_after: Timestamp::now() + SignedDuration::from_mins(50),
            remints: 0,
            attempts_before: 0,
        }
    }

    pub(crate) async fn submit(&self, job: &JobMessage) -> JobId {
        let bytes = job.encode().unwrap();
        self.submit_bytes(&job.id.to_string(), bytes.as_ref()).await;
        job.id
    }

    pub(crate) async fn submit_bytes(&self, message_id: &str, bytes: &[u8]) {
        self.submit_for(message_id, bytes, None).await;
    }

    /// The broker takes it off its queue at once.
    pub(crate) async fn submit_expiring(&self, message_id: &str, bytes: &[u8]) {
        self.submit_for(message_id, bytes, Some(Duration::from_millis(1))).await;
    }

    async fn submit_for(&self, message_id: &str, bytes: &[u8], expiration: Option<Duration>) {
        let mut message = Outgoing::new(names::JOBS, names::JOBS_KEY, message_id, bytes);
        message.type_ = Some(amqp::JOB_TYPE.to_owned());
        message.content_type = Some(amqp::CONTENT_TYPE.to_owned());
        message.expiration = expiration;
        self.publish(message).await;
    }

    /// Puts anything on the broker.
    pub(crate) async fn publish(&self, message: Outgoing) {
        self.producer.publisher().publish(message).await.await.unwrap();
    }

    /// All reports of a job up to the first one that `enough` takes.
    pub(crate) async fn reports_until(
        &mut self,
        job: JobId,
        worker: &Process,
        enough: impl Fn(&Report) -> bool,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        while !reports.last().is_some_and(&enough) {
            match timeout(PATIENCE, self.events.next()).await {
                Ok(Ok(LogItem::Report { report, .. })) if report.job == job => reports.push(*report),
                Ok(Ok(LogItem::Malformed { problem, .. })) => panic!("a report cannot be read: {problem}"),
                Ok(Ok(_)) => {}
                ended => panic!("{ended:?} after {:?}\n{}", kinds(&reports), worker.last_lines()),
            }
        }
        reports
    }

    /// All reports of a job up to its last one.
    pub(crate) async fn reports(&mut self, job: JobId, worker: &Process) -> Vec<Report> {
        self.reports_until(job, worker, |report| report.kind().is_final()).await
    }
}

fn management(broker: &Broker, vhost: &Vhost<'_>) -> Management {
    let (url, user) = (broker.management_url(), broker.username());
    let password = Password::from(broker.password());
    Management::new(&url, user, password, vhost, &TlsConfig::default()).unwrap()
}

fn password_of(logins: &[Login], role: Role) -> Password {
    let login = logins.iter().find(|login| login.role == role).expect("every role has a login");
    login.password.clone().expect("it was made just now")
}

/// Kinds of reports without progress, whose number depends on the machine.
pub(crate) fn kinds(reports: &[Report]) -> Vec<ReportKind> {
    reports.iter().map(Report::kind).filter(|kind| *kind != ReportKind::Progress).collect()
}
