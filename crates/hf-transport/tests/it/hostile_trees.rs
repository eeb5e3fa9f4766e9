//! Trees that would write outside their folder, or are not what they seem.

use hf_transport::{Error, ErrorKind};
use local_hub::ModelFixture;

use crate::support::{ID, Stage, chain, listing};

/// A repository for [`add`].
fn stage() -> Stage {
    Stage::with_file("good.txt", "good")
}

/// Gives the repository one good file, followed by this entry.
fn add(stage: &Stage, mode: &str, name: &[u8]) {
    let plumbing = stage.plumbing();
    let (good, evil) = (plumbing.blob(b"good"), plumbing.blob(b"evil"));
    let object = match mode {
        "40000" => plumbing.tree(&[("100644", b"evil.txt", &evil)]),
        _ => evil,
    };
    plumbing.set_main(&[("100644", b"good.txt", &good), (mode, name, &object)]);
}

/// The refusal of a stage's tree; its message and causes must contain all of `words`.
async fn check(stage: &Stage, words: &[&str]) -> Error {
    let error = stage.fetch_error().await;
    let shown = chain(&error);
    for word in words {
        assert!(shown.contains(word), "{word:?} is not in {shown:?}");
    }
    assert!(shown.contains(ID), "{shown}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
    error
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let stage = stage();
    for (name, shown, problem) in [
        (&b".."[..], "`..`", "`.` or `..`"),
        (b".", "`.`", "`.` or `..`"),
        (b".git", "`.git`", "into a `.git` folder"),
        (b".GIT", "`.GIT`", "into a `.git` folder"),
        (b"..\\evil", "`..\\\\evil`", "it has a backslash"),
        (b".git ", "`.git `", "into a `.git` folder"),
        (b".git::$INDEX_ALLOCATION", "`.git::$INDEX_ALLOCATION`", "into a `.git` folder"),
        (b"git~1", "`git~1`", "into a `.git` folder"),
        (".g\u{200c}it".as_bytes(), "`.g\\u{200c}it`", "the invisible character"),
        ("gpj.\u{202e}exe".as_bytes(), "`gpj.\\u{202e}exe`", "the invisible character"),
        (b"line\nfeed", "`line\\nfeed`", "the control character"),
        (b"esc\x1b[31m", "`esc\\u{1b}[31m`", "the control character"),
        (&[b'x'; 256], "`xxxx", "has a component of 256 bytes"),
    ] {
        for mode in ["100644", "40000"] {
            add(&stage, mode, name);
            let error = check(&stage, &["the unsafe path ", shown, problem]).await;
            assert!(matches!(error, Error::UnsafePath { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn names_that_are_no_names_are_refused() {
    let stage = stage();
    for (name, shown, problem) in [
        (&b"../evil"[..], "`../evil`", "contains a slash"),
        (b"good.txt/x", "`good.txt/x`", "contains a slash"),
        (b"/etc/evil", "`/etc/evil`", "contains a slash"),
        (b"caf\xe9", "`caf\u{fffd}`", "is not UTF-8"),
    ] {
        for mode in ["100644", "40000"] {
            add(&stage, mode, name);
            let error = check(&stage, &[shown, problem]).await;
            assert!(matches!(error, Error::UnusablePath { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn entries_other_than_plain_files_are_refused() {
    let link = Stage::new(&ModelFixture::new(ID).symlink("link", "/etc/passwd"));
    check(&link, &["contains a symbolic link at `link`"]).await;
    let link = Stage::new(&ModelFixture::new(ID).symlink("params", ".."));
    check(&link, &["contains a symbolic link at `params`"]).await;
    let submodule = Stage::new(&ModelFixture::new(ID).submodule("lib"));
    check(&submodule, &["contains a submodule at `lib`"]).await;
    let stage = stage();
    for mode in ["60000", "10644", "20000", "644"] {
        add(&stage, mode, b"odd");
        let error = check(&stage, &["contains an entry of unknown kind at `odd`"]).await;
        assert!(matches!(error, Error::NotAPlainFile { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn the_whole_path_of_a_nested_entry_is_named() {
    let stage = Stage::usual();
    let plumbing = stage.plumbing();
    let blob = plumbing.blob(b"/etc/passwd");
    let inner = plumbing.tree(&[("120000", b"link", &blob)]);
    let outer = plumbing.tree(&[("40000", b"inner", &inner)]);
    plumbing.set_main(&[("40000", b"outer", &outer)]);
    check(&stage, &["contains a symbolic link at `outer/inner/link`"]).await;
}

#[tokio::test]
async fn a_duplicate_name_is_refused() {
    let stage = Stage::usual();
    let plumbing = stage.plumbing();
    let (one, two) = (plumbing.blob(b"one"), plumbing.blob(b"two"));
    let folder = plumbing.tree(&[("100644", b"inside", &two)]);
    let pointer = plumbing.blob(stage.model.lfs_files().next().unwrap().git_bytes().as_slice());
    for entries in [
        [("100644", &b"same"[..], one.as_str()), ("100644", b"same", two.as_str())],
        [("100644", b"same", &one), ("40000", b"same", &folder)],
        [("40000", b"same", &folder), ("100644", b"same", &one)],
        [("40000", b"same", &folder), ("40000", b"same", &folder)],
        [("100644", b"same", &pointer), ("100644", b"same", &one)],
        [("100644", b"same", &pointer), ("100644", b"same", &pointer)],
    ] {
        plumbing.set_main(&entries);
        let error = check(&stage, &["`same`", "it is listed twice"]).await;
        assert!(matches!(error, Error::UnusablePath { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_entrys_kind_follows_its_mode() {
    let stage = Stage::usual();
    let plumbing = stage.plumbing();
    let blob = plumbing.blob(b"text");
    let tree = plumbing.tree(&[("100644", b"a", &blob)]);
    plumbing.set_main(&[("100644", b"file", &tree)]);
    check(&stage, &["`file`", "listed as a file but is not one"]).await;
}

#[tokio::test]
async fn files_written_before_a_refusal_are_inside_the_tree() {
    let stage = stage();
    add(&stage, "100644", b"zzz\\evil");
    let request = stage.request(None, std::sync::Arc::new(()));
    let tree = request.export_to.clone();
    stage.fetch_request(request).await.unwrap_err();
    let written: Vec<String> = listing(&tree).into_keys().collect();
    assert_eq!(written, ["good.txt"]);
}
