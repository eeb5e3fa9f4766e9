//! Names that a platform's file system would change or refuse.

/// The platform whose file name rules apply. A value, so that each platform's rules can be tested on
/// all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Platform {
    /// Windows, which reserves some names for devices and forbids some characters.
    Windows,
    /// Any other system.
    Other,
}

/// Why a file system would not keep a name as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    DeviceName,
    TrailingDotOrSpace,
    Character { c: char, at: usize },
}

impl Platform {
    /// The platform that this program runs on.
    pub const fn here() -> Self {
        if cfg!(windows) { Self::Windows } else { Self::Other }
    }

    /// Checks that this platform takes a path component as written.
    pub(crate) fn check(self, name: &str) -> Result<(), Unfit> {
        if self == Self::Other {
            return Ok(());
        }
        if let Some((at, c)) = name.char_indices().find(|(_, c)| r#":<>"|?*"#.contains(*c)) {
            return Err(Unfit::Character { c, at });
        }
        if name.ends_with(['.', ' ']) {
            return Err(Unfit::TrailingDotOrSpace);
        }
        if is_device(name) { Err(Unfit::DeviceName) } else { Ok(()) }
    }
}

/// Windows reserves these with any extension too, in any case (`nul`, `COM1.bin`).
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_uppercase();
    let numbered = |port: &str| {
        stem.strip_prefix(port).is_some_and(|number| {
            let mut digits = number.chars();
            matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, on_windows: Result<(), Unfit>) {
        assert_eq!(Platform::Windows.check(name), on_windows, "{name:?}");
        assert_eq!(Platform::Other.check(name), Ok(()), "{name:?}");
    }

    #[test]
    fn windows_reserves_names_and_characters() {
        for name in [
            "NUL",
            "nul",
            "Con.txt",
            "aux.tar.gz",
            "PRN",
            "COM1",
            "com0.bin",
            "LPT9",
            "LPT¹",
            "CONIN$",
            "nul .x",
        ] {
            check(name, Err(Unfit::DeviceName));
        }
        for name in ["NULL", "COM", "COM10", "LPTX", "console", "x.nul", ".nul", "a"] {
            check(name, Ok(()));
        }
        check("a.", Err(Unfit::TrailingDotOrSpace));
        check("a ", Err(Unfit::TrailingDotOrSpace));
        check("a:b", Err(Unfit::Character { c: ':', at: 1 }));
        check("what?", Err(Unfit::Character { c: '?', at: 4 }));
    }
}
