// Prints the bundle's manifest: `node manifest.mjs VERSION`. Its form asks for the settings that `oge-mcp init` asks for.

import { readFileSync } from 'node:fs';

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
const manifest = read('manifest.json');
manifest.version = process.argv[2];
manifest.user_config = {};
for (const { key, title, kind } of read('../shared/settings.json')) {
  const field = key.toLowerCase();
  manifest.user_config[field] = {
    type: 'string',
    title,
    description: key,
    required: kind === 'url',
    sensitive: kind === 'secret',
  };
  manifest.server.mcp_config.env[key] = `\${user_config.${field}}`;
}
console.log(JSON.stringify(manifest, null, 2));
