/** The contestant `limit` over HTTP: bare Fastify that sends the same bytes, without a database. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Fastify from 'fastify';

/** Folder with the bytes to send: `read`, `page`, and `register` when it is asked for. */
const folder = process.env.LIMIT_FOLDER!;
const [read, page] = await Promise.all(['read', 'page'].map((name) => readFile(join(folder, name), 'utf8')));
const type = 'application/json; charset=utf-8';

const app = Fastify();
app.get('/read', (_request, reply) => reply.type(type).send(read));
app.get('/page', (_request, reply) => reply.type(type).send(page));
app.post('/create', (_request, reply) => reply.code(201).type(type).send(read));
app.get('/register', (_request, reply) => reply.type(type).send(createReadStream(join(folder, 'register'))));

console.log(`Listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
process.on('SIGTERM', () => process.exit());
