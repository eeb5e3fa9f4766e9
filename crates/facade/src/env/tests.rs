use std::error::Error as _;
use std::ffi::OsString;

use super::*;
use crate::ErrorKind;

fn settings(variables: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::from_lookup(&|name| {
        variables.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
    })
}

#[track_caller]
fn good(variables: &[(&str, &str)]) -> Settings {
    let with_home: Vec<_> = [("HOME", "/home/me"), ("LOCALAPPDATA", "/home/me")]
        .into_iter()
        .filter(|(name, _)| !variables.iter().any(|(set, _)| set == name))
        .chain(variables.iter().copied())
        .collect();
    settings(&with_home).unwrap()
}

#[track_caller]
fn refused(variables: &[(&str, &str)], words: &[&str]) {
    let error = settings(&[&[(MLC_LLM_HOME, "/home/me")], variables].concat()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let message = format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in {message:?}");
    }
}

#[cfg(not(windows))]
#[test]
fn the_home_is_found_in_the_originals_order() {
    let cache = ("XDG_CACHE_HOME", "/cache");
    let home = ("HOME", "/home/me");
    for (variables, expected) in [
        (&[(MLC_LLM_HOME, "/mlc"), cache, home][..], "/mlc"),
        (&[cache, home], "/cache/mlc_llm"),
        (&[home], "/home/me/.cache/mlc_llm"),
        (&[(MLC_LLM_HOME, ""), ("XDG_CACHE_HOME", ""), home], "/home/me/.cache/mlc_llm"),
    ] {
        assert_eq!(settings(variables).unwrap().home, PathBuf::from(expected), "{variables:?}");
    }
}

