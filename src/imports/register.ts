/**
 * Reads a register as a file to import: a register document, or the same members with `ref:` keys in place of ids and
 * without `about` and `integrity`, which is the form of `db/samples`.
 */
import { type Content, isObject, type ResourceDefinition, referencePattern } from '../article30/definition.ts';
import { definitionOf } from '../article30/index.ts';
import { type RegisterScope, registerRoles } from '../article30/register.ts';
import { type ResourceType, resourceTypes } from '../article30/resource-types.ts';
import { isUuid } from '../db/identifiers.ts';
import { entryType } from '../db/register-source.ts';
import { digestOf } from '../register/document.ts';
import type { Problems, WantedResource } from './plan.ts';
import { Turns } from './turns.ts';

/** Judges a body by the schema of its type: what is wrong with it, with pointers into it. */
export type BodyJudge = (type: string, body: unknown) => readonly Flaw[];

interface Flaw {
  readonly pointer?: string;
  readonly code: string;
  readonly message: string;
}

export interface RegisterOptions {
  readonly judge: BodyJudge;
  /** Which record the entries are of, where the file does not say it itself. */
  readonly role?: RegisterScope['role'];
}

const members = ['about', 'blocks', 'controllers', 'entries', 'integrity'];

/** A file holds at most so many resources. */
const resourcesLimit = 25_000;

/**
 * The resources that a register names, in the order of the types.
 *
 * @param file a JSON object
 * @param problems takes what is wrong with it, with pointers into the file
 */
export async function readRegister(
  file: Content,
  { judge, role }: RegisterOptions,
  problems: Problems,
): Promise<WantedResource[]> {
  for (const name of Object.keys(file)) {
    if (!members.includes(name)) problems.error(pointerTo(name), 'unknown', 'A register has no such member.');
  }
  const about = aboutOf(file, problems);
  if (about !== undefined && role !== undefined && about !== role) {
    problems.error('/about/scope/role', 'contradiction', `It is a record of the role ${about}; ${role} was asked for.`);
  }
  if (about === undefined && role === undefined) tellOfRole(file, problems);
  const wanted: WantedResource[] = [];
  const turns = new Turns();
  let judged = 0;
  for (const { definition, body, pointer, name } of bodiesOf(file, about ?? role ?? 'controller', problems)) {
    await turns.next();
    if (++judged > resourcesLimit) {
      problems.error('', 'maxItems', `It holds more than ${resourcesLimit} resources; import it in parts.`);
      break;
    }
    const flaws = judge(definition.type, body);
    for (const flaw of flaws) problems.error(pointer + (flaw.pointer ?? ''), flaw.code, flaw.message);
    if (!isObject(body)) continue;
    wanted.push(wantedFrom({ definition, body, pointer, name }, flaws.length > 0, problems));
  }
  const order = new Map(resourceTypes.map((type, index) => [type, index]));
  return wanted.sort((a, b) => order.get(a.definition.type)! - order.get(b.definition.type)!);
}

/** The role that a register document says it is of; undefined when it does not say what it is. */
function aboutOf(file: Content, problems: Problems): RegisterScope['role'] | undefined {
  const { about, integrity } = file as { about?: About; integrity?: { digest?: unknown; entries?: unknown } };
  if (about === undefined && integrity === undefined) return undefined;
  const role = registerRoles.find((each) => each === about?.scope?.role);
  if (about?.kind !== 'register' || role === undefined) {
    problems.error('/about', 'unknown', 'It does not say that it is a register of a controller or of a processor.');
  }
  if (about === undefined || integrity === undefined) {
    const message = 'A register document has both: leave out both `about` and `integrity`, or neither.';
    problems.error('/integrity/digest', 'digest', message);
  } else if (integrity.digest !== digestOf(file)) {
    const message = 'The digest is not that of the document: something was changed, added or lost.';
    problems.error('/integrity/digest', 'digest', message);
  } else if (integrity.entries !== (Array.isArray(file.entries) ? file.entries.length : 0)) {
    problems.error('/integrity/entries', 'digest', 'It is not the number of the entries.');
  }
  return role;
}

/** Members that only the activities of a processor have. */
const ofProcessors = Object.keys(definitionOf('processorActivity').properties).filter(
  (name) => !Object.hasOwn(definitionOf('processingActivity').properties, name),
);

