//! What is made from the grammar for others: scripts that complete command lines, and manual pages.

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
    let line = format!(
        ". {}; COMP_WORDS=(mlc-weights do); COMP_CWORD=1; f=$(complete -p mlc-weights); f=${{f##*-F }}; ${{f%% *}} mlc-weights do mlc-weights; echo ${{COMPREPLY[@]}}",
        script.display()
    );
    let Ok(output) = std::process::Command::new("bash").args(["--norc", "-c", &line]).output() else {
        eprintln!("skipped: there is no bash");
        return;
    };
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "download\n",
        "{:?}",
        String::from_utf8(output.stderr)
    );
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
        assert!(ran.text().lines().any(|line| line.starts_with(&title)), "{title}:\n{}", ran.text());
    }
    let ran = world.cli(&["man"]).run();
    assert!(
        ran.text().contains(".TH mlc-weights 1") && ran.text().contains("MLC_LLM_HOME"),
        "{}",
        ran.text()
    );
    world.cli(&["man", "upload"]).run().check_failure(2, &["there is no such command"]);
    world.check_pristine();
}
