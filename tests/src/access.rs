//! Who may read a repository.

/// Access to one repository; see [`ModelFixture::access`](crate::ModelFixture::access).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    #[default]
    Public,
    /// Only who sends one of these tokens; for all others it does not exist.
    Private(Vec<String>),
    /// It is seen by everyone, but its files are only for who sends one of these tokens.
    Gated(Vec<String>),
    /// Nobody: "Access to this resource is disabled."
    Disabled,
}
