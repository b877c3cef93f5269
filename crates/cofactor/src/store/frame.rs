//! The frame of a model file: a safetensors file whose last 32 bytes are the SHA-256 of all the others.
//!
//! safetensors: 8 bytes with the header's length, the header (JSON: names, types, shapes and places of the tensors, and
//! texts under `__metadata__`), then the tensors. Everything is little-endian.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom, Write};

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The largest header that is read or written, in bytes: the limit of safetensors.
const MAX_HEADER: u64 = 100_000_000;

/// The tensor that ends the file.
const CHECKSUM: &str = "checksum";
const CHECKSUM_LEN: u64 = 32;

/// Indices are u32, so no dimension is longer.
const MAX_DIMENSION: usize = u32::MAX as usize;

/// How many bytes are converted or hashed at a time.
const CHUNK: usize = 1 << 16;

/// Why a file is no model.
#[derive(Debug)]
pub(super) enum Flaw {
    /// It cannot be read.
    Io(io::Error),
    /// Its content is wrong.
    Content {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        hint: &'static str,
    },
}

pub(super) type Checked<T> = Result<T, Flaw>;

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

const NOT_OURS: &str = "name a file that `cofactor train -o FILE` has written";
const DAMAGED: &str = "copy the file again from where it was whole, or train the model again";

impl Flaw {
    /// The file is something else.
    pub(super) fn not_ours(problem: impl Into<String>) -> Self {
        Self::Content { problem: problem.into(), hint: NOT_OURS }
    }

    /// The file has been a model once.
    pub(super) fn damaged(problem: impl Into<String>) -> Self {
        Self::Content { problem: problem.into(), hint: DAMAGED }
    }
}

/// The entries of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Array<'a> {
    F32(Cow<'a, [f32]>),
    U32(Cow<'a, [u32]>),
    /// bfloat16.
    Half(Cow<'a, [u16]>),
    I64(Cow<'a, [i64]>),
    U64(Cow<'a, [u64]>),
    U8(Cow<'a, [u8]>),
}

impl Array<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::U32(_) => Dtype::U32,
            Self::Half(_) => Dtype::BF16,
            Self::I64(_) => Dtype::I64,
            Self::U64(_) => Dtype::U64,
            Self::U8(_) => Dtype::U8,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::F32(data) => data.len() * 4,
            Self::U32(data) => data.len() * 4,
            Self::Half(data) => data.len() * 2,
            Self::I64(data) => data.len() * 8,
            Self::U64(data) => data.len() * 8,
            Self::U8(data) => data.len(),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::F32(data) => write_entries(out, data, f32::to_le_bytes),
            Self::U32(data) => write_entries(out, data, u32::to_le_bytes),
            Self::Half(data) => write_entries(out, data, u16::to_le_bytes),
            Self::I64(data) => write_entries(out, data, i64::to_le_bytes),
            Self::U64(data) => write_entries(out, data, u64::to_le_bytes),
            Self::U8(data) => out.write_all(data),
        }
    }
}

fn write_entries<T: Copy, const B: usize>(
    out: &mut impl Write,
    data: &[T],
    bytes: impl Fn(T) -> [u8; B],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK);
    for chunk in data.chunks(CHUNK / B) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(|&entry| bytes(entry)));
        out.write_all(&buffer)?;
    }
    Ok(())
}

fn read_entries<T, const B: usize>(
    input: &mut impl Read,
    bytes: usize,
    entry: impl Fn([u8; B]) -> T,
) -> io::Result<Vec<T>> {
    let mut entries = Vec::with_capacity(bytes / B);
    let mut buffer = vec![0; CHUNK.min(bytes)];
    let mut left = bytes;
    while left > 0 {
        let chunk = &mut buffer[..left.min(CHUNK)];
        input.read_exact(chunk)?;
        entries.extend(chunk.as_chunks().0.iter().map(|&bytes| entry(bytes)));
        left -= chunk.len();
    }
    Ok(entries)
}

/// A tensor on its way into a file.
pub(super) struct Part<'a> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) array: Array<'a>,
}

impl<'a> Part<'a> {
    pub(super) fn vector(name: impl Into<String>, array: Array<'a>) -> Self {
        let entries = array.bytes() * 8 / array.dtype().bitsize();
        Self { name: name.into(), shape: vec![entries], array }
    }
}

/// A file ready to be written.
pub(super) struct Frame<'a> {
    header: Vec<u8>,
    parts: Vec<Part<'a>>,
}

impl<'a> Frame<'a> {
    /// Lays the tensors out: the widest types first, so that each is aligned in a mapped file, then by name. `None`: the
    /// header would be longer than safetensors allows.
    pub(super) fn new(texts: &[(&str, String)], mut parts: Vec<Part<'a>>) -> Option<Self> {
        parts.sort_by(|a, b| {
            let width = |part: &Part<'_>| part.array.dtype().bitsize();
            width(b).cmp(&width(a)).then_with(|| a.name.cmp(&b.name))
        });
        let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        let mut header = Map::from_iter([("__metadata__".to_owned(), Value::Object(texts))]);
        let mut offset = 0;
        let mut describe = |name: &str, dtype: Dtype, shape: &[usize], bytes: usize| {
            let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [offset, offset + bytes] });
            header.insert(name.to_owned(), entry);
            offset += bytes;
        };
        for part in &parts {
            describe(&part.name, part.array.dtype(), &part.shape, part.array.bytes());
        }
        describe(CHECKSUM, Dtype::U8, &[CHECKSUM_LEN as usize], CHECKSUM_LEN as usize);
        let mut header = Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        (header.len() as u64 <= MAX_HEADER).then_some(Self { header, parts })
    }

    /// Writes everything, each tensor being dropped once it is out.
    pub(super) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = Hashing { out, hash: Sha256::new() };
        out.write_all(&(self.header.len() as u64).to_le_bytes())?;
        out.write_all(&self.header)?;
        for part in self.parts {
            part.array.write(&mut out)?;
        }
        let Hashing { out, hash } = out;
        out.write_all(&hash.finalize())
    }
}

