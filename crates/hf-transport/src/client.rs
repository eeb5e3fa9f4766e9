//! A client of one hub: where its token may go, and what is learned of the hub on the way.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use net::{Answer, Client, Floor, Request, SafeUrl, Throttled, Watch};
use parking_lot::Mutex;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use url_parse::{Endpoint, ModelId, Origin, RepoPath, Url};

use crate::refusal::{Asked, is_bad_token, wants_password};
use crate::{Error, HubConfig, Token};

/// What a hub counts together, as far as is known.
pub(crate) const GIT: &str = "git";
pub(crate) const API: &str = "api";

/// Hears of every [`Throttled`].
type OnThrottled = Arc<dyn Fn(&Throttled) + Send + Sync>;

/// A client of one hub.
///
/// The token is sent as `Bearer`. A host of git that refuses it so, and asks for `Basic` (in `WWW-Authenticate` or
/// `LFS-Authenticate`), gets it as a password from then on.
///
/// Cloning is cheap and shares the connections, which are those of its [`Client`].
#[derive(Clone)]
pub struct HubClient {
    inner: Arc<Inner>,
    on_throttled: Option<OnThrottled>,
    is_impatient: bool,
}

struct Inner {
    http: Client,
    config: HubConfig,
    home: Origin,
    /// The token turned out to be invalid, and nobody had asked for it to be sent.
    token_is_dropped: AtomicBool,
    /// It has asked for a login with a user and a password where a token was sent.
    wants_password: AtomicBool,
    /// It gave a list of references.
    serves_git: AtomicBool,
    /// It refused `HEAD` where it took `GET`.
    takes_no_head: AtomicBool,
    /// It handed out a file itself, at the address that was asked for.
    hands_out_files: AtomicBool,
    /// The files whose location was not asked for because of that.
    unasked: Mutex<HashSet<RepoPath>>,
    /// It has answered as LFS servers do.
    serves_lfs: AtomicBool,
    /// It does not locate LFS objects many at a time.
    refuses_batches: AtomicBool,
    /// It has answered at `/resolve/` as model hubs do.
    serves_resolve: AtomicBool,
    /// Files were not found at `/resolve/` and were found in another way.
    lacks_resolve: AtomicBool,
    /// Present names of models that were asked for by an earlier one, or in other letter case.
    renamed: Mutex<HashMap<ModelId, ModelId>>,
    /// The latest end of the waits that were told of.
    told_until: Mutex<Option<Instant>>,
}

/// What an impatient client gives up.
const TRICKLE: Floor = Floor { bytes: 5_000, window: Duration::from_secs(5) };

