use std::error::Error as _;

use super::*;
use crate::{ErrorKind, MAX_METADATA_BYTES};

const NAME: &str = "tensor-cache.json";
const MD5: &str = "c3fb463ece02fca48fa99f0448408b1b";

/// A manifest with these records, given as JSON.
fn with_records(records: &[&str]) -> String {
    format!(r#"{{"metadata": {{}}, "records": [{}]}}"#, records.join(","))
}

fn record(path: &str, nbytes: &str, rest: &str) -> String {
    format!(r#"{{"dataPath": {path}, "format": "raw-shard", "nbytes": {nbytes}, "records": []{rest}}}"#)
}

/// The message with its causes.
fn message(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[track_caller]
fn parsed(json: &str) -> Manifest {
    Manifest::parse(json.as_bytes(), NAME).unwrap_or_else(|error| panic!("{}", message(&error)))
}

#[track_caller]
fn refused(json: &str, expected: &str) {
    let error = Manifest::parse(json.as_bytes(), NAME).unwrap_err();
    assert_eq!(message(&error), expected);
    let is_unsafe = matches!(error, Error::UnsafePath { .. });
    assert_eq!(error.kind(), if is_unsafe { ErrorKind::Integrity } else { ErrorKind::Refused });
}

#[test]
fn a_real_manifest_with_md5() {
    let json = include_bytes!("../../../../tests/data/manifests/ReaderLM-v2.tensor-cache.json");
    let manifest = Manifest::parse(json, NAME).unwrap();
    assert_eq!(manifest.records().len(), 30);
    assert_eq!(manifest.total_bytes(), 868_547_584);
    assert!(manifest.records().iter().all(|record| record.md5.is_some()));
    let last = manifest.records().last().unwrap();
    assert_eq!(last.path.as_str(), "params_shard_29.bin");
    assert_eq!(last.md5, Some(MD5.parse().unwrap()));
}

#[test]
fn a_real_manifest_under_the_older_name() {
    let json = include_bytes!("../../../../tests/data/manifests/doctorGPT_mini.ndarray-cache.json");
    let manifest = Manifest::parse(json, "ndarray-cache.json").unwrap();
    assert_eq!(manifest.records().len(), 51);
    assert_eq!(manifest.total_bytes(), 1_572_515_840);
    assert!(manifest.records().iter().all(|record| record.md5.is_none()));
}

#[test]
fn unknown_fields_and_tensors_are_ignored() {
    let manifest = parsed(
        r#"{"records": [{"nbytes": 7, "records": "odd", "dataPath": "sub/a #3+%41.bin", "extra": [[{"x": null}]],
            "md5sum": "C3FB463ECE02FCA48FA99F0448408B1B"}], "metadata": 5, "more": -1.5e3}"#,
    );
    let [record] = manifest.records() else { panic!("{manifest:?}") };
    assert_eq!(record.path.as_str(), "sub/a #3+%41.bin");
    assert_eq!((record.size, record.md5), (7, Some(MD5.parse().unwrap())));
}

