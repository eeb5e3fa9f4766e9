//! The variables' names and meanings.

/// The cache's home; its models are in `model_weights` below it. Default: `$XDG_CACHE_HOME/mlc_llm`, else
/// `~/.cache/mlc_llm` (Windows: `%LOCALAPPDATA%\mlc_llm`).
pub const MLC_LLM_HOME: &str = "MLC_LLM_HOME";
/// The user's cache folder on Unix systems, by the XDG convention.
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// The user's home folder on Unix systems.
pub const HOME: &str = "HOME";
/// The user's home folder on Windows.
pub const USERPROFILE: &str = "USERPROFILE";
/// The user's local application data on Windows.
pub const LOCALAPPDATA: &str = "LOCALAPPDATA";
/// Folders that are searched before the home, and never written to; separated like `PATH`.
pub const MLC_LLM_READONLY_WEIGHT_CACHE: &str = "MLC_LLM_READONLY_WEIGHT_CACHE";
/// `ON` (default), `OFF`, `REDO` or `READONLY`.
pub const MLC_DOWNLOAD_CACHE_POLICY: &str = "MLC_DOWNLOAD_CACHE_POLICY";
/// Truthy: a model counts only if its files are proven to belong to its commit; see
/// [`DownloaderBuilder::require_proof`](crate::DownloaderBuilder::require_proof).
pub const MLC_WEIGHTS_REQUIRE_PROOF: &str = "MLC_WEIGHTS_REQUIRE_PROOF";
/// Stores that are asked before the hub, separated by spaces: `s3://bucket/prefix`, `gs://…`, `az://…`,
/// `https://…`, `file:///…`; see [`DownloaderBuilder::stores`](crate::DownloaderBuilder::stores). Buckets are accessed with
/// the variables of their clouds (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
pub const MLC_WEIGHTS_STORE: &str = "MLC_WEIGHTS_STORE";
/// `first` (default), `refs` or `only`; see [`StoreMode`](crate::stores::StoreMode).
pub const MLC_WEIGHTS_STORE_MODE: &str = "MLC_WEIGHTS_STORE_MODE";
/// Truthy: models from the hub are put into the first store; see
/// [`DownloaderBuilder::fill_store`](crate::DownloaderBuilder::fill_store).
pub const MLC_WEIGHTS_STORE_FILL: &str = "MLC_WEIGHTS_STORE_FILL";
/// Where the scratch git repository of a download goes; default: the cache's private
/// folder, on Windows the user's temporary folder.
pub const MLC_TEMP_DIR: &str = "MLC_TEMP_DIR";
/// The hub; default `https://huggingface.co`.
pub const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// The access token for the hub.
pub const HF_TOKEN: &str = "HF_TOKEN";
/// An older name of [`HF_TOKEN`], read if that is not set.
pub const HUGGING_FACE_HUB_TOKEN: &str = "HUGGING_FACE_HUB_TOKEN";
/// The file with the access token, read if neither of the above is set; `~` and `$NAME` are expanded.
/// Default: `token` in [`HF_HOME`], where a login to huggingface.co leaves it; that token is sent to no
/// other hub.
pub const HF_TOKEN_PATH: &str = "HF_TOKEN_PATH";
/// The folder of the Hugging Face hub's clients; `~` and `$NAME` are expanded. Default:
/// `$XDG_CACHE_HOME/huggingface`, else `~/.cache/huggingface`.
pub const HF_HOME: &str = "HF_HOME";
/// Truthy: the token left by a login is not used.
pub const HF_HUB_DISABLE_IMPLICIT_TOKEN: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";
/// Truthy (`1`, `ON`, `YES`, `TRUE`): no download, as with the policy `OFF`.
pub const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// Whole seconds after which a silent server is given up; default 10.
pub const HF_HUB_DOWNLOAD_TIMEOUT: &str = "HF_HUB_DOWNLOAD_TIMEOUT";
/// Added to the `User-Agent` header as `origin/…`.
pub const HF_HUB_USER_AGENT_ORIGIN: &str = "HF_HUB_USER_AGENT_ORIGIN";
/// A PEM file with the certificate authorities to trust for https servers, instead of the system's.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
/// Folders with such files, separated like `PATH`.
pub const SSL_CERT_DIR: &str = "SSL_CERT_DIR";
/// Truthy: programs draw no progress bars.
pub const HF_HUB_DISABLE_PROGRESS_BARS: &str = "HF_HUB_DISABLE_PROGRESS_BARS";
/// Set to anything: programs use no colour.
pub const NO_COLOR: &str = "NO_COLOR";
/// The kind of terminal; `dumb` is one that cannot be redrawn.
pub const TERM: &str = "TERM";
