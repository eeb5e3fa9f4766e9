//! A client of one hub: where its token may be sent, and what is learned about the hub.

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

/// The rate-limit lanes of a hub, as far as known.
pub(crate) const GIT: &str = "git";
pub(crate) const API: &str = "api";

/// Is told of every [`Throttled`].
type OnThrottled = Arc<dyn Fn(&Throttled) + Send + Sync>;

/// A client of one hub.
///
/// The token is sent as `Bearer`. If a git host refuses that and asks for `Basic` (in
/// `WWW-Authenticate` or `LFS-Authenticate`), the token is sent as a password from then on.
///
/// Cloning is cheap and shares the connections of its [`Client`].
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
    /// The token is invalid, and the user had not chosen it for this hub.
    token_is_dropped: AtomicBool,
    /// It asked for a login with user and password although a token was sent.
    wants_password: AtomicBool,
    /// It returned a list of references.
    serves_git: AtomicBool,
    /// It refused `HEAD` but accepted `GET`.
    takes_no_head: AtomicBool,
    /// It served a file itself, at the requested address.
    hands_out_files: AtomicBool,
    /// The files whose location was not requested because of that.
    unasked: Mutex<HashSet<RepoPath>>,
    /// It has responded as LFS servers do.
    serves_lfs: AtomicBool,
    /// It does not support the batch API.
    refuses_batches: AtomicBool,
    /// It has responded at `/resolve/` as model hubs do.
    serves_resolve: AtomicBool,
    /// Files were not found at `/resolve/` but in another way.
    lacks_resolve: AtomicBool,
    /// Current names of models that were requested by an earlier name or in different case.
    renamed: Mutex<HashMap<ModelId, ModelId>>,
    /// The end of the latest wait that was reported.
    told_until: Mutex<Option<Instant>>,
}

/// A slower response is given up by an impatient client.
const TRICKLE: Floor = Floor { bytes: 5_000, window: Duration::from_secs(5) };

