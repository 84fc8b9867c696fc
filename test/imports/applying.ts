/** A service in a process of its own, that somebody may kill: applies one plan. */
import { buildApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { createPool, type Target } from '../../src/db/connection.ts';
import { clientOf } from '../service.ts';

/** What it is told, as JSON in its first argument. */
export interface Order {
  readonly target: Target;
  readonly dataDirectory: string;
  readonly token: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

const { target, dataDirectory, token, path, headers } = JSON.parse(process.argv[2]!) as Order;
const pool = createPool({ target, size: 2 });
const app = await buildApp(readConfig({ DATA_DIR: dataDirectory, LOG_LEVEL: 'silent' }), { main: pool, reads: pool });
await clientOf(app, token).post(path, undefined, { ...headers });
await app.close();
await pool.close();
