//! Partners' logins: one a lane, with the right to publish to that lane and to read its reports, and nothing else.
//!
//! Must never touch a login that is not a lane's own, nor give back a password but the one it just made.

use super::{Management, ManagementError, http::segment, logins};
use crate::{
    Password,
    topology::{LaneNumbers, Right, names::events_queue},
};
use serde_json::{Value, json};
use valet_protocol::{Lane, LaneRecord, Priority};

/// Matches nothing.
const NOTHING: &str = "^$";

/// A partner's login after it was made or looked at.
#[derive(Clone, Debug)]
pub struct PartnerLogin {
    /// Its password if it is new; the broker was given its hash alone.
    pub password: Option<Password>,
    /// What changed.
    pub changes: Vec<String>,
}

/// What a partner's login may do: `record` says up to which priority.
pub fn partner_right(record: &LaneRecord) -> Right {
    let lane = &record.lane;
    let write = match record.priority_max {
        Priority::High => format!(r"^in\.{lane}(\.(high|low))?$"),
        Priority::Normal | Priority::Low => format!(r"^in\.{lane}(\.low)?$"),
    };
    Right { configure: NOTHING.to_owned(), write, read: reading(lane) }
}

fn reading(lane: &Lane) -> String {
    format!("^{}$", events_queue(lane).replace('.', r"\."))
}

impl Management {
    /// Whether there is a login of this name on the broker, for whatever purpose.
    pub async fn login_exists(&self, login: &str) -> Result<bool, ManagementError> {
        Ok(self.http.get(&user(login)).await?.is_some())
    }

    /// Makes the login if it is not there; sets its rights and limits.
    ///
    /// Needs the tag `administrator`.
    pub async fn ensure_partner_login(
        &self,
        login: &str,
        record: &LaneRecord,
        numbers: &LaneNumbers,
    ) -> Result<PartnerLogin, ManagementError> {
        let mut done = PartnerLogin { password: None, changes: Vec::new() };
        if !self.login_exists(login).await? {
            done.password = Some(self.new_login_password(login).await?);
            done.changes.push(format!("created login {login}"));
        }
        // Limits before rights: what may not publish needs no limit yet.
        let limits = self.login_limits(login).await?;
        for (name, wanted) in
            [("max-connections", numbers.connections_max), ("max-channels", numbers.channels_max)]
        {
            if limits[name] != wanted {
                let path = format!("/api/user-limits/{}/{name}", segment(login));
                self.http.put(&path, &json!({ "value": wanted })).await?;
                done.changes.push(format!("set {name} of {login} to {wanted}"));
            }
        }
        if self.set_partner_right(login, &partner_right(record)).await? {
            done.changes.push(format!("set what {login} may do"));
        }
        Ok(done)
    }

    /// Forbids a partner to publish; it may go on reading its reports.
    pub async fn forbid_publishing(&self, login: &str, lane: &Lane) -> Result<(), ManagementError> {
        let right = Right { configure: NOTHING.into(), write: NOTHING.into(), read: reading(lane) };
        self.set_partner_right(login, &right).await.map(|_| ())
    }

    /// Permits what `record` permits, again.
    pub async fn permit_publishing(&self, login: &str, record: &LaneRecord) -> Result<(), ManagementError> {
        self.set_partner_right(login, &partner_right(record)).await.map(|_| ())
    }

    /// A new password; what is connected stays so.
    pub async fn rotate_partner_login(&self, login: &str) -> Result<Password, ManagementError> {
        self.new_login_password(login).await
    }

    /// Closes all connections of a login and says how many there were. The broker lists them some seconds late.
    pub async fn close_connections(&self, login: &str) -> Result<usize, ManagementError> {
        let path = format!("/api/vhosts/{}/connections", segment(&self.vhost));
        let found = self.http.get(&path).await?.unwrap_or_default();
        let mut count = 0;
        for connection in
            found.as_array().into_iter().flatten().filter(|connection| connection["user"] == login)
        {
            let name = connection["name"].as_str().unwrap_or_default();
            self.http.delete(&format!("/api/connections/{}", segment(name))).await?;
            count += 1;
        }
        Ok(count)
    }

    /// Takes a login away; the broker closes its connections.
    pub async fn remove_partner_login(&self, login: &str) -> Result<(), ManagementError> {
        self.http.delete(&user(login)).await
    }

    pub(super) async fn login_limits(&self, login: &str) -> Result<Value, ManagementError> {
        let found = self.http.get(&format!("/api/user-limits/{}", segment(login))).await?.unwrap_or_default();
        Ok(found.get(0).map(|limits| limits["value"].clone()).unwrap_or_default())
    }

    async fn new_login_password(&self, login: &str) -> Result<Password, ManagementError> {
        let password = logins::random_password();
        let body = json!({
            "password_hash": logins::hash(&password),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "",
        });
        self.http.put(&user(login), &body).await?;
        Ok(password)
    }

    /// Whether it was another one.
    async fn set_partner_right(&self, login: &str, right: &Right) -> Result<bool, ManagementError> {
        let path = format!("{}/{}", self.path("permissions"), segment(login));
        let found = self.http.get(&path).await?.unwrap_or_default();
        let same = [("configure", &right.configure), ("write", &right.write), ("read", &right.read)];
        if same.iter().all(|(verb, pattern)| found[verb] == ***pattern) {
            return Ok(false);
        }
        let body = json!({ "configure": right.configure, "write": right.write, "read": right.read });
        self.http.put(&path, &body).await.map(|()| true)
    }
}

fn user(login: &str) -> String {
    format!("/api/users/{}", segment(login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_may_write_to_its_lane_and_read_its_reports_alone() {
        let record = LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned());
        let right = partner_right(&record);
        assert_eq!(right.configure, "^$");
        assert_eq!(right.write, r"^in\.acme(\.low)?$");
        assert_eq!(right.read, r"^events\.acme$");
        let high = partner_right(&LaneRecord { priority_max: Priority::High, ..record });
        assert_eq!(high.write, r"^in\.acme(\.(high|low))?$");
    }
}
