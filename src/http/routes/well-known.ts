/** What the service says of itself to clients that only know its address: who issues tokens for it (RFC 9728). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { component } from '../../article30/definition.ts';
import { type Config, isLoopback } from '../../config.ts';
import { answers, responses } from '../operations.ts';
import { ROLES } from '../permissions.ts';
import { Problem } from '../problems.ts';

type Settings = Pick<Config, 'publicUrl' | 'auth'>;

const metadataPath = '/.well-known/oauth-protected-resource';

const text = (description: string, example: string) => Type.String({ description, examples: [example] });
const texts = (description: string, example: string) =>
  Type.Array(Type.String({ description: 'One of them.' }), { description, examples: [[example]] });

const metadata = component(
  'ProtectedResourceMetadata',
  Type.Object(
    {
      resource: text('The address of the service, its identifier.', 'https://ropa.example.org'),
      authorization_servers: Type.Optional(
        texts(
          'Who issues tokens. Absent where the service makes its own, on one machine.',
          'https://login.example.org',
        ),
      ),
      bearer_methods_supported: texts('How a token is sent: in the header Authorization alone.', 'header'),
      scopes_supported: Type.Optional(texts('The roles, where they are read from the claim `scope`.', 'viewer')),
      resource_name: text('What it is.', 'Register of processing activities'),
      resource_documentation: text('For developers.', 'https://ropa.example.org/docs'),
    },
    { additionalProperties: false, description: 'OAuth 2.0 Protected Resource Metadata, RFC 9728 section 2.' },
  ),
);

export function wellKnownRoutes(app: FastifyInstance, settings: Settings): void {
  // What follows from the request is for who asked, not for a cache that others share.
  const caching = settings.publicUrl === undefined ? 'no-store' : 'public, max-age=3600, stale-while-revalidate=86400';
  const send = async (request: FastifyRequest, reply: FastifyReply) => {
    const resource = resourceOf(request, settings);
    if (resource === undefined) {
      throw new Problem('not-found', 'The service does not know its own address: the setting PUBLIC_URL is missing.');
    }
    reply.header('cache-control', caching);
    return metadataOf(resource, settings);
  };

  app.get(
    metadataPath,
    {
      schema: {
        operationId: 'getProtectedResource',
        tags: ['Tenancy'],
        summary: 'Says who issues tokens',
        description:
          'For clients that find the way by themselves (RFC 9728). `WWW-Authenticate` of a 401 leads here by `resource_metadata`.',
        security: [],
        response: responses({ 200: answers('The metadata.', metadata) }, ['not-found', 'internal']),
      },
    },
    send,
  );
  // Where a proxy hands on the address that RFC 9728 forms of a PUBLIC_URL with a path.
  const formed = new URL(metadataAddress(settings.publicUrl ?? 'http://localhost')).pathname;
  if (formed !== metadataPath) app.get(formed, { schema: { hide: true } }, send);
}

/** Where the metadata stand, for a request that was refused; undefined when the service does not know its own address. */
export function metadataAddressOf(request: FastifyRequest, settings: Settings): string | undefined {
  const resource = resourceOf(request, settings);
  return resource === undefined ? undefined : metadataAddress(resource);
}

/** RFC 9728 section 3.1: the well-known path stands between the host and the path of the resource. */
function metadataAddress(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}${metadataPath}${pathname === '/' ? '' : pathname}`;
}

/**
 * The address under which the service is known. Who asks chooses the header `Host`: it is believed only where it names
 * this very machine, so that no answer ever leads to an address of somebody else.
 */
function resourceOf({ headers }: FastifyRequest, { publicUrl }: Settings): string | undefined {
  if (publicUrl !== undefined) return publicUrl;
  const address = `http://${headers.host}`;
  if (headers.host === undefined || !URL.canParse(address)) return undefined;
  const { origin, hostname } = new URL(address);
  return isLoopback(hostname.replace(/^\[(.*)\]$/, '$1')) ? origin : undefined;
}

function metadataOf(resource: string, { auth }: Settings) {
  return {
    resource,
    ...(auth.issuer === undefined ? {} : { authorization_servers: [auth.issuer.url] }),
    bearer_methods_supported: ['header'],
    ...(auth.rolesClaim === 'scope' ? { scopes_supported: ROLES } : {}),
    resource_name: 'Register of processing activities',
    resource_documentation: `${resource}/docs`,
  };
}
