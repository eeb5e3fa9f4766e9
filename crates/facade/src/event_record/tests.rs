use std::io;
use std::sync::mpsc;

use super::*;
use crate::Observer as _;

#[test]
fn records_go_through_a_channel_to_another_thread() {
    let (sender, receiver) = mpsc::channel();
    let request = crate::Request::try_from("HF://user/repo").unwrap().on_event(move |event| {
        sender.send(EventRecord::from(event)).unwrap();
    });
    let reader = std::thread::spawn(move || receiver.iter().collect::<Vec<_>>());
    let model = "user/repo".parse().unwrap();
    request.watcher().on_event(&Event::Metadata { model: &model });
    request.watcher().on_event(&Event::Kept { bytes: 7 });
    drop(request);
    assert_eq!(reader.join().unwrap(), [EventRecord::Metadata { model }, EventRecord::Kept { bytes: 7 }]);
}

#[track_caller]
fn check(event: &Event<'_>, json: &str) {
    assert_eq!(serde_json::to_string(&EventRecord::from(event)).unwrap(), json);
}

#[test]
fn a_record_is_a_json_object() {
    let cause = hf_transport::Error::from(crate::errors::DiskError::new(
        "read",
        "a".as_ref(),
        io::Error::other("why"),
    ));
    check(
        &Event::RetryingMetadata { pause: Duration::from_micros(1_234_567), cause: &cause },
        r#"{"event":"retrying","file":null,"pause_seconds":1.235,"causes":["cannot read a","why"]}"#,
    );
    let commit = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    check(
        &Event::Commit { commit: &commit, proof: Proof::Git },
        r#"{"event":"commit","commit":"0123456789abcdef0123456789abcdef01234567","proof":"git"}"#,
    );
    check(
        &Event::Warning(Warning::UnlistedShard { path: &"a.bin".parse().unwrap() }),
        r#"{"event":"warning","kind":"unlisted_shard","file":"a.bin","message":"a.bin is left out: the manifest does not name it"}"#,
    );
}

#[test]
fn members_have_other_names_in_json() {
    let file: RepoPath = "a.bin".parse().unwrap();
    for (record, json) in [
        (
            EventRecord::WaitingForLock { pid: Some(7), host: None },
            r#"{"event":"waiting","pid":7,"host":null}"#,
        ),
        (
            EventRecord::Started { file: file.clone(), size: 7 },
            r#"{"event":"started","file":"a.bin","bytes":7}"#,
        ),
        (
            EventRecord::Verified { file: file.clone(), size: 7 },
            r#"{"event":"verified","file":"a.bin","bytes":7}"#,
        ),
        (
            EventRecord::Pushed { file, size: 7, was_there: true },
            r#"{"event":"pushed","file":"a.bin","bytes":7,"was_there":true}"#,
        ),
        (
            EventRecord::Throttled { file: None, origin: None, pause: Duration::ZERO, is_spread: Some(true) },
            r#"{"event":"throttled","file":null,"pause_seconds":0.0,"spread":true}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&record).unwrap(), json);
    }
}
