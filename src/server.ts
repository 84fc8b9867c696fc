/** Starts the service and ends it: reads the settings, opens the databases, listens. */
import { resolve } from 'node:path';
import { buildApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { forgetOldPlans } from './db/imports.ts';
import { DatabaseRefused, type OpenDatabases, openDatabases } from './db/open.ts';
import { createTenant, forgetOldAnswers } from './db/tenants.ts';

/** The tenant that is there from the start where tokens are made locally. */
const localTenant = 'default';
const sweepEveryMs = 10 * 60_000;
/** What is not answered so long after the stop was asked for is broken off. */
const stopPatienceMs = 20_000;

export interface Service {
  /** Where it listens, e.g. `http://127.0.0.1:3000`. */
  readonly address: string;
  /** Takes no new requests, ends those that run, closes the database. */
  stop(): Promise<void>;
}

/**
 * Starts the service; resolves when it listens.
 * @param isReady what `/health/ready` asks besides the database
 */
export async function startService(config: Config, isReady?: () => boolean): Promise<Service> {
  const database = await openDatabases(config, noticesOf(config));
  try {
    if (config.auth.issuer === undefined) await createTenant(database.main, localTenant);
    const app = await buildApp(config, database, isReady);
    const address = await app.listen({ host: config.host, port: config.port });
    const sweep = setInterval(() => void forgetWhatIsOld(database), sweepEveryMs);
    return {
      address,
      async stop() {
        clearInterval(sweep);
        // Node closes the connections that are idle at this moment; those that are answered later it would keep for as
        // long as a client may want to use them again.
        const idle = setInterval(() => app.server.closeIdleConnections(), 50);
        const late = setTimeout(() => app.server.closeAllConnections(), stopPatienceMs);
        await app.close();
        clearInterval(idle);
        clearTimeout(late);
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** What is kept for a time only. What fails, because the database is away, is done the next time. */
async function forgetWhatIsOld({ main }: OpenDatabases): Promise<void> {
  await Promise.allSettled([forgetOldAnswers(main), forgetOldPlans(main)]);
}

/** PostgreSQL's own log is for those who look for trouble; that it went down or came up is for everybody. */
function noticesOf(config: Config): (line: string) => void {
  const verbose = config.logLevel === 'debug' || config.logLevel === 'trace';
  return (line) => {
    if (verbose || !/^\[\d+\] LOG: /.test(line)) console.error(line);
  };
}

/** What the person who started it reads. */
function greeting(config: Config, address: string): string {
  const token =
    config.auth.issuer === undefined
      ? 'npm run --silent token -- --tenant default --role dpo'
      : `a token of ${config.auth.issuer.url}`;
  return `Listening on ${address}\nDocumentation: ${address}/docs\nToken: ${token}`;
}

/** Ends the process in order when it is asked to. */
export function stopOnSignal(service: Service): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      service.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

async function main(): Promise<void> {
  try {
    const config = readConfig(process.env);
    const service = await startService(config);
    console.log(greeting(config, service.address));
    stopOnSignal(service);
  } catch (error) {
    console.error(startFailure(error));
    process.exitCode = 1;
  }
}

/** One line that says why the service does not start. */
export function startFailure(error: unknown): string {
  if (error instanceof ConfigError || error instanceof DatabaseRefused) return error.message;
  const { code, syscall, port, message } = error as { code?: string; syscall?: string; port?: number; message: string };
  if (code === 'EADDRINUSE') return `PORT ${port} is taken by another process; stop it or choose another PORT.`;
  if (syscall === 'listen') return `The service cannot listen: ${message}`;
  return `The service cannot start: ${String(message).split('\n')[0]}`;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) await main();
