/**
 * The contestant `handWritten`: Express and `pg`, as people write it by hand. Named (prepared) queries, one statement
 * with `json_agg` for a read, one transaction for a create; a constant token, no tenants, no history, no validation.
 */
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';
import type { Activity } from './activities.ts';

const { HAND_WRITTEN_TARGET, HAND_WRITTEN_TOKEN } = process.env;
// As many connections as the service has.
const pool = new pg.Pool({ ...(JSON.parse(HAND_WRITTEN_TARGET!) as pg.PoolConfig), max: 10 });

const columns = `a.id, a.reference, a.name, a.state, a.controller_id as "controllerId", a.description, a.department,
  a.owner_name as "ownerName", a.owner_email as "ownerEmail", to_char(a.started_on, 'YYYY-MM-DD') as "startedOn", a.operations, a.means,
  a.large_scale as "largeScale", a.estimated_data_subjects as "estimatedDataSubjects", a.notes, a.created_at as "createdAt", a.updated_at as "updatedAt"`;

const withLinks = `select ${columns},
  (select coalesce(json_agg(json_build_object('id', l.id, 'purposeId', l.purpose_id, 'main', l.main,
      'legalBasisIds', (select coalesce(json_agg(k.legal_basis_id), '[]') from activity_purpose_legal_basis k where k.activity_purpose_id = l.id)) order by l.id), '[]')
    from activity_purpose l where l.activity_id = a.id) as purposes,
  (select coalesce(json_agg(json_build_object('id', l.id, 'dataCategoryId', l.data_category_id,
      'source', l.source, 'required', l.required, 'period', l.period, 'startsOn', l.starts_on, 'ground', l.ground,
      'dataSubjectCategoryIds', (select coalesce(json_agg(k.data_subject_category_id), '[]') from activity_data_line_subject k where k.activity_data_line_id = l.id)) order by l.id), '[]')
    from activity_data_line l where l.activity_id = a.id) as "dataLines",
  (select coalesce(json_agg(json_build_object('id', l.id, 'recipientId', l.recipient_id, 'purpose', l.purpose, 'circumstances', l.circumstances) order by l.id), '[]')
    from activity_recipient l where l.activity_id = a.id) as recipients,
  (select coalesce(json_agg(json_build_object('id', l.id, 'recipientId', l.recipient_id, 'country', l.country, 'state', l.state, 'description', l.description,
      'safeguardIds', (select coalesce(json_agg(k.safeguard_id), '[]') from activity_transfer_safeguard k where k.activity_transfer_id = l.id)) order by l.id), '[]')
    from activity_transfer l where l.activity_id = a.id) as transfers,
  (select coalesce(json_agg(l.security_measure_id), '[]')
    from activity_security_measure l where l.activity_id = a.id) as "securityMeasureIds"
  from activity a`;

const withNames = `select ${columns}, c.name as controller,
  (select coalesce(json_agg(json_build_object('purpose', p.name, 'main', l.main,
      'legalBases', (select coalesce(json_agg(b.name), '[]') from activity_purpose_legal_basis k join legal_basis b on b.id = k.legal_basis_id where k.activity_purpose_id = l.id)) order by l.id), '[]')
    from activity_purpose l join purpose p on p.id = l.purpose_id where l.activity_id = a.id) as purposes,
  (select coalesce(json_agg(json_build_object('dataCategory', d.name,
      'source', l.source, 'required', l.required, 'period', l.period, 'startsOn', l.starts_on, 'ground', l.ground,
      'dataSubjectCategories', (select coalesce(json_agg(s.name), '[]') from activity_data_line_subject k join data_subject_category s on s.id = k.data_subject_category_id where k.activity_data_line_id = l.id)) order by l.id), '[]')
    from activity_data_line l join data_category d on d.id = l.data_category_id where l.activity_id = a.id) as "dataLines",
  (select coalesce(json_agg(json_build_object('recipient', r.name, 'purpose', l.purpose, 'circumstances', l.circumstances) order by l.id), '[]')
    from activity_recipient l join recipient r on r.id = l.recipient_id where l.activity_id = a.id) as recipients,
  (select coalesce(json_agg(json_build_object('recipient', r.name, 'country', l.country, 'state', l.state, 'description', l.description,
      'safeguards', (select coalesce(json_agg(s.name), '[]') from activity_transfer_safeguard k join safeguard s on s.id = k.safeguard_id where k.activity_transfer_id = l.id)) order by l.id), '[]')
    from activity_transfer l left join recipient r on r.id = l.recipient_id where l.activity_id = a.id) as transfers,
  (select coalesce(json_agg(m.name), '[]')
    from activity_security_measure l join security_measure m on m.id = l.security_measure_id where l.activity_id = a.id) as "securityMeasures"
  from activity a join controller c on c.id = a.controller_id`;

