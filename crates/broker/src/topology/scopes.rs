//! The same rights as [`super::Role`]'s, in the words of an OAuth2 token for RabbitMQ
//! (`rabbitmq.write:vhost/exchange/key`).
//!
//! A scope knows names with `*` and no patterns: what a pattern bounds in length or kind, a scope leaves open,
//! and never what a pattern forbids by name. Must never sign anything.

use super::Role;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use valet_protocol::Lane;

/// What stands for itself in a scope. A `/` divides, a `*` is a wildcard, a blank ends the scope.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Writes scopes for one vhost of one broker.
#[derive(Clone, Debug)]
pub struct Scopes {
    server: String,
    vhost: String,
}

/// What a partner's token may do beyond publishing to its lane at normal and low priority.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaneScope {
    /// Publish at high priority: only for a lane whose ceiling is high.
    pub high: bool,
    /// Read the lane's own reports.
    pub reports: bool,
}

impl Scopes {
    /// `server` is the broker's `auth_oauth2.resource_server_id`.
    pub fn new(server: &str, vhost: &str) -> Self {
        Self { server: server.to_owned(), vhost: utf8_percent_encode(vhost, ENCODED).to_string() }
    }

    /// All that `role` may do; where a role may publish only some keys of an exchange, only those.
    ///
    /// # Panics
    /// Never for the roles there are: a test translates all.
    pub fn of_role(&self, role: Role) -> Vec<String> {
        let right = role.right();
        let mut scopes = self.each("configure", &right.configure);
        let narrowed = role.topic_rights();
        for name in names(&right.write) {
            match narrowed.iter().find(|topic| topic.exchange == name) {
                Some(topic) => {
                    let keys = names(&topic.write);
                    scopes.extend(keys.iter().map(|key| self.scope("write", &format!("{name}/{key}"))));
                }
                None => scopes.push(self.scope("write", &name)),
            }
        }
        scopes.extend(self.each("read", &right.read));
        scopes
    }

    /// What a partner may do: publish to its own lane, and read its own reports if `scope` says so.
    pub fn of_lane(&self, lane: &Lane, scope: LaneScope) -> Vec<String> {
        let mut scopes =
            vec![self.scope("write", &format!("in.{lane}")), self.scope("write", &format!("in.{lane}.low"))];
        if scope.high {
            scopes.push(self.scope("write", &format!("in.{lane}.high")));
        }
        if scope.reports {
            scopes.push(self.scope("read", &format!("events.{lane}")));
        }
        scopes
    }

    fn each(&self, what: &str, pattern: &str) -> Vec<String> {
        names(pattern).iter().map(|name| self.scope(what, name)).collect()
    }

    fn scope(&self, what: &str, resource: &str) -> String {
        format!("{}.{what}:{}/{resource}", self.server, self.vhost)
    }
}

/// The names that a right's pattern stands for, with `*` where there are too many to list.
fn names(pattern: &str) -> Vec<String> {
    let mut rest = pattern;
    let names = alternatives(&mut rest).filter(|_| rest.is_empty());
    let mut names = names.expect("a test translates the rights of every role");
    // `^$` is the empty name. That is the default exchange: no role may publish to it.
    names.retain(|name| !name.is_empty());
    names
}

/// `a|b`, to the end or to a closing bracket. None: the pattern uses what this does not know.
fn alternatives(rest: &mut &str) -> Option<Vec<String>> {
    let mut all = sequence(rest)?;
    while let Some(after) = rest.strip_prefix('|') {
        *rest = after;
        all.extend(sequence(rest)?);
    }
    Some(all)
}

/// Every text that a row of atoms stands for.
fn sequence(rest: &mut &str) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    while !rest.is_empty() && !rest.starts_with(['|', ')']) {
        let choices = atom(rest)?;
        let joined = all.iter().flat_map(|head| choices.iter().map(move |tail| format!("{head}{tail}")));
        all = joined.collect();
    }
    Some(all)
}

fn atom(rest: &mut &str) -> Option<Vec<String>> {
    let mut characters = rest.chars();
    let first = characters.next()?;
    *rest = characters.as_str();
    Some(match first {
        '^' | '$' => vec![String::new()],
        '(' => {
            let inner = alternatives(rest)?;
            *rest = rest.strip_prefix(')')?;
            inner
        }
        '[' => class(rest)?,
        '.' => {
            *rest = rest.strip_prefix('*')?;
            vec!["*".to_owned()]
        }
        '\\' => vec![characters.next().inspect(|_| *rest = characters.as_str())?.to_string()],
        '*' | '+' | '?' | '{' | '}' | ']' | ')' => return None,
        literal => vec![literal.to_string()],
    })
}

/// `0-2]` is three names; a class with a count is anything.
fn class(rest: &mut &str) -> Option<Vec<String>> {
    let (inside, after) = rest.split_once(']')?;
    *rest = after;
    if let Some(counted) = after.strip_prefix('{') {
        *rest = counted.split_once('}')?.1;
        return Some(vec!["*".to_owned()]);
    }
    let (from, to) = inside.split_once('-')?;
    let (from, to): (u8, u8) = (from.parse().ok()?, to.parse().ok()?);
    Some((from..=to).map(|digit| digit.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workers_scopes_are_its_rights_by_name() {
        let scopes = Scopes::new("rabbitmq", "my/vhost").of_role(Role::Worker);
        for wanted in [
            "rabbitmq.read:my%2Fvhost/jobs.r0",
            "rabbitmq.read:my%2Fvhost/jobs.r2",
            "rabbitmq.read:my%2Fvhost/control.log",
            "rabbitmq.write:my%2Fvhost/events/*.*.succeeded",
            "rabbitmq.write:my%2Fvhost/dead",
        ] {
            assert!(scopes.iter().any(|scope| scope == wanted), "{wanted} is not in {scopes:#?}");
        }
        let configure = scopes.iter().find(|scope| scope.contains(".configure:"));
        assert_eq!(configure, None, "a worker declares nothing");
        let whole = scopes.iter().find(|scope| scope.ends_with("/events"));
        assert_eq!(whole, None, "the exchange by itself would open every key of it");
    }

    #[test]
    fn every_role_has_scopes_and_none_for_the_default_exchange() {
        for role in Role::ALL {
            let scopes = Scopes::new("rabbitmq", "v").of_role(role);
            assert!(!scopes.is_empty(), "{}", role.name());
            assert!(scopes.iter().all(|scope| !scope.ends_with('/')), "{scopes:?}");
        }
    }

    #[test]
    fn a_partner_has_its_own_lane_and_what_is_said_besides() {
        let lane: Lane = "acme".parse().unwrap();
        let scopes = |scope| Scopes::new("r", "v").of_lane(&lane, scope);
        assert_eq!(scopes(LaneScope::default()), ["r.write:v/in.acme", "r.write:v/in.acme.low"]);
        let more = scopes(LaneScope { high: true, reports: true });
        assert_eq!(more[2..], ["r.write:v/in.acme.high", "r.read:v/events.acme"]);
    }

    #[test]
    fn patterns_that_a_scope_cannot_say_are_known_as_such() {
        for pattern in ["a+", "a?", "(a", "[abc]", "a)", "."] {
            let mut rest = pattern;
            let names = alternatives(&mut rest).filter(|_| rest.is_empty());
            assert_eq!(names, None, "{pattern}");
        }
    }
}
