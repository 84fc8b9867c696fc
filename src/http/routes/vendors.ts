/** Vendors of the catalogue and the recipients that they are: made, compared, replaced. */
import type { FastifyInstance } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { today } from '../../article30/calendar.ts';
import {
  CalendarDate,
  type Content,
  component,
  KeyOf,
  ListOf,
  OneOf,
  referencePattern,
} from '../../article30/definition.ts';
import { definitionOf } from '../../article30/index.ts';
import { create, stated } from '../../article30/life.ts';
import { recipientFromVendor, type VendorRole, vendorSuggestions } from '../../article30/vendor-suggestions.ts';
import type { Pool } from '../../db/connection.ts';
import { newId } from '../../db/identifiers.ts';
import { pagesOf } from '../../db/imports.ts';
import { changeOf, type Look, targetName, type Writer } from '../../db/records.ts';
import { listNaming, type Naming, readContents, readWorking } from '../../db/resources.ts';
import type { Problems } from '../../imports/plan.ts';
import { replaced } from '../../imports/replacement.ts';
import { asOf, factsVersion } from '../../reference/facts.ts';
import { type Vendor, vendor as vendorOf } from '../../reference/vendors.ts';
import { answerOf, carryOut, checked, found, momentOf, type Outcome } from '../changes.ts';
import type { Databases } from '../context.ts';
import type { Gate } from '../limits.ts';
import { answers, errors, responses } from '../operations.ts';
import { pageText } from '../pages.ts';
import { headers, keyOf, keyPath, query, writeHeaders } from '../parameters.ts';
import { missing, Problem } from '../problems.ts';
import { importPlan, planned } from './imports.ts';
import type { ResourceSchemas } from './resources.ts';

const recipient = definitionOf('recipient');
const tags = [recipient.plural];

const vendorRoles = ['processor', 'controller'] as const satisfies VendorRole[];
/** The longest ending that tells the recipients of one vendor apart. */
const longestEnding = Math.max(...vendorRoles.map((role) => role.length + 1));

const vendorKey = Type.String({
  minLength: 1,
  maxLength: 100,
  description: 'Key of the vendor in the catalogue, `GET /v1/reference/vendors`.',
  examples: ['stripe'],
});

const fromVendorBody = component(
  'RecipientsFromVendor',
  Type.Object(
    {
      vendor: vendorKey,
      reference: Type.Optional(
        Type.String({
          pattern: referencePattern,
          maxLength: 64 - longestEnding,
          description:
            'Reference of the recipient; of two, the second has its role behind it. The key of the vendor when absent.',
          examples: ['stripe'],
        }),
      ),
      roles: Type.Optional(
        ListOf(
          OneOf(vendorRoles, { description: 'A role of Art. 4(7) or (8).' }),
          { description: 'Only in these of its roles; all when absent.', examples: [['processor']] },
          vendorRoles.length,
        ),
      ),
    },
    {
      additionalProperties: false,
      description: 'Which vendor becomes a recipient.',
      examples: [{ vendor: 'stripe', roles: ['processor'] }],
    },
  ),
);

const replaceBody = component(
  'RecipientReplacement',
  Type.Object(
    {
      by: KeyOf('recipient', { description: 'The recipient that takes its place.', examples: ['ref:other-payments'] }),
    },
    {
      additionalProperties: false,
      description: 'By which recipient another is replaced.',
      examples: [{ by: 'ref:other-payments' }],
    },
  ),
);

const anything = (description: string, example: unknown) => Type.Unsafe<unknown>({ description, examples: [example] });

const suggestionList = component(
  'VendorSuggestionList',
  Type.Object(
    {
      vendor: Type.Optional(
        component(
          'SuggestingVendor',
          Type.Object(
            {
              key: Type.String({ description: 'Its key in the catalogue.', examples: ['stripe'] }),
              name: Type.String({ description: 'Its name.', examples: ['Stripe'] }),
              cautions: Type.Array(Type.String({ description: 'A caution.' }), { description: 'What to mind.' }),
            },
            { additionalProperties: false, description: 'The vendor that the recipient is compared with.' },
          ),
        ),
      ),
      factsVersion: Type.String({ description: 'Version of the catalogue.', examples: [factsVersion] }),
      on: CalendarDate({ description: 'The day up to which the catalogue was looked up.' }),
      version: Type.Integer({
        minimum: 1,
        description:
          'Version of the recipient that was compared: the ETag for the `PATCH` that takes a suggestion over.',
        examples: [3],
      }),
      items: Type.Array(
        component(
          'VendorSuggestion',
          Type.Object(
            {
              pointer: Type.String({ description: 'JSON Pointer into the recipient.', examples: ['/contract/url'] }),
              field: Type.String({ description: 'Path of the member.', examples: ['contract.url'] }),
              current: Type.Optional(anything('What the recipient says; absent: nothing.', 'FR')),
              suggested: anything('What the catalogue says, as it would stand there.', 'IE'),
              source: Type.String({ description: 'Who says so.', examples: ['Vendor catalogue 2026-11-22.1'] }),
              on: CalendarDate({ description: 'The day of that source.' }),
            },
            { additionalProperties: false, description: 'A difference to the catalogue, to be confirmed or left.' },
          ),
        ),
        { description: 'Differences; none without a vendor.' },
      ),
    },
    { additionalProperties: false, description: 'Where a recipient and the catalogue of vendors differ.' },
  ),
);

