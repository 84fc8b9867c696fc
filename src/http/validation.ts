import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { SchemaValidateFunction } from 'ajv/dist/types/index.js';
import addFormats from 'ajv-formats';
import type { FastifyInstance, FastifyRequest, FastifySchemaCompiler, FastifyServerOptions } from 'fastify';
import { keyPattern, referencePattern } from '../article30/definition.ts';
import { nearest } from '../config.ts';
import { isUuid } from '../db/identifiers.ts';
import { canonicalize } from '../history/canonical.ts';
import { PROBLEMS, Problem, type ProblemItem } from './problems.ts';

/**
 * Requests against their schemas. Fastify's default would turn `null` into `""` and `"5"` into `5` and drop unknown
 * fields of a body; here a body is taken as it is or refused, and every flaw is told with its place.
 */

/** Places that one answer lists at most. */
export const LISTED_ERRORS = 50;
/** Objects and arrays within each other, the outermost counts. */
export const NESTING_LIMIT = 32;
/**
 * A body may hold so many values, or one for so many of its bytes where that is more: `{}` takes three bytes of a body
 * and twenty times as many of memory. Registers have one value for thirty bytes and more.
 */
export const VALUES_LIMIT = 2_000_000;
const BYTES_FOR_A_VALUE = 13;
/**
 * Of a body up to this many values every flaw is told, of a larger one the first: a body can have as many flaws as
 * values.
 */
const THOROUGH_VALUES = 1000;
const THOROUGH_CHARACTERS = 64 * 1024;

export interface ValidatorOptions {
  /** Whether a code is a country of ISO 3166-1 alpha-2, as the reference data knows them. */
  readonly isCountry: (code: string) => boolean;
  /**
   * Compiles each schema when its route is added, so that a wrong schema stops the start; otherwise when the first
   * request needs it, so that the start is quick. Tests use the former.
   */
  readonly eager?: boolean;
}

type Part = ProblemItem['in'];
const parts: Readonly<Record<string, Part>> = { body: 'body', querystring: 'query', params: 'path', headers: 'header' };

/** What Fastify takes as `schemaController.compilersFactory.buildValidator`. */
type BuildValidator = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>['buildValidator']
>;
type Schema = Readonly<Record<string, unknown>>;

/**
 * Makes Fastify's validators, for `schemaController.compilersFactory.buildValidator` in the options of the app. Schemas
 * are JSON Schema 2020-12; words that begin with `x-` are annotations. Query, path and header values are text, so there
 * numbers, booleans and lists are made of it, and defaults filled in.
 */
export function createValidator(options: ValidatorOptions): BuildValidator {
  const build = (schemas: unknown): FastifySchemaCompiler<Schema> => {
    const components = (schemas ?? {}) as Readonly<Record<string, Schema>>;
    const ajv = {
      body: lazily(() => createAjv(options, components, { allErrors: false })),
      thoroughBody: lazily(() => createAjv(options, components, { allErrors: true })),
      // Bounded by the size of headers and address, so thorough at once.
      text: lazily(() => createAjv(options, components, { allErrors: true, useDefaults: true })),
    };
    return ({ schema: given, httpPart }) => {
      const part = parts[httpPart ?? ''] ?? 'body';
      const schema = part === 'header' ? lowerCased(given) : given;
      const quick = lazily(() => compile(part === 'body' ? ajv.body() : ajv.text(), schema));
      const thorough = part === 'body' ? lazily(() => compile(ajv.thoroughBody(), schema)) : quick;
      if (options.eager) {
        quick();
        thorough();
      }
      return (data: unknown) => {
        if (part !== 'body') {
          const flaw = textFlaw(data);
          if (flaw !== undefined) return { error: invalid(part, [itemOf(part, flaw)]) };
          readText(data as Record<string, unknown>, schema, components);
        }
        const errors = errorsOf(data, quick, part === 'body' ? thorough : quick);
        if (errors.length === 0) return true;
        return { error: invalid(part, itemsOf(part, errors.slice(0, LISTED_ERRORS)), errors.length) };
      };
    };
  };
  // Fastify declares the type of its own Ajv package, and calls what it gets as above.
  return build as unknown as BuildValidator;
}

