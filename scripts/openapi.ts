/** Writes `openapi/openapi.json` and `openapi/problems.md` from the code; a test fails when they are stale. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { createPool } from '../src/db/connection.ts';
import { documentText } from '../src/http/document.ts';
import { problemsPage } from '../src/http/problems.ts';

const folder = new URL('../openapi/', import.meta.url);
const dataDirectory = await mkdtemp(join(tmpdir(), 'register-openapi-'));
try {
  // The document says nothing of any database: none is opened.
  const nowhere = createPool({
    target: { path: join(dataDirectory, 'none'), username: '', password: '', database: '' },
    size: 1,
  });
  const app = await buildApp(readConfig({ DATA_DIR: dataDirectory, LOG_LEVEL: 'silent' }), {
    main: nowhere,
    reads: nowhere,
  });
  await app.ready();
  await writeFile(new URL('openapi.json', folder), documentText(app));
  await writeFile(new URL('problems.md', folder), problemsPage());
  await app.close();
} finally {
  await rm(dataDirectory, { recursive: true, force: true });
}
