//! Which environment variables have an effect, and which must have none.

use local_hub::{Fault, FaultTarget, Times};

use crate::world::{World, entry_in};

#[cfg(unix)]
#[test]
fn the_cache_is_in_the_users_cache_folder() {
    let (world, model) = World::with_tiny();
    for (xdg, home) in [
        (None, world.user().join(".cache").join("mlc_llm")),
        (Some(world.beside("xdg")), world.beside("xdg").join("mlc_llm")),
    ] {
        let mut cli = world.cli(&["download", &model.url]).without_env("MLC_LLM_HOME");
        if let Some(xdg) = xdg {
            cli = cli.env("XDG_CACHE_HOME", xdg);
        }
        cli.run().check_path(&entry_in(&home.join("model_weights"), &model));
    }
    assert!(!world.home().exists());
}

#[test]
fn no_setting_of_git_has_an_influence() {
    let (world, model) = World::with_tiny();
    std::fs::write(world.user().join(".gitconfig"), "[this is\nnot a configuration").unwrap();
    let xdg = world.beside("config");
    std::fs::create_dir_all(xdg.join("git")).unwrap();
    let elsewhere = "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = http://127.0.0.1\n";
    std::fs::write(xdg.join("git").join("config"), format!("{elsewhere}[core]\n\tautocrlf = true\n"))
        .unwrap();
    let mut cli = world.cli(&["download", &model.url]);
    for (name, value) in [
        ("XDG_CONFIG_HOME", xdg.to_str().unwrap()),
        ("GIT_CONFIG_GLOBAL", world.user().join(".gitconfig").to_str().unwrap()),
        ("GIT_CONFIG_SYSTEM", xdg.join("git").join("config").to_str().unwrap()),
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "url.http://127.0.0.1:1/.insteadOf"),
        ("GIT_CONFIG_VALUE_0", &world.hub.endpoint()),
        ("GIT_CONFIG_KEY_1", "core.autocrlf"),
        ("GIT_CONFIG_VALUE_1", "true"),
        ("GIT_DIR", "/nonexistent"),
        ("GIT_OBJECT_DIRECTORY", "/nonexistent"),
        ("GIT_SSL_NO_VERIFY", "1"),
        ("GIT_TEMPLATE_DIR", xdg.to_str().unwrap()),
    ] {
        cli = cli.env(name, value);
    }
    cli.run().check_path(&world.entry(&model));
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[test]
fn an_origin_is_added_to_the_user_agent() {
    let (world, model) = World::with_tiny();
    let ran = world.cli(&["download", &model.url]).env("HF_HUB_USER_AGENT_ORIGIN", "our fleet/7").run();
    ran.check_path(&world.entry(&model));
    let expected = format!("mlc-weights/{}; origin/our fleet/7", env!("CARGO_PKG_VERSION"));
    for request in world.hub.log().requests() {
        assert_eq!(request.header("user-agent"), Some(&*expected), "{request}");
    }
    let ran = world.cli(&["download", &model.url]).env("HF_HUB_USER_AGENT_ORIGIN", "line\nfeed").run();
    ran.check_failure(2, &["HF_HUB_USER_AGENT_ORIGIN", "cannot be sent in an HTTP header"]);
}

#[test]
fn a_silent_server_is_given_up_after_the_time_set() {
    let (world, model) = World::with_tiny();
    // The parallel second attempt stalls, too.
    for after in [1_000, 0] {
        world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Stall { after }, Times::Once);
    }
    let ran = world.cli(&["download", &model.url]).env("HF_HUB_DOWNLOAD_TIMEOUT", "1").run();
    ran.check_path(&world.entry(&model));
    assert!(ran.stderr.contains("the host sent nothing for 1 s; trying again in "), "{}", ran.stderr);
}