/** @param gate lets in who makes a plan */
export function vendorRoutes(app: FastifyInstance, database: Databases, gate: Gate, schemas: ResourceSchemas): void {
  app.post(
    '/v1/recipients/from-vendor',
    {
      config: { permission: 'write' },
      schema: {
        operationId: 'createRecipientsFromVendor',
        tags,
        summary: 'Makes the recipients that a vendor is',
        description:
          'One recipient for each role of the vendor, with what the catalogue says of it, all marked as `suggested`: whether a contract exists, and what it says, is for you to state.',
        headers: headers(writeHeaders),
        body: fromVendorBody,
        response: responses(
          {
            201: answers('The new recipients.', recipientsOf(schemas.answer), [
              'Log-Sequence',
              'Ropa-Warning',
              'Idempotency-Replayed',
            ]),
          },
          errors.creates,
        ),
      },
    },
    async (request, reply) => {
      const asked = request.body as { vendor: string; reference?: string; roles?: VendorRole[] };
      const vendor = known(asked.vendor, { in: 'body', pointer: '/vendor' });
      const roles = rolesOf(vendor, asked.roles);
      return carryOut(database.main, request, reply, {
        subject: { type: recipient.type, name: vendor.name },
        plan: (seen) => {
          const changes = roles.map((role, index) => {
            const body = checked(recipient, stated(recipient, recipientFromVendor(vendor, role), undefined, newId));
            const reference = asked.reference ?? vendor.key;
            return changeOf(
              recipient,
              create(recipient, body, index === 0 ? reference : `${reference}-${role}`, momentOf(seen)),
            );
          });
          return {
            changes,
            answer: answerOf(pageText(changes.map(({ text }) => text!)), 201),
          };
        },
      });
    },
  );

  app.post(
    '/v1/recipients/:key/replace',
    {
      onRequest: gate.enter,
      config: { permission: 'planImports' },
      schema: {
        operationId: 'planRecipientReplacement',
        tags,
        summary: 'Plans to replace a recipient by another',
        description:
          'In all working versions that name it: activities of both records, systems, safeguards, sub-processors. Changes nothing: the plan is kept with those of imports, to be read and applied there. A pointer of its problems begins with type and reference of the resource. Approved activities stay in the register until they are approved again.',
        params: keyPath,
        headers: headers({ 'idempotency-key': writeHeaders['idempotency-key'] }),
        body: replaceBody,
        response: responses({ 201: answers('The plan.', importPlan, ['Location', 'Idempotency-Replayed']) }, [
          ...errors.readsOne,
          'unknown-reference',
          'unprocessable',
          'conflict',
          ...errors.plans,
        ]),
      },
    },
    async (request, reply) => {
      const { by } = request.body as { by: string };
      const pool = database.main;
      return gate.within(request, () =>
        carryOut(pool, request, reply, {
          subject: { type: recipient.type, key: keyOf(request.params) },
          wanted: [{ type: recipient.type, key: by }],
          plan: (seen, writer) => planReplacement(pool, seen, writer, by),
        }),
      );
    },
  );

  app.get(
    '/v1/recipients/:key/vendor-suggestions',
    {
      config: { permission: 'read' },
      schema: {
        operationId: 'listVendorSuggestions',
        tags,
        summary: 'Compares a recipient with the catalogue of vendors',
        description:
          'Where the catalogue knows more, or something else. Nothing changes by itself: take over what you have checked, with `PATCH`.',
        params: keyPath,
        headers: headers({}),
        querystring: query({
          vendor: Type.Optional({
            ...vendorKey,
            description: 'Compare with this vendor; with the one that the recipient names when absent.',
          }),
        }),
        response: responses({ 200: answers('The differences.', suggestionList) }, [
          ...errors.readsOne,
          'unknown-reference',
        ]),
      },
    },
    async (request, reply) => {
      const { vendor: key } = request.query as { vendor?: string };
      const stored = await readWorking(database.main, request.tenant, recipient.type, keyOf(request.params));
      if (stored === undefined) return missing();
      const content = JSON.parse(stored.text) as Content;
      const own = (content.vendor as { key?: string } | undefined)?.key;
      const vendor = key === undefined ? vendorOf(own ?? '') : known(key, { in: 'query', name: 'vendor' });
      reply.header('cache-control', 'private, no-cache');
      return {
        ...(vendor === undefined ? {} : { vendor: { key: vendor.key, name: vendor.name, cautions: vendor.cautions } }),
        factsVersion,
        on: asOf,
        version: stored.version,
        items: vendor === undefined ? [] : vendorSuggestions(content, vendor),
      };
    },
  );
}

