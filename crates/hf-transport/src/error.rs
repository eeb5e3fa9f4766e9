//! Everything that can go wrong between this crate and a hub.

use std::path::{Path, PathBuf};
use std::time::Duration;

use net::{Answer, BoxError, ForeignError, ForeignText, Hop, SafeUrl, Secrets, ServerWords};
use url_parse::{DiskError, Endpoint, ErrorKind, Excerpt, ModelId, RepoPath, Revision, shown, size};

use crate::Door;

/// Why a hub could not be used, or would not give what was asked for.
///
/// Messages name the model, file or URL concerned; URLs appear without credentials and without their query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No answer came that could be used, or the operation was cancelled.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A local file or folder could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The value that was given cannot be a token.
    #[error("not an access token: {problem}")]
    UnusableToken {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// libgit2 could not be set up for this process.
    #[error("cannot set up libgit2")]
    GitSetup {
        /// What libgit2 says.
        source: ForeignError,
    },
    /// No repository of this name, or a private one: a hub does not tell them apart.
    #[error("{model} is missing, {}{hub_says}", door.of_a_missing_one())]
    MissingOrPrivate {
        /// The model asked for.
        model: ModelId,
        /// The request that was refused.
        url: SafeUrl,
        /// Where people see it, and the token that was sent.
        door: Door,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// The model's owner asks readers to be granted access first.
    #[error("{model} is gated{}: its owner grants access at {}{hub_says}", door.of_a_gated_one(), door.page)]
    Gated {
        /// The model asked for.
        model: ModelId,
        /// Where access is asked for, and the token that was sent.
        door: Door,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// The hub has taken the repository out of service.
    #[error("{model} has been disabled by the hub{hub_says}")]
    Disabled {
        /// The model asked for.
        model: ModelId,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// The token was not accepted.
    #[error("the hub does not accept {}{hub_says}", token.as_deref().unwrap_or("the access token"))]
    BadToken {
        /// The request that was refused.
        url: SafeUrl,
        /// What messages call the token.
        token: Option<String>,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// The repository is there, the revision is not.
    #[error("{model} has no revision `{revision}`{hub_says}")]
    RevisionNotFound {
        /// The model asked for.
        model: ModelId,
        /// The branch, tag, reference or commit asked for; `HEAD` for the default branch.
        revision: String,
        /// Branches and tags that it has, where the hub lists them; not more than a thousand.
        known: Vec<Revision>,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// No branch and no tag has this name, which may begin a commit, and the hub does not tell which.
    #[error(
        "{model} has no branch or tag `{revision}`, and this hub does not tell which commit that begins: give all 40 digits of it"
    )]
    NoShortCommits {
        /// The model asked for.
        model: ModelId,
        /// The revision asked for.
        revision: String,
        /// What the hub answered instead.
        source: BoxError,
    },
    /// An answer of the hub's API that does not fit the question.
    #[error("{url} gives an answer that cannot be used: {problem}")]
    UnusableAnswer {
        /// The request.
        url: SafeUrl,
        /// What is wrong with the answer.
        problem: &'static str,
    },
    /// The hub says of one large file that it does not have it, or will not hand it out.
    #[error("{url} answers {code} for `{path}` of {model}{hub_says}")]
    ObjectRefused {
        /// The model asked for.
        model: ModelId,
        /// The file.
        path: RepoPath,
        /// The request, which was for several files.
        url: SafeUrl,
        /// The answer for this one, which means what the HTTP status does.
        code: u16,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// What the hub says of one large file's location cannot be used.
    #[error("{url} gives a location for `{path}` of {model} that cannot be used: {problem}")]
    UnusableObject {
        /// The model asked for.
        model: ModelId,
        /// The file.
        path: RepoPath,
        /// The request, which was for several files.
        url: SafeUrl,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The repository holds no commit yet.
    #[error("{model} is an empty repository: there is nothing to download")]
    EmptyRepository {
        /// The model asked for.
        model: ModelId,
    },
    /// The commit lists a file that the hub does not serve.
    #[error("{model} has no file `{path}` at that commit (asked {url}){hub_says}")]
    FileNotFound {
        /// The model asked for.
        model: ModelId,
        /// The file asked for.
        path: RepoPath,
        /// The request that was refused.
        url: SafeUrl,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// Too many requests in too short a time.
    #[error("{url} answers that there were too many requests{hub_says}")]
    RateLimited {
        /// The request that was refused.
        url: SafeUrl,
        /// How long the hub asks to wait.
        wait: Option<Duration>,
        /// Whether a token was sent. Hubs allow more with one.
        has_token: bool,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// The hub, or something before it, is in trouble for the moment.
    #[error("{url} answers {status}, the hub has trouble for the moment{hub_says}")]
    Unavailable {
        /// The request that failed.
        url: SafeUrl,
        /// The HTTP status.
        status: u16,
        /// How long the hub asks to wait.
        wait: Option<Duration>,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// A refusal that fits none of the known ones.
    #[error("{url} answers {status}{hub_says}")]
    UnexpectedStatus {
        /// The request that was refused.
        url: SafeUrl,
        /// The HTTP status.
        status: u16,
        /// The hub's own words.
        hub_says: ServerWords,
    },
    /// A web page where a hub's answer should be: a captive portal, a proxy's notice, or no hub at all.
    #[error(
        "{url} answers with {content_type} instead of {expected}: not a model hub, or a login page is in the way{words}"
    )]
    NotAHub {
        /// The request.
        url: SafeUrl,
        /// What came.
        content_type: ForeignText,
        /// What should have come.
        expected: &'static str,
        /// What the page says.
        words: ServerWords,
    },
    /// An endpoint that serves git as plain web servers do.
    #[error(
        "{url} serves git by its older protocol, for plain web servers, which is not supported: {model} needs git's smart protocol, or a hub's API"
    )]
    DumbGit {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
    },
    /// An endpoint that serves the model neither over git nor over the hub's API.
    #[error("{endpoint} serves {model} neither over git nor over a hub's API; over git, {git}")]
    NoMetadata {
        /// The model asked for.
        model: ModelId,
        /// The endpoint.
        endpoint: Box<Endpoint>,
        /// What it answered to git's first question.
        git: Box<Self>,
        /// What it answered to that of the API.
        source: Box<Self>,
    },
    /// A [`MetadataSource`](crate::MetadataSource) of the application's own failed.
    #[error("cannot read the contents of {model}")]
    OwnSource {
        /// The model asked for.
        model: ModelId,
        /// Whether the same request may well succeed a little later.
        is_transient: bool,
        /// What the source says.
        source: BoxError,
    },
    /// The git server refused in words of its own, for which there is no code.
    #[error("{url} refuses to send git objects of {model}{hub_says}")]
    GitRefused {
        /// The model asked for.
        model: ModelId,
        /// The request that was refused.
        url: SafeUrl,
        /// The server's words.
        hub_says: ServerWords,
    },
    /// The git protocol failed above the HTTP level: an answer was cut, or is not what git sends.
    #[error("cannot fetch git metadata of {model} from {url}")]
    Git {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
        /// What is wrong.
        source: BoxError,
    },
    /// The repository's objects have names that are no SHA-1.
    #[error(
        "{model} names its git objects by `{format}`, which is not supported (asked {url}): only sha1 is"
    )]
    ObjectFormat {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
        /// The server's word for the names that it gives.
        format: ForeignText,
    },
    /// A pack of git objects that contradicts itself, although it came as it was made.
    #[error("the git objects of {model} that {url} sends are broken: {problem}")]
    BrokenPack {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
        /// What is wrong with the pack.
        problem: &'static str,
    },
    /// The fetched git objects could not be kept for the time of the fetch: the disk is full, say.
    #[error("cannot keep the git metadata of {model} in {}", shown(path))]
    Scratch {
        /// The model asked for.
        model: ModelId,
        /// The scratch repository.
        path: PathBuf,
        /// What the git library says.
        source: ForeignError,
    },
    /// The commit's own objects do not hang together.
    #[error("the commit of {model} is broken")]
    BrokenCommit {
        /// The model asked for.
        model: ModelId,
        /// What the git library says.
        source: ForeignError,
    },
    /// More metadata than the configured limit.
    #[error(
        "the git metadata of {model} has more than {}: refused, since no MLC model needs that much",
        bound(*limit, what)
    )]
    TooMuchMetadata {
        /// The model asked for.
        model: ModelId,
        /// What there is too much of: bytes on the wire, bytes unpacked, files and folders.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A path in the repository that must not be written below a directory.
    #[error("{model} holds the unsafe path `{path}`")]
    UnsafePath {
        /// The model asked for.
        model: ModelId,
        /// The path.
        path: Excerpt,
        /// Why it is unsafe.
        source: url_parse::Error,
    },
    /// A path in the repository that is not UTF-8, is there twice, is nested without end, or is not what it
    /// says it is.
    #[error("{model} holds the path `{path}`, which is refused: {problem}")]
    UnusablePath {
        /// The model asked for.
        model: ModelId,
        /// The path.
        path: Excerpt,
        /// Why it is refused.
        problem: &'static str,
    },
    /// Symbolic links, submodules and entries of no known kind are never followed, and never silently left
    /// out.
    #[error("{model} holds {kind} at `{path}`: a model's repository may hold plain files only")]
    NotAPlainFile {
        /// The model asked for.
        model: ModelId,
        /// Where it is.
        path: RepoPath,
        /// What it is.
        kind: &'static str,
    },
    /// A pointer to large content that says something this crate cannot do.
    #[error("`{path}` of {model} is an LFS pointer that cannot be used: {problem}")]
    UnusablePointer {
        /// The model asked for.
        model: ModelId,
        /// The pointer file.
        path: RepoPath,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The hub hands out another plain file than the commit holds.
    #[error("`{path}` of {model} is not what the commit holds: it does not have the git object name {blob}")]
    WrongContent {
        /// The model asked for.
        model: ModelId,
        /// The file.
        path: RepoPath,
        /// The name that the commit has for it, 40 hexadecimal digits.
        blob: String,
    },
}

impl Error {
    pub(crate) async fn not_a_hub(answer: Answer, expected: &'static str) -> Self {
        let content_type = net::header_text(answer.headers(), "content-type");
        let content_type = content_type.and_then(|text| answer.fit(text)).unwrap_or("no content type".into());
        let url = SafeUrl::of(answer.url());
        let is_page = answer.media_type().eq_ignore_ascii_case("text/html");
        let words = if is_page { answer.refusal().await.words } else { ServerWords::none() };
        // The words are not the hub's, and may be a firewall's.
        let words = ServerWords { speaker: Hop::Proxy, ..words };
        Self::NotAHub { url, content_type, expected, words }
    }

    /// A commit whose objects do not hang together. The network is not to blame: the pack had its checksum.
    pub(crate) fn broken_commit(model: &ModelId, error: &git2::Error) -> Self {
        Self::BrokenCommit { model: model.clone(), source: ForeignError::of(error, &Secrets::default()) }
    }

    /// A failure of the disk that libgit2 met.
    pub(crate) fn scratch(model: &ModelId, path: &Path, error: &git2::Error) -> Self {
        Self::Scratch {
            model: model.clone(),
            path: path.to_owned(),
            source: ForeignError::of(error, &Secrets::default()),
        }
    }

    /// The local path that the message names, for a caller who knows a better name for it.
    pub fn local_path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Disk(error) => Some(&mut error.path),
            Self::Scratch { path, .. } => Some(path),
            _ => None,
        }
    }

    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Net(error) => error.kind(),
            Self::Disk(error) => error.kind(),
            Self::ObjectRefused { code, .. } if net::is_transient_status(*code) => ErrorKind::Network,
            Self::UnusableToken { .. } | Self::GitSetup { .. } => ErrorKind::InvalidInput,
            Self::MissingOrPrivate { .. }
            | Self::Gated { .. }
            | Self::Disabled { .. }
            | Self::BadToken { .. }
            | Self::RevisionNotFound { .. }
            | Self::NoShortCommits { .. }
            | Self::UnusableAnswer { .. }
            | Self::ObjectRefused { .. }
            | Self::UnusableObject { .. }
            | Self::EmptyRepository { .. }
            | Self::FileNotFound { .. }
            | Self::UnexpectedStatus { .. }
            | Self::NotAHub { .. }
            | Self::DumbGit { .. }
            | Self::NoMetadata { .. }
            | Self::GitRefused { .. }
            | Self::ObjectFormat { .. }
            | Self::OwnSource { is_transient: false, .. }
            | Self::TooMuchMetadata { .. } => ErrorKind::Refused,
            Self::UnsafePath { .. }
            | Self::BrokenCommit { .. }
            | Self::BrokenPack { .. }
            | Self::UnusablePath { .. }
            | Self::NotAPlainFile { .. }
            | Self::WrongContent { .. }
            | Self::UnusablePointer { .. } => ErrorKind::Integrity,
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::OwnSource { is_transient: true, .. }
            | Self::Git { .. } => ErrorKind::Network,
            Self::Scratch { .. } => ErrorKind::Disk,
        }
    }

    /// Whether the same request may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }

    /// Whether this is the answer of an endpoint that does not serve what was asked for, be it git or the API.
    pub(crate) fn is_not_served(&self) -> bool {
        match self {
            Self::UnexpectedStatus { status, .. } => matches!(status, 400..=499 | 501),
            Self::NotAHub { .. } | Self::DumbGit { .. } => true,
            Self::Net(error) => {
                matches!(error, net::Error::BadRedirect { .. } | net::Error::TooManyRedirects { .. })
            }
            _ => false,
        }
    }

    /// Whether an answer to `/resolve/` may be that of a server which has no such thing, such as a host of git that is
    /// no model hub. What a hub says of access is not.
    pub fn may_lack_resolve(&self) -> bool {
        matches!(
            self,
            Self::FileNotFound { .. }
                | Self::MissingOrPrivate { .. }
                | Self::UnexpectedStatus { .. }
                | Self::NotAHub { .. }
        )
    }

    /// Whether bytes came, but over a whole window of the [`Floor`](net::Floor) next to none.
    pub fn is_too_slow(&self) -> bool {
        matches!(self, Self::Net(net::Error::TooSlow { .. }))
    }

    /// How long the hub asked to wait before the next request.
    pub fn server_wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } | Self::Unavailable { wait, .. } => *wait,
            _ => None,
        }
    }
}

/// So much of something: of bytes with the unit that fits.
fn bound(limit: u64, what: &str) -> String {
    match what.strip_prefix("bytes ") {
        Some(what) => format!("{} {what}", size(limit)),
        None => format!("{limit} {what}"),
    }
}