const app = express();
app.use(express.json());
app.use((request, response, next) => {
  if (request.get('authorization') === `Bearer ${HAND_WRITTEN_TOKEN}`) next();
  else response.status(401).json({ error: 'unauthorized' });
});

app.get('/activities/:id', async (request, response) => {
  const { rows } = await pool.query({
    name: 'read',
    text: `${withLinks} where a.id = $1`,
    values: [request.params.id],
  });
  if (rows.length === 0) response.status(404).json({ error: 'not found' });
  else response.json(rows[0]);
});

app.get('/activities', async (request, response) => {
  const { rows } = await pool.query({
    name: 'page',
    text: `${withLinks} where a.reference > $1 order by a.reference limit 50`,
    values: [request.query.after ?? ''],
  });
  response.json({ items: rows, next: rows.at(-1)?.reference });
});

app.get('/register', async (_request, response) => {
  const { rows } = await pool.query(`${withNames} where a.state = 'approved' order by a.reference`);
  response.json({ entries: rows });
});

app.post('/activities', async (request, response) => {
  const body = request.body as Activity;
  const client = await pool.connect();
  try {
    const run = (name: string, text: string, values: unknown[]) => client.query({ name, text, values });
    await client.query('begin');
    const { rows } = await run(
      'activity',
      `insert into activity (reference, name, controller_id, description, department, owner_name, owner_email, started_on, operations, means, large_scale, estimated_data_subjects, notes)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning id`,
      [
        body.reference,
        body.name,
        body.controllerId,
        body.description,
        body.department,
        body.ownerName,
        body.ownerEmail,
        body.startedOn,
        body.operations,
        body.means,
        body.largeScale,
        body.estimatedDataSubjects,
        body.notes,
      ],
    );
    const id = rows[0].id as string;
    for (const line of body.purposes) {
      const inserted = await run(
        'purpose',
        'insert into activity_purpose (activity_id, purpose_id, main) values ($1, $2, $3) returning id',
        [id, line.purposeId, line.main],
      );
      for (const legalBasisId of line.legalBasisIds) {
        await run(
          'purpose basis',
          'insert into activity_purpose_legal_basis (activity_purpose_id, legal_basis_id) values ($1, $2)',
          [inserted.rows[0].id, legalBasisId],
        );
      }
    }
    for (const line of body.dataLines) {
      const inserted = await run(
        'data line',
        `insert into activity_data_line (activity_id, data_category_id, source, required, period, starts_on, ground)
         values ($1, $2, $3, $4, $5, $6, $7) returning id`,
        [id, line.dataCategoryId, line.source, line.required, line.period, line.startsOn, line.ground],
      );
      for (const dataSubjectCategoryId of line.dataSubjectCategoryIds) {
        await run(
          'data line subject',
          'insert into activity_data_line_subject (activity_data_line_id, data_subject_category_id) values ($1, $2)',
          [inserted.rows[0].id, dataSubjectCategoryId],
        );
      }
    }
    for (const line of body.recipients) {
      await run(
        'recipient',
        'insert into activity_recipient (activity_id, recipient_id, purpose, circumstances) values ($1, $2, $3, $4)',
        [id, line.recipientId, line.purpose, line.circumstances],
      );
    }
    for (const line of body.transfers) {
      const inserted = await run(
        'transfer',
        'insert into activity_transfer (activity_id, recipient_id, country, state, description) values ($1, $2, $3, $4, $5) returning id',
        [id, line.recipientId, line.country, line.state, line.description],
      );
      for (const safeguardId of line.safeguardIds) {
        await run(
          'transfer safeguard',
          'insert into activity_transfer_safeguard (activity_transfer_id, safeguard_id) values ($1, $2)',
          [inserted.rows[0].id, safeguardId],
        );
      }
    }
    for (const measure of body.securityMeasureIds) {
      await run('measure', 'insert into activity_security_measure (activity_id, security_measure_id) values ($1, $2)', [
        id,
        measure,
      ]);
    }
    await client.query('commit');
    response.status(201).json({ id, ...body });
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('SIGTERM', () => process.exit());
