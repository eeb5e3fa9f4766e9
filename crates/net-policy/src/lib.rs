//! How to behave towards any server: when to try again, how often, and when to wait for everyone's sake.
//!
//! ```
//! use std::time::{Duration, Instant, SystemTime};
//!
//! use net_policy::{Gates, RetryBudget, RetryPolicy, ServerWait, is_transient_status};
//!
//! let mut budget = RetryBudget::new(RetryPolicy::default()).with_jitter(|| 1.0);
//! assert!(is_transient_status(503));
//! assert_eq!(budget.failed(), Some(Duration::from_millis(300)));
//! assert_eq!(budget.failed(), Some(Duration::from_millis(600)));
//! budget.progressed(); // bytes arrived: the budget is full again
//! assert_eq!(budget.failed(), Some(Duration::from_millis(300)));
//!
//! // A server that limits the rate is left alone by everyone who talks to it.
//! let gates = Gates::default();
//! let now = Instant::now();
//! let wait = ServerWait::from_headers(Some(r#""api";r=0;t=54"#), None, 429, SystemTime::now());
//! gates.for_origin("https://huggingface.co/a").hold_for(wait.unwrap(), now);
//! let gate = gates.for_origin("https://huggingface.co/b");
//! assert_eq!(gate.remaining(now), Some(Duration::from_secs(55)));
//!
//! // One that says how much is left need not refuse anybody.
//! let gate = gates.for_origin("https://mirror.example");
//! gate.observe("api", r#""api";r=1;t=59"#.parse()?, now);
//! assert_eq!(gate.enter("api", now), Some(Duration::from_secs(30)));
//! # Ok::<(), net_policy::Error>(())
//! ```
//!
//! Nothing here does I/O, sleeps or looks at a clock: the time and the randomness are given, and what comes
//! back is how long to wait. One [`RetryBudget`] goes with one piece of work through all its steps, so that
//! retries are never nested; one [`Gate`] belongs to one origin and is shared by all that talk to it.

mod budget;
mod ca_certificates;
mod error;
mod gate;
mod pace;
mod proxy;
mod rate_limit;
mod redacted;
mod retry_after;
mod schedule;
mod server_wait;
mod status;
mod window;

pub use budget::RetryBudget;
pub use ca_certificates::CaCertificates;
pub use error::Error;
pub use gate::{FILES, Gate, Gates};
pub use pace::pace;
pub use proxy::ProxySettings;
pub use rate_limit::RateLimit;
pub use redacted::RedactedUrl;
pub use retry_after::parse_retry_after;
pub use schedule::RetryPolicy;
pub use server_wait::{MAX_WAIT, ServerWait};
pub use status::is_transient_status;