/** Judges a value as the body of a request is judged; every flaw with its pointer. */
export type Judge = (component: string, value: unknown) => readonly ProblemItem[];

/** For bodies that stand within another: judges a value by one of the components, by its name. */
export function createJudge(options: ValidatorOptions, components: Readonly<Record<string, object>>): Judge {
  const known = components as Readonly<Record<string, Schema>>;
  const quick = lazily(() => createAjv(options, known, { allErrors: false }));
  const thorough = lazily(() => createAjv(options, known, { allErrors: true }));
  return (name, value) => {
    const by = (ajv: () => Ajv2020) => () => compile(ajv(), known[name]!);
    return itemsOf('body', errorsOf(value, by(quick), by(thorough)));
  };
}

/** What is wrong with a value: all of it where the value is small, else what is found first. */
function errorsOf(
  data: unknown,
  quick: () => ValidateFunction,
  thorough: () => ValidateFunction,
): readonly ErrorObject[] {
  const check = quick();
  if (check(data)) return [];
  const full = isSmall(data) ? thorough() : check;
  if (full !== check) full(data);
  return withoutNoise(full.errors ?? []);
}

/**
 * Makes numbers, booleans and lists of the text that addresses and headers consist of, where the schema wants them. Ajv
 * could do it, and would take "0x10", " 5" and, past every maximum, "Infinity".
 */
function readText(values: Record<string, unknown>, schema: Schema, components: Readonly<Record<string, Schema>>): void {
  const properties = (resolve(schema, components).properties ?? {}) as Readonly<Record<string, Schema>>;
  for (const [name, property] of Object.entries(properties)) {
    if (values[name] !== undefined) values[name] = valueFrom(values[name], property, components);
  }
}