#[test]
fn no_md5_has_several_spellings() {
    for rest in ["", r#", "md5sum": null"#, r#", "md5sum": """#, r#", "md5sum": " \t\n""#] {
        let manifest = parsed(&with_records(&[&record(r#""a.bin""#, "0", rest)]));
        assert_eq!(manifest.records()[0].md5, None, "{rest}");
    }
}

#[test]
fn md5_of_another_form_is_refused() {
    for (md5, found) in [
        (r#""c3fb""#, r#""c3fb""#),
        (r#""g3fb463ece02fca48fa99f0448408b1b""#, r#""g3fb463ece02fca48fa99f0448408b1b""#),
        (r#"" c3fb463ece02fca48fa99f0448408b1b""#, r#"" c3fb463ece02fca48fa99f0448408b1b""#),
        ("17", "17"),
        ("false", "false"),
        ("{}", "an object"),
    ] {
        let good = record(r#""a""#, "1", "");
        let bad = record(r#""b""#, "1", &format!(r#", "md5sum": {md5}"#));
        let message =
            format!("tensor-cache.json: records[1].md5sum is {found}, expected 32 hexadecimal digits");
        refused(&with_records(&[&good, &bad]), &message);
    }
}

#[test]
fn sizes_are_whole_numbers_of_bytes_up_to_2_53() {
    for (nbytes, expected) in [
        ("0", 0),
        ("1", 1),
        ("9007199254740992", 1 << 53),
        ("26331136.0", 26_331_136),
        ("5e4", 50_000),
        ("9007199254740992.0", 1 << 53),
    ] {
        assert_eq!(parsed(&with_records(&[&record(r#""a""#, nbytes, "")])).records()[0].size, expected);
    }
    for (nbytes, found) in [
        ("-1", "-1"),
        ("1.5", "1.5"),
        ("-5.0", "-5.0"),
        ("9007199254740994.0", "9007199254740994.0"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e400", "a number that is too large"),
        ("9007199254740993", "9007199254740993"),
        ("1e300", "1e300"),
        (r#""26331136""#, r#""26331136""#),
        ("null", "null"),
        ("[]", "a list"),
    ] {
        let message = format!(
            "tensor-cache.json: records[0].nbytes is {found}, expected a whole number of bytes from 0 to 2^53"
        );
        refused(&with_records(&[&record(r#""a""#, nbytes, "")]), &message);
    }
}

#[test]
fn paths_that_leave_the_directory_are_refused() {
    for (path, shown, problem) in [
        ("/etc/passwd", "/etc/passwd", "it is absolute"),
        ("../a", "../a", "it has a component `.` or `..`"),
        ("a/../../b", "a/../../b", "it has a component `.` or `..`"),
        (r"a\\b", r"a\\b", "it has a backslash"),
        ("a/.git /b", "a/.git /b", "it leads into a `.git` folder"),
        (r"a\u0000b", r"a\0b", r"it has the control character '\0'"),
        ("", "", "it is empty"),
        ("a//b", "a//b", "it has an empty component"),
        (".git/config", ".git/config", "it leads into a `.git` folder"),
    ] {
        let bad = record(&format!("\"{path}\""), "1", "");
        let message = format!(
            "tensor-cache.json: records[1].dataPath must not be used as a path: \
             `{shown}` is not a path inside a repository: {problem}"
        );
        refused(&with_records(&[&record(r#""ok""#, "1", ""), &bad]), &message);
    }
}

#[test]
fn a_path_must_be_a_string() {
    for (path, found) in [("3", "3"), ("null", "null"), (r#"["a"]"#, "a list")] {
        let message =
            format!("tensor-cache.json: records[0].dataPath is {found}, expected the path of a file");
        refused(&with_records(&[&record(path, "1", "")]), &message);
    }
    refused(
        r#"{"records": [{"nbytes": 1}]}"#,
        "tensor-cache.json: records[0].dataPath is missing, expected the path of a file",
    );
}

#[test]
fn files_that_describe_the_model_are_no_shards() {
    for path in ["mlc-chat-config.json", "tensor-cache.json", "ndarray-cache.json", "Tensor-Cache.JSON"] {
        let message = format!(
            "tensor-cache.json: records[0].dataPath is `{path}`, \
             the name of a file that describes the model: refused as a shard"
        );
        refused(&with_records(&[&record(&format!("\"{path}\""), "1", "")]), &message);
    }
    assert_eq!(parsed(&with_records(&[&record(r#""sub/tensor-cache.json""#, "1", "")])).records().len(), 1);
}

#[test]
fn identical_records_are_merged_and_others_conflict() {
    let md5 = format!(r#", "md5sum": "{MD5}""#);
    let (a, b) = (record(r#""a""#, "5", &md5), record(r#""b""#, "6", ""));
    let folded = parsed(&with_records(&[&a, &b, &a]));
    assert_eq!(folded.records().iter().map(|record| record.path.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(folded.total_bytes(), 11);

    let message = "tensor-cache.json: records[0] and records[2] contradict each other about `a`";
    for other in [record(r#""a""#, "4", &md5), record(r#""a""#, "5", "")] {
        refused(&with_records(&[&a, &b, &other]), message);
    }
}

#[test]
fn a_path_is_not_a_file_and_a_folder() {
    let (file, inside) = (record(r#""a/b""#, "1", ""), record(r#""a/b/c/d""#, "1", ""));
    refused(
        &with_records(&[&file, &inside]),
        "tensor-cache.json: records[0] and records[1] contradict each other about `a/b/c/d`",
    );
    refused(
        &with_records(&[&inside, &file]),
        "tensor-cache.json: records[1] and records[0] contradict each other about `a/b/c/d`",
    );
    let beside = record(r#""a/bc""#, "1", "");
    assert_eq!(parsed(&with_records(&[&file, &beside])).records().len(), 2);
}

#[test]
fn manifests_from_before_march_2023_are_named() {
    let end = "which MLC-LLM no longer reads";
    let tensor = r#"{"name": "w", "shape": [1], "dtype": "float32", "dataPath": "w.bin", "format": "raw"}"#;
    refused(
        &format!("[{tensor}]"),
        &format!("tensor-cache.json has a form written before March 2023 (a bare list of records), {end}"),
    );
    refused(
        &with_records(&[tensor]),
        &format!(
            "tensor-cache.json has a form written before March 2023 (records[0] has no `nbytes`), {end}"
        ),
    );
}

#[test]
fn a_manifest_must_be_an_object_with_a_list_of_records() {
    refused("[]", "tensor-cache.json is a list, expected an object with a list `records`");
    refused("[[{}]]", "tensor-cache.json is a list, expected an object with a list `records`");
    refused("null", "tensor-cache.json is null, expected an object with a list `records`");
    refused("{}", "tensor-cache.json: records is missing, expected a list of objects");
    refused(r#"{"records": {}}"#, "tensor-cache.json: records is an object, expected a list of objects");
    refused(r#"{"records": [7]}"#, "tensor-cache.json: records[0] is 7, expected an object");
    refused(r#"{"records": []}"#, "tensor-cache.json lists no shards: its `records` are empty");
    let long = "x".repeat(500);
    refused(
        &format!("\"{long}\""),
        &format!("tensor-cache.json is \"{}…\", expected an object with a list `records`", "x".repeat(160)),
    );
}

#[test]
fn a_syntax_error_is_shown_with_its_position() {
    refused("", "tensor-cache.json is not valid JSON: EOF while parsing a value at line 1 column 0");
    refused(
        "<!doctype html>",
        "tensor-cache.json is not valid JSON near `<!doctype html>`: expected value at line 1 column 1",
    );
    refused(
        r#"{"records": [{"dataPath": "a", "nbytes": 1}]} x"#,
        "tensor-cache.json is not valid JSON near `taPath\": \"a\", \"nbytes\": 1}]} x`: trailing characters at line 1 column 47",
    );
    refused(
        "{\n \"a\": NaN,\n \"b\": nan\u{1b}\n}",
        "tensor-cache.json is not valid JSON near `\"b\": nan\\u{1b}`: expected ident at line 3 column 8",
    );
    refused(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "tensor-cache.json is git-lfs pointer text instead of the file's content",
    );
    let error = Manifest::parse(b"{\"records\": \"\xff\"}", NAME).unwrap_err();
    assert_eq!(
        message(&error),
        "tensor-cache.json is not UTF-8 text: invalid utf-8 sequence of 1 bytes from index 13",
    );
}

/// Python writes these, and the original reads them.
#[test]
fn python_json_is_accepted() {
    let json = format!(
        "\u{feff}{{\"metadata\": {{\"loss\": NaN, \"\\ud800\": [Infinity, -1e999]}}, \"records\": [{}], \"last\": \"\\udc00\"}}",
        record(r#""a.bin""#, "7", r#", "scale": -Infinity, "shape": [1E+400], "name": "half \ud83d""#)
    );
    let records = parsed(&json);
    assert_eq!(records.records()[0].path.as_str(), "a.bin");
    refused(
        &with_records(&[&record(r#""a\ud800""#, "7", "")]),
        "tensor-cache.json: records[0].dataPath must not be used as a path: `a\\0` is not a path inside a repository: it has the control character '\\0'",
    );
    refused(
        &with_records(&[&record("NaN", "7", "")]),
        "tensor-cache.json: records[0].dataPath is NaN, expected the path of a file",
    );
}

#[test]
fn deep_nesting_is_refused_wherever_it_is() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for json in [
        deep.clone(),
        format!(r#"{{"metadata": {deep}, "records": []}}"#),
        with_records(&[&format!(r#"{{"dataPath": "a", "nbytes": 1, "records": {deep}}}"#)]),
    ] {
        let error = Manifest::parse(json.as_bytes(), NAME).unwrap_err();
        let message = message(&error);
        assert!(
            message.contains("is not valid JSON near `") && message.contains(": recursion limit exceeded"),
            "{message}"
        );
    }
}

#[test]
fn too_large_a_file_is_not_read() {
    let limit = usize::try_from(MAX_METADATA_BYTES).unwrap();
    let error = Manifest::parse(&vec![b' '; limit + 1], NAME).unwrap_err();
    assert_eq!(error.to_string(), "tensor-cache.json is larger than 67.11 MB: refused");
}

#[test]
fn sizes_that_cannot_be_added_up() {
    let record = |i: usize| record(&format!("\"{i}\""), "9007199254740992", "");
    let records: Vec<_> = (0..2049).map(record).collect();
    let records: Vec<_> = records.iter().map(String::as_str).collect();
    refused(
        &with_records(&records),
        "the shards that tensor-cache.json lists have more than 2^64 bytes in total",
    );
}

/// Each has two thousand parent folders: the work per record must not grow with their square.
#[test]
fn many_deep_paths_are_read_quickly() {
    let records: Vec<_> =
        (1000..2500).map(|i| record(&format!("\"{}{i}\"", "d/".repeat(2000)), "1", "")).collect();
    let records: Vec<_> = records.iter().map(String::as_str).collect();
    let began = std::time::Instant::now();
    assert_eq!(parsed(&with_records(&records)).records().len(), 1500);
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}
