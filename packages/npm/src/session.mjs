// A session with a server of its own, for the commands that call tools.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LauncherError } from './paths.mjs';

/** Starts `oge-mcp` as an assistant does, calls tools one after another, and ends it. */
export async function withSession(environment, use) {
  const program = fileURLToPath(new URL('cli.mjs', import.meta.url));
  const server = spawn(process.execPath, [program], {
    env: environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(server, 'close');
  // The answers say it: there are none.
  server.stdin.on('error', () => {});
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  let id = 0;

  const send = (message) =>
    server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const request = async (method, params) => {
    id += 1;
    send({ id, method, params });
    for (;;) {
      const { done, value } = await lines.next();
      if (done) throw new LauncherError('the server ended before it answered; its log above says why');
      const message = JSON.parse(value);
      if (message.id === id) return message.result;
    }
  };

  try {
    const clientInfo = { name: 'oge-mcp', version: '0' };
    const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const { serverInfo } = await request('initialize', hello);
    send({ method: 'notifications/initialized' });
    return await use({
      serverInfo,
      tools: async () => (await request('tools/list', {})).tools,
      /** The envelope of the tool's result. */
      call: async (name, given) =>
        (await request('tools/call', { name, arguments: given })).structuredContent,
    });
  } finally {
    server.stdin.end();
    await ended;
  }
}
