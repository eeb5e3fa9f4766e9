//! Which servers the tests talk to.

use std::process::Command;

/// Tests of clouds contact no server outside this machine: no bucket, no metadata service and no DNS
/// server.
#[test]
fn no_test_leaves_this_machine() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (calls, this) = (folder.path().join("calls"), std::env::current_exe().unwrap());
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--seccomp-bpf", "--trace=connect", "--output"]).arg(&calls).arg(this);
    // These involve no cloud, or use a server on this machine.
    for tests in ["reach::", "contract::", "folders::", "servers::", "web::"] {
        strace.args(["--skip", tests]);
    }
    let output = match strace.env_remove("MLC_WEIGHTS_TEST_SERVERS").output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: strace cannot be run: {error}");
            return;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let calls = std::fs::read_to_string(calls).unwrap();
    let is_near = |call: &&str| call.contains("\"127.0.0.1\"") || call.contains("AF_UNIX");
    let (near, far): (Vec<_>, Vec<_>) =
        calls.lines().filter(|line| line.contains("connect(")).partition(is_near);
    assert!(!near.is_empty(), "nothing was seen");
    assert_eq!(far, [""; 0]);
}
