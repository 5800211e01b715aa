//! Keeps an open connection's token fresh: looks at the file, and hands a newer token to the broker in place.
//!
//! lapin's own refresh is not used: it sleeps for the whole life of a token, spins when that is over, and only logs
//! what fails. Must never let a token end on an open connection: the broker would refuse each message for good,
//! while jobs go on coming in.

use super::{Times, Token, TokenError, TokenFile};
use crate::link::RPC;
use jiff::Timestamp;
use lapin::Connection;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Between two looks at the file.
const LOOK_MAX: Duration = Duration::from_secs(30);
const LOOK_MIN: Duration = Duration::from_millis(200);
/// Left of a token's life when a warning is due: a quarter, but so long at most.
const WARN_MAX: Duration = Duration::from_secs(15 * 60);
/// Left of a token's life when the connection is given up: a tenth, but so long at most.
const END_MAX: Duration = Duration::from_secs(2);

/// Ends, saying why, when the connection must be given up: its token ends and there is no newer one.
pub(crate) async fn keep(
    file: &TokenFile,
    mut held: Times,
    connection: &Connection,
    role: &str,
    warning: &watch::Sender<Option<String>>,
) -> String {
    let mut told = None;
    loop {
        sleep(pause(held, Timestamp::now())).await;
        let problem = match file.read().await {
            Ok(fresh) if fresh.times.until > held.until => {
                match hand_over(connection, &fresh).await {
                    Ok(true) => {
                        tracing::info!(role, until = %fresh.times.until, "the broker has the new token");
                        held = fresh.times;
                    }
                    // The broker takes nothing for now; it will be tried at the next look.
                    Ok(false) => {}
                    Err(cause) => return format!("the broker did not take the new token: {cause}"),
                }
                None
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let state = state(held, Timestamp::now());
        if state == State::Ending {
            return format!("its token expires at {}", held.until);
        }
        let words = words(held, state, problem);
        if words != told {
            if let Some(words) = &words {
                let advice = "put a newer token into broker.token_file";
                tracing::warn!(role, until = %held.until, advice, "{words}");
            }
            warning.send_replace(words.clone());
            told = words;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Expiring,
    Ending,
}

fn state(held: Times, now: Timestamp) -> State {
    let (left, life) = (held.left(now), held.life());
    if left <= (life / 10).min(END_MAX) {
        State::Ending
    } else if left <= (life / 4).min(WARN_MAX) {
        State::Expiring
    } else {
        State::Fresh
    }
}

/// Never zero, so that a token at its end cannot make this spin.
fn pause(held: Times, now: Timestamp) -> Duration {
    (held.left(now) / 8).clamp(LOOK_MIN, LOOK_MAX)
}

fn words(held: Times, state: State, problem: Option<TokenError>) -> Option<String> {
    match (state, problem) {
        (State::Fresh, None) => None,
        (_, Some(error)) => Some(error.to_string()),
        (_, None) => {
            Some(format!("the broker token expires at {} and its file holds no newer one", held.until))
        }
    }
}

/// False: the broker reads nothing from this connection now, nor would it read this.
async fn hand_over(connection: &Connection, token: &Token) -> Result<bool, String> {
    if connection.status().blocked() {
        return Ok(false);
    }
    let update = connection.update_secret(token.secret.expose().into(), "valet: a newer token".into());
    match timeout(RPC, update).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) => Err(error.to_string()),
        // Blocked meanwhile: silence is no sign of death then.
        Err(_) if connection.status().blocked() => Ok(false),
        Err(_) => Err(format!("no answer in {} s", RPC.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour() -> (Times, Timestamp) {
        let from = Timestamp::from_second(1_800_000_000).unwrap();
        (Times { from, until: from + Duration::from_secs(3600) }, from)
    }

    #[test]
    fn a_token_is_warned_of_before_it_is_given_up_and_given_up_before_it_ends() {
        let (held, from) = hour();
        let at = |seconds| state(held, from + Duration::from_secs(seconds));
        assert_eq!((at(0), at(2699)), (State::Fresh, State::Fresh));
        assert_eq!((at(2700), at(3597)), (State::Expiring, State::Expiring));
        assert_eq!((at(3598), at(3600), at(9999)), (State::Ending, State::Ending, State::Ending));
    }

    #[test]
    fn looks_come_closer_and_never_run_together() {
        let (held, from) = hour();
        let at = |seconds| pause(held, from + Duration::from_secs(seconds));
        assert_eq!(
            (at(0), at(3592), at(3600), at(9999)),
            (LOOK_MAX, Duration::from_secs(1), LOOK_MIN, LOOK_MIN)
        );
    }
}
