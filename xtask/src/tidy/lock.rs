//! What must not get into the dependency graph, on any platform and with any feature that is on.

/// One TLS stack, and it is rustls; no ssh.
const BANNED: [&str; 9] = [
    "curl-sys",
    "hyper-tls",
    "libssh2-sys",
    "native-tls",
    "openssl",
    "openssl-src",
    "openssl-sys",
    "ssh2",
    "tokio-native-tls",
];

/// `lock` is the text of `Cargo.lock`, which has the graph of all platforms.
pub(super) fn check(lock: &str) -> Vec<String> {
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    names
        .filter(|name| BANNED.contains(name))
        .map(|name| format!("Cargo.lock: {name} must not be needed"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_packages_are_found() {
        let lock =
            |name: &str| format!("version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
        assert_eq!(check(&lock("openssl-sys")), ["Cargo.lock: openssl-sys must not be needed"]);
        assert_eq!(check(&(lock("native-tls") + &lock("libssh2-sys"))).len(), 2);
        // It only looks for the system's certificates.
        assert_eq!(check(&lock("openssl-probe")), Vec::<String>::new());
        assert_eq!(check(&lock("rustls")), Vec::<String>::new());
    }
}
