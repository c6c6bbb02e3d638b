// The worker that `token-store.mjs` starts for one login. It sends the request and returns the response, or why
// there is none. It does not classify the response.

import http from 'node:http';
import https from 'node:https';
import { workerData } from 'node:worker_threads';

import { decoded } from './decoded.mjs';

const { url, body, port, done } = workerData;

// Not `fetch`, which forwards the credentials to redirects and blocks some ports. `agent: false` ignores
// proxies of the environment.
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
    // Not the message, which may contain the URL with its secrets.
    return { unanswered: error.code ?? error.name };
  }
}

port.postMessage(await login());
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);
