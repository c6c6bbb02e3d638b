// Preloaded into the suite, which cannot send a bearer: adds one to every request by undici (`fetch`) and by
// `node:http`.

import { subscribe } from 'node:diagnostics_channel';

const authorization = `Bearer ${process.env.CONFORMANCE_BEARER}`;

subscribe('undici:request:create', ({ request }) => request.addHeader('authorization', authorization));
subscribe('http.client.request.created', ({ request }) => request.setHeader('authorization', authorization));
