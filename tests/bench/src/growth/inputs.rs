//! What a hub is made to send, in growing amounts.

use std::fmt::Write as _;

use anyhow::Result;
use local_hub::{
    Fault, FaultTarget, LocalHub, ModelFixture, PackBuilder, Times, delta, insert, object_name, packet,
    reference_list,
};
use serde::{Deserialize, Serialize};

use crate::hostile::{EMPTY_TREE, commit_of, crowded, long_list};
use crate::hub::Served;

/// The model of every measurement.
pub(super) const MODEL: &str = "bench/growth";

/// A kind of input. Everything else is as small as possible.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Input {
    /// Plain files in the commit.
    PlainFiles,
    /// Folders with one plain file each.
    Folders,
    /// Shards of a few bytes.
    Shards,
    /// Shards with identical bytes.
    SameShards,
    /// Tensors of one shard, in the manifest.
    Tensors,
    /// Names in a field of the configuration that the program does not use.
    Names,
    /// Files listed only by the API, on a hub without git.
    Listed,
    /// References in git's list.
    References,
    /// References to the requested commit, like those of peeled tags.
    Peeled,
    /// Packets with messages for the user, in git's response.
    Packets,
    /// Objects in a pack.
    Objects,
    /// Deltas in chains of 32.
    Chains,
    /// The same, with each delta before its base.
    ChainsReversed,
    /// Deltas of one object.
    Fan,
    /// A slow shard, whatever the count.
    Slow,
    /// Nothing from the hub.
    Nothing,
}

/// Makes the hub send this much.
pub(crate) fn make(hub: &LocalHub, input: Input, count: usize) -> Result<Served> {
    match input {
        Input::References | Input::Peeled | Input::Packets => Ok(list(hub, input, count)),
        Input::Objects | Input::Chains | Input::ChainsReversed | Input::Fan => {
            let (pack, tip) = pack(input, count);
            Ok(by_hand(hub, &tip, reference_list(&tip, "ofs-delta"), &pack))
        }
        _ => repository(hub, input, count),
    }
}

fn repository(hub: &LocalHub, input: Input, count: usize) -> Result<Served> {
    let model = hub.try_publish(&fixture(input, count))?;
    if input != Input::Listed {
        return Ok(served(hub, model.url, &model.commit));
    }
    hub.fault(FaultTarget::info_refs(""), Fault::status(404), Times::Forever);
    Ok(served(hub, format!("{}@{}", model.url, model.commit), &model.commit))
}

/// What the other process needs to know, without the list of files, which would be very long.
fn served(hub: &LocalHub, url: String, commit: &str) -> Served {
    let (id, commit) = (MODEL.to_owned(), commit.to_owned());
    Served { endpoint: hub.endpoint(), id, url, commit, files: Vec::new() }
}

fn fixture(input: Input, count: usize) -> ModelFixture {
    let tiny = ModelFixture::new(MODEL).shards(1, 64);
    match input {
        Input::Folders => (0..count).fold(tiny, |fixture, number| {
            fixture.plain_file(&format!("notes/{number}/x"), number.to_string())
        }),
        Input::Shards => tiny.shards(count, 64),
        Input::SameShards => (1..count)
            .fold(tiny.shards(0, 0).shard_with("params_shard_0.bin", "same"), |fixture, number| {
                fixture.shard_with(&format!("params_shard_{number}.bin"), "same")
            }),
        Input::Tensors => tiny.manifest_bytes(manifest(count)),
        Input::Names => tiny.config_bytes(config("names", count)),
        Input::Listed => (0..count).fold(tiny, |fixture, number| {
            fixture.lfs_file(&format!("other/{number}.bin"), number.to_string())
        }),
        Input::Slow => tiny.shards(1, 32 << 20),
        Input::Nothing => tiny,
        _ => crowded(MODEL, count).shards(1, 64),
    }
}

fn manifest(tensors: usize) -> String {
    let tensor = "{\"name\":\"w\",\"shape\":[1],\"dtype\":\"uint32\",\"format\":\"raw\",\"nbytes\":0,\"byteOffset\":0}";
    let tensors = vec![tensor; tensors].join(",");
    format!(
        "{{\"records\":[{{\"dataPath\":\"params_shard_0.bin\",\"format\":\"raw-shard\",\"nbytes\":64,\
         \"records\":[{tensors}]}}]}}"
    )
}

