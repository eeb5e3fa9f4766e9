//! JSON as Python writes and reads it. No clock, no I/O.

use std::borrow::Cow;

use serde::de::IgnoredAny;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// The first byte of a string that stands for a number that JSON does not have. No name or digest
/// contains this character.
const MARK: u8 = 0x7f;
/// A number without an exponent must be at least this long to overflow a float.
const MANY_DIGITS: usize = 300;

/// Makes JSON written by Python acceptable to a strict reader. Python reads and writes things that JSON
/// does not have: a byte order mark, `NaN`, `Infinity`, numbers like `1e400`, and unpaired surrogates.
///
/// If one of these is in a field that is read, the reader finds a string that [`odd_number`]
/// recognizes, or U+0000 for an unpaired surrogate. Everything else keeps its position, so that the
/// line and column in an error are right. Copies the text only if needed.
///
/// ```
/// let json = br#"{"loss": NaN, "nbytes": 5}"#;
/// let value: serde_json::Value = serde_json::from_slice(&net::standard_json(json))?;
/// assert_eq!(value["nbytes"], 5);
/// assert_eq!(value["loss"].as_str().and_then(net::odd_number), Some("NaN"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn standard_json(json: &[u8]) -> Cow<'_, [u8]> {
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let mut standard = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at = match byte {
            b'"' => skip_string(json, at, &mut standard),
            byte if is_of_word(byte) => {
                let end = at + json[at..].iter().take_while(|byte| is_of_word(**byte)).count();
                if is_odd(&json[at..end]) {
                    mark(&mut standard.to_mut()[at..end]);
                }
                end
            }
            _ => at + 1,
        };
    }
    standard
}

/// Names the number that a string of [`standard_json`] stands for.
pub fn odd_number(text: &str) -> Option<&'static str> {
    Some(match text.strip_prefix(char::from(MARK))? {
        "" => "NaN",
        "finit" => "Infinity",
        "nfinit" => "-Infinity",
        _ => "a number that is too large",
    })
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}

/// Whether Python reads this as a number and a strict reader does not.
fn is_odd(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    if !digits.first().is_some_and(u8::is_ascii_digit) {
        return [&b"NaN"[..], b"Infinity", b"-Infinity"].contains(&word);
    }
    let may_be_too_large = word.len() > MANY_DIGITS || word.iter().any(|byte| b"eE".contains(byte));
    may_be_too_large
        && serde_json::from_slice::<IgnoredAny>(word).is_ok()
        && serde_json::from_slice::<f64>(word).is_err()
}

/// Replaces a word by a string of the same length that [`odd_number`] recognizes.
fn mark(word: &mut [u8]) {
    if let [first, mark, .., last] = word {
        (*first, *mark, *last) = (b'"', MARK, b'"');
    }
}

/// The position after the string that begins here.
fn skip_string(json: &[u8], start: usize, standard: &mut Cow<'_, [u8]>) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => match escaped(json, at) {
                // A valid pair.
                Some(0xd800..=0xdbff) if matches!(escaped(json, at + 6), Some(0xdc00..=0xdfff)) => 12,
                Some(0xd800..=0xdfff) => {
                    standard.to_mut()[at..at + 6].copy_from_slice(br"\u0000");
                    6
                }
                _ => 2,
            },
            _ => 1,
        };
    }
    at
}

/// The code of the `\u` escape at this place.
fn escaped(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(br"\u")?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    u16::from_str_radix(str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn check(json: &str, standard: &str) {
        assert_eq!(String::from_utf8_lossy(&standard_json(json.as_bytes())), standard);
        assert!(serde_json::from_str::<Value>(standard).is_ok(), "{standard}");
    }

    #[test]
    fn what_json_does_not_have() {
        check("\u{feff}{}", "{}");
        check("NaN", "\"\u{7f}\"");
        check("[Infinity,-Infinity, NaN]", "[\"\u{7f}finit\",\"\u{7f}nfinit\", \"\u{7f}\"]");
        check(r#"{"a":1e400,"b":-2E+999}"#, "{\"a\":\"\u{7f}40\",\"b\":\"\u{7f}E+99\"}");
        check(r#"["\ud800", "x\udc00y", "\ud83d\ude00"]"#, r#"["\u0000", "x\u0000y", "\ud83d\ude00"]"#);
        check(r#""\ud800\ud83d\ude00\udc00""#, r#""\u0000\ud83d\ude00\u0000""#);
    }

    #[test]
    fn valid_json_is_unchanged() {
        for json in [
            r#"{"NaN": "NaN, Infinity, 1e400", "a": [1e300, -1.5E-400, 18446744073709551616]}"#,
            r#"["\\ud800", "\"NaN", "\u00e9\ud83d\ude00", true, false, null]"#,
        ] {
            assert!(matches!(standard_json(json.as_bytes()), Cow::Borrowed(_)), "{json}");
            check(json, json);
        }
        // Text that is not valid for Python either is left for the reader to refuse.
        for json in ["nan", "+Infinity", "01e400", "1e400x", "\"\\ud8", "\"\\u+123", "-NaN", "Infinity1"] {
            assert_eq!(standard_json(json.as_bytes()), json.as_bytes());
        }
    }

    #[test]
    fn odd_numbers_have_words() {
        let words = |json: &str| {
            let text: String = serde_json::from_slice(&standard_json(json.as_bytes())).unwrap();
            odd_number(&text).unwrap()
        };
        for number in ["NaN", "Infinity", "-Infinity"] {
            assert_eq!(words(number), number);
        }
        assert_eq!(words("1e400"), "a number that is too large");
        assert_eq!(words(&"9".repeat(400)), "a number that is too large");
        assert_eq!(odd_number("NaN"), None);
    }

    proptest! {
        #[test]
        fn every_character_keeps_its_position(json in "(NaN|1e400|\"|\\\\|u|\\\\ud800|\\\\udc00|[a-z0-9]|é|,|\\[|\n){0,30}") {
            let standard = standard_json(json.as_bytes());
            prop_assert_eq!(standard.len(), json.len());
            prop_assert!(str::from_utf8(&standard).is_ok());
            let breaks = |text: &[u8]| text.iter().map(|byte| *byte == b'\n').collect::<Vec<_>>();
            prop_assert_eq!(breaks(&standard), breaks(json.as_bytes()));
        }

        #[test]
        fn good_json_is_not_touched(value in any::<Vec<(String, f64)>>()) {
            let json = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(&*standard_json(&json), &json[..]);
        }
    }
}
