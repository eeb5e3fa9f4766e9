//! Scripts that complete command lines.

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
