//! Where a model that the hub does not show is opened, and what did not open it.

use net::SafeUrl;

/// The page of a model that the hub does not hand out, and the token that did not help.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Door {
    /// Where people see the model, if they may, and ask for access.
    pub page: SafeUrl,
    /// What messages call the token that was sent, by where it was found; `None` if none was.
    pub token: Option<String>,
}

impl Door {
    /// What may be the matter with a model that is missing or private.
    pub(crate) fn of_a_missing_one(&self) -> String {
        self.token
            .as_ref()
            .map_or("private, or needs a token".to_owned(), |token| format!("or {token} may not read it"))
    }

    /// What did not open a gated model.
    pub(crate) fn of_a_gated_one(&self) -> String {
        self.token.as_ref().map_or_else(String::new, |token| format!(", and {token} does not open it"))
    }
}
