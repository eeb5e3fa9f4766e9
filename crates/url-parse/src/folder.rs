//! Folders set by a user, checked by Windows' rules on any system. No I/O.

use crate::platform::{Platform, Unfit};

/// The longest name on NTFS, in UTF-16 units. A whole path may have 32,767, since paths are
/// passed to the system in a form without a shorter limit.
const LONGEST_NAME: usize = 255;

impl Platform {
    /// Why this platform would read the path of a folder as a different one; `None` if it would not.
    /// The path may be relative, or begin with a drive (`C:\models`, `C:models`), with a share
    /// (`\\server\share\models`) or with `\\?\`, after which Windows takes every name literally.
    ///
    /// ```
    /// use url_parse::Platform;
    ///
    /// assert_eq!(Platform::Windows.problem_of_folder(r"C:\models"), None);
    /// let problem = Platform::Windows.problem_of_folder(r"C:\models\nul").unwrap();
    /// assert_eq!(problem, "it has the component `nul`, which Windows keeps for a device");
    /// ```
    pub fn problem_of_folder(self, path: &str) -> Option<String> {
        if self == Self::Other {
            return None;
        }
        let path = path.replace('/', "\\");
        if let Some(name) = path.strip_prefix(r"\\?\") {
            let unc = name.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case(r"UNC\"));
            return if unc { of_share(name.get(4..)?) } else { None };
        }
        if path.starts_with(r"\\.\") {
            return Some(r"it begins with `\\.\`, as the names of devices do".to_owned());
        }
        if let Some(share) = path.strip_prefix(r"\\") {
            return of_share(share);
        }
        of_components(without_drive(&path))
    }
}

/// `server\share\folder`.
fn of_share(path: &str) -> Option<String> {
    let mut names = path.splitn(3, '\\');
    let is_named = [names.next(), names.next()].iter().all(|name| name.is_some_and(|name| !name.is_empty()));
    if is_named {
        of_components(names.next()?)
    } else {
        Some(r"a share is written `\\server\share`".to_owned())
    }
}

fn without_drive(path: &str) -> &str {
    let mut characters = path.chars();
    let is_drive =
        characters.next().is_some_and(|c| c.is_ascii_alphabetic()) && characters.next() == Some(':');
    if is_drive { characters.as_str() } else { path }
}

fn of_components(path: &str) -> Option<String> {
    path.split('\\').filter(|name| !matches!(*name, "" | "." | "..")).find_map(of_component)
}

fn of_component(name: &str) -> Option<String> {
    let units = name.encode_utf16().count();
    if units > LONGEST_NAME {
        return Some(format!("it has a component of {units} characters, more than {LONGEST_NAME}"));
    }
    let why = match Platform::Windows.check(name).err()? {
        Unfit::DeviceName => "which Windows keeps for a device".to_owned(),
        Unfit::TrailingDotOrSpace => "whose end Windows drops".to_owned(),
        Unfit::Character { c, .. } => format!("in which Windows does not allow {c:?}"),
    };
    Some(format!("it has the component `{name}`, {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_windows_takes_as_written() {
        let long = format!(r"C:\{}", [r"long\"; 80].concat());
        for path in [
            r"C:\models",
            "c:/models/hf",
            "C:models",
            r"C:\",
            r"\models",
            r"..\models\.\x",
            r"\\server\share",
            r"\\server\share\models\",
            "//server/share/models",
            r"\\?\C:\nul\models.",
            r"\\?\UNC\server\share\models",
            r"\\?\Volume{0b1e9f3c}\models",
            r"C:\Users\Jürgen Groß\AppData\Local\mlc_llm",
            &long,
        ] {
            assert_eq!(Platform::Windows.problem_of_folder(path), None, "{path}");
        }
    }

    #[test]
    fn folders_that_windows_reads_differently() {
        let long = format!(r"C:\{}\x", "ü".repeat(256));
        for (path, words) in [
            (r"C:\NUL", "`NUL`, which Windows keeps for a device"),
            (r"C:\con.d\models", "`con.d`, which Windows keeps"),
            ("aux", "`aux`, which Windows keeps"),
            (r"\\server\share\com1", "`com1`, which Windows keeps"),
            (r"C:\models.\x", "`models.`, whose end Windows drops"),
            (r"C:\models \x", "`models `, whose end Windows drops"),
            (r"C:\a?b", "`a?b`, in which Windows does not allow '?'"),
            (r"C:\models:stream", "`models:stream`, in which Windows does not allow ':'"),
            (r"CC:\models", "`CC:`, in which Windows does not allow ':'"),
            (r"\\.\C:\models", "as the names of devices do"),
            ("//./pipe/x", "as the names of devices do"),
            (r"\\server", r"a share is written `\\server\share`"),
            (r"\\server\\models", r"a share is written `\\server\share`"),
            (r"\\?\UNC\server", r"a share is written `\\server\share`"),
            (&long, "256 characters, more than 255"),
        ] {
            let problem = Platform::Windows.problem_of_folder(path).unwrap_or_default();
            assert!(problem.contains(words), "{path}: {problem:?}");
            assert_eq!(Platform::Other.problem_of_folder(path), None, "{path}");
        }
    }
}
