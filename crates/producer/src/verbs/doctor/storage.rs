//! The storage account: reachable, key, clock, what workers will say about its grants.

use jiff::{SignedDuration, Timestamp};
use valet_grant::{GrantUrl, Role, audit};

use super::{Report, chain};
use crate::address::BlobAddress;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::storage::{Answer, StorageClient, StorageFailure};
use crate::submit::JobMinter;

/// A blob that nobody has: storage checks the signature before it looks for it.
const ABSENT: &str = "valet-doctor/never-there";

/// How long the grants of this check hold.
const GRANT_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// Differences of clocks below this are of no consequence.
const SKEW_FINE: SignedDuration = SignedDuration::from_secs(60);

/// Grants start this long in the past; a clock that is off by more makes them start in the future.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(15);

pub(super) async fn check(report: &mut Report<'_>, config: &Config, blob: Option<&str>) -> Outcome {
    let minter = config.minter()?;
    let client = StorageClient::new()?;
    let absent = ABSENT.parse::<BlobAddress>().map_err(|error| Failure::from_error(Exit::Internal, &error))?;
    let grant = mint(&minter, &absent)?;
    policy(report, config, &grant)?;
    let asked = Timestamp::now();
    match client.get("ask for a blob that is not there", &grant, "").await {
        Err(error) => return report.fail("storage", chain(&error), error.advice()),
        Ok(answer) => {
            report.ok("storage", format!("{} answers", minter.signer().account().endpoint()))?;
            let skewed = clock(report, &answer, asked)?;
            key(report, &answer, skewed)?;
        }
    }
    match blob {
        Some(blob) => read(report, &client, &minter, blob).await,
        None => Ok(()),
    }
}

fn mint(minter: &JobMinter, blob: &BlobAddress) -> Outcome<GrantUrl> {
    let now = Timestamp::now();
    let expiry = now.saturating_add(GRANT_LIFETIME).unwrap_or(now);
    minter.read(blob, now, expiry).map_err(|error| {
        let advice = error.advice();
        Failure::from_error(Exit::Data, &error).advise(advice)
    })
}

/// What a worker with the same settings will say about grants of this account.
fn policy(report: &mut Report<'_>, config: &Config, grant: &GrantUrl) -> Outcome {
    let policy = config.grant_policy();
    let findings = audit(grant, Role::Input, &policy, Timestamp::now());
    match findings.iter().find(|finding| finding.refuses(&policy)) {
        None => report.ok("grants", "workers with these settings take grants of this account"),
        Some(finding) => report.fail(
            "grants",
            format!("workers would refuse: {} {}", finding.rule.id(), finding.message),
            format!("{}; a host of your own belongs into storage.hosts here and at the workers", finding.advice),
        ),
    }
}

/// Compares clocks; true if they differ by more than grants allow for.
fn clock(report: &mut Report<'_>, answer: &Answer, asked: Timestamp) -> Outcome<bool> {
    let Some(theirs) = answer.date else {
        report.warn("clock", "storage did not tell its time", "check that storage.endpoint is an Azure blob service")?;
        return Ok(false);
    };
    let skew = asked.duration_since(theirs).abs();
    let message = format!("this machine and storage differ by {} s", skew.as_secs());
    let next = "synchronize this machine's clock (systemd-timesyncd, chrony)";
    match skew {
        _ if skew <= SKEW_FINE => report.ok("clock", message)?,
        _ if skew <= SKEW_MAX => report.warn("clock", message, next)?,
        _ => report.fail("clock", message, next)?,
    }
    Ok(skew > SKEW_MAX)
}

fn key(report: &mut Report<'_>, answer: &Answer, skewed: bool) -> Outcome {
    let code = answer.code.as_deref().unwrap_or("no code");
    match answer.status {
        404 | 200..=299 => report.ok("key", "storage accepts grants signed with this key"),
        403 if code == "KeyBasedAuthenticationNotPermitted" => {
            let next = "allow shared key access on the account, or use Entra ID when Valet has it";
            report.fail("key", "the account does not accept grants signed with a key", next)
        }
        403 if skewed => report.fail("key", format!("storage refused a fresh grant: {code}"), "mend the clock first"),
        403 => {
            let next = "check storage.account and its key (was it rotated?), and the account's network rules";
            report.fail("key", format!("storage refused a fresh grant: {code}"), next)
        }
        status => {
            let next = "check storage.endpoint, and the account's state in Azure";
            report.fail("key", format!("storage answered {status} {code} to a fresh grant"), next)
        }
    }
}

/// Tries the right that jobs get for their input.
async fn read(report: &mut Report<'_>, client: &StorageClient, minter: &JobMinter, blob: &str) -> Outcome {
    let address = blob.parse::<BlobAddress>().map_err(|error| {
        let advice = error.advice();
        Failure::from_error(Exit::Data, &error).advise(advice)
    })?;
    let what = format!("read {address}");
    let answer = client.head(&what, &mint(minter, &address)?).await;
    match answer {
        Ok(answer) if answer.is_success() => report.ok("read", format!("{address} can be read with a grant")),
        Ok(answer) => failed(report, &answer.refused(&what)),
        Err(error) => failed(report, &error),
    }
}

fn failed(report: &mut Report<'_>, error: &StorageFailure) -> Outcome {
    report.fail("read", chain(error), error.advice())
}
