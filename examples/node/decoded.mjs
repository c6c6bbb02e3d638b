// Decodes the body of a login's response. Some servers compress it although the request forbids it.

import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

const MAX_REPLY_BYTES = 1 << 20;
const TOO_LARGE = `its body is larger than ${MAX_REPLY_BYTES} bytes`;
const MAX_LAYERS = 5;
const MAX_NAME_LENGTH = 40;

/** Returns `{ text }`, or `{ problem }` if the body cannot be read. */
export async function decoded(response) {
  const parts = [];
  let size = 0;
  for await (const part of response) {
    size += part.length;
    if (size > MAX_REPLY_BYTES) return { problem: TOO_LARGE };
    parts.push(part);
  }
  let body = Buffer.concat(parts);
  const encodings = (response.headers['content-encoding'] ?? '').split(',').map((name) => name.trim());
  const layers = encodings.filter((name) => name && !/^identity$/i.test(name)).reverse();
  if (layers.length > MAX_LAYERS) {
    return { problem: `its Content-Encoding names more than ${MAX_LAYERS} encodings` };
  }
  for (const name of layers) {
    const decode = decoder(name.toLowerCase());
    const encoding = `its Content-Encoding is ${name.slice(0, MAX_NAME_LENGTH)}`;
    if (!decode) return { problem: `${encoding}, which cannot be decoded here` };
    try {
      if (body.length > 0) body = decode(body, { maxOutputLength: MAX_REPLY_BYTES });
    } catch (error) {
      if (error.code === 'ERR_BUFFER_TOO_LARGE') return { problem: TOO_LARGE };
      return { problem: `${encoding}, and its body is broken` };
    }
  }
  return { text: new TextDecoder().decode(body) };
}

function decoder(encoding) {
  if (encoding === 'gzip' || encoding === 'x-gzip') return gunzipSync;
  return encoding === 'deflate' ? inflate : undefined;
}

/** Inflates with zlib's header, which deflate should have, or without. */
function inflate(body, options) {
  const isWrapped = (body[0] & 15) === 8 && ((body[0] << 8) | body[1]) % 31 === 0;
  return (isWrapped ? inflateSync : inflateRawSync)(body, options);
}
