//! The journal beside a part, which records which of its bytes exist.
//!
//! A header identifies the format and the content. Fixed-length records follow, each with a range and a
//! checksum over the content, the record's position and the range. Reading stops at the first record
//! that is torn, overwritten or foreign. None of this has to be trusted, since the file's digest
//! decides in the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use url_parse::patiently;

use super::spans::Spans;
use crate::{Expected, Md5Digest, Sha256Digest};

const MAGIC: &[u8; 16] = b"shard-fetch part";
const VERSION: u8 = 1;
const CHECKSUM: usize = 8;
const RECORD: usize = 16 + CHECKSUM;

/// A journal with more records is invalid: each record stands for about a MiB, and the next fetch
/// starts with fewer.
const MAX_RECORDS: u64 = 1 << 16;

/// The journal of the part at `part`.
pub(super) fn path_of(part: &Path) -> PathBuf {
    let mut path = part.as_os_str().to_owned();
    path.push(".journal");
    path.into()
}

/// The content that a part will have; a part of other content cannot be resumed.
#[derive(Clone, Debug)]
pub(super) struct Content(Vec<u8>);

impl Content {
    pub(super) fn of(expected: &Expected) -> Self {
        let mut identity = MAGIC.to_vec();
        identity.push(VERSION);
        identity.extend(expected.size.to_le_bytes());
        let (md5, sha256) = (expected.md5, expected.sha256);
        identity.push(u8::from(md5.is_some()) | u8::from(sha256.is_some()) << 1);
        identity.extend(md5.iter().flat_map(Md5Digest::as_bytes));
        identity.extend(sha256.iter().flat_map(Sha256Digest::as_bytes));
        Self(identity)
    }

    fn record(&self, place: u64, span: &Range<u64>) -> Vec<u8> {
        let mut record = [span.start.to_le_bytes(), span.end.to_le_bytes()].concat();
        let hash =
            Sha256::new().chain_update(&self.0).chain_update(place.to_le_bytes()).chain_update(&record);
        record.extend(hash.finalize().iter().take(CHECKSUM));
        record
    }

    #[cfg(feature = "fuzzing")]
    pub(super) fn written(&self, ranges: &[Range<u64>]) -> Vec<u8> {
        let records = (0..).zip(ranges).flat_map(|(place, range)| self.record(place, range));
        self.0.iter().copied().chain(records).collect()
    }

    pub(super) fn parse(&self, bytes: &[u8]) -> Spans {
        let Some(records) = bytes.strip_prefix(self.0.as_slice()) else { return Spans::default() };
        let span = |(place, record): (u64, &[u8])| {
            let span = number(record, 0)..number(record, 8);
            (self.record(place, &span) == record).then_some(span)
        };
        (0..).zip(records.chunks_exact(RECORD)).map_while(span).collect()
    }

    /// The longest valid journal.
    fn max_bytes(&self) -> u64 {
        self.0.len() as u64 + MAX_RECORDS * RECORD as u64
    }
}

