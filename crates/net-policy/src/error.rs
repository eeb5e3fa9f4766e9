//! The one error type.

/// A header that does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `RateLimit` header without `r=` and `t=`.
    #[error("no number of requests left (`r=`) and time to wait (`t=`) in the header `RateLimit: {header}`")]
    RateLimit {
        /// The header, escaped and cut.
        header: Box<str>,
    },
}

impl Error {
    pub(crate) fn rate_limit(header: &str) -> Self {
        const SHOWN: usize = 100;
        Self::RateLimit { header: header.chars().take(SHOWN).flat_map(char::escape_debug).collect() }
    }
}
