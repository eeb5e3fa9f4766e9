//! Checks for every request of every hub that the token was sent where it should be, and nowhere else.

use std::collections::{HashMap, HashSet};

use super::request::{LoggedRequest, Server};

/// The user agent of the clients under test. Other programs, and tests with a bare socket, are not
/// checked.
const JUDGED: &str = "mlc-weights/";

/// What earlier requests showed, as needed to judge the next one.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// No request may have a token.
    pub(super) takes_no_token: bool,
    /// The `Authorization` that the data host expects.
    data_login: Option<String>,
    /// Every token seen.
    tokens: HashSet<String>,
    /// Connections that carried a token, by number: the header, and the latest request with it.
    connections: HashMap<u64, (String, usize)>,
    pub(super) violations: Vec<String>,
}

impl Audit {
    pub(super) fn new(data_login: Option<String>) -> Self {
        Self { data_login, ..Self::default() }
    }

    /// Judges a request that follows all of `before`.
    pub(super) fn judge(&mut self, request: &LoggedRequest, before: &[LoggedRequest]) {
        if !request.header("user-agent").is_some_and(|agent| agent.contains(JUDGED)) {
            return;
        }
        let authorization = request.header("authorization");
        if let Some(token) = authorization.and_then(|header| header.strip_prefix("Bearer ")) {
            self.tokens.insert(token.to_owned());
        }
        let complaints = [
            self.sent_where_it_may_not(request, authorization),
            self.sent_elsewhere_in(request),
            self.kept_back(request, authorization, before),
        ];
        self.violations.extend(complaints.into_iter().flatten().map(|words| format!("{words}: {request}")));
        if let Some(authorization) = authorization {
            self.connections.insert(request.connection, (authorization.to_owned(), before.len()));
        }
    }

    fn sent_where_it_may_not(&self, request: &LoggedRequest, token: Option<&str>) -> Option<&'static str> {
        let token = token?;
        match request.server {
            Server::Data if self.data_login.as_deref() == Some(token) => None,
            Server::Data => Some("the data host got the token"),
            Server::Hub if self.takes_no_token => Some("a hub got the token that is not for it"),
            Server::Hub => None,
        }
    }

    fn sent_elsewhere_in(&self, request: &LoggedRequest) -> Option<&'static str> {
        let others = request.headers.iter().filter(|(name, _)| name != "authorization");
        let texts = others.map(|(_, value)| value).chain([&request.path, &request.query]);
        let mut texts = texts.filter(|text| self.tokens.iter().any(|token| text.contains(token.as_str())));
        texts.next().map(|_| "the token is in another place than its header")
    }

    /// A connection belongs to one client, which has one token and always sends it, unless it was
    /// refused.
    fn kept_back(
        &self,
        request: &LoggedRequest,
        authorization: Option<&str>,
        before: &[LoggedRequest],
    ) -> Option<&'static str> {
        let (sent, last) = self.connections.get(&request.connection)?;
        let was_refused = before.get(*last).is_some_and(|last| last.status == Some(401));
        match authorization {
            // Without the token, or with the token as a password.
            _ if was_refused => None,
            None => Some("a client that has a token kept it back"),
            Some(now) if now != sent => Some("a client changed its token"),
            Some(_) => None,
        }
    }
}
