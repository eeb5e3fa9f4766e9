//! The exit status: one number for each thing that a script may want to tell apart.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering};

use facade::cache::PassedOver;
use facade::{ErrorKind, ModelRef};

/// Why a command ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The libraries' error.
    Facade(facade::Error),
    /// A model could not be removed.
    NotRemoved(facade::Error),
    /// The policy forbids what was asked for.
    Forbidden {
        error: facade::Error,
        /// The option or variable that sets the policy.
        by: &'static str,
    },
    /// The cache was asked for a model that it does not have.
    NotInCache(Miss),
    /// No tier has anything of a model.
    Unknown {
        model: ModelRef,
        looked_in: Vec<PathBuf>,
        /// The names in the cache that are most like it.
        similar: Vec<ModelRef>,
    },
    /// The result could not be written to stdout.
    Output(io::Error),
    /// The runtime could not be started.
    Runtime(io::Error),
    /// Ctrl-C, or a request to terminate.
    Interrupted {
        /// How many bytes of files the next run need not ask for, if that is known.
        kept: Option<u64>,
        /// Whether a download had reached the model's files, or other work was going on.
        has_begun: bool,
    },
    /// All malformed names of the command line and of lists.
    Malformed(Vec<Malformed>),
    /// No model is named, nor anything instead.
    NoModel {
        /// What could be given instead of a name.
        instead: &'static str,
    },
    /// Arguments that cannot be combined.
    Usage(&'static str),
    /// A list of models could not be read.
    List {
        /// Which one.
        list: String,
        error: io::Error,
    },
    /// The environment has values that cannot be used.
    Unusable {
        /// How many settings.
        settings: usize,
    },
    /// Something that has been reported already; only its status is left.
    Reported(Status),
}

/// A malformed name of a model.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// The list and the line, if it is in a list.
    pub(crate) place: Option<String>,
    pub(crate) error: facade::Error,
}

/// A model that is not in the cache.
#[derive(Debug)]
pub(crate) struct Miss {
    pub(crate) model: ModelRef,
    /// Every directory that could have held it, in the order in which they were looked at.
    pub(crate) looked_in: Vec<PathBuf>,
    /// Those that hold something other than the complete model.
    pub(crate) passed_over: Vec<PassedOver>,
    /// Cached models of similar names, the most similar first.
    pub(crate) similar: Vec<ModelRef>,
}

impl Failure {
    /// The end of a command whose failures have been reported already: the status of the first counts.
    pub(crate) fn after_reports(first: Option<Status>) -> Result<(), Self> {
        first.map_or(Ok(()), |status| Err(Self::Reported(status)))
    }
}

impl Failure {
    /// The same failure, with the setting that the policy comes from.
    pub(crate) fn of_policy(self, by: Option<&'static str>) -> Self {
        match (self, by) {
            (
                Self::Facade(
                    error @ (facade::Error::NotCached { .. }
                    | facade::Error::ForceForbidden { .. }
                    | facade::Error::AskForbidden { .. }),
                ),
                Some(by),
            ) => Self::Forbidden { error, by },
            (other, _) => other,
        }
    }
}

impl From<facade::Error> for Failure {
    fn from(error: facade::Error) -> Self {
        Self::Facade(error)
    }
}

/// The exit status of an interrupted program: 128 and the number of the first signal, at first that of SIGINT.
static INTERRUPTED: AtomicI32 = AtomicI32::new(SIGNALLED + 2);

/// A program that a signal has ended has this status and the signal's number.
const SIGNALLED: i32 = 128;

/// The first signal has asked the program to end.
pub(crate) fn interrupted_by(signal: i32) {
    INTERRUPTED.store(SIGNALLED + signal, Ordering::Relaxed);
}

/// The exit statuses. Their numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Done = 0,
    Other = 1,
    /// Usage, a malformed model URL, an unusable environment value.
    Usage = 2,
    /// Not in the cache, and a download is forbidden.
    NotCached = 3,
    /// The hub refused, or has no such thing.
    Refused = 4,
    /// A digest or size does not match, or the repository holds something unsafe.
    Integrity = 5,
    /// The network, after retries.
    Network = 6,
    /// The local disk.
    Disk = 7,
    Interrupted = 130,
}

impl Status {
    /// The number that the program ends with.
    pub(crate) fn number(self) -> i32 {
        if self == Self::Interrupted { INTERRUPTED.load(Ordering::Relaxed) } else { self as i32 }
    }

