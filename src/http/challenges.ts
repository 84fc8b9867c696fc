/** What a caller is told who may not come in: the header `WWW-Authenticate` (RFC 6750 section 3, RFC 9728 section 5.1). */
import { Problem } from './problems.ts';

const REALM = 'Bearer realm="ropa"';

/** RFC 6750 section 3.1: who sent no token is told the scheme and no error. */
export function withoutToken(detail: string): Problem {
  return new Problem('unauthenticated', detail, { headers: { 'www-authenticate': REALM } });
}

/** @param detail printable ASCII, as it goes into the header too */
export function invalidToken(detail: string, cause?: unknown): Problem {
  return new Problem('unauthenticated', detail, {
    headers: {
      'www-authenticate': `${REALM}, error="invalid_token", error_description="${detail.replace(/["\\]/g, "'")}"`,
    },
    cause,
  });
}

export function insufficientScope(detail: string): Problem {
  return new Problem('forbidden', detail, {
    headers: { 'www-authenticate': `${REALM}, error="insufficient_scope"` },
  });
}

/** Adds to a challenge of 401 where the metadata of the service stand, which name who issues tokens for it. */
export function withMetadata(error: unknown, address: string | undefined): unknown {
  const challenge = error instanceof Problem ? error.headers['www-authenticate'] : undefined;
  if (address === undefined || challenge === undefined || (error as Problem).status !== 401) return error;
  const { message, headers, cause } = error as Problem;
  return new Problem('unauthenticated', message, {
    headers: { ...headers, 'www-authenticate': `${challenge}, resource_metadata="${address}"` },
    cause,
  });
}
