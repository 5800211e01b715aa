//! Storage's part in the gate: when it is down, every job that is taken burns an attempt for nothing.
//!
//! Three attempts in a row that end for want of storage close the gate, if a look confirms it: hosts are asked without
//! any grant ([`Client::reach`]). It opens when one of them answers again. One partner's dead host among living ones
//! must not stop the worker, so that it stays open while hosts of other jobs, done lately, answer; and each minute it
//! opens for a trial, since the next job may be of another partner. A name that does not exist is its job's mistake and
//! no outage, unless it served a job before.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use valet_blob::http::{Client, Origin, Reach};
use valet_protocol::JobMessage;

use super::{Gate, Reason};
use crate::disposition::{Case, Class, Decision};

/// Attempts in a row for want of storage that are taken for an outage.
const FAILURES_MIN: usize = 3;

/// Jobs done lately whose hosts are remembered.
const DONE_MAX: usize = 16;

/// For how long a host that served a job is taken for one of other jobs to come.
const DONE_AGE_MAX: Duration = Duration::from_secs(600);

/// First and longest pause between two looks at dead hosts; each is twice the one before.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Time before a trial.
const TRIAL: Duration = Duration::from_secs(60);

type Origins = BTreeSet<Origin>;

/// Notes what storage did for jobs. Clones are the same.
#[derive(Debug, Clone)]
pub struct Outages(Arc<Noted>);

#[derive(Debug)]
struct Noted {
    gate: Gate,
    client: Client,
    state: Mutex<State>,
    suspected: Notify,
}

#[derive(Debug)]
struct State {
    /// Hosts of the attempts that failed in a row, the newest last.
    failed: VecDeque<Origins>,
    /// Hosts of jobs that storage served, and when.
    done: VecDeque<(Instant, Origins)>,
}

/// What an attempt says about storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// It ended for want of storage.
    Dead,
    /// Storage served it.
    Alive,
    /// It did not come that far.
    None,
}

impl Outages {
    /// Nothing noted yet.
    #[must_use]
    pub fn new(gate: Gate, client: Client) -> Self {
        let state = State { failed: VecDeque::new(), done: VecDeque::new() };
        Self(Arc::new(Noted { gate, client, state: Mutex::new(state), suspected: Notify::new() }))
    }

    /// Notes the end of an attempt at `job`.
    pub fn note(&self, job: &JobMessage, decision: &Decision) {
        let urls = job.grants.urls().map(|(input, output)| [input, output]);
        self.note_sign(sign(decision.case), urls.into_iter().flatten().filter_map(Origin::of).collect());
    }

    fn note_sign(&self, sign: Sign, origins: Origins) {
        let mut state = self.state();
        match sign {
            Sign::None => {}
            Sign::Alive => {
                state.failed.clear();
                state.done.push_back((Instant::now(), origins));
                if state.done.len() > DONE_MAX {
                    state.done.pop_front();
                }
            }
            Sign::Dead => {
                state.failed.push_back(origins);
                if state.failed.len() > FAILURES_MIN {
                    state.failed.pop_front();
                }
                if state.failed.len() == FAILURES_MIN {
                    self.0.suspected.notify_one();
                }
            }
        }
    }

    /// Closes the gate while storage is down, and opens it; for ever.
    pub async fn follow(self) {
        loop {
            self.0.suspected.notified().await;
            self.judge().await;
        }
    }

    async fn judge(&self) {
        let suspects: Origins = {
            let state = self.state();
            // Suspected while it was judged: the trial after it has yet to end.
            if state.failed.len() < FAILURES_MIN {
                return;
            }
            state.failed.iter().flatten().cloned().collect()
        };
        let dead = self.dead_among(&suspects).await;
        if dead.is_empty() {
            return self.state().failed.clear();
        }
        let hosts = dead.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if self.has_living_others(&dead).await {
            tracing::warn!(hosts, "some storage does not work; other jobs go on");
            return self.state().failed.clear();
        }
        self.0.gate.close_saying(Reason::StorageDead, &hosts);
        let is_back = self.wait_for_any(&dead).await;
        let mut state = self.state();
        if is_back {
            state.failed.clear();
        } else {
            // One more failure, and it closes again.
            state.failed.pop_front();
            tracing::info!(hosts, "storage still does not work; trying whether another job can be done");
        }
        drop(state);
        self.0.gate.open(Reason::StorageDead);
    }

    /// Waits until one of `dead` answers; false when a trial is due first.
    async fn wait_for_any(&self, dead: &Origins) -> bool {
        let trial_at = Instant::now() + TRIAL;
        let mut pause = PAUSES.0;
        while Instant::now() < trial_at {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            if self.dead_among(dead).await.len() < dead.len() {
                return true;
            }
        }
        false
    }

    /// Whether jobs that have nothing to do with `dead` were done lately, and could be done now.
    async fn has_living_others(&self, dead: &Origins) -> bool {
        let others: Vec<Origins> = {
            let state = self.state();
            let recent = state.done.iter().filter(|(at, _)| at.elapsed() < DONE_AGE_MAX);
            recent.map(|(_, origins)| origins.clone()).filter(|origins| origins.is_disjoint(dead)).collect()
        };
        let asked: Origins = others.iter().flatten().cloned().collect();
        let dead = self.dead_among(&asked).await;
        others.iter().any(|origins| origins.is_disjoint(&dead))
    }

