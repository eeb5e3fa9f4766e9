//! Access to a repository.

/// Access to one repository; see [`ModelFixture::access`](crate::ModelFixture::access).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    #[default]
    Public,
    /// Only clients with one of these tokens; for others the repository does not exist.
    Private(Vec<String>),
    /// Everyone can see it, but only clients with one of these tokens can read its files.
    Gated(Vec<String>),
    /// No one: "Access to this resource is disabled."
    Disabled,
}
