//! What is generated from the grammar: shell completion scripts and manual pages.

use crate::world::World;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    let world = World::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = world.cli(&["completions", shell]).run();
        let script = String::from_utf8(ran.stdout).unwrap();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        for word in ["mlc-weights", "download", "--from-file", "no-fsync"] {
            assert!(
                script.contains(word.trim_start_matches('-')),
                "{shell}: {word:?} is missing in:\n{script}"
            );
        }
    }
    world
        .cli(&["completions", "tcsh"])
        .run()
        .check_failure(2, &["invalid value 'tcsh'", "bash, elvish, fish"]);
    world.check_pristine();
}

#[cfg(target_os = "linux")]
#[test]
fn bash_completes() {
    let world = World::new();
    let script = world.beside("completion.bash");
    std::fs::write(&script, world.cli(&["completions", "bash"]).run().stdout).unwrap();
    for (line, expected) in [
        ("mlc-weights do", "download"),
        ("mlc-weights download --li", "--link --limit-rate"),
        ("mlc-weights pull --li", "--link --limit-rate"),
        ("mlc-weights store push --rep", "--replace"),
        ("mlc-weights list --sort s", "size"),
    ] {
        let Some(completed) = completed(&script, line) else {
            eprintln!("skipped: there is no bash");
            return;
        };
        assert_eq!(completed, expected, "{line}");
    }
}

/// What bash completes the last word of a command line to.
#[cfg(target_os = "linux")]
fn completed(script: &std::path::Path, line: &str) -> Option<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let (last, before) = (words.len() - 1, words[words.len() - 2]);
    let commands = format!(
        ". {}; COMP_WORDS=({line}); COMP_CWORD={last}; f=$(complete -p mlc-weights); f=${{f##*-F }}; \
         ${{f%% *}} mlc-weights {} {before}; echo ${{COMPREPLY[@]}}",
        script.display(),
        words[last],
    );
    let output = std::process::Command::new("bash").args(["--norc", "-c", &commands]).output().ok()?;
    assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
}

#[test]
fn every_command_has_a_manual_page() {
    let world = World::new();
    let help = world.cli(&["--help"]).run().text();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.map_while(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let commands = commands.filter_map(|line| line.split_whitespace().next());
    let commands: Vec<&str> = commands.filter(|name| *name != "help").collect();
    assert!(commands.contains(&"download") && commands.contains(&"man"), "{commands:?}");
    for page in commands.into_iter().chain(["store-push"]) {
        let ran = world.cli(&["man", page]).run();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{page}");
        let title = format!(".TH mlc-weights-{page} 1");
        let text = ran.text();
        assert!(text.lines().any(|line| line.starts_with(&title)), "{title}:\n{text}");
        assert!(!text.contains(".SH EXTRA"), "{text}");
        check_descriptions(&text);
    }
    let download = world.cli(&["man", "download"]).run().text();
    assert!(download.contains("\\fBmlc\\-weights download\\fR [OPTIONS] [MODEL]...\n"), "{download}");
    let example = ".SH \"EXAMPLES\"\n.nf\nmlc\\-weights download HF://mlc\\-ai/";
    assert!(download.contains(example), "{download}");
    let ran = world.cli(&["man"]).run();
    for words in
        [".TH mlc-weights 1", ".SH \"EXIT STATUS\"\n.nf\n", ".SH \"ENVIRONMENT\"\n.nf\nMLC_LLM_HOME  "]
    {
        assert!(ran.text().contains(words), "{words}:\n{}", ran.text());
    }
    world.cli(&["man", "upload"]).run().check_failure(2, &["there is no such command"]);
    world.check_pristine();
}

/// Every option has a description, as in the long help.
#[track_caller]
fn check_descriptions(page: &str) {
    let lines: Vec<&str> = page.lines().collect();
    for (above, below) in lines.iter().zip(&lines[2..]).filter(|(line, _)| **line == ".TP") {
        assert!(!below.starts_with('.') && !below.is_empty(), "{above} {below}:\n{page}");
    }
}