function valueFrom(text: unknown, schema: Schema, components: Readonly<Record<string, Schema>>): unknown {
  const { type, items } = resolve(schema, components);
  const types = [type].flat();
  if (types.includes('array')) {
    return [text].flat().map((each) => valueFrom(each, (items ?? {}) as Schema, components));
  }
  if (typeof text !== 'string') return text;
  if (types.includes('integer') || types.includes('number')) {
    // Sixteen digits hold every whole number that is safe; of what is larger the bound of the schema speaks.
    if (/^-?\d{1,16}(\.\d{1,15})?$/.test(text)) return Number(text);
  }
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function resolve(schema: Schema, components: Readonly<Record<string, Schema>>): Schema {
  return typeof schema.$ref === 'string' ? (components[schema.$ref] ?? schema) : schema;
}

/** Header names are the same in any case, and Node gives them in lower case. */
function lowerCased(schema: Schema): Schema {
  const properties = Object.entries((schema.properties ?? {}) as object);
  return {
    ...schema,
    properties: Object.fromEntries(properties.map(([name, value]) => [name.toLowerCase(), value])),
    ...(Array.isArray(schema.required) ? { required: schema.required.map((name) => String(name).toLowerCase()) } : {}),
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function createAjv(
  options: ValidatorOptions,
  components: Readonly<Record<string, Schema>>,
  mode: { allErrors: boolean; useDefaults?: boolean },
): Ajv2020 {
  const ajv = new Ajv2020({
    ...mode,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    removeAdditional: false,
    // The schema beside the error: its properties are the names that a misspelt one may have meant.
    verbose: true,
  });
  ajv.addKeyword('example');
  // Ajv compares every object with every other, which takes the square of their number.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    before: 'items',
    errors: true,
    validate: uniqueItems,
  });
  for (const [name, format] of Object.entries(formats(options))) ajv.addFormat(name, format.validate);
  for (const component of Object.values(components)) {
    allowAnnotations(ajv, component);
    ajv.addSchema(component);
  }
  return ajv;
}

/** Whether a list names nothing twice; of two that are the same JSON, the places. */
const uniqueItems: SchemaValidateFunction = (wanted: boolean, items: readonly unknown[]): boolean => {
  if (!wanted) return true;
  const seen = new Map<string, number>();
  for (const [j, item] of items.entries()) {
    // A text by itself needs no form that it has in JSON; a sign keeps it apart from what has one.
    const text = typeof item === 'string' ? `"${item}` : canonicalize(item);
    const i = seen.get(text);
    if (i !== undefined) {
      uniqueItems.errors = [{ keyword: 'uniqueItems', params: { i, j }, message: 'must not have duplicate items' }];
      return false;
    }
    seen.set(text, j);
  }
  return true;
};

function compile(ajv: Ajv2020, schema: Schema): ValidateFunction {
  allowAnnotations(ajv, schema);
  return (typeof schema.$id === 'string' ? ajv.getSchema(schema.$id) : undefined) ?? ajv.compile(schema);
}

function allowAnnotations(ajv: Ajv2020, schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [word, value] of Object.entries(schema)) {
    if (word.startsWith('x-') && !ajv.RULES.keywords[word]) ajv.addKeyword(word);
    allowAnnotations(ajv, value);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Formats

interface Format {
  readonly validate: (value: string) => boolean;
  /** Completes "must be". */
  readonly expected: string;
}

const webAddress: Format = {
  validate: isWebAddress,
  expected: 'an absolute web address (http or https) without user name and password, at most 2,000 characters',
};

function formats({ isCountry }: ValidatorOptions): Readonly<Record<string, Format>> {
  return { ...fixedFormats, country: { validate: isCountry, expected: expectedCountry } };
}

const expectedCountry = 'a country code of ISO 3166-1 alpha-2, such as FR';
const emailPattern = addFormats.default.get('email') as RegExp;

/** Each bounds the length itself: when all flaws are told, a text that is too long still gets here. */
const referenceForm = new RegExp(referencePattern);

const fixedFormats: Readonly<Record<string, Format>> = {
  date: { validate: isDate, expected: 'a date that exists, as YYYY-MM-DD' },
  'date-time': { validate: isDateTime, expected: 'a time of RFC 3339, such as 2026-03-03T09:30:00Z' },
  duration: {
    // ISO 8601: at least one part, weeks by themselves, whole numbers.
    validate: (value) =>
      /^P(?=[\dT])(?:\d{1,6}W|(?:\d{1,6}Y)?(?:\d{1,6}M)?(?:\d{1,6}D)?(?:T(?=\d)(?:\d{1,6}H)?(?:\d{1,6}M)?(?:\d{1,6}S)?)?)$/.test(
        value,
      ),
    expected: 'a duration of ISO 8601 in whole numbers, such as P3Y, P30D or PT1H',
  },
  email: {
    validate: (value) => value.length <= 320 && emailPattern.test(value),
    expected: 'an e-mail address',
  },
  uri: webAddress,
  url: webAddress,
  'web-address': webAddress,
  uuid: {
    validate: isUuid,
    expected: 'a UUID',
  },
  language: { validate: isLanguage, expected: 'a language tag of BCP 47, such as fr or pt-BR' },
  reference: {
    validate: (value) => referenceForm.test(value),
    expected: '1 to 64 letters (A–Z, a–z), digits, dots, underscores or hyphens',
  },
};

/** The year 0000 is of RFC 3339 and unknown to PostgreSQL. */
function isDate(value: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined || year === 0 || month > 12) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return month >= 1 && day >= 1 && day <= last;
}

/** Leap seconds are refused: neither JavaScript nor PostgreSQL keeps them. */
function isDateTime(value: string): boolean {
  if (value.length > 40) return false;
  const written = value.toUpperCase();
  const parts = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
  const date = parts.exec(written)?.[1];
  if (date === undefined || !isDate(date)) return false;
  // An offset can lead out of the years that have four digits.
  const time = Date.parse(written);
  return time >= FIRST_MOMENT && time <= LAST_MOMENT;
}
const FIRST_MOMENT = Date.parse('0001-01-01T00:00:00Z');
const LAST_MOMENT = Date.parse('9999-12-31T23:59:59.999Z');

function isWebAddress(value: string): boolean {
  if (value.length > 2000 || !/^https?:\/\/[^\s/?#\\<>"^`{|}]+[^\s\\<>"^`{|}]*$/i.test(value)) return false;
  const address = URL.canParse(value) ? new URL(value) : undefined;
  return address !== undefined && address.username === '' && address.password === '';
}

function isLanguage(value: string): boolean {
  if (!/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(value) || value.length > 64) return false;
  try {
    return Intl.getCanonicalLocales(value).length === 1;
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Text that cannot be kept

interface Flaw {
  readonly path: readonly string[];
  readonly code: string;
  readonly message: string;
}

/**
 * Refuses text that PostgreSQL or JSON cannot keep, names that change what an object is, and what is nested too deep.
 * One walk over a parsed value.
 *
 * @throws {Problem} 400 `validation-failed` with the pointer of the first such place
 */
export function checkText(value: unknown): void {
  const flaw = textFlaw(value);
  if (flaw !== undefined) throw invalid('body', [itemOf('body', flaw)]);
}

function textFlaw(value: unknown, depth = 0): Flaw | undefined {
  if (typeof value === 'string') return characterFlaw(value, 'Must');
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === NESTING_LIMIT) {
    return { path: [], code: 'nesting', message: `Must not be nested deeper than ${NESTING_LIMIT} levels.` };
  }
  for (const name of Object.keys(value)) {
    const flaw = nameFlaw(name, value) ?? textFlaw((value as Record<string, unknown>)[name], depth + 1);
    if (flaw !== undefined) return { ...flaw, path: [name, ...flaw.path] };
  }
  return undefined;
}

function nameFlaw(name: string, owner: object): Flaw | undefined {
  if (Array.isArray(owner)) return undefined;
  // Merging such a member into an object would change its prototype.
  if (name === '__proto__' || name === 'constructor') {
    return { path: [], code: 'unknown', message: `The name "${name}" is not allowed.` };
  }
  return characterFlaw(name, 'Its name must');
}

function characterFlaw(text: string, must: string): Flaw | undefined {
  if (text.includes('\0')) return { path: [], code: 'characters', message: `${must} not contain the character NUL.` };
  if (text.isWellFormed()) return undefined;
  return { path: [], code: 'characters', message: `${must} not contain half a surrogate pair (U+D800 to U+DFFF).` };
}

function isSmall(value: unknown): boolean {
  const left = { values: THOROUGH_VALUES, characters: THOROUGH_CHARACTERS };
  const count = (each: unknown): boolean => {
    left.values -= 1;
    if (typeof each === 'string') left.characters -= each.length;
    if (left.values < 0 || left.characters < 0) return false;
    if (typeof each !== 'object' || each === null) return true;
    for (const name of Object.keys(each)) {
      left.characters -= name.length;
      if (!count((each as Record<string, unknown>)[name])) return false;
    }
    return true;
  };
  return count(value);
}

// ---------------------------------------------------------------------------------------------------------------------
// Errors in plain words

function invalid(part: Part, items: readonly ProblemItem[], found = items.length): Problem {
  const first = items[0];
  const place = first?.pointer === undefined ? first?.name : first.pointer || 'the whole body';
  const listed = found > items.length ? ` ${found} flaws were found; the first ${items.length} are listed.` : '';
  const names: Record<Part, string> = { body: 'body', query: 'query', path: 'path', header: 'headers' };
  return new Problem(
    'validation-failed',
    `The ${names[part]} of the request: ${place ?? ''}: ${first?.message ?? PROBLEMS['validation-failed'].meaning}${listed}`,
    { errors: items },
  );
}

function itemOf(part: Part, { path, code, message }: Flaw): ProblemItem {
  // What is refused for its characters or its length does not come back in the answer.
  const [name = '', ...rest] = path.map((step) => step.slice(0, 200).replaceAll('\0', '\uFFFD').toWellFormed());
  if (part !== 'body') return { in: part, name, code, message };
  const steps = path.length === 0 ? [] : [name, ...rest];
  const pointer = steps.map((step) => `/${step.replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');
  return { in: part, pointer, code, message };
}

function itemsOf(part: Part, errors: readonly ErrorObject[]): ProblemItem[] {
  return errors.map((error) => {
    const steps = error.instancePath.split('/').slice(1);
    const path = steps.map((step) => step.replace(/~1/g, '/').replace(/~0/g, '~'));
    const { missingProperty, additionalProperty, unevaluatedProperty, propertyName } = error.params as Params;
    const named = missingProperty ?? additionalProperty ?? unevaluatedProperty ?? propertyName;
    const unknown = additionalProperty ?? unevaluatedProperty;
    return itemOf(part, {
      path: named === undefined ? path : [...path, named],
      code: unknown === undefined ? error.keyword : 'unknown',
      message: unknown === undefined ? sentence(part, error) : unknownName(part, unknown, error),
    });
  });
}

interface Params {
  readonly missingProperty?: string;
  readonly additionalProperty?: string;
  readonly unevaluatedProperty?: string;
  readonly propertyName?: string;
  readonly allowedValues?: readonly unknown[];
  readonly allowedValue?: unknown;
  readonly type?: string | readonly string[];
  readonly limit?: number;
  readonly comparison?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly multipleOf?: number;
  readonly i?: number;
  readonly j?: number;
}

/**
 * Ajv tells for a value of several possible forms that it is none of them, and why for each. A value that may be null
 * was hardly meant to be null, so of these only the other reasons stay.
 */
function withoutNoise(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const within = (error: ErrorObject, choice: ErrorObject): boolean =>
    error !== choice && `${error.instancePath}/`.startsWith(`${choice.instancePath}/`);
  const kept = errors.filter((error) => {
    if (error.keyword === 'if') return false;
    const nullBranch = error.keyword === 'type' && error.params.type === 'null';
    return !(nullBranch && choices.some((choice) => within(error, choice)));
  });
  return kept.filter((error) => !(choices.includes(error) && kept.some((other) => within(other, error))));
}

function unknownName(part: Part, name: string, error: ErrorObject): string {
  const kind = part === 'body' ? 'field' : part === 'query' ? 'parameter' : 'name';
  const meant = nearest(name, Object.keys((error.parentSchema?.properties as object | undefined) ?? {}));
  return `The ${kind} ${quoted(name)} is unknown${meant === undefined ? '.' : `; did you mean "${meant}"?`}`;
}

function sentence(part: Part, error: ErrorObject): string {
  const params = error.params as Params;
  const { limit } = params;
  switch (error.keyword) {
    case 'required':
    case 'dependentRequired':
      return `${quoted(params.missingProperty ?? '')} is missing.`;
    case 'type':
      if (part === 'body' && error.instancePath === '' && error.data === null) return 'A JSON object is needed.';
      return `Must be ${[params.type].flat().map(typeName).join(' or ')}.`;
    case 'enum': {
      const allowed = (params.allowedValues ?? []).map(String);
      const meant = typeof error.data === 'string' ? nearest(error.data, allowed) : undefined;
      const list = allowed.length <= 40 ? `one of ${allowed.join(', ')}` : `one of ${allowed.length} words`;
      return `Must be ${list}.${meant === undefined ? '' : ` Did you mean "${meant}"?`}`;
    }
    case 'const':
      return `Must be ${JSON.stringify(params.allowedValue)}.`;
    case 'format':
      return `Must be ${fixedFormats[params.format ?? '']?.expected ?? (params.format === 'country' ? expectedCountry : `a ${params.format}`)}.`;
    case 'pattern':
      return `Must ${wordedPatterns[params.pattern ?? ''] ?? `have the form ${params.pattern}`}.`;
    case 'minLength':
      return limit === 1 ? 'Must not be empty.' : `Must have at least ${limit} characters.`;
    case 'maxLength':
      return `Must have at most ${limit} characters.`;
    case 'minItems':
      return `Must have at least ${limit} ${limit === 1 ? 'item' : 'items'}.`;
    case 'maxItems':
      return `Must have at most ${limit} ${limit === 1 ? 'item' : 'items'}.`;
    case 'minProperties':
      return `Must have at least ${limit} ${limit === 1 ? 'field' : 'fields'}.`;
    case 'maxProperties':
      return `Must have at most ${limit} ${limit === 1 ? 'field' : 'fields'}.`;
    case 'minimum':
      return `Must be at least ${limit}.`;
    case 'maximum':
      return `Must be at most ${limit}.`;
    case 'exclusiveMinimum':
      return `Must be more than ${limit}.`;
    case 'exclusiveMaximum':
      return `Must be less than ${limit}.`;
    case 'multipleOf':
      return `Must be a multiple of ${params.multipleOf}.`;
    case 'uniqueItems':
      return `Items ${Math.min(params.i ?? 0, params.j ?? 0)} and ${Math.max(params.i ?? 0, params.j ?? 0)} (counted from 0) are the same.`;
    case 'propertyNames':
      return 'The name is not allowed here.';
    case 'false schema':
      return 'Is not allowed here.';
    default:
      return `${(error.message ?? 'is not valid').replace(/^must/, 'Must')}.`;
  }
}

/** What the patterns mean that people meet. */
const wordedPatterns: Readonly<Record<string, string>> = {
  [keyPattern]: 'be an id (a UUID), or "ref:" and a reference, such as ref:stripe',
  [referencePattern]: 'have 1 to 64 letters, digits, dots, hyphens or underscores',
};

function typeName(type: string | undefined): string {
  const names: Record<string, string> = {
    string: 'a text',
    number: 'a number',
    integer: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
    null: 'null',
  };
  return names[type ?? ''] ?? `of type ${type}`;
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100).toWellFormed()}…` : name);
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON bodies

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Takes bodies of `application/json`, and for PATCH of `application/merge-patch+json` (RFC 7396), in UTF-8 and
 * uncompressed; any other body is refused with 415. An empty body is no body. How large a body may be is the app's and
 * the route's `bodyLimit`.
 */
export function installJsonParser(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (request, body, done) => {
      try {
        done(null, parseJson(request, body));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

function parseJson(request: FastifyRequest, body: Buffer): unknown {
  const type = request.headers['content-type'] ?? '';
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]?.toLowerCase();
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
    throw new Problem('unsupported-media-type', 'JSON must be in UTF-8.');
  }
  const encoding = request.headers['content-encoding']?.toLowerCase();
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Problem('unsupported-media-type', 'The body must not be compressed (Content-Encoding).');
  }
  if (request.method !== 'PATCH' && /^\s*application\/merge-patch\+json/i.test(type)) {
    throw new Problem('unsupported-media-type', 'application/merge-patch+json is for PATCH.');
  }
  if (body.length === 0) return undefined;
  // Parsing brackets by the hundred thousand takes a hundred times as long as seeing that there are too many.
  const most = Math.max(VALUES_LIMIT, Math.floor(body.length / BYTES_FOR_A_VALUE));
  const shape = shapeFlaw(body, most);
  if (shape === 'nesting') {
    const message = `Must not be nested deeper than ${NESTING_LIMIT} levels.`;
    throw invalid('body', [{ in: 'body', pointer: '', code: 'nesting', message }]);
  }
  if (shape === 'values') {
    throw new Problem('payload-too-large', `The body holds more than ${most} values; send less at once.`, {
      errors: [{ in: 'body', pointer: '', code: 'values', message: `Must not hold more than ${most} values.` }],
    });
  }
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new Problem('malformed-request', 'The body is not valid UTF-8.');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = placeOf(error as Error, text);
    throw new Problem('malformed-request', `The body is not valid JSON${place === undefined ? '' : ` ${place}`}.`);
  }
  // Without an escape, valid UTF-8 and valid JSON leave no room for a NUL or half a surrogate pair: most bodies need
  // no walk.
  if (text.includes('\\u') || text.includes('__proto__') || text.includes('constructor')) checkText(value);
  return value;
}

/** Line and column of a flaw. The message of the parser may quote the body; only the position is taken from it. */
function placeOf({ message }: Error, text: string): string | undefined {
  if (!message.includes('end of JSON input')) return /\(line \d+ column \d+\)$/.exec(message)?.[0];
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) line++;
  return `(it ends too early, line ${line} column ${text.length - text.lastIndexOf('\n')})`;
}

/** What is wrong with the shape of a body, seen before it is parsed: nested too deep, or too many values. */
function shapeFlaw(body: Buffer, most: number): 'nesting' | 'values' | undefined {
  let depth = 0;
  let values = 0;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (byte === 0x22) {
      index = endOfText(body, index);
    } else if (byte === 0x2c) {
      values++;
    } else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      values++;
      if (depth > NESTING_LIMIT) return 'nesting';
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    if (values > most) return 'values';
  }
  return undefined;
}

/** Where a text ends that begins with the quote at an index. */
function endOfText(body: Buffer, start: number): number {
  for (let index = start + 1; index < body.length; index++) {
    if (body[index] === 0x5c) index++;
    else if (body[index] === 0x22) return index;
  }
  return body.length;
}
