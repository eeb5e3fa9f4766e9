//! A hub that sends hostile text, or is very slow.

use std::time::{Duration, Instant};

use anyhow::Result;
use local_hub::{
    Fault, FaultTarget, LocalHub, ModelFixture, PublishedModel, RawTarget, Route, Times, packet,
    reference_list,
};

use super::program::{Ran, Running};
use super::scene::{Findings, MODEL, PATIENCE, Scene, Stage, TOKEN};

const WORDS: &str = "what a server says is fit for a terminal, and its refusal is final";
const PATIENT: &str = "a server that is too slow is given up";
const NAMES: &str = "names that hide something, or mean `.git` anywhere, are refused";

pub(super) const SCENES: &[Scene] = &[
    Scene::new(5, WORDS, "`ERR` in the references", refusal),
    Scene::new(5, WORDS, "`object-format=` in the references", format),
    Scene::new(5, WORDS, "`Content-Type` and `Location`", headers),
    Scene::new(8, PATIENT, "a byte every 2 s", drips),
    Scene::new(8, PATIENT, "a break after every ten bytes", breaks),
    Scene::new(10, "a wait is shown as long as it is", "`t=10^18`", limit),
    Scene::new(13, NAMES, "seven names", hidden),
    Scene::new(13, "what only Windows forbids is fine here", "`aux.md`, `a:b.png`, `x.`", windows),
];

/// Sets a window title, clears the screen, uses a C1 control, forges a line, and contains secrets.
fn evil() -> String {
    format!(
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r\nerror: forged\nhttps://user:p4ssw0rd@hub/x \
         https://host/y?X-Amz-Signature=5ecret0123456789 {TOKEN}"
    )
}

/// Downloads from a hub that sends `list` as its list of references.
fn listed(stage: &Stage, list: Vec<u8>) -> Result<Findings> {
    let hub = stage.hub()?;
    let served = Fault::git_list(list);
    hub.fault(FaultTarget::info_refs(""), served, Times::Forever);
    let mut command = stage.command(&hub, &["download", "--progress", "plain", "HF://o/m"]);
    let ran = Running::start(command.env("HF_TOKEN", TOKEN))?.wait(PATIENCE)?;
    let attempts = hub.log().route(Route::InfoRefs).count();
    hub.take_violations();
    Ok(Findings::of(&ran).final_after(&ran, attempts).clean(&ran))
}

fn refusal(stage: &Stage) -> Result<Findings> {
    let service = packet(b"# service=git-upload-pack\n");
    listed(stage, [service, b"0000".to_vec(), packet(format!("ERR {}", evil()).as_bytes())].concat())
}

fn format(stage: &Stage) -> Result<Findings> {
    let capabilities = format!("ofs-delta object-format={}", evil().replace(['\n', ' '], "_"));
    listed(stage, reference_list(&"1".repeat(40), &capabilities))
}

fn headers(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    // Only characters that are valid in a header.
    let evil = evil().replace(|c: char| !c.is_ascii_graphic(), "_");
    let odd = Fault::Status {
        code: 200,
        headers: vec![("content-type".to_owned(), format!("text/{evil}"))],
        body: String::new(),
    };
    // Both git and the API.
    hub.fault(FaultTarget::any(MODEL), odd, Times::N(2));
    let ran = stage.download(&hub)?;
    let odd = Fault::redirect(302, &format!("https://user:p4ssw0rd@127.0.0.1:1/{evil}"));
    hub.clear_faults();
    hub.fault(FaultTarget::any(MODEL), odd, Times::Forever);
    let again = stage.download(&hub)?;
    Ok(Findings::of(&ran).clean(&ran).and(&again).clean(&again))
}

fn model(hub: &LocalHub) -> Result<PublishedModel> {
    hub.try_publish(&ModelFixture::new(MODEL).shards(2, 300_000))
}

