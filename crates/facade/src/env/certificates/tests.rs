use std::ffi::OsString;

use tempfile::TempDir;

use super::*;
use crate::ErrorKind;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[expect(clippy::disallowed_methods, reason = "tests have no folder of their own to begin with")]
fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn files(file: Option<&Path>, folders: &[&Path]) -> CertificateFiles {
    CertificateFiles::from_lookup(&|name| match name {
        SSL_CERT_FILE => file.map(OsString::from),
        SSL_CERT_DIR if folders.is_empty() => None,
        SSL_CERT_DIR => Some(std::env::join_paths(folders).unwrap()),
        _ => None,
    })
}

#[test]
fn without_variables_the_systems_certificates_are_used() {
    assert_eq!(files(None, &[]).load().unwrap(), CaCertificates::system());
    assert_eq!(files(None, &[Path::new(""), Path::new("")]).load().unwrap(), CaCertificates::system());
}

#[test]
fn file_and_folders_add_up_and_the_systems_are_left_out() {
    let folder = folder();
    let (file, one, two) = (folder.path().join("file"), folder.path().join("1"), folder.path().join("2"));
    std::fs::write(&file, PEM).unwrap();
    for folder in [&one, &two] {
        std::fs::create_dir_all(folder.join("below")).unwrap();
        std::fs::write(folder.join("a.pem"), PEM).unwrap();
        std::fs::write(folder.join("b.txt"), "text without a line end").unwrap();
        std::fs::write(folder.join("c.0"), PEM).unwrap();
    }
    let loaded = files(Some(&file), &[&one, &two]).load().unwrap();
    assert!(!loaded.includes_system());
    let pem = String::from_utf8(loaded.pem().collect::<Vec<_>>().concat()).unwrap();
    assert_eq!(pem.lines().filter(|line| line.starts_with("-----BEGIN")).count(), 5, "{pem}");
}

#[test]
fn unusable_values_are_named() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "no certificate").unwrap();
    let nowhere = folder.path().join("nowhere");
    for (files, name, path) in [
        (files(Some(&file), &[]), SSL_CERT_FILE, &*file),
        (files(Some(&nowhere), &[]), SSL_CERT_FILE, &*nowhere),
        (files(Some(folder.path()), &[]), SSL_CERT_FILE, folder.path()),
        (files(None, &[folder.path()]), SSL_CERT_DIR, folder.path()),
        (files(None, &[&nowhere]), SSL_CERT_DIR, &*nowhere),
        (files(None, &[&file]), SSL_CERT_DIR, &*file),
    ] {
        let error = files.load().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("{name}=`{}`", path.display())), "{error}");
    }
}
