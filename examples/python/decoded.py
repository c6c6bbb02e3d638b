"""Decodes the body of a login's response. Some servers compress it although the request forbids it."""

import zlib

MAX_REPLY_BYTES = 1 << 20
MAX_LAYERS = 5
MAX_NAME_LENGTH = 40
GZIP, ZLIB, RAW = 31, 15, -15  # zlib's window bits


class Undecoded(Exception):
    """Why a body cannot be read."""


def decoded(body: bytes, content_encoding: str) -> bytes:
    bounded(body)
    names = (name.strip() for name in content_encoding.split(","))
    layers = [name for name in names if name and name.lower() != "identity"]
    if len(layers) > MAX_LAYERS:
        raise Undecoded(f"its Content-Encoding names more than {MAX_LAYERS} encodings")
    for name in reversed(layers):
        encoding = f"its Content-Encoding is {name[:MAX_NAME_LENGTH]}"
        if name.lower() not in ("gzip", "x-gzip", "deflate"):
            raise Undecoded(f"{encoding}, which cannot be decoded here")
        form = GZIP if name.lower() != "deflate" else ZLIB if has_zlib_header(body) else RAW
        try:
            body = inflated(body, form) if body else body
        except zlib.error:
            raise Undecoded(f"{encoding}, and its body is broken") from None
    return body


def has_zlib_header(body: bytes) -> bool:
    """Returns whether a deflate body has the header that it should have. Some servers omit it."""
    return body[:1] != b"" and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def inflated(body: bytes, form: int) -> bytes:
    inflater = zlib.decompressobj(form)
    text = bounded(inflater.decompress(body, MAX_REPLY_BYTES + 1))
    if not inflater.eof:
        raise zlib.error("truncated")
    return text


def bounded(body: bytes) -> bytes:
    if len(body) > MAX_REPLY_BYTES:
        raise Undecoded(f"its body is larger than {MAX_REPLY_BYTES} bytes")
    return body
