//! Removes a capability from git's list of references.

/// `advertisement` (the response to `info/refs`) without `capability`, with or without a value. Data
/// that is not in git's packet format is returned unchanged.
pub(in crate::server) fn without_capability(advertisement: &[u8], capability: &str) -> Vec<u8> {
    let mut result = Vec::with_capacity(advertisement.len());
    let mut rest = advertisement;
    while let Some((packet, after)) = split_packet(rest) {
        match packet.iter().position(|byte| *byte == 0) {
            Some(at) => result.extend(rewritten(packet, at, capability)),
            None => result.extend_from_slice(rest.get(..rest.len() - after.len()).unwrap_or_default()),
        }
        rest = after;
    }
    result.extend_from_slice(rest);
    result
}

/// The contents of the first packet, and what follows it.
fn split_packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = std::str::from_utf8(bytes.get(..4)?).ok()?;
    // 0000 to 0003 are markers without contents.
    let length = usize::from_str_radix(digits, 16).ok()?.max(4);
    Some((bytes.get(4..length)?, bytes.get(length..)?))
}

fn rewritten(packet: &[u8], at: usize, capability: &str) -> Vec<u8> {
    let (reference, capabilities) = packet.split_at(at + 1);
    let capabilities = String::from_utf8_lossy(capabilities);
    let kept: Vec<&str> = capabilities
        .trim_end()
        .split(' ')
        .filter(|known| known.split('=').next() != Some(capability))
        .collect();
    let contents = [reference, kept.join(" ").as_bytes(), b"\n"].concat();
    [format!("{:04x}", contents.len() + 4).as_bytes(), &contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_one_capability_and_nothing_else() {
        let with_length = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let advertisement = |capabilities: &str| {
            [
                with_length("# service=git-upload-pack\n"),
                "0000".to_owned(),
                with_length(&format!("abc HEAD\0{capabilities}\n")),
                with_length("abc refs/heads/main\n"),
                "0000".to_owned(),
            ]
            .concat()
        };
        let remove = |name: &str| {
            let all = advertisement(" thin-pack shallow agent=git/2");
            String::from_utf8(without_capability(all.as_bytes(), name)).unwrap()
        };
        assert_eq!(remove("shallow"), advertisement(" thin-pack agent=git/2"));
        assert_eq!(remove("agent"), advertisement(" thin-pack shallow"));
        assert_eq!(remove("thin"), advertisement(" thin-pack shallow agent=git/2"));
    }

    #[test]
    fn leaves_other_bytes_alone() {
        for bytes in [&b"<html>"[..], b"", b"00", b"ffff"] {
            assert_eq!(without_capability(bytes, "shallow"), bytes);
        }
    }
}
