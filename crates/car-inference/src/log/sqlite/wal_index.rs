//! Checks that the write-ahead log and its index in shared memory are as SQLite left them. SQLite itself checks them
//! only when it first opens them. Their formats: <https://sqlite.org/walformat.html>.
#![cfg_attr(not(unix), allow(dead_code, reason = "elsewhere these files are not looked into"))]

use std::fs::File;
use std::io;

const WAL_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The size of the index's start: two copies of its header, and the state of copying.
const INDEX_HEADER_BYTES: usize = 136;
const INDEX_COPY_BYTES: usize = 48;
/// The index consists of regions of this size, each with page numbers and a hash table over them.
const REGION_BYTES: usize = 32 * 1024;
const REGION_FRAMES: usize = 4096;
/// The first region begins with the header.
const FIRST_REGION_FRAMES: usize = REGION_FRAMES - INDEX_HEADER_BYTES / 4;
const HASH_SLOTS: usize = 8192;
const HASH_OFFSET: usize = REGION_FRAMES * 4;
const MAGIC: u32 = 0x377F_0682;

/// What the index says about the write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexHeader {
    /// The number of committed frames.
    pub frames: u32,
    /// How many of them are copied to the database.
    pub copied: u32,
    /// How many of them are copied after the current or last copy is complete.
    pub attempted: u32,
    /// The number of pages of the database after the last commit.
    pub pages: u32,
    pub page_bytes: usize,
    /// The checksum of the last committed frame, and the salt that identifies this write-ahead log.
    checksum: (u32, u32),
    salt: [u8; 8],
}

impl IndexHeader {
    /// The minimum length of a write-ahead log with these committed frames, in bytes.
    pub fn wal_bytes(self) -> u64 {
        match u64::from(self.frames) {
            0 => 0,
            frames => WAL_HEADER_BYTES as u64 + frames * (FRAME_HEADER_BYTES + self.page_bytes) as u64,
        }
    }

    /// `None` when the header is not complete, for example while it is being written.
    pub fn read(shared_memory: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; INDEX_HEADER_BYTES];
        if read_at(shared_memory, &mut bytes, 0)? < bytes.len() {
            return Ok(None);
        }
        let (first, rest) = bytes.split_at(INDEX_COPY_BYTES);
        let sum = checksum(&first[..40], (0, 0), u32::from_ne_bytes);
        let is_whole =
            first == &rest[..INDEX_COPY_BYTES] && first[12] != 0 && sum == (native(first, 40), native(first, 44));
        if !is_whole {
            return Ok(None);
        }
        let page_bytes = match u16::from_ne_bytes([first[14], first[15]]) {
            1 => 65_536,
            bytes => usize::from(bytes),
        };
        let mut salt = [0; 8];
        salt.copy_from_slice(&first[32..40]);
        Ok(Some(Self {
            frames: native(first, 16),
            copied: native(&bytes, 2 * INDEX_COPY_BYTES),
            attempted: native(&bytes, 2 * INDEX_COPY_BYTES + 32),
            pages: native(first, 20),
            page_bytes,
            checksum: (native(first, 24), native(first, 28)),
            salt,
        }))
    }
}

/// Compares all committed frames of the write-ahead log with their checksums and with the index. Returns the problem.
pub(super) fn problem(wal: &File, shared_memory: &File) -> io::Result<Option<&'static str>> {
    let Some(header) = IndexHeader::read(shared_memory)? else {
        return Ok(Some("its header is damaged"));
    };
    if header.frames == 0 {
        return Ok(None);
    }
    let Some(mut frames) = Frames::open(wal, header)? else {
        return Ok(Some(
            "the header of the write-ahead log is not the one that its index knows",
        ));
    };
    let mut index = Index::new(shared_memory);
    for frame in 1..=header.frames {
        let Some(page) = frames.next()? else {
            return Ok(Some("a page of the write-ahead log is damaged or gone"));
        };
        if !index.finds(frame as usize - 1, page)? {
            return Ok(Some("the index of the write-ahead log is damaged"));
        }
    }
    let is_whole = frames.checksum == header.checksum;
    Ok((!is_whole).then_some("the write-ahead log does not end with what was committed last"))
}

