// A mock platform on loopback, for `oge-mcp demo`. Its first token has expired.

import { once } from 'node:events';
import { createServer } from 'node:http';

const EXPIRED = { code: 40003, msg: 'token过期或异常', data: null };
const RESULT = {
  code: 200,
  msg: 'success',
  data: { layer: 'aspect', bbox: [116.9, 36.1, 117.3, 36.4], unit: 'degree' },
};
const LOGIN = { data: { token: 'demo-token-2', tokenHead: 'Bearer ' } };

/** Tells each request, and what became of it, to `observe`. */
export async function startMockPlatform(observe) {
  const server = createServer((request, response) => {
    const [path] = request.url.split('?');
    const number = request.headers.authorization?.split('-').at(-1);
    const [story, body] =
      path === '/oauth/token'
        ? ['a login: here is token 2', LOGIN]
        : number === '2'
          ? ['token 2 accepted', RESULT]
          : [`token ${number} has expired (40003)`, EXPIRED];
    observe(`${request.method} ${path}`, story);
    request.resume();
    request.on('end', () => {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(body));
    });
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
