//! What the producer itself says about jobs, on the exchange `events`: that one is on the broker, that its
//! grants were minted anew, and the ends that no worker can tell. Must never hold a grant; its types cannot.

use jiff::Timestamp;
use valet_protocol::{JobMessage, Reminted, Report, ReportData, Submitted, WorkerName};

use crate::batch::JobPlan;

/// The job of this plan is on the broker.
pub(super) fn submitted(plan: &JobPlan, message: &JobMessage, account: &str) -> ReportData {
    let tags = plan.tags.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    ReportData::Submitted(Box::new(Submitted {
        preset: plan.preset.as_str().into(),
        version: plan.version,
        input: format!("{account}/{}", plan.input).into(),
        output: format!("{account}/{}", plan.output).into(),
        tags: tags.collect(),
        priority: plan.priority,
        submitted_at: message.submitted_at,
        not_after: message.not_after,
        wall_seconds: plan.wall_seconds,
        remints: plan.remints,
    }))
}

/// The job has new grants.
pub(super) fn reminted(message: &JobMessage) -> ReportData {
    ReportData::Reminted(Reminted { not_after: message.not_after, remints_left: message.remints })
}

/// A report about the job of this message.
pub(crate) fn about(
    message: &JobMessage,
    attempt: u32,
    name: &WorkerName,
    time: Timestamp,
    data: ReportData,
) -> Report {
    let (job, lane, worker) = (message.id, message.lane.clone(), name.clone());
    Report { job, lane, attempt, redelivery: 0, worker, time, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Defaults, JobRequest, Place, Planner};
    use crate::submit::JobMinter;
    use valet_mint::{Account, AccountKey, Signer};

    #[test]
    fn a_submission_reads_back_with_all_its_tags() {
        let key = AccountKey::from_base64(
            "Y2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5IGNhbmFyeSBjYW5hcnkgYw==",
        );
        let signer = Signer::with_account_key(Account::azure("acct").unwrap(), key.unwrap());
        let tags = [("title", "one, two"), ("batch", "7"), ("empty", "-")];
        let tags = tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let request = JobRequest { input: "raw/a.mov".to_owned(), tags, ..JobRequest::default() };
        let defaults = Defaults {
            preset: Some("copy".to_owned()),
            output: Some("out/a.mov".to_owned()),
            ..Defaults::default()
        };
        let plan = Planner::new(defaults, None).plan(request, Place::Argument).unwrap();
        let report = JobMinter::new(signer).prepare(&plan, Timestamp::now()).unwrap().report;
        let event = report.to_event();
        assert_eq!(Report::from_event(&event.headers, &event.body).unwrap(), report);
        let ReportData::Submitted(submitted) = report.data else { panic!("{report:?}") };
        assert_eq!((submitted.tags.len(), submitted.input.as_str()), (3, "acct/raw/a.mov"));
    }
}
