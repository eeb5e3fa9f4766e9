//! Exit status 7: the local disk.

use std::path::Path;

use crate::world::{World, files_below};

/// Each of these commands rejects the home and names it, without making a request.
#[track_caller]
fn check(world: &World, commands: &[&str], home: &Path, words: &[&str]) {
    let before = files_below(&world.beside(""));
    for command in commands {
        let ran = world.cli(&[command, "HF://mlc-ai/tiny"]).env("MLC_LLM_HOME", home).run();
        ran.check_failure(7, &[&home.display().to_string()]);
        ran.check_failure(7, words);
    }
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    assert_eq!(files_below(&world.beside("")), before);
}

#[test]
fn a_home_that_is_a_file() {
    let world = World::new();
    std::fs::write(world.home(), "").unwrap();
    check(
        &world,
        &["download", "path"],
        &world.home(),
        &["is not a directory", "set MLC_LLM_HOME to a folder"],
    );
}

#[test]
fn scratch_space_that_is_a_file() {
    let (world, model) = World::with_tiny();
    let file = world.beside("file");
    std::fs::write(&file, "").unwrap();
    let ran = world.cli(&["download", &model.url]).env("MLC_TEMP_DIR", &file).run();
    ran.check_failure(
        7,
        &["scratch", &file.display().to_string(), "  set MLC_TEMP_DIR to a folder that you can write to"],
    );
    assert!(!ran.stderr.contains("MLC_LLM_HOME"), "{}", ran.stderr);
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
}

/// What is in the way is named, and what to do about it.
#[cfg(unix)]
#[test]
fn a_link_or_a_file_where_the_cache_needs_something_else() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    let refused = |home: &Path, words: &str| {
        let ran = world.cli(&["download", "HF://mlc-ai/tiny"]).env("MLC_LLM_HOME", home).run();
        ran.check_failure(7, &[words]);
    };
    let entry = world.home().join("model_weights/hf/mlc-ai/tiny");
    std::fs::create_dir_all(entry.parent().unwrap()).unwrap();
    std::fs::write(&entry, "").unwrap();
    refused(&world.home(), "is not a directory and is not replaced\n  move it away\n");
    std::fs::remove_file(&entry).unwrap();
    symlink(world.user(), &entry).unwrap();
    refused(
        &world.home(),
        "is a symbolic link and is not replaced\n  point it to a complete model, or remove it\n",
    );
    let link = world.beside("link");
    symlink(world.beside("nowhere"), &link).unwrap();
    refused(&link, "is a symbolic link to nothing\n  create what it points to, or remove it\n");
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
}

/// Folders that the program may read but not write. Root may write everywhere, so as root these tests run
/// the program as another user.
#[cfg(unix)]
mod read_only {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;
    use crate::world::{Cli, Ran, lay_out};

    /// The unprivileged user on nearly every system.
    const NOBODY: u32 = 65534;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs the program as a user who may not write to this test's files.
    fn run_without_rights(world: &World, arguments: &[&str], settings: &[(&str, &Path)]) -> Ran {
        set_mode(&world.beside(""), 0o755);
        let with_settings = |cli: Cli| settings.iter().fold(cli, |cli, (name, folder)| cli.env(name, folder));
        if std::fs::metadata(world.user()).unwrap().uid() != 0 {
            return with_settings(world.cli(arguments)).run();
        }
        // Another user may have no access to the build folder. `cp` makes the copy: if this process wrote
        // it, a child of another test might inherit the open file, and then it could not be executed.
        let program = world.beside("program");
        let copied =
            Command::new("cp").arg(env!("CARGO_BIN_EXE_mlc-weights")).arg(&program).status().unwrap();
        assert!(copied.success());
        let mut cli = with_settings(world.cli_of(program, arguments));
        cli.command.uid(NOBODY).gid(NOBODY);
        cli.run()
    }

    #[test]
    fn a_download_into_it_is_refused() {
        let (world, model) = World::with_tiny();
        let models = world.home().join("model_weights");
        std::fs::create_dir_all(&models).unwrap();
        for folder in [&models, &world.home()] {
            set_mode(folder, 0o555);
        }
        let ran = run_without_rights(&world, &["download", &model.url], &[]);
        ran.check_failure(7, &["cannot create", &world.home().display().to_string(), "ermission denied"]);
        let advice = format!("add {} to MLC_LLM_READONLY_WEIGHT_CACHE", models.display());
        ran.check_failure(7, &["  set MLC_LLM_HOME to a folder that you can write to; ", &advice]);
        assert!(world.hub.log().is_empty(), "{}", world.hub.log());
        assert_eq!(files_below(&world.home()), [models]);
    }

    #[test]
    fn scratch_space_that_may_not_be_written_to() {
        let (world, model) = World::with_tiny();
        let scratch = world.beside("scratch");
        for (folder, mode) in [(&world.home(), 0o777), (&scratch, 0o555)] {
            std::fs::create_dir(folder).unwrap();
            set_mode(folder, mode);
        }
        let ran = run_without_rights(&world, &["download", &model.url], &[("MLC_TEMP_DIR", &scratch)]);
        ran.check_failure(7, &[&scratch.display().to_string(), "  set MLC_TEMP_DIR to a folder"]);
        assert!(!ran.stderr.contains("MLC_LLM_HOME"), "{}", ran.stderr);
    }

    #[test]
    fn a_tier_that_may_not_be_read() {
        let (world, model) = World::with_tiny();
        let tier = world.beside("tier");
        lay_out(&model, &tier);
        set_mode(&tier, 0o000);
        let settings = [("MLC_LLM_READONLY_WEIGHT_CACHE", tier.as_path())];
        let ran = run_without_rights(&world, &["path", &model.url], &settings);
        set_mode(&tier, 0o755);
        let advice =
            format!("  make it readable, or remove {} from MLC_LLM_READONLY_WEIGHT_CACHE", tier.display());
        ran.check_failure(7, &[&advice]);
        assert!(!ran.stderr.contains("MLC_LLM_HOME"), "{}", ran.stderr);
    }

    #[test]
    fn a_removal_needs_the_right_user_and_not_another_cache() {
        let (world, model) = World::with_tiny();
        let entry = lay_out(&model, &world.home().join("model_weights"));
        set_mode(&world.home().join("model_weights"), 0o555);
        let ran = run_without_rights(&world, &["remove", "--yes", "mlc-ai/tiny"], &[]);
        ran.check_failure(7, &["ermission denied", "  run this as a user who can write there"]);
        assert!(!ran.stderr.contains("MLC_LLM_HOME") && entry.exists(), "{}", ran.stderr);
    }

    #[test]
    fn a_model_in_it_is_found() {
        let (world, model) = World::with_tiny();
        let entry = lay_out(&model, &world.home().join("model_weights"));
        set_mode(&world.home(), 0o555);
        for command in ["download", "path"] {
            let ran = run_without_rights(&world, &[command, &model.url], &[]);
            ran.check_path(&entry);
            assert_eq!(ran.stderr, "");
        }
        assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    }
}
