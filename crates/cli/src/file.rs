//! Reads the files and the standard input that options name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

/// The largest text of an argument: the largest message that the MCP server takes.
const MAX_TEXT_BYTES: usize = 4 << 20;

const UNREADABLE: &str = "it cannot be read";
const NOT_REGULAR: &str = "it is no regular file; a pipe is read with - as the name";

/// Reads a regular file of at most `max` bytes. `too_large` is the error if it is larger.
pub(crate) fn read(path: &Path, max: usize, too_large: &str) -> anyhow::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path).context(UNREADABLE)?;
    ensure!(!metadata.is_dir(), "it is a directory");
    // Checked before opening, because opening a FIFO waits for its writer.
    ensure!(metadata.is_file(), NOT_REGULAR);
    read_from(File::open(path).context(UNREADABLE)?, max, too_large)
}

fn read_from(from: impl Read, max: usize, too_large: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max as u64 + 1).read_to_end(&mut bytes).context(UNREADABLE)?;
    ensure!(bytes.len() <= max, "{too_large}");
    Ok(bytes)
}

/// Reads the text of an argument from a file, or from standard input if the name is `-`.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    let too_large = "it is larger than 4 MiB";
    let bytes = if path.as_os_str() == "-" {
        read_from(std::io::stdin().lock(), MAX_TEXT_BYTES, too_large)?
    } else {
        read(path, MAX_TEXT_BYTES, too_large)?
    };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        bail!("it is UTF-16; save it as UTF-8");
    }
    let text =
        String::from_utf8(bytes).ok().context("it is not UTF-8 (perhaps GBK); save it as UTF-8")?;
    ensure!(!text.trim().is_empty(), "it is empty");
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