/** Without `about` the entries are read as those of a controller, and what is wrong with each would hide the reason. */
function tellOfRole({ blocks, entries }: Content, problems: Problems): void {
  const isProcessors = (entry: unknown) => isObject(entry) && ofProcessors.some((name) => Object.hasOwn(entry, name));
  const clients = isObject(blocks) && Object.hasOwn(blocks, 'processorClient');
  if (!Array.isArray(entries) || entries.length === 0 || !(clients || entries.some(isProcessors))) return;
  const message = 'It looks like the record of a processor: add `role=processor` to the query, or keep `about`.';
  problems.error('/entries', 'role', message);
}

interface About {
  readonly kind?: unknown;
  readonly scope?: { readonly role?: unknown };
}

interface Body<T = unknown> {
  readonly definition: ResourceDefinition;
  readonly body: T;
  readonly pointer: string;
  /** The name of the member of `blocks`. */
  readonly name: string | undefined;
}

function* bodiesOf(file: Content, role: RegisterScope['role'], problems: Problems): Generator<Body> {
  const { blocks = {}, controllers = [], entries = [] } = file;
  yield* listed(definitionOf('controller'), controllers, '/controllers', problems);
  if (!isObject(blocks)) {
    problems.error('/blocks', 'type', 'Must be an object.');
  } else {
    for (const [type, ofType] of Object.entries(blocks)) {
      const pointer = `/blocks${pointerTo(type)}`;
      const known = resourceTypes.find((each) => each === type);
      if (known === undefined || definitionOf(known).nature !== 'buildingBlock') {
        problems.error(pointer, 'unknown', 'There are no building blocks of this type.');
      } else if (!isObject(ofType)) {
        problems.error(pointer, 'type', 'Must be an object.');
      } else {
        const definition = definitionOf(known);
        for (const [name, body] of Object.entries(ofType)) {
          yield { definition, body, pointer: pointer + pointerTo(name), name };
        }
      }
    }
  }
  yield* listed(definitionOf(entryType[role]), entries, '/entries', problems);
}

function* listed(definition: ResourceDefinition, list: unknown, pointer: string, problems: Problems): Generator<Body> {
  if (!Array.isArray(list)) return problems.error(pointer, 'type', 'Must be a list.');
  for (const [index, body] of list.entries())
    yield { definition, body, pointer: `${pointer}/${index}`, name: undefined };
}

const referenceForm = new RegExp(referencePattern);
/** No reference and no id is longer; what is, leads nowhere. */
const longestKey = 64;

/** A block stands under its id or under its reference. */
function wantedFrom({ definition, body, pointer, name }: Body<Content>, flawed: boolean, problems: Problems) {
  const derived = derivesReference(definition.type);
  const isId = name !== undefined && name !== body.reference && isUuid(name);
  const id = body.id ?? (isId ? name : undefined);
  const reference = derived ? undefined : (body.reference ?? (isId ? undefined : name));
  const misnamed = body.reference === undefined && typeof reference === 'string' && !referenceForm.test(reference);
  if (misnamed) {
    problems.error(pointer, 'pattern', `It stands under no reference: that has the form ${referencePattern}.`);
  }
  if (name !== undefined && !derived && name !== body.id && name !== reference && !isId) {
    problems.error(pointer, 'contradiction', 'It stands under a name that is neither its id nor its reference.');
  }
  if (isId && body.id !== undefined && body.id !== name) {
    problems.error(`${pointer}/id`, 'contradiction', 'It stands under another id.');
  }
  if (reference === undefined && !derived && !flawed) {
    problems.error(
      `${pointer}/reference`,
      'required',
      'Without a reference nobody can tell whether it is here already.',
    );
  }
  return {
    definition,
    body,
    pointer,
    ...(typeof reference === 'string' && reference.length <= longestKey ? { reference } : {}),
    ...(typeof id === 'string' && id.length <= longestKey ? { id } : {}),
    ...(flawed || misnamed || (reference === undefined && !derived) ? { flawed: true } : {}),
  };
}

/** The reference of a client follows from its activity and controller. */
const derivesReference = (type: ResourceType): boolean => type === 'processorClient';

/** RFC 6901. */
function pointerTo(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