    /// The status in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Other => "other",
            Self::Usage => "usage",
            Self::NotCached => "not_cached",
            Self::Refused => "refused",
            Self::Integrity => "integrity",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Facade(error) | Failure::NotRemoved(error) | Failure::Forbidden { error, .. } => {
                error.kind().into()
            }
            Failure::NotInCache(_) | Failure::Unknown { .. } => Self::NotCached,
            Failure::Output(_) | Failure::Runtime(_) => Self::Other,
            Failure::Interrupted { .. } => Self::Interrupted,
            Failure::NoModel { .. }
            | Failure::Usage(_)
            | Failure::Malformed(_)
            | Failure::List { .. }
            | Failure::Unusable { .. } => Self::Usage,
            Failure::Reported(status) => *status,
        }
    }
}

impl From<ErrorKind> for Status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidInput | ErrorKind::NotFound => Self::Usage,
            ErrorKind::NotCached => Self::NotCached,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Integrity => Self::Integrity,
            ErrorKind::Network => Self::Network,
            ErrorKind::Disk | ErrorKind::NoSpace => Self::Disk,
            ErrorKind::Cancelled => Self::Interrupted,
            ErrorKind::InUse | ErrorKind::Other => Self::Other,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        u8::try_from(status.number()).map_or(Self::FAILURE, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::arguments;

    #[test]
    fn the_numbers_are_a_contract() {
        let numbers = [
            (ErrorKind::Other, 1),
            (ErrorKind::InvalidInput, 2),
            (ErrorKind::NotFound, 2),
            (ErrorKind::NotCached, 3),
            (ErrorKind::Refused, 4),
            (ErrorKind::Integrity, 5),
            (ErrorKind::Network, 6),
            (ErrorKind::Disk, 7),
            (ErrorKind::NoSpace, 7),
            (ErrorKind::InUse, 1),
            (ErrorKind::Cancelled, 130),
        ];
        for (kind, number) in numbers {
            assert_eq!(Status::from(kind) as u8, number, "{kind:?}");
        }
        assert_eq!(Status::Done as u8, 0);
    }

    #[test]
    fn every_list_has_every_status() {
        let document = |name: &str| {
            fs::read_to_string(format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
        };
        let help = arguments::page("").unwrap().get_after_help().unwrap().to_string();
        for status in [
            Status::Other,
            Status::Usage,
            Status::NotCached,
            Status::Refused,
            Status::Integrity,
            Status::Network,
            Status::Disk,
            Status::Interrupted,
        ] {
            let (name, number) = (status.name(), status as u8);
            assert!(help.contains(&format!("  {number} ")), "--help: {number}");
            assert!(
                document("progress.md").contains(&format!("`{name}` {number}")),
                "progress.md: {name} {number}"
            );
            for schema in ["schemas/download.json", "schemas/update.json", "schemas/progress.json"] {
                assert!(document(schema).contains(&format!("\"{name}\"")), "{schema}: {name}");
            }
        }
    }

    #[track_caller]
    fn check(failure: &Failure, number: u8) {
        assert_eq!(Status::from(failure) as u8, number, "{failure:?}");
    }

    #[test]
    fn every_failure_has_its_number() {
        check(&Failure::Output(io::ErrorKind::StorageFull.into()), 1);
        check(&Failure::Runtime(io::ErrorKind::OutOfMemory.into()), 1);
        check(&Failure::Facade(facade::Error::NoHome), 2);
        check(&Failure::Facade("nonsense".parse::<facade::Request>().unwrap_err()), 2);
        let miss = Miss {
            model: "user/repo".parse().unwrap(),
            looked_in: Vec::new(),
            passed_over: Vec::new(),
            similar: Vec::new(),
        };
        check(&Failure::NotInCache(miss), 3);
        check(&Failure::Facade(facade::errors::NetError::Cancelled.into()), 130);
        check(&Failure::Interrupted { kept: None, has_begun: true }, 130);
        check(&Failure::Malformed(Vec::new()), 2);
        check(&Failure::List { list: "a".to_owned(), error: io::ErrorKind::NotFound.into() }, 2);
        check(&Failure::Unusable { settings: 1 }, 2);
        check(&Failure::Reported(Status::Network), 6);
    }
}
