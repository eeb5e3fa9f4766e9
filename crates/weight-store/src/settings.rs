//! What a store is opened with. No clock, no I/O.

use std::fmt;

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
use net::Secrets;

/// Settings of a [`Store`](crate::Store). Nothing of it is read from the environment.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct StoreSettings {
    /// Names and values of the variables by which clouds' programs are configured: `AWS_…`, `GOOGLE_…`, `AZURE_…`, as
    /// the package `object_store` reads them. Other names are not looked at. The values may be secret.
    pub variables: Vec<(String, String)>,
    /// A web server is written to under the last name at once, for one that knows no `MOVE`.
    pub writes_in_place: bool,
}

impl StoreSettings {
    /// Those whose names begin so, in whatever case.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn of(&self, start: &str) -> impl Iterator<Item = (String, &str)> {
        let start = start.to_ascii_lowercase();
        let lower = self.variables.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()));
        lower.filter(move |(name, _)| name.starts_with(&start))
    }

    /// What must not be shown, whoever repeats it.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn secrets(&self) -> Secrets {
        let values =
            self.variables.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.as_str());
        Secrets::of_values(values)
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
/// Regions and names of accounts are no secrets, and belong into messages.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "SAS", "PASSWORD", "CREDENTIAL", "SERVICE_ACCOUNT"]
        .iter()
        .any(|word| name.contains(word))
}

/// The names alone.
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("StoreSettings")
            .field("variables", &names)
            .field("writes_in_place", &self.writes_in_place)
            .finish()
    }
}