/** More resources, and more bytes of them, than this are not planned at once. */
const replacedAtMost = 5_000;
const replacedBytes = 32 * 1024 * 1024;
/** So many contents are read with one statement. */
const contentsAtATime = 200;
/** More changes than this in a row came between: then the client is told. */
const attempts = 5;

/** Works a replacement out of what stands there, and keeps it as a plan. */
async function planReplacement(pool: Pool, seen: Look, writer: Writer, by: string): Promise<Outcome> {
  const { tenant } = writer;
  const from = found(seen);
  const target = seen.targets.get(targetName({ type: recipient.type, key: by }));
  const stored = target && (await readWorking(pool, tenant, recipient.type, { id: target.id }));
  const refuse = (code: 'unknown-reference' | 'unprocessable', message: string) => {
    const word = code === 'unprocessable' ? 'contradiction' : code;
    return new Problem(code, message, { errors: [{ in: 'body', pointer: '/by', code: word, message }] });
  };
  if (stored === undefined) throw refuse('unknown-reference', 'There is no recipient with this key.');
  const taking = JSON.parse(stored.text) as Content;
  if (taking.id === from.id) throw refuse('unprocessable', 'A recipient does not replace itself.');
  if (taking.archived === true) throw refuse('unprocessable', 'It is archived: restore it first.');
  const replacement = { from, by: taking, today: today() };
  const name = () => listNaming(pool, tenant, recipient.type, from.id as string, replacedAtMost + 1);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const naming = await name();
    if (naming.length > replacedAtMost) {
      throw new Problem(
        'unprocessable',
        `More than ${replacedAtMost} resources name it: that is too much for one plan.`,
      );
    }
    // Notices stay as they are: nobody needs to read them.
    const [notices, others] = [naming.filter(isNotice), naming.filter((each) => !isNotice(each))];
    if (others.reduce((sum, { bytes }) => sum + bytes, 0) > replacedBytes) {
      throw new Problem('unprocessable', 'What names it holds more than 32 MiB: that is too much for one plan.');
    }
    const read = async (problems: Problems) =>
      replaced(contentsOf(pool, tenant, others), notices, replacement, problems);
    const outcome = await planned(pool, 'replacement', read, seen, writer);
    // What was read and what the plan compared it with is the same, when nothing changed in between.
    if (JSON.stringify(await name()) === JSON.stringify(naming)) return outcome;
  }
  throw new Problem('conflict', 'What names the recipient was changed again and again.');
}

const isNotice = ({ type }: Naming): boolean => type === 'notice';

async function* contentsOf(pool: Pool, tenant: string, naming: readonly Naming[]) {
  for (const [type, some] of Map.groupBy(naming, (each) => each.type)) {
    for (const page of pagesOf(some, ({ bytes }) => bytes, contentsAtATime)) {
      const ids = page.map(({ id }) => id);
      const found = await pool.transaction({ readOnly: true, tenant, customPlan: true }, (session) =>
        readContents(session, tenant, type, ids),
      );
      for (const content of found.values()) yield { type, content };
    }
  }
}

const recipientsOf = (answer: TSchema) =>
  component(
    'NewRecipients',
    Type.Object(
      { items: Type.Array(answer, { description: 'The recipients, in the order of the roles.' }) },
      { additionalProperties: false, description: 'The recipients that were made.' },
    ),
  );

function known(key: string, place: { in: 'body'; pointer: string } | { in: 'query'; name: string }): Vendor {
  const vendor = vendorOf(key);
  if (vendor !== undefined) return vendor;
  const message = 'The catalogue has no vendor with this key.';
  throw new Problem('unknown-reference', message, { errors: [{ ...place, code: 'unknown-reference', message }] });
}

/** The roles in which the vendor becomes a recipient: those asked for, which must be its own. */
function rolesOf(vendor: Vendor, asked: readonly VendorRole[] | undefined): readonly VendorRole[] {
  if (asked === undefined || asked.length === 0) return vendor.roles;
  const flaws = asked.flatMap((role, index) =>
    vendor.roles.includes(role)
      ? []
      : [
          {
            in: 'body' as const,
            pointer: `/roles/${index}`,
            code: 'contradiction',
            message: `The catalogue does not know ${vendor.name} as ${role}.`,
          },
        ],
  );
  if (flaws.length > 0) throw new Problem('unprocessable', flaws[0]!.message, { errors: flaws });
  return asked;
}
