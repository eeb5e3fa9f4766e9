use std::ffi::OsString;

use super::*;

fn report(variables: &[(&str, &str)]) -> Report {
    let with_home = [&[("MLC_LLM_HOME", "/nonexistent")], variables].concat();
    Report::from_lookup(&|name| {
        with_home.iter().rfind(|(set, _)| *set == name).map(|(_, value)| OsString::from(value))
    })
}

/// Checks the setting of that name: its value, its source, and its worst finding.
#[track_caller]
fn check(
    variables: &[(&str, &str)],
    name: &str,
    value: Option<&str>,
    source: &Source,
    worst: Option<Severity>,
) {
    let report = report(variables);
    let setting = report.settings.iter().find(|setting| setting.name == name).unwrap();
    assert_eq!((setting.value.as_deref(), &setting.source), (value, source), "{variables:?}");
    assert_eq!(setting.findings.iter().map(|finding| finding.severity).max(), worst, "{setting:?}");
}

use Severity::{Error as Bad, Note, Warning as Odd};
use Source::{Default, Variable};

#[test]
fn the_policy_combines_two_variables() {
    const POLICY: &str = "MLC_DOWNLOAD_CACHE_POLICY";
    check(&[], "policy", Some("ON"), &Default, None);
    check(&[(POLICY, "")], "policy", Some("ON"), &Default, None);
    check(&[(POLICY, "READONLY")], "policy", Some("READONLY"), &Variable(POLICY), None);
    check(&[(POLICY, "maybe")], "policy", None, &Variable(POLICY), Some(Bad));
    check(&[(POLICY, "REDO"), ("HF_HUB_OFFLINE", "1")], "policy", Some("OFF"), &Variable(POLICY), Some(Note));
    check(&[(POLICY, "OFF"), ("HF_HUB_OFFLINE", "1")], "policy", Some("OFF"), &Variable(POLICY), None);
}

#[test]
fn another_programs_switch_is_off_unless_it_says_yes() {
    const OFFLINE: &str = "HF_HUB_OFFLINE";
    check(&[], "offline", Some("no"), &Default, None);
    for (value, shown, worst) in [
        ("1", "yes", None),
        ("true", "yes", None),
        ("0", "no", None),
        ("off", "no", None),
        ("y", "no", Some(Odd)),
    ] {
        check(&[(OFFLINE, value)], "offline", Some(shown), &Variable(OFFLINE), worst);
    }
}

#[test]
fn tokens_are_never_shown() {
    const HIDDEN: Option<&str> = Some("set (not shown)");
    check(&[], "token", None, &Default, None);
    check(&[("HF_TOKEN", "hf_secret")], "token", HIDDEN, &Variable("HF_TOKEN"), None);
    let older = [("HF_TOKEN", " "), ("HUGGING_FACE_HUB_TOKEN", "hf_secret")];
    check(&older, "token", HIDDEN, &Variable("HUGGING_FACE_HUB_TOKEN"), None);
    check(&[("HF_TOKEN", "hf_se\u{1}cret")], "token", None, &Variable("HF_TOKEN"), Some(Bad));
    check(&[("HF_TOKEN_PATH", "/nonexistent")], "token", None, &Variable("HF_TOKEN_PATH"), Some(Bad));
    let exposed = [("HF_TOKEN", "hf_secret"), ("HF_ENDPOINT", "http://hub.example")];
    check(&exposed, "token", HIDDEN, &Variable("HF_TOKEN"), Some(Odd));
    assert!(!format!("{:?}", report(&exposed)).contains("hf_secret"));
}

