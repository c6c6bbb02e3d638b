// Preloaded into the suite, which cannot send a token by itself: adds one to every request it makes,
// whether by `fetch` and undici or by `node:http`.

import { subscribe } from 'node:diagnostics_channel';

const authorization = `Bearer ${process.env.CONFORMANCE_BEARER}`;

subscribe('undici:request:create', ({ request }) => request.addHeader('authorization', authorization));
subscribe('http.client.request.created', ({ request }) => request.setHeader('authorization', authorization));
