//! File names may contain anything, and everyone who shares a cache chooses some of them.

use crate::world::{World, lay_out};

/// Sets a window title, clears the screen in two ways, starts a new line, and disguises an extension.
const HOSTILE: &str = "a\u{1b}]0;title\u{7}\u{9b}2J\u{1b}[2J\nerror forged gpj.\u{202e}exe\u{200b}\u{2028}";

#[track_caller]
fn check(text: &str, what: &str) {
    let is_unfit = |c: &char| {
        c.is_control() && *c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(is_unfit), None, "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error forged")), "{what}: {text}");
}

#[cfg(unix)]
#[test]
fn no_message_controls_a_terminal_or_forges_a_line() {
    let (world, model) = World::with_tiny();
    let (home, tier) = (world.beside(HOSTILE), world.beside(&format!("tier{HOSTILE}")));
    let copy = lay_out(&model, &tier);
    std::fs::remove_file(copy.join("params_shard_0.bin")).unwrap();
    let cli = |arguments: &[&str]| {
        let cli = world.cli(arguments).env("MLC_LLM_HOME", &home).env("RUST_LOG", "trace");
        cli.env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier)
    };
    let url = model.url.as_str();
    for arguments in [
        &["path", url][..],
        &["path", "HF://mlc-ai/none"],
        &["download", url, "--dry-run"],
        &["download", url, "--dry-run", "--json"],
        &["download", url, "--progress", "json"],
        &["download", url],
        &["verify", url],
        &["verify", url, "--json"],
        &["list"],
        &["list", "--json"],
        &["env"],
        &["env", "--json"],
        &["remove", url, "--json"],
        &["prune", "--json"],
    ] {
        // Something in the cache beside the models.
        let hf = home.join("model_weights/hf");
        std::fs::create_dir_all(hf.join("mlc-ai")).unwrap();
        std::fs::write(hf.join(HOSTILE), "").unwrap();
        if arguments[0] == "verify" {
            std::fs::write(hf.join("mlc-ai/tiny").join(HOSTILE), "").unwrap();
        }
        let ran = cli(arguments).run();
        check(&ran.stderr, &format!("{arguments:?}, stderr"));
        // A path is a result, and is printed unchanged.
        if arguments.contains(&"--json") {
            assert!(ran.json().is_object());
        }
        if !matches!(arguments, ["path" | "download", _] | ["download", _, "--progress", "json"]) {
            check(&ran.text(), &format!("{arguments:?}, stdout"));
        }
    }
}
