//! What must not get into the dependency graph, on any platform and with any feature.

/// One TLS stack, and it is rustls; no ssh; no HTTP/2, whose one connection is slower for large files than many.
const BANNED: [&str; 10] = [
    "curl-sys",
    "h2",
    "hyper-tls",
    "libssh2-sys",
    "native-tls",
    "openssl",
    "openssl-src",
    "openssl-sys",
    "ssh2",
    "tokio-native-tls",
];
/// One set of primitives under rustls. The lock file has this one for a feature that nothing turns on, so that only the
/// tree of what is compiled tells.
const NOT_COMPILED: &str = "ring";
/// Of these there is one version, so that settings and policies hold for all requests.
const ONCE: [&str; 3] = ["hyper", "reqwest", "rustls"];

/// `lock` is the text of `Cargo.lock`, which has the graph of all platforms; `compiled` are the names of what is
/// compiled of it.
pub(super) fn check(lock: &str, compiled: &[String]) -> Vec<String> {
    let names: Vec<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    let banned = names.iter().filter(|name| BANNED.contains(name));
    let banned = banned.map(|name| format!("Cargo.lock: {name} must not be needed"));
    let compiled = compiled.iter().find(|name| *name == NOT_COMPILED);
    let compiled = compiled.map(|name| format!("Cargo.lock: {name} must not be compiled"));
    let twice = ONCE.iter().filter(|once| names.iter().filter(|name| name == once).count() > 1);
    let twice = twice.map(|name| format!("Cargo.lock: there must be one version of {name}"));
    banned.chain(compiled).chain(twice).collect()
}

/// More than these must not be compiled for buckets.
const MOST_FOR_BUCKETS: usize = 25;

/// `names` are those of the packages that only buckets need.
pub(super) fn check_buckets(names: &[String]) -> Option<String> {
    let count = names.len();
    (count > MOST_FOR_BUCKETS).then(|| {
        format!(
            "Cargo.lock: buckets need {count} packages of their own, and at most {MOST_FOR_BUCKETS} are planned"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(names: &[&str]) -> String {
        let package = |name: &&str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n\n");
        format!("version = 4\n\n{}", names.iter().map(package).collect::<String>())
    }

    #[track_caller]
    fn check_lock(names: &[&str], compiled: &[&str], complaints: &[&str]) {
        let compiled: Vec<String> = compiled.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(check(&lock(names), &compiled), complaints);
    }

    #[test]
    fn banned_packages_are_found() {
        check_lock(&["openssl-sys"], &[], &["Cargo.lock: openssl-sys must not be needed"]);
        check_lock(
            &["h2", "libssh2-sys"],
            &[],
            &["Cargo.lock: h2 must not be needed", "Cargo.lock: libssh2-sys must not be needed"],
        );
        // It only looks for the system's certificates.
        check_lock(&["openssl-probe", "rustls"], &[], &[]);
    }

    #[test]
    fn what_is_locked_is_not_always_compiled() {
        check_lock(&["ring"], &["rustls"], &[]);
        check_lock(&["ring"], &["ring", "rustls"], &["Cargo.lock: ring must not be compiled"]);
    }

    #[test]
    fn buckets_are_no_burden() {
        let names: Vec<String> = (0..=MOST_FOR_BUCKETS).map(|number| number.to_string()).collect();
        assert_eq!(check_buckets(&names[1..]), None);
        assert!(check_buckets(&names).unwrap().contains("26 packages"));
    }

    #[test]
    fn there_is_one_http_stack() {
        check_lock(
            &["reqwest", "hyper", "reqwest"],
            &[],
            &["Cargo.lock: there must be one version of reqwest"],
        );
    }
}