/// A shorter wait is not worth telling, and an end that is so near to one that was told is the same.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl HubClient {
    /// A client of the hub that `config` names, over `http`. Nothing is sent yet.
    #[must_use]
    pub fn new(http: Client, config: HubConfig) -> Self {
        let home = config.endpoint.origin();
        let inner = Inner {
            http,
            config,
            home,
            token_is_dropped: AtomicBool::default(),
            wants_password: AtomicBool::default(),
            serves_git: AtomicBool::default(),
            takes_no_head: AtomicBool::default(),
            hands_out_files: AtomicBool::default(),
            unasked: Mutex::default(),
            serves_lfs: AtomicBool::default(),
            refuses_batches: AtomicBool::default(),
            serves_resolve: AtomicBool::default(),
            lacks_resolve: AtomicBool::default(),
            renamed: Mutex::default(),
            told_until: Mutex::default(),
        };
        Self { inner: Arc::new(inner), on_throttled: None, is_impatient: false }
    }

    /// The same client, whose requests tell when the hub limits their rate, and when they wait because of it. `tell` is called from the task that
    /// received the answer, and must not block.
    #[must_use]
    pub fn on_throttled_do(mut self, tell: impl Fn(&Throttled) + Send + Sync + 'static) -> Self {
        self.on_throttled = Some(Arc::new(tell));
        self
    }

    /// The same client, which gives up an answer that trickles at less than 1 kB/s for five seconds. For a first attempt:
    /// another connection may be good, and where the line is no better, a client that is patient makes the next one.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.is_impatient = true;
        self
    }

    /// The hub that this client talks to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.config.endpoint
    }

    /// What a refusal has to know of a request for this.
    pub(crate) fn asked<'a>(
        &'a self,
        model: &'a ModelId,
        file: Option<&'a RepoPath>,
        revision: &'a str,
    ) -> Asked<'a> {
        Asked { model, file, revision, endpoint: self.endpoint(), token: self.sent_token().map(Token::name) }
    }

    /// The token, if requests to the hub carry it.
    fn sent_token(&self) -> Option<&Token> {
        let HubConfig { token, endpoint, .. } = self.config();
        token.as_ref().filter(|token| token.is_for(endpoint) && !self.has_dropped_token())
    }

    pub(crate) fn config(&self) -> &HubConfig {
        &self.inner.config
    }

    /// Whether the hub has answered a question of git's. A commit that it hands out in another way afterwards is one
    /// that it could prove and does not.
    pub fn has_served_git(&self) -> bool {
        self.inner.serves_git.load(Ordering::Relaxed)
    }

    pub(crate) fn serves_git(&self) {
        self.inner.serves_git.store(true, Ordering::Relaxed);
    }

    pub(crate) fn takes_head(&self) -> bool {
        !self.inner.takes_no_head.load(Ordering::Relaxed)
    }

    pub(crate) fn takes_no_head(&self) {
        self.inner.takes_no_head.store(true, Ordering::Relaxed);
    }

    /// Whether a file can be taken to be at its `/resolve/` address. Not a second time: a caller that comes back was
    /// refused there.
    pub(crate) fn needs_no_question(&self, path: &RepoPath) -> bool {
        self.inner.hands_out_files.load(Ordering::Relaxed) && self.inner.unasked.lock().insert(path.clone())
    }

    pub(crate) fn hands_out_files(&self) {
        self.inner.hands_out_files.store(true, Ordering::Relaxed);
    }

    /// Whether the hub has answered a [batch](Self::locate_objects) as an LFS server does, if only to refuse it.
    pub fn has_served_lfs(&self) -> bool {
        self.inner.serves_lfs.load(Ordering::Relaxed)
    }

    pub(crate) fn serves_lfs(&self) {
        self.inner.serves_lfs.store(true, Ordering::Relaxed);
    }

    /// Whether the hub has refused a [batch](Self::locate_objects), for a reason that will not pass.
    pub fn has_refused_batches(&self) -> bool {
        self.inner.refuses_batches.load(Ordering::Relaxed)
    }

    pub(crate) fn refuses_batches(&self) {
        self.inner.refuses_batches.store(true, Ordering::Relaxed);
    }

    /// Whether the hub has answered at `/resolve/` as model hubs do, if only that a file is not there.
    pub fn has_served_resolve(&self) -> bool {
        self.inner.serves_resolve.load(Ordering::Relaxed)
    }

    pub(crate) fn serves_resolve(&self) {
        self.inner.serves_resolve.store(true, Ordering::Relaxed);
    }

    /// Whether files are known not to be at `/resolve/`, as at hosts of git that are no model hubs.
    pub fn lacks_resolve(&self) -> bool {
        self.inner.lacks_resolve.load(Ordering::Relaxed)
    }

    /// Takes note that a file which was not at `/resolve/` was found in another way.
    pub fn found_without_resolve(&self) {
        if !self.inner.lacks_resolve.swap(true, Ordering::Relaxed) {
            tracing::info!(hub = %self.endpoint(), "this host has no /resolve/: files are located over LFS");
        }
    }

    /// Whether the hub did not accept a token that was [found](crate::Token::found_by_itself), so that requests go
    /// without it.
    pub fn has_dropped_token(&self) -> bool {
        self.inner.token_is_dropped.load(Ordering::Relaxed)
    }

    /// The present name of a model, if a redirect of the hub has told that it was renamed, or is written in other
    /// letter case. Requests that come after use it.
    pub fn renamed(&self, model: &ModelId) -> Option<ModelId> {
        self.inner.renamed.lock().get(model).cloned()
    }

    /// Takes note of where a model was found.
    pub(crate) fn found_at(&self, model: &ModelId, url: &Url) {
        let Some(present) = self.endpoint().model_at(url).filter(|present| present != model) else { return };
        tracing::info!(%model, %present, "the hub has this model under another name");
        let mut renamed = self.inner.renamed.lock();
        renamed.insert(model.clone(), present);
    }

    /// The `Authorization` header for a URL: the token, on the endpoint's own origin only.
    pub(crate) fn authorization_for(&self, url: &Url) -> Option<HeaderValue> {
        let token = self.sent_token()?;
        let is_sent = Origin::of(url).as_ref() == Some(&self.inner.home);
        let wants_password = self.inner.wants_password.load(Ordering::Relaxed);
        is_sent.then(|| if wants_password { token.as_password() } else { token.header() })
    }

    /// Sends one request, with the token where it may go. Any status but that of a redirect which is followed is
    /// left to the caller.
    pub(crate) async fn send(&self, mut request: Request) -> Result<Answer, Error> {
        let token = self.authorization_for(&request.url).map(|token| (header::AUTHORIZATION, token));
        request.own_headers.extend(token);
        request.impatience = self.is_impatient.then_some(TRICKLE);
        let answer = self.send_as(request.clone()).await?;
        if self.drop_token(&answer) {
            request.own_headers.clear();
            return self.send_as(request).await;
        }
        if answer.had_own_headers() && wants_password(answer.status(), answer.headers()) {
            self.inner.wants_password.store(true, Ordering::Relaxed);
            let login = self.authorization_for(&request.url);
            let login = login.map(|login| (header::AUTHORIZATION, login)).into_iter().collect();
            if request.own_headers != login {
                request.own_headers = login;
                return self.send_as(request).await;
            }
        }
        Ok(answer)
    }

    async fn send_as(&self, request: Request) -> Result<Answer, Error> {
        let method = request.method.clone();
        let answer = self.inner.http.send(request, &Limits(self)).await?;
        let (url, status) = (SafeUrl::of(answer.url()), answer.status().as_u16());
        tracing::debug!(%method, %url, status, "asked the hub");
        Ok(answer)
    }

    /// Gives up a token that was found, when an answer says that it is no good. Whether it did, so that the request
    /// is to be sent again.
    fn drop_token(&self, answer: &Answer) -> bool {
        let is_explicit = self.config().token.as_ref().is_none_or(Token::is_explicit);
        if is_explicit || !answer.had_own_headers() || !is_bad_token(answer.status(), answer.headers()) {
            return false;
        }
        if !self.inner.token_is_dropped.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                hub = %self.endpoint(),
                "the hub does not accept the token that a login has left: going on without it"
            );
        }
        true
    }
}