/// A shorter wait is not reported, and an end this close to a reported one counts as the same.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl HubClient {
    /// A client of the hub in `config`, using `http`. Sends nothing yet.
    #[must_use]
    pub fn new(http: Client, config: HubConfig) -> Self {
        let home = config.endpoint.origin().clone();
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

    /// Reports when the hub limits the request rate, and when requests wait because of it. `tell` is
    /// called on the task that received the response, and must not block.
    #[must_use]
    pub fn on_throttled(mut self, tell: impl Fn(&Throttled) + Send + Sync + 'static) -> Self {
        self.on_throttled = Some(Arc::new(tell));
        self
    }

    /// Gives up a response that is slower than 1 kB/s for five seconds. For a first attempt: another
    /// connection may be better, and if the line itself is slow, a patient client makes the next
    /// attempt.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.is_impatient = true;
        self
    }

    /// The hub's base URL.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.config.endpoint
    }

    /// What a refusal needs to know about a request.
    pub(crate) fn asked<'a>(
        &'a self,
        model: &'a ModelId,
        file: Option<&'a RepoPath>,
        revision: &'a str,
    ) -> Asked<'a> {
        Asked { model, file, revision, endpoint: self.endpoint(), token: self.sent_token().map(Token::name) }
    }

    /// The token, if it is sent to the hub.
    fn sent_token(&self) -> Option<&Token> {
        let HubConfig { token, endpoint, .. } = self.config();
        token.as_ref().filter(|token| token.is_for(endpoint) && !self.has_dropped_token())
    }

    pub(crate) fn config(&self) -> &HubConfig {
        &self.inner.config
    }

    /// Whether the hub has answered a git request. Such a hub could prove a commit, so one that it only
    /// serves in another way is not accepted.
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

    /// Whether a file can be assumed to be at its `/resolve/` address. Only once per file: a second
    /// call means that this address was refused.
    pub(crate) fn needs_no_question(&self, path: &RepoPath) -> bool {
        self.inner.hands_out_files.load(Ordering::Relaxed) && self.inner.unasked.lock().insert(path.clone())
    }

    pub(crate) fn hands_out_files(&self) {
        self.inner.hands_out_files.store(true, Ordering::Relaxed);
    }

    /// Whether the hub has answered a [batch](Self::locate_objects) as an LFS server does, even if only
    /// with a refusal.
    pub fn has_served_lfs(&self) -> bool {
        self.inner.serves_lfs.load(Ordering::Relaxed)
    }

    pub(crate) fn serves_lfs(&self) {
        self.inner.serves_lfs.store(true, Ordering::Relaxed);
    }

    /// Whether the hub has permanently refused a [batch](Self::locate_objects).
    pub fn has_refused_batches(&self) -> bool {
        self.inner.refuses_batches.load(Ordering::Relaxed)
    }

    pub(crate) fn refuses_batches(&self) {
        self.inner.refuses_batches.store(true, Ordering::Relaxed);
    }

    /// Whether the hub has answered at `/resolve/` as model hubs do, even if only that a file does not
    /// exist.
    pub fn has_served_resolve(&self) -> bool {
        self.inner.serves_resolve.load(Ordering::Relaxed)
    }

    pub(crate) fn serves_resolve(&self) {
        self.inner.serves_resolve.store(true, Ordering::Relaxed);
    }

    /// Whether files are known not to be at `/resolve/`, as on git hosts that are not model hubs.
    pub fn lacks_resolve(&self) -> bool {
        self.inner.lacks_resolve.load(Ordering::Relaxed)
    }

    /// Records that a file missing at `/resolve/` was found in another way.
    pub fn found_without_resolve(&self) {
        if !self.inner.lacks_resolve.swap(true, Ordering::Relaxed) {
            tracing::info!(hub = %self.endpoint(), "this host has no /resolve/: files are located over LFS");
        }
    }

    /// Whether the hub refused a token that was [found](crate::Token::found_by_itself), so that
    /// requests are sent without it.
    pub fn has_dropped_token(&self) -> bool {
        self.inner.token_is_dropped.load(Ordering::Relaxed)
    }

    /// The current name of a model, if the hub redirected because it was renamed or written in
    /// different case. Later requests use it.
    pub fn renamed(&self, model: &ModelId) -> Option<ModelId> {
        self.inner.renamed.lock().get(model).cloned()
    }

    /// Records where a model was found.
    pub(crate) fn found_at(&self, model: &ModelId, url: &Url) {
        let Some(present) = self.endpoint().model_at(url).filter(|present| present != model) else { return };
        tracing::info!(%model, %present, "the hub has renamed this model");
        let mut renamed = self.inner.renamed.lock();
        renamed.insert(model.clone(), present);
    }

    /// The `Authorization` header for a URL: the token, only for the endpoint's own origin.
    pub(crate) fn authorization_for(&self, url: &Url) -> Option<HeaderValue> {
        let token = self.sent_token()?;
        let is_sent = Origin::of(url).as_ref() == Some(&self.inner.home);
        let wants_password = self.inner.wants_password.load(Ordering::Relaxed);
        is_sent.then(|| if wants_password { token.as_password() } else { token.header() })
    }

    /// Sends one request, with the token where it is allowed. The caller handles every status, except
    /// redirects that are followed.
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
        let answer = self.inner.http.send(request, &RateLimits(self)).await?;
        let (url, status) = (SafeUrl::of(answer.url()), answer.status().as_u16());
        tracing::debug!(%method, %url, status, "the hub responded");
        Ok(answer)
    }

    /// Drops a token that was found if the response says that it is invalid. Returns whether it did, so
    /// that the request is repeated.
    fn drop_token(&self, answer: &Answer) -> bool {
        let is_explicit = self.config().token.as_ref().is_none_or(Token::is_explicit);
        if is_explicit || !answer.had_own_headers() || !is_bad_token(answer.status(), answer.headers()) {
            return false;
        }
        if !self.inner.token_is_dropped.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                hub = %self.endpoint(),
                "the hub does not accept the token of a login: continuing without it"
            );
        }
        true
    }
}

/// Reports what requests wait for, and the limits in responses.
struct RateLimits<'a>(&'a HubClient);

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

impl Watch for RateLimits<'_> {
    fn waiting(&self, news: &Throttled) {
        let Throttled { origin, pause, .. } = news;
        if *pause < WORTH_TELLING || !self.0.is_news(*pause) {
            return;
        }
        tracing::info!(%origin, delay = ?pause, "waiting for the hub's rate limit");
        if let Some(tell) = &self.0.on_throttled {
            tell(news);
        }
    }

    fn throttled(&self, news: &Throttled) {
        let Throttled { origin, pause, is_spread, .. } = news;
        tracing::info!(%origin, delay = ?pause, is_spread, "the hub limits the request rate");
        if !is_spread {
            // The waits that follow from this are not reported again.
            self.0.is_news(*pause);
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

/// Builds a header map.
pub(crate) fn headers<const N: usize>(pairs: [(HeaderName, &'static str); N]) -> HeaderMap {
    pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}
