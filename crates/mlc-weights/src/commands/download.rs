//! `mlc-weights download`: the directories of models, downloaded if need be.

mod dry_run;
mod session;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use facade::cache::ExportMode;
use facade::env::Settings;
use facade::errors::StoreError;
use facade::stores::StoreUrl;
use facade::{DownloaderBuilder, Durability, Endpoint, ModelUrl, Request};
use serde::Deserialize;

use self::session::Session;
use crate::arguments::Download;
use crate::exit::Failure;
use crate::named;
use crate::progress::{Display, Screen};

pub(crate) fn run(arguments: &Download, screen: Screen) -> Result<(), Failure> {
    let display = Display::choose(arguments.progress, screen);
    download(arguments, display, screen)
        .map_err(|failure| Failure::Reported(display.reported(None, &failure)))
}

fn download(arguments: &Download, display: Display, screen: Screen) -> Result<(), Failure> {
    let is_named =
        !arguments.models.is_empty() || arguments.from_file.is_some() || arguments.package.is_some();
    named::require(is_named, "--from-file LIST or --package CONFIG")?;
    let settings = Settings::from_env()?;
    let policy_by = if arguments.policy.is_some() { Some("--policy") } else { settings.policy_variable };
    let requests = models_asked_for(arguments, &settings.endpoint)?;
    if arguments.to.is_some() && requests.len() != 1 {
        return Err(Failure::Usage("--to takes exactly one model"));
    }
    if requests.is_empty() {
        display.note(&nothing(arguments));
    }
    let (downloader, models) = (builder(arguments, settings)?.build()?, requests.len());
    let requests = requests.into_iter().map(|request| with_options(request, arguments));
    let mode = if arguments.link { ExportMode::Link } else { ExportMode::Copy };
    if arguments.dry_run {
        dry_run::Planner::new(downloader, display, policy_by)?.run(arguments.json, requests, models)
    } else {
        let target = arguments.to.as_ref().map(|to| (to.as_path(), mode));
        let session = Session::new(downloader, display, policy_by, models);
        session.putting_it(target, screen).run(requests, arguments.json)
    }
}

/// What the environment sets, and then the options.
fn builder(arguments: &Download, settings: Settings) -> Result<DownloaderBuilder, Failure> {
    let mut builder = DownloaderBuilder::from_settings(settings);
    if arguments.no_fsync {
        builder = builder.durability(Durability::Fast);
    }
    if arguments.require_proof {
        builder = builder.require_proof(true);
    }
    if !arguments.stores.is_empty() {
        let stores: Result<Vec<StoreUrl>, StoreError> =
            arguments.stores.iter().map(|store| store.parse()).collect();
        builder = builder.stores(stores.map_err(facade::Error::from)?);
    }
    if let Some(mode) = arguments.store_mode {
        builder = builder.store_mode(mode);
    }
    if arguments.store_fill {
        builder = builder.fill_store(true);
    }
    if let Some(bytes_per_second) = arguments.limit_rate {
        builder = builder.limit_rate(bytes_per_second);
    }
    if let Some(connections) = arguments.max_connections {
        builder = builder.max_connections(connections);
    }
    Ok(builder)
}

fn with_options(request: Request, arguments: &Download) -> Request {
    let request = named::at(arguments.revision.as_ref(), request);
    let request = if arguments.force { request.force(true) } else { request };
    let request = match arguments.jobs {
        Some(jobs) => request.files_in_flight(jobs),
        None => request,
    };
    match arguments.policy {
        Some(policy) => request.policy(policy),
        None => request,
    }
}

/// Standard input, where a file's name is expected.
const STDIN: &str = "-";

/// The most bytes that a list may have.
const LONGEST: u64 = 16_000_000;

/// What is read of a `mlc-package-config.json`.
#[derive(Deserialize)]
struct PackageConfig {
    model_list: Vec<PackagedModel>,
}

#[derive(Deserialize)]
struct PackagedModel {
    model: String,
}

/// The models of the command line, then those of the list and of the package, each as a request without options.
///
/// All names are checked before anything is done: a slip in the last line shows at once, not after the download
/// of all others.
fn models_asked_for(arguments: &Download, hub: &Endpoint) -> Result<Vec<Request>, Failure> {
    let list = arguments.from_file.as_deref().map(read).transpose()?;
    let named = arguments.models.iter().map(|model| (None, model.as_str()));
    let listed = arguments.from_file.iter().zip(&list).flat_map(|(path, text)| {
        entries(text).map(|(line, model)| (Some(format!("{}, line {line}", shown(path))), model))
    });
    let package = arguments.package.as_deref().map(packaged).transpose()?;
    let packaged = arguments
        .package
        .iter()
        .zip(&package)
        .flat_map(|(path, models)| models.iter().map(|model| (Some(shown(path)), model.as_str())));
    named::all(named.chain(listed).chain(packaged).map(|(place, model)| (place, named::request(model, hub))))
}

/// What to say when there are no models.
fn nothing(arguments: &Download) -> String {
    let lists: Vec<String> =
        arguments.from_file.iter().chain(&arguments.package).map(|path| shown(path)).collect();
    let lists = lists.join(" and in ");
    let aside = if arguments.package.is_some() { " but local folders" } else { "" };
    format!("nothing to download: there are no models in {lists}{aside}")
}

/// The models of a package that are not folders of this machine.
fn packaged(path: &Path) -> Result<Vec<String>, Failure> {
    let config: PackageConfig = serde_json::from_str(&read(path)?)
        .map_err(|error| io::Error::other(format!("it is not a valid package configuration: {error}")))
        .map_err(|error| Failure::List { list: shown(path), error })?;
    let urls = config.model_list.into_iter().map(|packaged| packaged.model);
    Ok(urls.filter(|model| ModelUrl::looks_like(model)).collect())
}

/// The models of a list, each with the number of its line.
fn entries(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = list.trim_start_matches('\u{feff}').lines().enumerate();
    lines.map(|(index, line)| (index + 1, without_comment(line).trim())).filter(|(_, line)| !line.is_empty())
}

/// A comment begins at a `#` that begins the line or follows a blank.
fn without_comment(line: &str) -> &str {
    let starts =
        |(index, _): &(usize, &str)| line[..*index].chars().next_back().is_none_or(char::is_whitespace);
    line.match_indices('#').find(starts).map_or(line, |(index, _)| &line[..index])
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new(STDIN) {
        bounded(io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    text.map_err(|error| Failure::List { list: shown(path), error })
}

fn bounded(source: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST { Err(io::Error::other("it is longer than 16 MB")) } else { Ok(text) }
}

fn shown(path: &Path) -> String {
    if path == Path::new(STDIN) { "standard input".to_owned() } else { path.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, expected: &[(usize, &str)]) {
        assert_eq!(entries(list).collect::<Vec<_>>(), expected, "{list:?}");
    }

    #[test]
    fn a_list_has_a_model_a_line() {
        check("", &[]);
        check("HF://a/b", &[(1, "HF://a/b")]);
        check("HF://a/b\nHF://c/d\n", &[(1, "HF://a/b"), (2, "HF://c/d")]);
        check("\r\n  HF://a/b\t\r\n\n", &[(2, "HF://a/b")]);
        check("\u{feff}HF://a/b\n", &[(1, "HF://a/b")]);
    }

    #[test]
    fn comments_are_skipped() {
        check("# all\nHF://a/b # the small one\n  # none\n", &[(2, "HF://a/b")]);
        check("HF://a/b#c\t#d", &[(1, "HF://a/b#c")]);
        check("HF://é/b #ü", &[(1, "HF://é/b")]);
    }
}