#[test]
fn without_any_home_the_variables_are_named() {
    let error = settings(&[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for name in ["MLC_LLM_HOME", "XDG_CACHE_HOME", "HOME"] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[cfg(not(windows))]
#[test]
fn empty_entries_of_the_read_only_list_are_ignored() {
    for (list, expected) in
        [("", &[][..]), (":", &[]), ("/a", &["/a"]), ("/a::/b:", &["/a", "/b"]), ("relative", &["relative"])]
    {
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(good(&[(MLC_LLM_READONLY_WEIGHT_CACHE, list)]).read_only, expected, "{list:?}");
    }
}

#[test]
fn the_policy_takes_four_words() {
    use CachePolicy::{Off, On, ReadOnly, Redo};
    for (value, expected) in [("", On), ("ON", On), ("OFF", Off), ("REDO", Redo), ("READONLY", ReadOnly)] {
        assert_eq!(good(&[(MLC_DOWNLOAD_CACHE_POLICY, value)]).policy, expected, "{value:?}");
    }
    for wrong in ["on", "Off", "ALWAYS", " ON", "READ_ONLY"] {
        refused(&[(MLC_DOWNLOAD_CACHE_POLICY, wrong)], &["MLC_DOWNLOAD_CACHE_POLICY", wrong, "READONLY"]);
    }
}

#[test]
fn offline_means_off_and_never_more_than_the_policy_allows() {
    use CachePolicy::{Off, On, ReadOnly};
    for (policy, offline, expected) in [
        ("ON", "1", Off),
        ("ON", "true", Off),
        ("ON", "0", On),
        ("ON", "no", On),
        ("REDO", "YES", Off),
        ("OFF", "0", Off),
        ("READONLY", "on", ReadOnly),
    ] {
        let settings = good(&[(MLC_DOWNLOAD_CACHE_POLICY, policy), (HF_HUB_OFFLINE, offline)]);
        assert_eq!(settings.policy, expected, "{policy} {offline}");
    }
}

#[test]
fn the_endpoint_is_parsed_and_a_password_in_it_is_never_shown() {
    let settings = good(&[(HF_ENDPOINT, "http://127.0.0.1:8080/mirror/")]);
    assert_eq!(settings.endpoint, "http://127.0.0.1:8080/mirror".parse().unwrap());
    assert_eq!(good(&[]).endpoint, Endpoint::default());
    refused(&[(HF_ENDPOINT, "ftp://mirror")], &["HF_ENDPOINT"]);
    let error = settings_error(&[(HF_ENDPOINT, "https://me:hunter2@mirror")]);
    assert!(!format!("{error} {error:?} {:?}", error.source()).contains("hunter2"));
}

fn settings_error(variables: &[(&str, &str)]) -> Error {
    settings(&[&[(MLC_LLM_HOME, "/home/me")], variables].concat()).unwrap_err()
}

#[test]
fn time_outs_are_whole_seconds() {
    assert_eq!(good(&[]).idle_timeout, None);
    assert_eq!(good(&[(HF_HUB_DOWNLOAD_TIMEOUT, "3")]).idle_timeout, Some(Duration::from_secs(3)));
    for wrong in ["0", "-1", "1.5", "ten", "99999999999999999999"] {
        refused(&[(HF_HUB_DOWNLOAD_TIMEOUT, wrong)], &["HF_HUB_DOWNLOAD_TIMEOUT", wrong]);
    }
}

#[test]
fn the_newer_name_of_the_token_wins_and_blank_is_none() {
    assert!(good(&[]).token.is_none());
    assert!(good(&[(HF_TOKEN, " \n")]).token.is_none());
    assert!(good(&[(HF_TOKEN, " "), (HUGGING_FACE_HUB_TOKEN, "hf_old")]).token.is_some());
    let settings = good(&[(HF_TOKEN, "hf_secret")]);
    assert!(!format!("{settings:?}").contains("hf_secret"));
    let error = settings_error(&[(HF_TOKEN, "hf_se\u{1}cret")]);
    assert!(error.to_string().contains("HF_TOKEN"), "{error}");
    assert!(!format!("{error} {error:?}").contains("cret\""), "{error:?}");
}

#[test]
fn proxies_are_read_in_either_case() {
    let proxy = good(&[("https_proxy", "http://a"), ("HTTPS_PROXY", "http://b"), ("NO_PROXY", "c")]).proxy;
    let name = proxy.https.map(|proxy| proxy.name().to_string());
    assert_eq!(name.as_deref(), Some("the proxy http://a:80 (set by https_proxy)"));
    assert_eq!(proxy.no_proxy, "c".parse().unwrap());
    assert_eq!(proxy.http, None);
}

#[test]
fn a_switch_of_our_own_is_yes_or_no_and_nothing_else() {
    for name in [MLC_WEIGHTS_REQUIRE_PROOF, MLC_WEIGHTS_STORE_FILL] {
        for value in ["2", "maybe", "onn"] {
            refused(&[(name, value)], &[name, value]);
        }
    }
    let proof = |value| good(&[(MLC_WEIGHTS_REQUIRE_PROOF, value)]).require_proof;
    assert_eq!(
        ["1", "on", "True", "0", "off", "NO", ""].map(proof),
        [true, true, true, false, false, false, false]
    );
}

#[test]
fn proxies_that_cannot_be_used_are_named() {
    for name in ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        refused(&[(name, "htp://me:s3cret@proxy")], &[name, "`htp://…@proxy` is not the address of a proxy"]);
    }
    refused(&[("no_proxy", "'a,b'")], &["no_proxy", "`'a,b'` is not a list of hosts"]);
}

#[test]
fn stores_and_their_settings_are_read() {
    let (path, folder) = if cfg!(windows) { ("C:\\a", "file:///C:/a") } else { ("/mnt/a", "file:///mnt/a") };
    let settings = good(&[
        (MLC_WEIGHTS_STORE, &format!(" {folder}\ts3://bucket/b ")),
        (MLC_WEIGHTS_STORE_MODE, "Only"),
        (MLC_WEIGHTS_STORE_FILL, "1"),
        ("AWS_REGION", "eu-west-3"),
        ("AWS_PROFILE", "is not read"),
    ]);
    let urls: Vec<String> = settings.stores.iter().map(ToString::to_string).collect();
    assert_eq!(urls, [folder, "s3://bucket/b"]);
    assert_eq!((settings.store_mode, settings.store_fill), (StoreMode::Only, true));
    let region = ("AWS_REGION".to_owned(), "eu-west-3".to_owned());
    assert_eq!(settings.store_settings.variables, [region]);
    assert!(good(&[]).stores.is_empty() && !good(&[]).store_fill);
    refused(&[(MLC_WEIGHTS_STORE, path)], &[MLC_WEIGHTS_STORE, &format!("write a folder as {folder}")]);
    refused(&[(MLC_WEIGHTS_STORE_MODE, "never")], &[MLC_WEIGHTS_STORE_MODE, "never", "first, refs or only"]);
}