/// Passes on what requests wait for, and what answers say of limits.
struct Limits<'a>(&'a HubClient);

impl HubClient {
    fn is_news(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut told = self.inner.told_until.lock();
        let is_news = told.is_none_or(|told| until >= told + WORTH_TELLING);
        if is_news {
            *told = Some(until);
        }
        is_news
    }
}

impl Watch for Limits<'_> {
    fn waiting(&self, wait: &Throttled) {
        let Throttled { origin, wait: time, .. } = wait;
        if *time < WORTH_TELLING || !self.0.is_news(*time) {
            return;
        }
        tracing::info!(%origin, wait = ?time, "waiting, as the hub limits the rate of requests");
        if let Some(tell) = &self.0.on_throttled {
            tell(wait);
        }
    }

    fn throttled(&self, news: &Throttled) {
        let Throttled { origin, wait, is_spread, .. } = news;
        tracing::info!(%origin, ?wait, is_spread, "the hub limits the rate of requests");
        if !is_spread {
            // The waits that follow from it are no news.
            self.0.is_news(*wait);
        }
        if let Some(tell) = &self.0.on_throttled {
            tell(news);
        }
    }
}

impl fmt::Debug for HubClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubClient").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

/// A few request headers.
pub(crate) fn headers<const N: usize>(pairs: [(HeaderName, &'static str); N]) -> HeaderMap {
    pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}
