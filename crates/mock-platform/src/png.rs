//! Encodes images with a palette as PNG.
//!
//! The crate `png` would turn on features of crates that wasmtime depends on, which compiles wasmtime again.

use crc32fast::Hasher;
use miniz_oxide::deflate::compress_to_vec_zlib;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Eight bits a pixel, which are indexes of a palette; the standard compression and filters; not interlaced.
const FORMAT: [u8; 5] = [8, 3, 0, 0, 0];
/// The filter of each row: none, because neighbouring indexes have nothing in common.
const NO_FILTER: u8 = 0;
const COMPRESSION: u8 = 6;

/// Encodes rows of palette indexes. The first colour of the palette is transparent.
pub(crate) fn encode<const WIDTH: usize>(rows: &[[u8; WIDTH]], palette: &[[u8; 3]]) -> Vec<u8> {
    let sizes = [WIDTH, rows.len()].map(|size| u32::try_from(size).unwrap_or(u32::MAX));
    let header = [sizes.map(u32::to_be_bytes).as_flattened(), &FORMAT].concat();
    let mut pixels = Vec::with_capacity(rows.len() * (WIDTH + 1));
    for row in rows {
        pixels.push(NO_FILTER);
        pixels.extend(row);
    }
    let mut image = SIGNATURE.to_vec();
    chunk(&mut image, b"IHDR", &header);
    chunk(&mut image, b"PLTE", palette.as_flattened());
    chunk(&mut image, b"tRNS", &[0]);
    chunk(&mut image, b"IDAT", &compress_to_vec_zlib(&pixels, COMPRESSION));
    chunk(&mut image, b"IEND", &[]);
    image
}

fn chunk(image: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut checksum = Hasher::new();
    checksum.update(name);
    checksum.update(data);
    image.extend(length.to_be_bytes());
    image.extend(name);
    image.extend(data);
    image.extend(checksum.finalize().to_be_bytes());
}
