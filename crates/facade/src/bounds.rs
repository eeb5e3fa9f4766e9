//! What the public types of all crates keep: they can be shown in a log and go to another thread, and every
//! error is one that a caller can box. The tests do not compile where a type loses this.

use std::error::Error as StdError;
use std::fmt::{Debug, Display};

use crate::{cache, env, errors, metadata, network, stores};

const fn crosses<T: Debug + Send + Sync + 'static>() {}

const fn is_error<T: StdError + Send + Sync + 'static>() {}

const fn is_shown<T: Display>() {}

macro_rules! all {
    ($check:ident: $($name:ty),+ $(,)?) => {
        const _: () = { $($check::<$name>();)+ };
    };
}

all! {
    crosses:
    crate::Cache, crate::CaCertificates, crate::CachePolicy, crate::CommitId, crate::DownloadPlan,
    crate::Downloader, crate::DownloaderBuilder, crate::Durability, crate::Endpoint, crate::ErrorKind,
    crate::EventRecord, crate::FileOrigin, crate::FilePause, crate::FileProgress, crate::Locking,
    crate::MetadataOrigin, crate::Model, crate::ModelId, crate::ModelRef, crate::ModelUrl, crate::Outcome,
    crate::PlannedDownload, crate::PlannedFile, crate::Progress, crate::ProgressSnapshot, crate::Proof,
    crate::ProxySettings, crate::Repair, crate::RepoPath, crate::Request, crate::RetryPolicy,
    crate::Revision, crate::Tier, crate::Token,
}
all! {
    crosses:
    cache::Basis, cache::EntryOrigin, cache::ExportMode, cache::Exported, cache::FileReport,
    cache::FileState, cache::Holder, cache::Listing, cache::ModelEntry, cache::PassedOver,
    cache::PruneMode, cache::PrunedModel, cache::Pruning, cache::Removal, cache::RemovedEntry,
    cache::ShrinkOutcome, cache::Shrinking, cache::ShrunkModel, cache::SkipReason, cache::Skipped,
    cache::Unfinished, cache::VerifyReport,
}
all! {
    crosses:
    env::CertificateFiles, env::Finding, env::Presentation, env::Report, env::Setting, env::Settings,
    env::Severity, env::Source,
}
all! {
    crosses:
    errors::Door, errors::ProofProblem, metadata::FileKind, metadata::LfsPointer,
    metadata::MetadataRequest, metadata::RepoFile, metadata::RepoSnapshot, network::NoProxy,
    network::Origin, network::ProxyUrl, network::Throttled,
}
all! {
    crosses:
    stores::CopiedCommit, stores::CopiedStore, stores::FileCount, stores::Filled, stores::PushOptions,
    stores::Pushed, stores::PushedName, stores::StoreAnswer, stores::StoreCheck, stores::StoreFinding,
    stores::StoreInfo, stores::StoreListing, stores::StoreMode, stores::StorePart, stores::RepairOutcome,
    stores::StoreSettings, stores::StoreUrl, stores::StoreVerifyOptions, stores::StoredModel,
    stores::UnnamedCommit,
}
all! {
    crosses:
    cache_layout::CacheConfig, cache_layout::CacheLayout, cache_layout::Export, cache_layout::Receipt,
    cache_layout::Run, cache_layout::Slot, cache_layout::SlotLock, hf_transport::GitMetadata,
    hf_transport::HubClient, hf_transport::HubConfig, hf_transport::HubMetadata,
    hf_transport::LocatedObject, hf_transport::NamedCommit, hf_transport::PackMetadata,
    hf_transport::ResolvedFile, net::Bandwidth, net::Client, net::Gates, net::NetSettings, net::Refusal,
    net::Request, shard_fetch::ChatConfig, shard_fetch::Expected, shard_fetch::Fetcher,
    shard_fetch::FetcherBuilder, shard_fetch::FileRequest, shard_fetch::Location, shard_fetch::Manifest,
    weight_store::Blob, weight_store::BlobPlace, weight_store::Lease, weight_store::RefRecord,
    weight_store::Store,
}
all! {
    is_error:
    crate::Error, errors::CacheError, errors::DiskError, errors::FetchError, errors::HubError,
    errors::NameError, errors::NetError, errors::StoreError, net::ForeignError, shard_fetch::LocateError,
    shard_fetch::Mismatch, shard_fetch::OldForm, shard_fetch::ParseDigestError,
    stores::ParseStoreModeError, weight_store::ParseBlobIdError,
}
all! {
    is_shown:
    crate::CachePolicy, crate::CommitId, crate::Endpoint, crate::ErrorKind, crate::FileOrigin,
    crate::MetadataOrigin, crate::ModelId, crate::ModelRef, crate::ModelUrl, crate::Proof,
    crate::RepoPath, crate::Revision, network::Origin, network::ProxyUrl, stores::StoreAnswer,
    stores::StoreMode, stores::StorePart, stores::StoreUrl,
}
