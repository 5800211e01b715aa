//! `--print`: commands instead of deeds.

use crate::config::Needs;
use crate::context::{Context, parse_broker_url};
use crate::failure::Outcome;

/// The virtual host that they are for. Needs no login: nothing is asked.
pub(super) fn vhost(context: &Context) -> Outcome<String> {
    let config = context.config(Needs::default())?;
    match config.broker_url.as_deref() {
        Some(url) => Ok(parse_broker_url(url)?.vhost().to_owned()),
        None => Ok("/".to_owned()),
    }
}

pub(super) fn tell(context: &mut Context, commands: &[String]) -> Outcome {
    for command in commands {
        context.out.value(&serde_json::json!({ "command": command }), |_| command.clone())?;
    }
    context.out.flush()
}
