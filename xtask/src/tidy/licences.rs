//! Under which licences the packages are that this system's programs are built from.

use std::iter::Peekable;

use crate::workspace::Foreign;

/// One of these must be open to us for each package, and all that it asks for at once. docs/architecture.md names
/// them.
const TAKEN: [&str; 7] =
    ["Apache-2.0", "BSD-3-Clause", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "Unicode-3.0"];

pub(super) fn check(packages: &[Foreign], architecture: &str) -> Vec<String> {
    let refused = packages.iter().filter(|package| !package.licence.as_deref().is_some_and(is_taken));
    let refused = refused.map(|Foreign { package, licence, .. }| {
        let licence = licence.as_deref().unwrap_or("no licence in its manifest");
        format!("{package}: {licence} is not among the licences that are taken (xtask/src/tidy/licences.rs)")
    });
    let unnamed = TAKEN.iter().filter(|licence| !architecture.contains(*licence));
    refused.chain(unnamed.map(|licence| format!("docs/architecture.md: does not name {licence}"))).collect()
}

/// Whether an SPDX expression can be met. Old manifests have `/` for `OR`.
fn is_taken(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any_of(&mut words);
    met && words.next().is_none()
}

fn any_of<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let mut met = all_of(words);
    while words.next_if_eq(&"OR").is_some() {
        met |= all_of(words);
    }
    met
}

fn all_of<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let mut met = one(words);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words);
    }
    met
}

fn one<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any_of(words);
        return words.next_if_eq(&")").is_some() && met;
    }
    let met = words.next().is_some_and(|name| TAKEN.contains(&name));
    // An exception only adds to what is allowed.
    if words.next_if_eq(&"WITH").is_some() {
        words.next();
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_weighed() {
        for taken in [
            "MIT",
            "MIT/Apache-2.0",
            "LGPL-2.1-or-later OR MIT",
            "Apache-2.0 WITH LLVM-exception",
            "ISC AND (Apache-2.0 OR OpenSSL)",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
        ] {
            assert!(is_taken(taken), "{taken}");
        }
        for refused in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "GPL-3.0-only OR MIT AND OpenSSL",
            "(MIT OR Apache-2.0) AND OpenSSL",
            "(MIT",
            "MIT MIT",
        ] {
            assert!(!is_taken(refused), "{refused}");
        }
    }

    #[test]
    fn a_licence_that_is_not_taken_is_told() {
        let package = |licence: Option<&str>| {
            [Foreign { package: "a".to_owned(), licence: licence.map(str::to_owned), rust: None }]
        };
        let named = TAKEN.join(", ");
        assert_eq!(check(&package(Some("MIT")), &named), Vec::<String>::new());
        for (licence, shown) in [(Some("GPL-3.0-only"), "GPL-3.0-only"), (None, "no licence in its manifest")]
        {
            let complaint =
                format!("a: {shown} is not among the licences that are taken (xtask/src/tidy/licences.rs)");
            assert_eq!(check(&package(licence), &named), [complaint]);
        }
        assert_eq!(check(&[], &TAKEN[1..].join(", ")), ["docs/architecture.md: does not name Apache-2.0"]);
    }
}
