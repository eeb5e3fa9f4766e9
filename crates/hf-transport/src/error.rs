//! Everything that can go wrong between this crate and a hub.

use std::path::{Path, PathBuf};
use std::time::Duration;

use net::{Answer, BoxError, ForeignError, ForeignText, Hop, SafeUrl, Secrets, ServerWords};
use url_parse::{DiskError, Endpoint, Excerpt, ModelId, RepoPath, Revision, shown, size};

use crate::Door;

/// Why a hub could not be used, or refused a request.
///
/// Messages name the model, file or URL; URLs appear without credentials and query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There was no usable response, or the operation was cancelled.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A local file or folder could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The given value cannot be a token.
    #[error("not an access token: {problem}")]
    #[non_exhaustive]
    UnusableToken {
        /// The reason.
        problem: &'static str,
    },
    /// libgit2 could not be initialized.
    #[error("cannot set up libgit2")]
    #[non_exhaustive]
    GitSetup {
        /// libgit2's error.
        source: ForeignError,
    },
    /// The repository does not exist or is private: a hub does not distinguish these.
    #[error("{model} is missing, {}{hub_says}", door.of_a_missing_one())]
    #[non_exhaustive]
    MissingOrPrivate {
        /// The model asked for.
        model: ModelId,
        /// The request that was refused.
        url: SafeUrl,
        /// The model's page, and the token that was sent.
        door: Door,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// The model's owner requires users to request access.
    #[error("{model} is gated{}: its owner grants access at {}{hub_says}", door.of_a_gated_one(), door.page)]
    #[non_exhaustive]
    Gated {
        /// The model asked for.
        model: ModelId,
        /// The page for requesting access, and the token that was sent.
        door: Door,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// The hub has disabled the repository.
    #[error("{model} has been disabled by the hub{hub_says}")]
    #[non_exhaustive]
    Disabled {
        /// The model asked for.
        model: ModelId,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// The token is invalid.
    #[error("the hub does not accept {}{hub_says}", token.as_deref().unwrap_or("the access token"))]
    #[non_exhaustive]
    BadToken {
        /// The request that was refused.
        url: SafeUrl,
        /// The token's name in messages.
        token: Option<String>,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// The repository exists, but not the revision.
    #[error("{model} has no revision `{revision}`{hub_says}")]
    #[non_exhaustive]
    RevisionNotFound {
        /// The model asked for.
        model: ModelId,
        /// The branch, tag, reference or commit asked for; `HEAD` for the default branch.
        revision: String,
        /// Its branches and tags, if the hub lists them; at most a thousand.
        known: Vec<Revision>,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// No branch or tag has this name. It may be an abbreviated commit, but the hub does not resolve
    /// those.
    #[error("{model} has no branch or tag `{revision}`, and this hub does not resolve abbreviated commits")]
    #[non_exhaustive]
    NoShortCommits {
        /// The model asked for.
        model: ModelId,
        /// The revision asked for.
        revision: String,
        /// The hub's response instead.
        source: BoxError,
    },
    /// The hub's API returned a response that does not answer the request.
    #[error("{url} returned an unusable response: {problem}")]
    #[non_exhaustive]
    UnusableAnswer {
        /// The request.
        url: SafeUrl,
        /// The reason.
        problem: &'static str,
    },
    /// The hub does not have one large file, or refuses it.
    #[error("{url} returned status {code} for `{path}` of {model}{hub_says}")]
    #[non_exhaustive]
    ObjectRefused {
        /// The model asked for.
        model: ModelId,
        /// The file.
        path: RepoPath,
        /// The request, which was for several files.
        url: SafeUrl,
        /// The code for this file, with the meaning of an HTTP status.
        code: u16,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// The hub returned an unusable location for one large file.
    #[error("{url} returned an unusable location for `{path}` of {model}: {problem}")]
    #[non_exhaustive]
    UnusableObject {
        /// The model asked for.
        model: ModelId,
        /// The file.
        path: RepoPath,
        /// The request, which was for several files.
        url: SafeUrl,
        /// The reason.
        problem: &'static str,
    },
    /// The repository has no commits yet.
    #[error("{model} is an empty repository: there is nothing to download")]
    #[non_exhaustive]
    EmptyRepository {
        /// The model asked for.
        model: ModelId,
    },
    /// The commit lists a file that the hub does not serve.
    #[error("{model} has no file `{path}` at that commit (asked {url}){hub_says}")]
    #[non_exhaustive]
    FileNotFound {
        /// The model asked for.
        model: ModelId,
        /// The file asked for.
        path: RepoPath,
        /// The request that was refused.
        url: SafeUrl,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// Too many requests in too short a time.
    #[error("{url} reports too many requests{hub_says}")]
    #[non_exhaustive]
    RateLimited {
        /// The request that was refused.
        url: SafeUrl,
        /// How long the hub asks to wait.
        wait: Option<Duration>,
        /// Whether a token was sent. Hubs allow more requests with one.
        has_token: bool,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// A temporary failure of the hub, or of a server in front of it.
    #[error("{url} returned status {status}: the hub is temporarily unavailable{hub_says}")]
    #[non_exhaustive]
    Unavailable {
        /// The request that failed.
        url: SafeUrl,
        /// The HTTP status.
        status: u16,
        /// How long the hub asks to wait.
        wait: Option<Duration>,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// A refusal of an unknown kind.
    #[error("{url} returned status {status}{hub_says}")]
    #[non_exhaustive]
    UnexpectedStatus {
        /// The request that was refused.
        url: SafeUrl,
        /// The HTTP status.
        status: u16,
        /// The hub's explanation.
        hub_says: ServerWords,
    },
    /// A web page instead of a hub's response: a captive portal, a proxy's notice, or not a hub at all.
    #[error(
        "{url} returned {content_type} instead of {expected}: this is not a model hub, or a login page is in the way{words}"
    )]
    #[non_exhaustive]
    NotAHub {
        /// The request.
        url: SafeUrl,
        /// The type that was sent.
        content_type: ForeignText,
        /// The type that was expected.
        expected: &'static str,
        /// The text of the page.
        words: ServerWords,
    },
    /// The endpoint serves git by the "dumb" protocol of plain web servers.
    #[error(
        "{url} serves git over its older HTTP protocol only, which is not supported: {model} needs the smart protocol or a hub's API"
    )]
    #[non_exhaustive]
    DumbGit {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
    },
    /// The endpoint serves the model neither over git nor over the hub's API.
    #[error("{endpoint} serves {model} neither over git nor over a hub's API; over git: {git}")]
    #[non_exhaustive]
    NoMetadata {
        /// The model asked for.
        model: ModelId,
        /// The endpoint.
        endpoint: Box<Endpoint>,
        /// Its response to the first git request.
        git: Box<Self>,
        /// Its response to the API request.
        source: Box<Self>,
    },
    /// The application's own [`MetadataSource`](crate::MetadataSource) failed.
    #[error("cannot read the contents of {model}")]
    #[non_exhaustive]
    OwnSource {
        /// The model asked for.
        model: ModelId,
        /// Whether the same request may succeed a little later.
        is_transient: bool,
        /// The source's error.
        source: BoxError,
    },
    /// The git server refused with a message, for which there is no code.
    #[error("{url} refuses to send git objects of {model}{hub_says}")]
    #[non_exhaustive]
    GitRefused {
        /// The model asked for.
        model: ModelId,
        /// The request that was refused.
        url: SafeUrl,
        /// The server's message.
        hub_says: ServerWords,
    },
    /// The git protocol failed above the HTTP level: a response was cut off, or is not what git sends.
    #[error("cannot fetch git metadata of {model} from {url}")]
    #[non_exhaustive]
    Git {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
        /// The reason.
        source: BoxError,
    },
    /// The repository does not use SHA-1 object ids.
    #[error("{model} uses the git object format `{format}` (asked {url}), but only sha1 is supported")]
    #[non_exhaustive]
    ObjectFormat {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
        /// The object format, as the server names it.
        format: ForeignText,
    },
    /// A pack of git objects contradicts itself, although it arrived undamaged.
    #[error("{url} sent damaged git objects of {model}: {problem}")]
    #[non_exhaustive]
    BrokenPack {
        /// The model asked for.
        model: ModelId,
        /// The repository.
        url: SafeUrl,
        /// The contradiction.
        problem: &'static str,
    },
    /// The fetched git objects could not be stored temporarily, for instance because the disk is full.
    #[error("cannot store the git metadata of {model} in {}", shown(path))]
    #[non_exhaustive]
    Scratch {
        /// The model asked for.
        model: ModelId,
        /// The scratch repository.
        path: PathBuf,
        /// The git library's error.
        source: ForeignError,
    },
    /// The commit's objects are inconsistent.
    #[error("the commit of {model} is corrupt")]
    #[non_exhaustive]
    BrokenCommit {
        /// The model asked for.
        model: ModelId,
        /// The git library's error.
        source: ForeignError,
    },
    /// The metadata exceeds the configured limit.
    #[error(
        "the git metadata of {model} has more than {}: refused, since no MLC model needs that much",
        bound(*limit, what)
    )]
    #[non_exhaustive]
    TooMuchMetadata {
        /// The model asked for.
        model: ModelId,
        /// What there is too much of: bytes received, bytes unpacked, files and folders.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A path in the repository that is not safe below a directory.
    #[error("{model} contains the unsafe path `{path}`")]
    #[non_exhaustive]
    UnsafePath {
        /// The model asked for.
        model: ModelId,
        /// The path.
        path: Excerpt,
        /// Why it is unsafe.
        source: url_parse::Error,
    },
    /// A path in the repository that is not UTF-8, is duplicated, is nested too deeply, or is not what
    /// it claims to be.
    #[error("{model} contains the path `{path}`, which is refused: {problem}")]
    #[non_exhaustive]
    UnusablePath {
        /// The model asked for.
        model: ModelId,
        /// The path.
        path: Excerpt,
        /// The reason.
        problem: &'static str,
    },
    /// A symbolic link, submodule or entry of unknown kind. These are never followed, and never
    /// silently left out.
    #[error("{model} contains {kind} at `{path}`; only plain files are allowed in a model's repository")]
    #[non_exhaustive]
    NotAPlainFile {
        /// The model asked for.
        model: ModelId,
        /// Its path.
        path: RepoPath,
        /// Its kind.
        kind: &'static str,
    },
    /// An LFS pointer with content that is not supported.
    #[error("`{path}` of {model} is an LFS pointer that cannot be used: {problem}")]
    #[non_exhaustive]
    UnusablePointer {
        /// The model asked for.
        model: ModelId,
        /// The pointer file.
        path: RepoPath,
        /// The reason.
        problem: &'static str,
    },
    /// The hub served a plain file that differs from the commit's.
    #[error("`{path}` of {model} is not the file that the commit contains")]
    #[non_exhaustive]
    WrongContent {
        /// The model asked for.
        model: ModelId,
        /// The file.
        path: RepoPath,
        /// The id of the commit's blob, 40 hexadecimal digits.
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
        // The text may come from a firewall instead of the hub.
        let words = ServerWords { speaker: Hop::Proxy, ..words };
        Self::NotAHub { url, content_type, expected, words }
    }

    /// Objects that are inconsistent. Not a network failure, since the pack's checksum was right.
    pub(crate) fn broken_commit(model: &ModelId, error: &git2::Error) -> Self {
        Self::BrokenCommit { model: model.clone(), source: ForeignError::of(error, &Secrets::default()) }
    }

    /// A disk failure reported by libgit2.
    pub(crate) fn scratch(model: &ModelId, path: &Path, error: &git2::Error) -> Self {
        Self::Scratch {
            model: model.clone(),
            path: path.to_owned(),
            source: ForeignError::of(error, &Secrets::default()),
        }
    }

    /// The failure of an application's own [`MetadataSource`](crate::MetadataSource); `is_transient` if the same request
    /// may succeed a little later.
    pub fn own_source(model: ModelId, is_transient: bool, source: impl Into<BoxError>) -> Self {
        Self::OwnSource { model, is_transient, source: source.into() }
    }

    /// The local path in the message, so that a caller can replace it with one that users know.
    pub fn local_path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Disk(error) => Some(&mut error.path),
            Self::Scratch { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// A limit with a suitable unit, if it counts bytes.
fn bound(limit: u64, what: &str) -> String {
    match what.strip_prefix("bytes ") {
        Some(what) => format!("{} {what}", size(limit)),
        None => format!("{limit} {what}"),
    }
}