/// Longer than two attempts with one floor window (a minute) each. This checks that the program ends, not
/// how fast.
const DRIPPING: Duration = Duration::from_secs(200);
/// Longer than six attempts and the delays between them.
const BREAKING: Duration = Duration::from_secs(60);

/// Applies the fault permanently to each kind of response, with one run for each, in parallel. Each run
/// must end by itself.
fn each_kind(stage: &Stage, fault: &Fault, patience: Duration) -> Result<Findings> {
    let targets = [
        ("references", FaultTarget::info_refs("")),
        ("pack", FaultTarget::upload_pack("")),
        ("shard", FaultTarget::data(".bin")),
    ];
    let mut runs = Vec::new();
    for (kind, target) in targets {
        let stage = stage.another(kind)?;
        let hub = stage.hub()?;
        model(&hub)?;
        hub.fault(target, fault.clone(), Times::Forever);
        let run = stage.start(&hub, &["download", "--progress", "none", "HF://o/m"])?;
        runs.push((kind, run, hub));
    }
    let mut findings = Findings::default();
    let deadline = Instant::now() + patience;
    for (kind, run, _hub) in runs {
        let ran = run.wait(deadline.saturating_duration_since(Instant::now()))?;
        findings = findings.saw(kind).and(&ran).expect(ran.status == Some(6), "the status is not 6");
    }
    Ok(findings)
}

fn drips(stage: &Stage) -> Result<Findings> {
    each_kind(stage, &Fault::SlowDrip { bytes: 1, every: Duration::from_secs(2) }, DRIPPING)
}

fn breaks(stage: &Stage) -> Result<Findings> {
    each_kind(stage, &Fault::Truncate { after: 10 }, BREAKING)
}

fn limit(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    model(&hub)?;
    let header = Fault::Header {
        name: "ratelimit".to_owned(),
        value: Some(format!("\"resolvers\";r=0;t={}", 10_u64.pow(18))),
    };
    hub.fault(FaultTarget::any(""), header, Times::Forever);
    let mut findings = Findings::default();
    for face in ["plain", "json"] {
        let mut run = stage.start(&hub, &["download", "--progress", face, "HF://o/m"])?;
        run.watch(Duration::from_secs(7))?;
        let ran = run.kill()?;
        let says = ran.said.contains(" min");
        let ended = ran.status.is_some();
        findings = findings.saw(face).saw(ran.to_string());
        findings = findings.expect(says || ended, format!("{face} does not say how long it waits"));
    }
    Ok(findings)
}

/// Downloads a repository with a file of this name.
fn named(stage: &Stage, name: &[u8]) -> Result<(Ran, usize)> {
    let stage = stage.another(&format!("{:x?}", name.iter().take(12).collect::<Vec<_>>()))?;
    let hub = stage.hub()?;
    let file = RawTarget::Blob(b"x".to_vec());
    hub.try_publish(&ModelFixture::new(MODEL).raw_entry("100644", name, file))?;
    let ran = stage.download(&hub)?;
    Ok((ran, hub.log().data().count()))
}

fn hidden(stage: &Stage) -> Result<Findings> {
    let mut findings = Findings::default();
    for name in ["a\u{202e}gpj.exe", "a\u{200b}b", "a\u{2066}b", ".git ", ".g\u{200c}it", "git~1", ".GIT."] {
        let (ran, fetched) = named(stage, name.as_bytes())?;
        findings = findings
            .saw(format!("{name:?} status {}", ran.status.unwrap_or(-1)))
            .expect(matches!(ran.status, Some(4 | 5)) && fetched == 0, format!("{name:?} was accepted"))
            .clean(&ran);
    }
    Ok(findings)
}

fn windows(stage: &Stage) -> Result<Findings> {
    let mut findings = Findings::default();
    for name in ["aux.md", "a:b.png", "x."] {
        let (ran, _) = named(stage, name.as_bytes())?;
        findings = findings.and(&ran).expect(ran.status == Some(0), format!("{name} was refused"));
    }
    Ok(findings)
}
