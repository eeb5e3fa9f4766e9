use local_hub::with_scratch;

use super::*;
use crate::hub::ServedFile;

fn entry(name: &str, checks: &'static str, walls: &[f64], at_once: usize) -> Racer {
    let sample = |wall: &f64| Sample { wall: *wall, cpu: Some(wall / 2.0), peak: Some(50 << 20) };
    let requests = Count {
        to_hub: 1,
        to_data_host: 1,
        connections: at_once,
        at_once,
        sent: 1,
        asked: 1,
        asked_again: 0,
        open: 0,
    };
    Racer {
        name: name.to_owned(),
        checks,
        command: name.to_owned(),
        samples: walls.iter().map(sample).collect(),
        requests: Some(requests),
    }
}

#[test]
fn ratios_are_ours_by_theirs() {
    let entries =
        [entry("mlc-weights", "MD5", &[1.0, 2.0, 1.0], 4), entry("curl", "nothing", &[2.0, 4.0, 4.0], 8)];
    assert_eq!(
        table(&entries).to_string(),
        "\
| program     |  checks | wall s |  min |  max | ours/this | CPU s | ours/this | peak MiB | connections | at once |
| ----------- | ------: | -----: | ---: | ---: | --------: | ----: | --------: | -------: | ----------: | ------: |
| mlc-weights |     MD5 |   1.00 | 1.00 | 2.00 |      1.00 |  0.50 |      1.00 |     50.0 |           4 |       4 |
| curl        | nothing |   4.00 | 2.00 | 4.00 |      0.50 |  2.00 |      0.25 |     50.0 |           8 |       8 |
"
    );
}

#[test]
fn targets_are_judged_against_the_best_of_their_kind() {
    let entries = [
        entry("mlc-weights", "MD5, SHA-256", &[3.0], 32),
        entry("curl --parallel-max 4", "nothing", &[1.0], 4),
        entry("curl --parallel-max 8", "nothing", &[2.0], 8),
        entry("curl --parallel-max 8, then md5sum", "MD5", &[4.0], 8),
        entry("the original's way", "MD5", &[6.0], 4),
    ];
    let table = targets::reached(Network::Loopback, &entries, 1).to_string();
    let rows: Vec<String> = table.lines().skip(2).map(|row| row.replace("  ", "")).collect();
    assert_eq!(rows.len(), 5, "{table}");
    for (row, end) in rows.iter().zip(["0.75 | yes", "0.50 | yes", "3.00 |no", "50.00 | yes", "50.00 |no"]) {
        assert!(row.trim_end_matches([' ', '|']).ends_with(end), "{row}");
    }
    let paced = targets::reached(Network::Paced, &entries, 32 * 10_000_000).to_string();
    assert!(paced.contains("goal: wall / 1.00 s"), "{paced}");
    // Here curl does not run with 32 connections.
    assert!(!paced.contains("curl with 32"), "{paced}");
}

#[test]
fn a_missing_or_short_shard_is_noticed() {
    with_scratch(|scratch| async move {
        let file = |path: &str| ServedFile {
            path: path.to_owned(),
            size: 3,
            md5: String::new(),
            sha256: String::new(),
        };
        let (endpoint, id, url, commit) = Default::default();
        let model = Served { endpoint, id, url, commit, files: vec![file("a.bin"), file("tokenizer.json")] };
        fs::create_dir(scratch.join("deep"))?;
        ensure!(is_complete(&scratch, &model).is_err());
        fs::write(scratch.join("deep/a.bin"), "ab")?;
        ensure!(is_complete(&scratch, &model).is_err());
        fs::write(scratch.join("deep/a.bin"), "abc")?;
        is_complete(&scratch, &model)
    })
    .unwrap();
}
