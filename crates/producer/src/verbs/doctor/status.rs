//! The status store: can be opened and fed, and who keeps it up to date.

use valet_broker::Session;

use super::Report;
use crate::config::Config;
use crate::failure::Outcome;
use crate::follow::Ledger;

pub(super) async fn check(report: &mut Report<'_>, config: &Config, session: &Session) -> Outcome {
    let looked = async {
        let ledger = Ledger::open(config).await?;
        let is_kept = ledger.is_fresh().await?;
        ledger.sync(session).await.map(|()| is_kept)
    };
    match looked.await {
        Ok(true) => report.ok("status store", "is up to date, and a `valet collect` keeps it so"),
        Ok(false) => report.ok("status store", "is up to date now; nobody keeps it so, and each command that asks reads on"),
        Err(failure) => {
            let next = "set status.url to a file that can be written, or to a Postgres database that answers";
            report.fail("status store", failure.to_string().replace("valet: ", "").replace('\n', "; "), next)
        }
    }
}
