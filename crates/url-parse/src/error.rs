//! The one error type, and what can be wrong with each kind of name.

use crate::excerpt::Excerpt;
use crate::model_url::ModelUrl;

/// Text that is not the name it was meant to be.
///
/// A message shows the input (escaped, cut when long, credentials hidden), what is wrong with it, the form
/// that was expected, and for a model URL the corrected one where it can be guessed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a [`ModelUrl`].
    #[error("`{input}` is not a model URL: {problem}; expected `HF://user/repo`{}", did_you_mean(suggestion.as_ref()))]
    ModelUrl {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: ModelProblem,
        /// What was probably meant.
        suggestion: Option<ModelUrl>,
    },
    /// Not a [`ModelId`](crate::ModelId).
    #[error("`{input}` is not the name of a model: {problem}; expected `user/repo`")]
    ModelId {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: ModelProblem,
    },
    /// Not a [`ModelRef`](crate::ModelRef).
    #[error("`{input}` is not the name of a model: {problem}; expected `user/repo` or `user/repo@revision`")]
    ModelRef {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: ModelProblem,
    },
    /// Not a [`CommitId`](crate::CommitId).
    #[error("`{input}` is not a commit: expected 40 lower-case hexadecimal digits")]
    CommitId {
        /// The text.
        input: Excerpt,
    },
    /// Not a [`Revision`](crate::Revision).
    #[error("`{input}` is not a revision: {problem}; expected a branch, a tag, `refs/…` or a commit")]
    Revision {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: RevisionProblem,
    },
    /// Not a [`RepoPath`](crate::RepoPath).
    #[error("`{input}` is not a path inside a repository: {problem}")]
    RepoPath {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// Not an [`Endpoint`](crate::Endpoint).
    #[error(
        "`{input}` is not the address of a hub: {problem}; expected `https://host`, with a port and a path if need be"
    )]
    Endpoint {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: EndpointProblem,
        /// What the URL parser said, if it was the one to refuse.
        source: Option<url::ParseError>,
    },
}

fn did_you_mean(suggestion: Option<&ModelUrl>) -> String {
    suggestion.map(|url| format!("; did you mean `{url}`?")).unwrap_or_default()
}

/// Which half of `user/repo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// The user or organisation.
    #[error("the user")]
    User,
    /// The repository.
    #[error("the repository")]
    Repo,
}

/// What is wrong with a model's URL or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelProblem {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// White space before or after.
    #[error("there is white space around it")]
    SurroundingSpace,
    /// None of the two prefixes.
    #[error("it starts with neither `HF://` nor `https://huggingface.co/`")]
    Prefix,
    /// One of the two prefixes, but in other case.
    #[error("its prefix is not written exactly `HF://` or `https://huggingface.co/`")]
    PrefixCase,
    /// `?…` at the end.
    #[error("it has a query (`?…`)")]
    Query,
    /// `#…` at the end.
    #[error("it has a fragment (`#…`)")]
    Fragment,
    /// What follows `@` is no revision.
    #[error("its revision cannot be used: {0}")]
    Revision(RevisionProblem),
    /// Only a user, or nothing at all, after the prefix.
    #[error("{0} is missing")]
    Missing(Part),
    /// `user//repo` and the like.
    #[error("it has an empty segment")]
    EmptySegment,
    /// `user/repo/`.
    #[error("it ends in a slash")]
    TrailingSlash,
    /// `user/repo/more`.
    #[error("something follows the repository")]
    ExtraSegment,
    /// A name that no hub has.
    #[error("{part} {problem}")]
    Name {
        /// Whose name.
        part: Part,
        /// What is wrong with it.
        problem: NameProblem,
    },
}