    async fn dead_among(&self, origins: &Origins) -> Origins {
        let asked = origins.iter().map(async |origin| (origin, self.0.client.reach(origin).await));
        let answers = futures::future::join_all(asked).await;
        answers
            .into_iter()
            .filter(|(origin, reach)| self.is_dead(origin, *reach))
            .map(|(o, _)| o.clone())
            .collect()
    }

    fn is_dead(&self, origin: &Origin, reach: Reach) -> bool {
        match reach {
            Reach::Answers => false,
            Reach::Silent => true,
            Reach::NoSuchHost => self.state().done.iter().any(|(_, origins)| origins.contains(origin)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an end says about storage.
fn sign(case: Case) -> Sign {
    match case {
        Case::StorageDown | Case::StorageConnection | Case::StorageLate | Case::StorageThrottled => {
            Sign::Dead
        }
        case if case.class() == Class::Done || case.is_served() => Sign::Alive,
        _ => Sign::None,
    }
}

impl Case {
    /// Whether storage has given an answer that is its own.
    fn is_served(self) -> bool {
        matches!(
            self,
            Self::StorageExpired
                | Self::StorageDenied
                | Self::StorageRight
                | Self::StorageUnknown
                | Self::InputAbsent
                | Self::InputOther
                | Self::InputEmpty
                | Self::InputLarge
                | Self::InputCut
                | Self::InputNoMedia
                | Self::OutputNoContainer
                | Self::OutputTaken
        )
    }
}

#[cfg(test)]
mod tests {
    use valet_blob::http::Egress;
    use valet_grant::{GrantUrl, HostRules};

    use super::*;

    /// A host that answers every request with `status`, and where it is.
    async fn host(status: &'static str) -> Origin {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = origin_at(listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        origin
    }

    fn origin_at(address: std::net::SocketAddr) -> Origin {
        Origin::of(&GrantUrl::new(format!("http://{address}/"))).unwrap()
    }

    fn outages() -> (Outages, Gate) {
        let egress = Egress::new(HostRules { loopback: true, ..HostRules::default() });
        let gate = Gate::default();
        gate.open(Reason::Starting);
        (Outages::new(gate.clone(), Client::new(egress).unwrap()), gate)
    }

    fn fail(outages: &Outages, origin: &Origin) {
        (0..FAILURES_MIN).for_each(|_| outages.note_sign(Sign::Dead, [origin.clone()].into()));
    }

    #[tokio::test]
    async fn an_outage_closes_the_gate_until_storage_answers() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = unused.local_addr().unwrap();
        drop(unused);
        let (outages, gate) = outages();
        tokio::spawn(outages.clone().follow());
        fail(&outages, &origin_at(address));
        gate.closed().await;
        assert_eq!(gate.reasons(), [Reason::StorageDead]);
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let answering = tokio::spawn(answer_all(listener));
        gate.opened().await;
        answering.abort();
    }

    async fn answer_all(listener: tokio::net::TcpListener) {
        use tokio::io::AsyncWriteExt as _;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n").await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    }

    #[tokio::test]
    async fn failures_of_storage_that_answers_close_nothing() {
        let (outages, gate) = outages();
        fail(&outages, &host("403 No").await);
        outages.judge().await;
        assert!(gate.is_open());
        assert!(outages.state().failed.is_empty(), "it counts anew");
    }

    #[tokio::test]
    async fn a_suspicion_from_before_the_trial_does_not_end_it() {
        let (outages, gate) = outages();
        let dead = host("503 Down").await;
        fail(&outages, &dead);
        outages.state().failed.pop_front();
        outages.judge().await;
        assert!(gate.is_open(), "the trial's job has not ended: {:?}", gate.reasons());
        assert_eq!(outages.state().failed.len(), FAILURES_MIN - 1);
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_dead_only_if_it_served_a_job() {
        let (outages, _) = outages();
        let origin = host("403 No").await;
        assert!(!outages.is_dead(&origin, Reach::NoSuchHost));
        outages.note_sign(Sign::Alive, [origin.clone()].into());
        assert!(outages.is_dead(&origin, Reach::NoSuchHost) && outages.is_dead(&origin, Reach::Silent));
        assert!(!outages.is_dead(&origin, Reach::Answers));
    }

    #[tokio::test]
    async fn one_dead_host_among_living_ones_closes_nothing() {
        let (outages, gate) = outages();
        outages.note_sign(Sign::Alive, [host("400 Bad").await].into());
        fail(&outages, &host("503 Down").await);
        outages.judge().await;
        assert!(gate.is_open());
    }

    #[tokio::test]
    async fn a_success_in_between_ends_the_row() {
        let (outages, _) = outages();
        let origin: Origins = [host("503 Down").await].into();
        for sign in [Sign::Dead, Sign::Dead, Sign::Alive, Sign::Dead, Sign::None] {
            outages.note_sign(sign, origin.clone());
        }
        assert_eq!(outages.state().failed.len(), 1);
    }
}
