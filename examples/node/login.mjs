// The worker that `token-store.mjs` starts for one login: it sends the request and hands back what
// was answered, or why nothing was. It judges nothing.

import http from 'node:http';
import https from 'node:https';
import { workerData } from 'node:worker_threads';

import { decoded } from './decoded.mjs';

const { url, body, port, done } = workerData;

// Not `fetch`: that follows redirects, credentials and all, and refuses some ports. An agent of its
// own keeps the login off any proxy that the environment names.
function post() {
  const { request } = url.startsWith('https:') ? https : http;
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Accept-Encoding': 'identity',
  };
  return new Promise((resolve, reject) => {
    request(url, { method: 'POST', headers, agent: false })
      .on('response', resolve)
      .on('error', reject)
      .end(body);
  });
}

async function login() {
  try {
    const response = await post();
    const { location, 'retry-after': retryAfter } = response.headers;
    return { status: response.statusCode, location, retryAfter, ...(await decoded(response)) };
  } catch (error) {
    // Never the message, which may quote the URL and the secrets in it.
    return { unanswered: error.code ?? error.name };
  }
}

port.postMessage(await login());
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