fn number(record: &[u8], at: usize) -> u64 {
    let bytes = record.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

/// The ranges that the journal at `path` records for this content; none if it is missing or unusable.
pub(super) fn read(path: &Path, content: &Content) -> Spans {
    let (mut bytes, most) = (Vec::new(), content.max_bytes());
    let read = open_plain(File::options().read(true), path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > most => Spans::default(),
        Ok(_) => content.parse(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Spans::default(),
        Err(error) => {
            tracing::debug!(path = %url_parse::shown(path), %error, "a journal cannot be read");
            Spans::default()
        }
    }
}

/// Opens a plain file. Refuses links, and does not block on a pipe.
pub(super) fn open_plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let is_plain = file.metadata()?.is_file();
    is_plain
        .then_some(file)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is not a plain file"))
}

/// A journal that is being written.
pub(super) struct Journal {
    content: Content,
    path: PathBuf,
    /// `None` until there is something to record.
    file: Option<File>,
    records: u64,
}

impl Journal {
    /// A journal for an empty part. There must be no old one.
    pub(super) fn new(path: PathBuf, content: Content) -> Self {
        Self { content, path, file: None, records: 0 }
    }

    /// Rewrites an old journal compactly and replaces it atomically.
    pub(super) fn go_on(path: PathBuf, content: Content, spans: &Spans) -> io::Result<Self> {
        let mut journal = Self::new(path, content);
        journal.replace(spans)?;
        Ok(journal)
    }

    /// Records that these ranges were written to the part, which now contains `all`. Rewrites the
    /// journal when it has reached its maximum length.
    pub(super) fn note<'a>(
        &mut self,
        spans: impl Iterator<Item = &'a Range<u64>> + Clone,
        all: &Spans,
    ) -> io::Result<()> {
        let more = spans.clone().count() as u64;
        if more == 0 {
            return Ok(());
        }
        if self.records + more > MAX_RECORDS {
            return self.replace(all);
        }
        let mut bytes = if self.file.is_none() { self.content.0.clone() } else { Vec::new() };
        for (place, span) in (self.records..).zip(spans) {
            bytes.extend(self.content.record(place, span));
        }
        let file = match &mut self.file {
            Some(file) => file,
            file => file.insert(create(&self.path)?),
        };
        file.write_all(&bytes)?;
        self.records += more;
        Ok(())
    }

    /// Rewrites it compactly, atomically.
    fn replace(&mut self, spans: &Spans) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        remove(&new)?;
        let mut file = create(&new)?;
        let records =
            (0..MAX_RECORDS).zip(spans.iter()).flat_map(|(place, span)| self.content.record(place, span));
        let bytes: Vec<u8> = self.content.0.iter().copied().chain(records).collect();
        file.write_all(&bytes)?;
        fs::rename(&new, &self.path)?;
        (self.file, self.records) = (Some(file), (spans.iter().count() as u64).min(MAX_RECORDS));
        Ok(())
    }

    /// Removes it.
    pub(super) fn remove(self) -> io::Result<()> {
        match self.file {
            Some(file) => {
                drop(file);
                remove(&self.path)
            }
            None => Ok(()),
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    create_new(File::options().append(true), path)
}

/// Creates a journal or a part. Never writable for everyone, whatever the umask.
pub(super) fn create_new(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o664);
    options.create_new(true).open(path)
}

