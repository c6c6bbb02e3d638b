// A mock platform on loopback, for `oge-mcp demo`. Its first token has expired.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

const EXPIRED = { code: 40003, msg: 'token过期或异常', data: null };
const LOGIN = { data: { token: 'demo-token-2', tokenHead: 'Bearer ' } };

/** The response to an aspect analysis: the requested area. */
function result(request) {
  const { bbox } = request.args.coverage.preParams;
  return { code: 200, msg: 'success', data: { layer: 'aspect', bbox, unit: 'degree' } };
}

/** Tells each request, and what became of it, to `observe`. */
export async function startMockPlatform(observe) {
  const server = createServer(async (request, response) => {
    const [path] = request.url.split('?');
    const body = await json(request);
    const number = request.headers.authorization?.split('-').at(-1);
    const [story, answer] =
      path === '/oauth/token'
        ? ['a login: here is token 2', LOGIN]
        : number === '2'
          ? ['token 2 accepted', result(body)]
          : [`token ${number} has expired (40003)`, EXPIRED];
    observe(`${request.method} ${path}`, story);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(answer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address();
  const url = `http://127.0.0.1:${port}`;
  const settings = {
    OGE_API_URL: `${url}/process`,
    OGE_DAG_URL: `${url}/dag`,
    OGE_TOKEN_URL: `${url}/oauth/token`,
    OGE_TOKEN_USERNAME: 'demo',
    OGE_TOKEN_PASSWORD: 'demo',
    OGE_CLIENT_ID: 'demo',
    OGE_CLIENT_SECRET: 'demo',
    OGE_TOKEN: 'demo-token-1',
  };
  return { port, settings, server };
}
