//! How to talk to any server: one HTTP client, and decisions about requests and responses that need no
//! I/O.
//!
//! ```
//! use std::time::{Duration, Instant, SystemTime};
//!
//! use net::{Gates, RetryBudget, RetryPolicy, ServerWait, is_transient_status};
//!
//! let mut budget = RetryBudget::new(RetryPolicy::default()).with_jitter(|| 1.0);
//! assert!(is_transient_status(503));
//! assert_eq!(budget.failed(), Some(Duration::from_millis(300)));
//! assert_eq!(budget.failed(), Some(Duration::from_millis(600)));
//! budget.progressed(1 << 20); // bytes arrived: the budget is full again
//! assert_eq!(budget.failed(), Some(Duration::from_millis(300)));
//!
//! // A server that limits the rate is left alone by everyone who talks to it.
//! let gates = Gates::default();
//! let now = Instant::now();
//! let wait = ServerWait::from_headers(Some(r#""api";r=0;t=54"#), None, 429, SystemTime::now());
//! gates.for_origin("https://huggingface.co/a").hold_for(wait.unwrap(), now);
//! let gate = gates.for_origin("https://huggingface.co/b");
//! assert_eq!(gate.remaining(now), Some(Duration::from_secs(54)));
//!
//! // One that says how much is left need not refuse anybody.
//! let gate = gates.for_origin("https://mirror.example");
//! gate.observe("api", r#""api";r=1;t=59"#.parse()?, now);
//! assert_eq!(gate.enter("api", now), Some(Duration::from_secs(30)));
//! # Ok::<(), net::Error>(())
//! ```
//!
//! [`Client`] sends requests: one attempt each, with redirects followed by hand and responses checked
//! in one place. Everything else decides without a clock or I/O: the caller supplies time and
//! randomness, and is told how long to wait. One [`RetryBudget`] accompanies a piece of work through
//! all its steps, so that retries are never nested; one [`Gate`] belongs to one origin and is shared by
//! everyone who talks to it.
//!
//! | | |
//! |---|---|
//! | [`Client`], [`Request`], [`Answer`] | one exchange with a server |
//! | [`Upload`] | a large body for a server |
//! | [`NetSettings`] | certificates, time-outs, gates |
//! | [`ProxySettings`], [`ProxyUrl`], [`NoProxy`] | proxies, and which hosts are reached without one |
//! | [`Refusal`], [`ServerWords`], [`fit_for_message`] | a server's explanation, made fit for a message |
//! | [`RetryPolicy`], [`RetryBudget`] | when to try again, and how often |
//! | [`Bandwidth`] | the limit on download speed |
//! | [`Floor`], [`Meter`] | when a server is too slow |
//! | [`Gates`], [`RateLimit`], [`ServerWait`] | when a server wants clients to wait |
//! | [`Reach`] | how near to this machine a server may be |
//! | [`RedactedUrl`], [`SafeUrl`] | URLs in messages |
//! | [`standard_json`] | JSON as Python writes it |
//! | [`blocking`] | blocking work alongside async tasks |

mod answer;
mod bandwidth;
mod client;
mod coding;
mod error;
mod failed;
mod floor;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod headers;
mod json;
mod limits;
mod no_proxy;
mod pools;
mod proxy;
mod reach;
mod redirect;
mod request;
mod resolver;
mod retry;
mod settings;
mod setup;
mod shown;
mod step;
mod task;
mod upload;
mod window;
mod words;

pub use answer::{Answer, Refusal};
pub use bandwidth::Bandwidth;
pub use client::Client;
pub use error::{BoxError, Error, Hop, Obstacle};
pub use floor::{Floor, Meter};
pub use gate::{FILES, Gate, Gates};
pub use headers::{header_text, server_wait};
pub use json::{odd_number, standard_json};
pub use limits::{MAX_WAIT, RateLimit, ServerWait, parse_retry_after};
pub use no_proxy::NoProxy;
pub use proxy::{ProxySettings, ProxyUrl};
pub use reach::Reach;
pub use redirect::{Redirects, problem_of};
pub use request::{Request, Throttled, Watch};
pub use retry::{RetryBudget, RetryPolicy, is_transient_status};
pub use settings::{CaCertificates, NetSettings};
pub use shown::{ProxyName, RedactedUrl, SafeUrl};
pub use task::{blocking, joined};
pub use upload::{CutShort, Upload};
pub use url_parse::{ForeignError, ForeignText, Secrets, fit_for_message};
pub use window::pace;
pub use words::{ServerWords, media_type};