/// What is wrong with a user's or repository's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// `.` or `..`.
    #[error("is `.` or `..`")]
    Dots,
    /// As a hidden file.
    #[error("starts with `.`")]
    LeadingDot,
    /// As an option of a program.
    #[error("starts with `-`")]
    LeadingDash,
    /// A character that names do not have.
    #[error("has the character {0:?}, where only letters, digits, `-`, `_` and `.` may stand")]
    Character(char),
    /// Over the limit.
    #[error("is {bytes} bytes long, more than {max}", max = crate::ModelId::MAX_NAME_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// `repo.git`: the address of a clone, not a name.
    #[error("ends in `.git`")]
    GitSuffix,
    /// On Windows only: `NUL`, `COM1`, …
    #[error("is a name that Windows keeps for a device")]
    DeviceName,
    /// On Windows only: the file system would drop the dot.
    #[error("ends in `.`, which Windows drops")]
    TrailingDot,
}

/// What is wrong with a path inside a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// Begins at the root of the file system.
    #[error("it is absolute")]
    Absolute,
    /// `C:` at the start.
    #[error("it starts with a drive letter")]
    DriveLetter,
    /// `a//b` or `a/`.
    #[error("it has an empty component")]
    EmptyComponent,
    /// `.` or `..` as a component.
    #[error("it has a component `.` or `..`")]
    Dots,
    /// Would be a separator on Windows.
    #[error("it has a backslash")]
    Backslash,
    /// NUL, line feed, escape, …
    #[error("it has the control character {0:?}")]
    ControlCharacter(char),
    /// A component `.git`, in any case.
    #[error("it leads into a `.git` folder")]
    GitFolder,
    /// One component over the limit.
    #[error("it has a component of {bytes} bytes, more than {max}", max = crate::RepoPath::MAX_COMPONENT_BYTES)]
    ComponentTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The whole over the limit.
    #[error("it is {bytes} bytes long, more than {max}", max = crate::RepoPath::MAX_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// On Windows only: `NUL`, `COM1`, …
    #[error("it has a component that Windows keeps for a device")]
    DeviceName,
    /// On Windows only: the file system would drop them.
    #[error("it has a component that ends in a dot or a space, which Windows drops")]
    TrailingDotOrSpace,
    /// On Windows only: one of `:<>"|?*`.
    #[error("it has the character {0:?}, which Windows does not allow in a file name")]
    WindowsCharacter(char),
}

/// What is wrong with a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevisionProblem {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// Over the limit.
    #[error("it is {bytes} bytes long, more than {max}", max = crate::Revision::MAX_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// As an option of a program.
    #[error("it starts with `-`")]
    LeadingDash,
    /// A character that git forbids in the name of a reference.
    #[error("it has the character {0:?}")]
    Character(char),
    /// `..` would be a range.
    #[error("it has `..`")]
    DoubleDot,
    /// `@{` would be an entry of the reference log.
    #[error("it has `@{{`")]
    AtBrace,
    /// `@` alone is another name of `HEAD`.
    #[error("`@` alone is no name")]
    AtAlone,
    /// `/a`, `a//b` or `a/`.
    #[error("it has an empty component")]
    EmptyComponent,
    /// A component starts with a dot.
    #[error("it has a component that starts with `.`")]
    LeadingDot,
    /// The whole ends in a dot.
    #[error("it ends in `.`")]
    TrailingDot,
    /// A component ends in `.lock`.
    #[error("it has a component that ends in `.lock`")]
    LockSuffix,
}

/// What is wrong with a hub's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointProblem {
    /// Neither http nor https.
    #[error("it does not start with `https://` or `http://`")]
    Scheme,
    /// White space, control characters or backslashes, which URL parsers would silently drop or change.
    #[error("it has the character {0:?}")]
    Character(char),
    /// No URL at all.
    #[error("it is no valid URL")]
    Unparsable,
    /// `user:password@`.
    #[error("it has a user or a password in it; a token is set apart from the address")]
    UserInfo,
    /// `?…` at the end.
    #[error("it has a query (`?…`)")]
    Query,
    /// `#…` at the end.
    #[error("it has a fragment (`#…`)")]
    Fragment,
}