/// Removes a file, if it exists.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match patiently(|| fs::remove_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPECTED: Expected =
        Expected { size: 1000, md5: Some(Md5Digest::from_bytes([7; 16])), sha256: None };

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap()
    }

    fn spans(ranges: &[Range<u64>]) -> Spans {
        let mut spans = Spans::default();
        for range in ranges {
            spans.insert(range.clone());
        }
        spans
    }

    fn note(journal: &mut Journal, range: Range<u64>) {
        journal.note([range].iter(), &Spans::default()).unwrap();
    }

    fn bytes(ranges: &[Range<u64>]) -> Vec<u8> {
        let content = Content::of(&EXPECTED);
        let records = (0..).zip(ranges).flat_map(|(place, range)| content.record(place, range));
        content.0.iter().copied().chain(records).collect()
    }

    #[test]
    fn a_journal_is_read_and_continued() {
        let folder = folder();
        let path = path_of(&folder.path().join("a"));
        assert_eq!(path.file_name().unwrap(), "a.journal");
        let content = Content::of(&EXPECTED);
        assert_eq!(read(&path, &content), Spans::default());
        let mut journal = Journal::new(path.clone(), content.clone());
        assert!(!path.exists());
        for range in [100..200, 0..50, 200..300] {
            note(&mut journal, range);
        }
        assert_eq!(read(&path, &content), spans(&[0..50, 100..300]));

        let length = fs::metadata(&path).unwrap().len();
        let mut journal = Journal::go_on(path.clone(), content.clone(), &spans(&[0..50, 100..300])).unwrap();
        assert!(fs::metadata(&path).unwrap().len() < length);
        note(&mut journal, 50..100);
        assert_eq!(read(&path, &content), spans(&[0..300]));
    }

    #[test]
    fn a_journal_that_is_too_long_is_ignored() {
        let folder = folder();
        let (path, content) = (folder.path().join("journal"), Content::of(&EXPECTED));
        // The worst order: no two adjacent ranges touch.
        let ranges: Vec<_> = (0..MAX_RECORDS).rev().map(|at| 2 * at..2 * at + 1).collect();
        fs::write(&path, bytes(&ranges)).unwrap();
        let began = std::time::Instant::now();
        assert_eq!(read(&path, &content).bytes(), MAX_RECORDS);
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
        fs::write(&path, [bytes(&ranges), vec![0]].concat()).unwrap();
        assert_eq!(read(&path, &content), Spans::default());
    }

    #[cfg(unix)]
    #[test]
    fn only_plain_files_are_read() {
        let folder = folder();
        let (path, content) = (folder.path().join("journal"), Content::of(&EXPECTED));
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(read(&path, &content), Spans::default());
        fs::remove_file(&path).unwrap();
        fs::write(folder.path().join("elsewhere"), bytes(&[0..10])).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert_eq!(read(&path, &content), Spans::default());
    }

    #[test]
    fn no_journal_becomes_too_long() {
        let folder = folder();
        let (path, content) = (folder.path().join("journal"), Content::of(&EXPECTED));
        let mut journal = Journal::new(path.clone(), content.clone());
        note(&mut journal, 0..10);
        journal.records = MAX_RECORDS - 1;
        journal.note([20..30, 40..50].iter(), &spans(&[0..10, 20..30, 40..50])).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), (content.0.len() + 3 * RECORD) as u64);
        assert_eq!(read(&path, &content), spans(&[0..10, 20..30, 40..50]));
        note(&mut journal, 60..70);
        assert_eq!(read(&path, &content).bytes(), 40);
    }

    #[test]
    fn parts_of_other_content_are_not_resumed() {
        let text = bytes(&[0..500]);
        assert_eq!(Content::of(&EXPECTED).parse(&text).bytes(), 500);
        for other in [
            Expected { size: 1001, ..EXPECTED },
            Expected { md5: None, ..EXPECTED },
            Expected { md5: Some([8; 16].into()), ..EXPECTED },
            Expected { sha256: Some([7; 32].into()), ..EXPECTED },
        ] {
            assert_eq!(Content::of(&other).parse(&text), Spans::default());
        }
        let mut other_version = text;
        other_version[MAGIC.len()] += 1;
        assert_eq!(Content::of(&EXPECTED).parse(&other_version), Spans::default());
    }

    proptest! {
        #[test]
        fn a_torn_journal_counts_up_to_the_tear(cut in 0_usize..200) {
            let ranges = [0..10, 20..30, 40..50];
            let text = bytes(&ranges);
            let cut = cut.min(text.len());
            let whole = cut.saturating_sub(text.len() - 3 * RECORD) / RECORD;
            prop_assert_eq!(Content::of(&EXPECTED).parse(&text[..cut]), spans(&ranges[..whole]));
        }

        #[test]
        fn a_changed_byte_ends_the_journal(at in 0_usize..200, flip in 1_u8..) {
            let ranges = [0..10, 20..30, 40..50];
            let mut text = bytes(&ranges);
            let at = at % text.len();
            text[at] ^= flip;
            let whole = at.checked_sub(text.len() - 3 * RECORD).map_or(0, |at| at / RECORD);
            prop_assert_eq!(Content::of(&EXPECTED).parse(&text), spans(&ranges[..whole]));
        }

        #[test]
        fn arbitrary_bytes_are_an_empty_journal(text: Vec<u8>) {
            prop_assert_eq!(Content::of(&EXPECTED).parse(&text), Spans::default());
        }
    }
}
