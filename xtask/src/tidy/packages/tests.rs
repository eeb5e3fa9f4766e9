use super::*;

const SMALL: &[Rule] = &[rule("http-lib", &["net"], &["app"]), rule("proptest", &[], &[])];

fn package(name: &str, normal: &[&str], dev: &[&str]) -> Package {
    let dependency = |dev| move |name: &&str| Dependency { name: (*name).to_owned(), dev };
    let dependencies = normal.iter().map(dependency(false)).chain(dev.iter().map(dependency(true))).collect();
    Package {
        name: name.to_owned(),
        full_name: name.to_owned(),
        is_published: false,
        folder: format!("crates/{name}"),
        dependencies,
    }
}

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

/// A workspace of `net` and `app`, with code that uses everything.
#[track_caller]
fn check_small(net: Package, app: Package, complaints: &[&str]) {
    let files = ["net", "app"].map(|name| {
        file(
            &format!("crates/{name}/src/lib.rs"),
            "use http_lib::get;\nuse other::x;\nmod tests { use proptest::prelude; use net::y; }",
        )
    });
    assert_eq!(check(&[net, app], &files, SMALL), complaints);
}

#[test]
fn what_is_planned_is_fine() {
    check_small(package("net", &["http-lib"], &["proptest"]), package("app", &[], &[]), &[]);
    check_small(package("net", &["http-lib"], &[]), package("app", &["http-lib", "net"], &["proptest"]), &[]);
    check_small(package("net", &["http-lib"], &[]), package("app", &[], &["http-lib", "proptest"]), &[]);
}

#[test]
fn what_is_not_planned_is_not() {
    check_small(
        package("net", &["http-lib", "other"], &["proptest"]),
        package("app", &["proptest"], &["other"]),
        &[
            "net: other is not planned there (xtask/src/tidy/packages.rs)",
            "app: proptest is not planned there (xtask/src/tidy/packages.rs)",
            "app: other is not planned there (xtask/src/tidy/packages.rs)",
        ],
    );
}

#[test]
fn what_is_planned_must_be_there() {
    check_small(
        package("net", &[], &[]),
        package("app", &["http-lib"], &[]),
        &["net: is planned to use http-lib, but does not", "proptest is planned, but used nowhere"],
    );
}

#[test]
fn what_is_declared_must_be_used() {
    let mentioned = |dev, path: &str, text: &str| {
        let dependency = Dependency { name: "md-5".to_owned(), dev };
        is_mentioned(&package("net", &[], &[]), &dependency, &[file(path, text)])
    };
    assert!(mentioned(false, "crates/net/src/a/b.rs", "    let x = md5::Md5::new();"));
    assert!(mentioned(false, "crates/net/build.rs", "use md5 as m;"));
    assert!(mentioned(true, "crates/net/tests/it.rs", "use md5::Md5;"));
    assert!(mentioned(true, "crates/net/src/lib.rs", "//! use md5::Md5;"));
    assert!(!mentioned(false, "crates/net/tests/it.rs", "use md5::Md5;"));
    assert!(!mentioned(false, "crates/network/src/lib.rs", "use md5::Md5;"));
    assert!(!mentioned(false, "crates/net/src/lib.rs", "// md5 would be nice here"));
    assert!(!mentioned(false, "crates/net/src/lib.rs", "use md5_like::x; let md5sum = 1;"));
    assert!(!mentioned(false, "crates/net/src/notes.txt", "use md5::Md5;"));
}