/// The frames of a write-ahead log, one after the other.
struct Frames<'a> {
    wal: &'a File,
    header: IndexHeader,
    word: fn([u8; 4]) -> u32,
    checksum: (u32, u32),
    at: u64,
    frame: Vec<u8>,
}

impl<'a> Frames<'a> {
    /// `None` when the header of the write-ahead log does not match the index.
    fn open(wal: &'a File, header: IndexHeader) -> io::Result<Option<Self>> {
        let mut bytes = [0; WAL_HEADER_BYTES];
        if read_at(wal, &mut bytes, 0)? < bytes.len() {
            return Ok(None);
        }
        let magic = big(&bytes, 0);
        let word = if magic & 1 == 1 {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        let checksum = checksum(&bytes[..24], (0, 0), word);
        let is_known = magic & !1 == MAGIC
            && big(&bytes, 8) as usize == header.page_bytes
            && bytes[16..24] == header.salt
            && checksum == (big(&bytes, 24), big(&bytes, 28));
        Ok(is_known.then(|| Self {
            wal,
            header,
            word,
            checksum,
            at: WAL_HEADER_BYTES as u64,
            frame: vec![0; FRAME_HEADER_BYTES + header.page_bytes],
        }))
    }

    /// The page number of the next frame; `None` when the frame is damaged or missing.
    fn next(&mut self) -> io::Result<Option<u32>> {
        if read_at(self.wal, &mut self.frame, self.at)? < self.frame.len() {
            return Ok(None);
        }
        self.at += self.frame.len() as u64;
        let (head, page) = self.frame.split_at(FRAME_HEADER_BYTES);
        self.checksum = checksum(&head[..8], self.checksum, self.word);
        self.checksum = checksum(page, self.checksum, self.word);
        let is_whole = head[8..16] == self.header.salt && self.checksum == (big(head, 16), big(head, 20));
        Ok(is_whole.then(|| big(head, 0)))
    }
}

/// The index in the shared memory, read one region at a time.
struct Index<'a> {
    shared_memory: &'a File,
    region: Option<usize>,
    bytes: Vec<u8>,
}

impl<'a> Index<'a> {
    fn new(shared_memory: &'a File) -> Self {
        Self {
            shared_memory,
            region: None,
            bytes: vec![0; REGION_BYTES],
        }
    }

    /// Whether the index finds a frame, counted from zero, by its page number.
    fn finds(&mut self, frame: usize, page: u32) -> io::Result<bool> {
        let (region, place, first) = match frame.checked_sub(FIRST_REGION_FRAMES) {
            None => (0, frame, INDEX_HEADER_BYTES),
            Some(later) => (1 + later / REGION_FRAMES, later % REGION_FRAMES, 0),
        };
        if self.region != Some(region) {
            if read_at(self.shared_memory, &mut self.bytes, (region * REGION_BYTES) as u64)? < REGION_BYTES {
                return Ok(false);
            }
            self.region = Some(region);
        }
        if native(&self.bytes, first + place * 4) != page {
            return Ok(false);
        }
        let mut slot = (page as usize).wrapping_mul(383) % HASH_SLOTS;
        for _ in 0..HASH_SLOTS {
            let at = HASH_OFFSET + slot * 2;
            match usize::from(u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]])) {
                0 => return Ok(false),
                found if found == place + 1 => return Ok(true),
                _ => slot = (slot + 1) % HASH_SLOTS,
            }
        }
        Ok(false)
    }
}

/// Continues SQLite's checksum over whole words.
fn checksum(bytes: &[u8], (mut first, mut second): (u32, u32), word: fn([u8; 4]) -> u32) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        first = first
            .wrapping_add(word([pair[0], pair[1], pair[2], pair[3]]))
            .wrapping_add(second);
        second = second
            .wrapping_add(word([pair[4], pair[5], pair[6], pair[7]]))
            .wrapping_add(first);
    }
    (first, second)
}

fn native(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn big(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads until the buffer is full or the file ends.
#[cfg(unix)]
fn read_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<usize> {
    let mut count = 0;
    while !buffer.is_empty() {
        match std::os::unix::fs::FileExt::read_at(file, buffer, at) {
            Ok(0) => break,
            Ok(read) => {
                count += read;
                at += read as u64;
                buffer = &mut buffer[read..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// For systems where these files are not checked.
#[cfg(not(unix))]
fn read_at(_file: &File, _buffer: &mut [u8], _at: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