/// A configuration with this many names in the field.
pub(super) fn config(field: &str, names: usize) -> String {
    let mut config = format!("{{\"{field}\":[\"tokenizer.json\"");
    for number in 1..names {
        // Writing to memory cannot fail.
        let _written = write!(config, ",\"{number}.txt\"");
    }
    config + "]}"
}

/// A pack that contains only a commit without files, and the commit's id.
fn empty_pack() -> (PackBuilder, String) {
    let (mut pack, commit) = (PackBuilder::default(), commit_of(EMPTY_TREE));
    pack.whole("tree", b"");
    pack.whole("commit", commit.as_bytes());
    (pack, object_name("commit", commit.as_bytes()))
}

/// A hub with this list of references, which responds to every request for objects with this pack.
fn by_hand(hub: &LocalHub, commit: &str, list: Vec<u8>, answer: &[u8]) -> Served {
    hub.fault(FaultTarget::info_refs(""), Fault::git_list(list), Times::Forever);
    let answer = [packet(b"NAK\n").as_slice(), answer].concat();
    hub.fault(FaultTarget::upload_pack(""), Fault::git_answer(answer), Times::Forever);
    served(hub, format!("HF://{MODEL}"), commit)
}

fn list(hub: &LocalHub, input: Input, count: usize) -> Served {
    let (pack, tip) = empty_pack();
    let pack = pack.finish();
    match input {
        Input::References => {
            let lines = (0..count).map(|number| format!("{tip} refs/tags/{number}\n"));
            by_hand(hub, &tip, long_list(&tip, lines), &pack)
        }
        Input::Peeled => {
            let lines = (0..count).map(|number| format!("{tip} {number:x}^{{}}\n"));
            let made = by_hand(hub, &tip, long_list(&"1".repeat(40), lines), &pack);
            Served { url: format!("{}@{tip}", made.url), ..made }
        }
        _ => {
            let words = packet(b"\x02x").repeat(count);
            let pack = packet(&[b"\x01", pack.as_slice()].concat());
            let list = reference_list(&tip, "ofs-delta side-band-64k");
            by_hand(hub, &tip, list, &[words.as_slice(), &pack, b"0000"].concat())
        }
    }
}

/// The length of a chain of deltas: half of what is allowed.
const CHAIN: usize = 32;

/// A pack with `count` objects of a kind, and its commit.
fn pack(input: Input, count: usize) -> (Vec<u8>, String) {
    let (mut pack, tip) = empty_pack();
    match input {
        Input::Objects => (0..count).for_each(|number| {
            pack.whole("blob", number.to_string().as_bytes());
        }),
        Input::Fan => {
            let base = pack.whole("blob", b"base");
            (0..count).for_each(|number| {
                pack.delta_at(base, &delta(4, 8, &[insert(&numbered(number))]));
            });
        }
        _ => chains(&mut pack, count, input == Input::ChainsReversed),
    }
    (pack.finish(), tip)
}

fn chains(pack: &mut PackBuilder, count: usize, is_reversed: bool) {
    let bases: Vec<usize> = (0..count).filter(|number| !number.is_multiple_of(CHAIN)).collect();
    let order: Box<dyn Iterator<Item = usize>> =
        if is_reversed { Box::new(bases.into_iter().rev()) } else { Box::new(bases.into_iter()) };
    for first in (0..count).step_by(CHAIN) {
        pack.whole("blob", &numbered(first));
    }
    for number in order {
        let base = object_name("blob", &numbered(number - 1));
        pack.delta_of(&base, &delta(8, 8, &[insert(&numbered(number))]));
    }
}

fn numbered(number: usize) -> [u8; 8] {
    (number as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_have_as_many_objects_as_they_should() {
        for input in [Input::Objects, Input::Chains, Input::ChainsReversed] {
            let (pack, _) = pack(input, 100);
            assert_eq!(pack[8..12], 102_u32.to_be_bytes(), "{input:?}");
        }
        let (pack, _) = pack(Input::Fan, 100);
        assert_eq!(pack[8..12], 103_u32.to_be_bytes());
    }

    #[test]
    fn configurations_have_as_many_names_as_they_should() {
        let names = shard_fetch::ChatConfig::parse(config("tokenizer_files", 7).as_bytes()).unwrap();
        assert_eq!(names.tokenizer_files().len(), 7);
        assert!(serde_json::from_str::<serde_json::Value>(&manifest(3)).is_ok());
    }
}
