//! The settings for opening a store. No clock, no I/O.

use std::fmt;

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
use net::Secrets;

/// The names of the variables that may be in [`StoreSettings::variables`].
pub const VARIABLES: [&str; 40] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_METADATA_ENDPOINT",
    "AWS_REGION",
    "AWS_REQUEST_PAYER",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SKIP_SIGNATURE",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_SKIP_SIGNATURE",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TENANT_ID",
    "AZURE_STORAGE_TOKEN",
    "AZURE_TENANT_ID",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_BASE_URL",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SKIP_SIGNATURE",
    "IDENTITY_ENDPOINT",
];

/// Settings of a [`Store`](crate::Store). None are read from the environment.
///
/// ```
/// use weight_store::StoreSettings;
///
/// let settings = StoreSettings::default().variables([("AWS_REGION", "eu-central-1")]);
/// assert_eq!(settings.variables.len(), 1);
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct StoreSettings {
    /// Names and values of the variables that configure access to a cloud, as the package
    /// `object_store` reads them: `AWS_…`, `GOOGLE_…`, `AZURE_…`, in particular those in [`VARIABLES`].
    /// The values may be secret.
    pub variables: Vec<(String, String)>,
    /// Files on a web server are written directly under their final name, for a server without `MOVE`.
    pub writes_in_place: bool,
}

impl StoreSettings {
    /// The same with these [`variables`](field@Self::variables).
    #[must_use]
    pub fn variables<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// The same, [written in place](field@Self::writes_in_place) or not.
    #[must_use]
    pub const fn writes_in_place(mut self, writes_in_place: bool) -> Self {
        self.writes_in_place = writes_in_place;
        self
    }

    /// The variables with this prefix, in any case.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn of(&self, start: &str) -> impl Iterator<Item = (String, &str)> {
        let start = start.to_ascii_lowercase();
        let lower = self.variables.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()));
        lower.filter(move |(name, _)| name.starts_with(&start))
    }

    /// The variables to check when a bucket cannot be used: those that usually are set, and those that
    /// are.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn of_interest(&self, start: &str, usual: &[&str]) -> String {
        let set = self.variables.iter().map(|(name, _)| name.to_ascii_uppercase());
        let mut names: Vec<String> = usual.iter().map(|&name| name.to_owned()).collect();
        for name in set.filter(|name| name.starts_with(start) && VARIABLES.contains(&name.as_str())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    /// Whether a variable provides credentials or says that none are needed.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn names_somebody(&self, start: &str) -> bool {
        let says_who = |name: &str| is_secret(name) || name.ends_with("skip_signature");
        self.of(start).any(|(name, _)| says_who(&name))
    }

    /// Values that no message may show.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn secrets(&self) -> Secrets {
        let values =
            self.variables.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.as_str());
        Secrets::of_values(values)
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
/// Regions and account names are not secret and belong in messages.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "SAS", "PASSWORD", "CREDENTIAL", "SERVICE_ACCOUNT"]
        .iter()
        .any(|word| name.contains(word))
}

/// Shows the names only.
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("StoreSettings")
            .field("variables", &names)
            .field("writes_in_place", &self.writes_in_place)
            .finish()
    }
}

#[cfg(all(test, feature = "s3", feature = "gcs", feature = "azure"))]
mod tests {
    use object_store::aws::AmazonS3ConfigKey;
    use object_store::azure::AzureConfigKey;
    use object_store::gcp::GoogleConfigKey;

    use super::*;

    #[test]
    fn every_variable_means_something() {
        for name in VARIABLES.into_iter().filter(|name| *name != "IDENTITY_ENDPOINT") {
            let lower = name.to_ascii_lowercase();
            let is_known = match name.split('_').next() {
                Some("AWS") => lower.parse::<AmazonS3ConfigKey>().is_ok(),
                Some("AZURE") => lower.parse::<AzureConfigKey>().is_ok(),
                _ => lower.parse::<GoogleConfigKey>().is_ok(),
            };
            assert!(is_known, "{name}");
        }
        assert!(VARIABLES.is_sorted());
    }

    #[test]
    fn debug_output_has_no_values() {
        let variables = vec![("AWS_REGION".to_owned(), "s3cret".to_owned())];
        let settings = StoreSettings { variables, ..StoreSettings::default() };
        let shown = format!("{settings:?}");
        assert!(shown.contains("AWS_REGION") && !shown.contains("s3cret"), "{shown}");
    }
}
