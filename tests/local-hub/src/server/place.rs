//! Interprets URLs of the hub.

use axum::http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::log::Route;

/// A parsed request path. Texts are percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    InfoRefs {
        model: String,
    },
    UploadPack {
        model: String,
    },
    LfsBatch {
        model: String,
    },
    Resolve {
        model: String,
        revision: String,
        path: String,
    },
    ResolveCache {
        model: String,
        commit: String,
        path: String,
    },
    /// `/api/models/…`: a model's commit.
    Info {
        model: String,
        revision: Option<String>,
    },
    /// `/api/models/…/tree/…`: all files of a commit.
    Tree {
        model: String,
        revision: String,
    },
    /// `/api/models/…/paths-info/…`: some files of a commit.
    PathsInfo {
        model: String,
        revision: String,
    },
    Other,
}

impl Place {
    /// Parses the path of a request to the hub; `prefix` is the endpoint's own path.
    pub(super) fn on_hub(uri: &Uri, prefix: &str) -> Self {
        let Some(path) = uri.path().strip_prefix(prefix) else { return Self::Other };
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match segments.as_slice() {
            ["api", "resolve-cache", "models", user, repo, commit, path @ ..] if !path.is_empty() => {
                Self::ResolveCache { model: model(user, repo), commit: decoded(commit), path: join(path) }
            }
            ["api", "models", user, repo] => Self::Info { model: model(user, repo), revision: None },
            ["api", "models", user, repo, "revision", revision] => {
                Self::Info { model: model(user, repo), revision: Some(decoded(revision)) }
            }
            ["api", "models", user, repo, "tree", revision]
            | ["api", "models", user, repo, "tree", revision, ""] => {
                Self::Tree { model: model(user, repo), revision: decoded(revision) }
            }
            ["api", "models", user, repo, "paths-info", revision] => {
                Self::PathsInfo { model: model(user, repo), revision: decoded(revision) }
            }
            [user, repo, "info", "refs"] => Self::InfoRefs { model: model_of_git(user, repo) },
            [user, repo, "git-upload-pack"] => Self::UploadPack { model: model_of_git(user, repo) },
            [user, repo, "info", "lfs", "objects", "batch"] => {
                Self::LfsBatch { model: model_of_git(user, repo) }
            }
            [user, repo, "resolve", revision, path @ ..] if !path.is_empty() => {
                Self::Resolve { model: model(user, repo), revision: decoded(revision), path: join(path) }
            }
            _ => Self::Other,
        }
    }

    pub(super) fn route(&self) -> Route {
        match self {
            Self::InfoRefs { .. } => Route::InfoRefs,
            Self::UploadPack { .. } => Route::UploadPack,
            Self::LfsBatch { .. } => Route::LfsBatch,
            Self::Resolve { .. } => Route::Resolve,
            Self::ResolveCache { .. } => Route::ResolveCache,
            Self::Info { .. } | Self::Tree { .. } | Self::PathsInfo { .. } => Route::Api,
            Self::Other => Route::Other,
        }
    }

    pub(super) fn model(&self) -> Option<&str> {
        match self {
            Self::InfoRefs { model }
            | Self::UploadPack { model }
            | Self::LfsBatch { model }
            | Self::Resolve { model, .. }
            | Self::ResolveCache { model, .. }
            | Self::Info { model, .. }
            | Self::Tree { model, .. }
            | Self::PathsInfo { model, .. } => Some(model),
            Self::Other => None,
        }
    }

    pub(super) fn file(&self) -> Option<&str> {
        match self {
            Self::Resolve { path, .. } | Self::ResolveCache { path, .. } => Some(path),
            _ => None,
        }
    }
}

fn model(user: &str, repo: &str) -> String {
    format!("{}/{}", decoded(user), decoded(repo))
}

fn model_of_git(user: &str, repo: &str) -> String {
    model(user, repo.strip_suffix(".git").unwrap_or(repo))
}

fn join(segments: &[&str]) -> String {
    decoded(&segments.join("/"))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Characters that are not encoded in a URL's path segment or query value.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes everything that is not unreserved, slashes included.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Percent-encodes a path segment by segment.
pub(super) fn encoded_path(path: &str) -> String {
    path.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, prefix: &str, expected: &Place) {
        let uri: Uri = path.parse().unwrap();
        assert_eq!(&Place::on_hub(&uri, prefix), expected, "{path}");
    }

    #[test]
    fn understands_the_hubs_urls() {
        let model = || "u/r".to_owned();
        check("/u/r/info/refs?service=git-upload-pack", "", &Place::InfoRefs { model: model() });
        check("/u/r.git/git-upload-pack", "", &Place::UploadPack { model: model() });
        let resolve = |revision: &str, path: &str| Place::Resolve {
            model: model(),
            revision: revision.to_owned(),
            path: path.to_owned(),
        };
        check("/u/r/resolve/main/a/b.bin", "", &resolve("main", "a/b.bin"));
        check("/u/r/resolve/refs%2Fpr%2F1/a%20%23b%25.bin", "", &resolve("refs/pr/1", "a #b%.bin"));
        let info =
            |revision: Option<&str>| Place::Info { model: model(), revision: revision.map(str::to_owned) };
        check("/api/models/u/r", "", &info(None));
        check("/api/models/u/r/revision/refs%2Fpr%2F1", "", &info(Some("refs/pr/1")));
        for tree in ["/api/models/u/r/tree/v1?recursive=true", "/api/models/u/r/tree/v1/"] {
            check(tree, "", &Place::Tree { model: model(), revision: "v1".to_owned() });
        }
        let some = Place::PathsInfo { model: model(), revision: "v1".to_owned() };
        check("/api/models/u/r/paths-info/v1", "", &some);
        check("/hf/u/r/resolve/main/a", "/hf", &resolve("main", "a"));
        check("/u/r/resolve/main/a", "/hf", &Place::Other);
        check("/u/r/resolve/main", "", &Place::Other);
        let cache = Place::ResolveCache { model: model(), commit: "abc".to_owned(), path: "x/y".to_owned() };
        check("/api/resolve-cache/models/u/r/abc/x/y?etag=1", "", &cache);
    }

    #[test]
    fn encodes_what_a_path_must_not_show() {
        assert_eq!(encoded_path("sub/dir/shard #3+%41.bin"), "sub/dir/shard%20%233%2B%2541.bin");
        assert_eq!(encoded("/a b/ü"), "%2Fa%20b%2F%C3%BC");
    }
}
