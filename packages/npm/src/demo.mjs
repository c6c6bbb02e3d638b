// `oge-mcp demo`: one call through the component, against a mock platform, with an expired token.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMockPlatform } from './mock-platform.mjs';
import { withSession } from './session.mjs';

const TOOL = 'coverage_aspect_analysis';
// Mount Tai.
const BBOX = [117.0, 36.18, 117.2, 36.33];

export async function demo() {
  const tell = (request, story) => console.log(`  ${request.padEnd(18)} ${story}`);
  const directory = mkdtempSync(join(tmpdir(), 'oge-mcp-'));
  const { port, settings, server } = await startMockPlatform(tell);
  try {
    console.log(`A mock platform listens on 127.0.0.1:${port}. The server's token has expired.\n`);
    console.log(`The assistant calls ${TOOL}, bbox [${BBOX.join(', ')}]:`);
    const others = Object.entries(process.env).filter(([key]) => !key.startsWith('OGE_'));
    const own = { ...settings, OGE_STATE_DIR: directory, OGE_LOG: 'off' };
    const environment = { ...Object.fromEntries(others), ...own };
    const envelope = await withSession(environment, ({ call }) => call(TOOL, { bbox: BBOX }));
    console.log(`\n${envelope.msg}\n${JSON.stringify(envelope.data)}`);
    if (!envelope.success) return 1;
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  }
  console.log('\nThe token was renewed and the request sent again; the assistant saw one result.');
  console.log('Next: oge-mcp init');
  return 0;
}
