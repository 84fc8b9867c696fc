/**
 * The service with the sample registers in the tenant `demo`, made anew at each start in `DATA_DIR` (default
 * `./data-demo`). It wipes only a folder that it marked as its own.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError, readConfig } from '../src/config.ts';
import { runningEmbedded } from '../src/db/embedded.ts';
import { createTenantsBeside } from '../src/db/open.ts';
import { signLocalToken } from '../src/http/local-tokens.ts';
import { startFailure, startService, stopOnSignal } from '../src/server.ts';
import { bringIn } from './samples.ts';

const tenant = 'demo';
const marker = '.article-30-register-demo';
const samples = new URL('../db/samples/', import.meta.url);

/** Empties the demo's folder; a folder that is not its own is left alone. */
async function makeAnew({ dataDirectory }: Config): Promise<void> {
  const found = await readdir(dataDirectory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (found.length > 0 && !found.includes(marker)) {
    throw new ConfigError(
      `DATA_DIR ${dataDirectory} holds something that the demo did not make; choose another folder.`,
    );
  }
  if (found.length > 0 && (await runningEmbedded(dataDirectory)) !== undefined) {
    const holder = await readFile(join(dataDirectory, 'service.pid'), 'utf8').catch(() => '');
    throw new ConfigError(
      `A demo is running on ${dataDirectory} already${holder.trim() === '' ? '' : ` (process ${holder.trim()})`}.`,
    );
  }
  for (const name of found) await rm(join(dataDirectory, name), { recursive: true });
  await mkdir(dataDirectory, { recursive: true });
  await writeFile(join(dataDirectory, marker), 'Everything in this folder is made anew by the demo.\n');
}

try {
  const config = readConfig({
    ...process.env,
    DATA_DIR: process.env.DATA_DIR?.trim() || './data-demo',
    LOG_LEVEL: process.env.LOG_LEVEL?.trim() || 'warn',
  });
  if (config.database.url !== undefined)
    throw new ConfigError('DATABASE_URL is set; the demo wipes its database, so it uses the embedded one only.');
  if (config.auth.issuer !== undefined) throw new ConfigError('AUTH_ISSUER is set; the demo makes its own tokens.');
  await makeAnew(config);
  let ready = false;
  const service = await startService(config, () => ready);
  stopOnSignal(service);
  await createTenantsBeside(config, [tenant]);
  const tokenFor = (role: 'dpo' | 'auditor', ttlSeconds: number) =>
    signLocalToken(config, { tenantReferences: [tenant], roles: [role], subject: `${role}@demo`, ttlSeconds });
  const token = await tokenFor('dpo', 600);
  let earlier = 0;
  for (const file of (await readdir(samples)).filter((name) => name.endsWith('.json')).sort()) {
    const { resources, activities, halfway } = await bringIn(new URL(file, samples), service.address, token);
    console.log(`${file}: ${resources} resources, ${activities} activities approved`);
    if (file === 'exograd.json') earlier = halfway;
  }
  ready = true;
  const get = (path: string) => `curl -sS -H "Authorization: Bearer $TOKEN" "${service.address}${path}"`;
  console.log(`
Ready: ${service.address}   documentation: ${service.address}/docs   tenant: ${tenant}

Paste this to read as an auditor, for a week:

export TOKEN=${await tokenFor('auditor', 7 * 86_400)}

Exograd's Article 30 register, as JSON and as CSV:

${get('/v1/register?controllerId=ref:exograd')} -o exograd.json
${get('/v1/register.csv?controllerId=ref:exograd')} -o exograd.csv

and as it stood at an earlier moment, when half of its activities were approved:

${get(`/v1/register?controllerId=ref:exograd&sequence=${earlier}`)} -o exograd-then.json

To change something: npm run --silent token -- --tenant ${tenant} --role dpo   (with DATA_DIR=${config.dataDirectory})
`);
} catch (error) {
  console.error(startFailure(error));
  process.exit(1);
}
