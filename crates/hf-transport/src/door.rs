//! Where users get access to a model, and the token that did not give it.

use net::SafeUrl;

/// The page of an inaccessible model, and the token that was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Door {
    /// The model's page, where users request access.
    pub page: SafeUrl,
    /// The name of the token in messages, by where it was found; `None` if none was sent.
    pub token: Option<String>,
}

impl Door {
    /// Suggestions for a model that is missing or private.
    pub(crate) fn of_a_missing_one(&self) -> String {
        self.token
            .as_ref()
            .map_or("private, or needs a token".to_owned(), |token| format!("or {token} may not read it"))
    }

    /// Suggestions for a gated model.
    pub(crate) fn of_a_gated_one(&self) -> String {
        self.token
            .as_ref()
            .map_or_else(String::new, |token| format!(", and {token} does not give access to it"))
    }
}