struct Hashing<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file whose frame has been checked: it is a safetensors file, whole by its length, with a checksum at its end.
pub(super) struct Opened<R> {
    input: R,
    len: u64,
    header_len: u64,
    metadata: Metadata,
}

impl<R: Read + Seek> Opened<R> {
    /// Reads the header of an input of `len` bytes. Allocates no more than the header's length, which is checked against
    /// `len` and the limit first.
    pub(super) fn new(mut input: R, len: u64) -> Checked<Self> {
        if len == 0 {
            return Err(Flaw::not_ours("the file is empty"));
        }
        let mut start = [0; 9];
        input.seek(SeekFrom::Start(0))?;
        if len < start.len() as u64 {
            return Err(Flaw::not_ours(format!("{len} bytes are no model file")));
        }
        input.read_exact(&mut start)?;
        let [length @ .., first] = start;
        let header_len = u64::from_le_bytes(length);
        if header_len > MAX_HEADER || first != b'{' {
            return Err(Flaw::not_ours("this is no Cofactor model file: it does not start like one"));
        }
        if 8 + header_len > len {
            return Err(truncated(len, 8 + header_len));
        }
        let mut header = vec![0; header_len as usize];
        input.seek(SeekFrom::Start(8))?;
        input.read_exact(&mut header)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| Flaw::damaged(format!("the header is damaged: {error}")))?;
        let expected = (8 + header_len).saturating_add(metadata.data_len() as u64);
        if expected > len {
            return Err(truncated(len, expected));
        }
        if expected < len {
            let surplus = len - expected;
            return Err(Flaw::damaged(format!("{surplus} bytes follow where the file should end")));
        }
        Ok(Self { input, len, header_len, metadata })
    }

    /// A text of the header.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(name).map(String::as_str)
    }

    /// Reads the whole file once and compares its checksum.
    pub(super) fn verify(&mut self) -> Checked<()> {
        let end = self.metadata.data_len();
        let ends_the_file = self.metadata.info(CHECKSUM).is_some_and(|info| {
            info.dtype == Dtype::U8 && info.data_offsets == (end.wrapping_sub(CHECKSUM_LEN as usize), end)
        });
        if !ends_the_file {
            return Err(Flaw::damaged("the file does not end with its checksum"));
        }
        self.input.seek(SeekFrom::Start(0))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        let mut left = self.len - CHECKSUM_LEN;
        while left > 0 {
            let chunk = &mut buffer[..left.min(CHUNK as u64) as usize];
            self.input.read_exact(chunk)?;
            hash.update(&*chunk);
            left -= chunk.len() as u64;
        }
        let mut written = [0; CHECKSUM_LEN as usize];
        self.input.read_exact(&mut written)?;
        if hash.finalize()[..] == written {
            return Ok(());
        }
        Err(Flaw::damaged("the content is not what was written: the checksum differs"))
    }

    /// The tensors' names, in the order of the file.
    pub(super) fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// A tensor's shape and entries, if there is one of that name. No dimension is longer than 2³² − 1.
    pub(super) fn tensor(&mut self, name: &str) -> Checked<Option<(Vec<usize>, Array<'static>)>> {
        let Some(TensorInfo { dtype, shape, data_offsets: (start, end) }) = self.metadata.info(name) else {
            return Ok(None);
        };
        if shape.iter().any(|&length| length > MAX_DIMENSION) {
            return Err(Flaw::damaged(format!("tensor '{name}' has a dimension beyond 2³² − 1")));
        }
        let (bytes, input) = (end - start, &mut self.input);
        input.seek(SeekFrom::Start(8 + self.header_len + *start as u64))?;
        let array = match dtype {
            Dtype::F32 => Array::F32(read_entries(input, bytes, f32::from_le_bytes)?.into()),
            Dtype::U32 => Array::U32(read_entries(input, bytes, u32::from_le_bytes)?.into()),
            Dtype::BF16 => Array::Half(read_entries(input, bytes, u16::from_le_bytes)?.into()),
            Dtype::I64 => Array::I64(read_entries(input, bytes, i64::from_le_bytes)?.into()),
            Dtype::U64 => Array::U64(read_entries(input, bytes, u64::from_le_bytes)?.into()),
            Dtype::U8 => Array::U8(read_entries(input, bytes, u8::from_le_bytes)?.into()),
            other => {
                let problem = format!("tensor '{name}' has the type {other}, which no model file uses");
                return Err(Flaw::damaged(problem));
            }
        };
        Ok(Some((shape.clone(), array)))
    }
}

fn truncated(len: u64, expected: u64) -> Flaw {
    Flaw::damaged(format!("the file is cut off: it has {len} bytes of at least {expected}"))
}