#[test]
fn a_login_is_found_and_belongs_to_its_hub() {
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hf_secret\n").unwrap();
    let home = ("HF_HOME", folder.path().to_str().unwrap());
    let hidden = Some("set (not shown)");
    check(&[home], "token", hidden, &Source::File(file.clone()), None);
    check(
        &[home, ("HF_ENDPOINT", "https://mirror.example")],
        "token",
        hidden,
        &Source::File(file),
        Some(Note),
    );
    check(&[home, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")], "token", None, &Default, None);
    std::fs::write(folder.path().join("token"), "Bearer hf_secret").unwrap();
    check(&[home], "token", None, &Default, Some(Odd));
    let shown = format!("{:?}", report(&[home]));
    assert!(shown.contains("it begins with `Bearer`") && !shown.contains("hf_secret"), "{shown}");
}

#[test]
fn proxies_lose_their_passwords() {
    for (value, shown) in [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://me:hf_secret@proxy.example:3128", "http://proxy.example:3128"),
        ("me:hf_secret@proxy.example", "http://proxy.example:80"),
        ("socks://proxy.example", "socks5h://proxy.example:1080"),
    ] {
        check(&[("https_proxy", value)], "https_proxy", Some(shown), &Variable("https_proxy"), None);
    }
    for bad in ["http://me:hf_secret@:::", "htp://me:hf_secret@proxy", "'http://me:hf_secret@proxy'"] {
        check(&[("ALL_PROXY", bad)], "all_proxy", None, &Variable("ALL_PROXY"), Some(Bad));
        let shown = format!("{:?}", report(&[("ALL_PROXY", bad)]));
        assert!(shown.contains("is not the address of a proxy") && !shown.contains("hf_secret"), "{shown}");
    }
}

#[test]
fn doubtful_hosts_without_a_proxy_are_reported() {
    for (value, worst) in
        [("localhost, 10.0.0.0/8", None), ("localhost,192.168.*", Some(Odd)), ("\"localhost\"", Some(Bad))]
    {
        check(&[("NO_PROXY", value)], "no_proxy", Some(value), &Variable("NO_PROXY"), worst);
    }
}

#[test]
fn all_problems_are_counted() {
    assert_eq!(report(&[]).errors(), 0);
    assert!(report(&[]).is_usable());
    let bad = report(&[
        ("HF_ENDPOINT", "nonsense"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "0"),
        ("SSL_CERT_FILE", "/nonexistent"),
        ("HTTP_PROXY", "http://:::"),
        ("HTTPS_PROXY", "http://:::"),
    ]);
    assert_eq!(bad.errors(), 5);
    assert!(!bad.is_usable());
}

#[test]
fn stores_are_shown_without_their_login() {
    const STORE: &str = "MLC_WEIGHTS_STORE";
    const MODE: &str = "MLC_WEIGHTS_STORE_MODE";
    const FILL: &str = "MLC_WEIGHTS_STORE_FILL";
    check(&[], "store", None, &Default, None);
    check(&[], "store_mode", Some("first"), &Default, None);
    let secret = "https://user:s3cret@host/models/";
    check(&[(STORE, secret)], "store", Some("https://host/models"), &Variable(STORE), None);
    check(&[(STORE, "s3://a  gs://b")], "store", Some("s3://a"), &Variable(STORE), None);
    check(
        &[(STORE, "file:///nonexistent")],
        "store",
        Some("file:///nonexistent"),
        &Variable(STORE),
        Some(Odd),
    );
    check(&[(STORE, "https://user:s3cret@")], "store", None, &Variable(STORE), Some(Bad));
    check(&[(STORE, "s3://a"), (MODE, "only")], "store_mode", Some("only"), &Variable(MODE), None);
    check(&[(MODE, "refs")], "store_mode", Some("refs"), &Variable(MODE), Some(Odd));
    check(&[(MODE, "never")], "store_mode", None, &Variable(MODE), Some(Bad));
    check(&[], "store_fill", Some("off"), &Default, None);
    check(&[(STORE, "s3://a"), (FILL, "1")], "store_fill", Some("on"), &Variable(FILL), None);
    check(&[(FILL, "1")], "store_fill", Some("on"), &Variable(FILL), Some(Odd));
    assert!(!format!("{:?}", report(&[(STORE, "https://user:s3cret@")])).contains("s3cret"));
}
