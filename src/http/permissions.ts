/**
 * Who may do what: one closed table of roles and permissions.
 *
 * Roles come from the token (`caller.ts`); a role that is not in the table gives nothing. Permissions are what routes ask
 * for. One setting of the tenant changes the table: with `dpoApproves` off the data protection officer advises and
 * monitors (Art. 39 GDPR) without deciding, so that no conflict of interests arises (Art. 38(6)).
 */

/** The permissions that a route can ask for. */
export const PERMISSIONS = [
  /** Working content: lists, drafts, revisions of one resource, usages, reviews, findings of drafts, statistics. */
  'read',
  /** What was approved: the register now and then, its findings, differences, transfers, data map, privacy notice. */
  'readApproved',
  /** Rules, countries, vendors, legal grounds: facts of no tenant. */
  'readReference',
  'readExports',
  'readImports',
  'readLinks',
  'readWebhooks',
  'readSettings',
  /** The tree of the log: checkpoints, inclusion and consistency proofs. No content. */
  'readProofs',
  /** Log entries, with content only where the version was approved. */
  'readApprovedLog',
  /** Every log entry with its content. */
  'readLog',
  /** The feed of what changed; no content. */
  'readChanges',
  /** Create, change and delete working versions of building blocks and activities. */
  'write',
  'archive',
  /** The controllers for whom a processor acts, by processor activity (Art. 30(2)(a)). */
  'clients',
  'submit',
  /** Ask that somebody review an activity or a building block. */
  'askReview',
  'approve',
  'reject',
  'retire',
  /** Complete a review. */
  'review',
  'acknowledge',
  'planImports',
  'applyImports',
  /** Make sealed exports. */
  'export',
  /** Make and withdraw links for auditors without account, see who used them. */
  'links',
  'settings',
  'webhooks',
  'redact',
  /** Create and delete tenants; opens none of them. */
  'tenants',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** The roles that a token can give, in the order in which callers list them. */
export const ROLES = ['viewer', 'editor', 'sync', 'approver', 'dpo', 'auditor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The setting of a tenant that permissions depend on. */
export interface ApprovalSetting {
  readonly dpoApproves: boolean;
}

const viewer = [
  'read',
  'readApproved',
  'readReference',
  'readExports',
  'readImports',
  'readLinks',
  'readWebhooks',
  'readSettings',
] as const satisfies Permission[];

const editing = ['write', 'archive', 'clients', 'submit', 'planImports', 'readChanges'] as const;

const deciding = ['approve', 'reject', 'retire', 'review', 'acknowledge', 'askReview'] as const;

const table: Record<Role, readonly Permission[]> = {
  viewer,
  editor: [...viewer, ...editing],
  sync: [...viewer, ...editing, 'applyImports', 'webhooks'],
  approver: [...viewer, ...deciding],
  dpo: [
    ...viewer,
    ...editing,
    // Monitoring is the officer's task whether or not it decides, Art. 39(1)(b).
    'askReview',
    'applyImports',
    'export',
    'links',
    'settings',
    'webhooks',
    'readProofs',
    'readApprovedLog',
    'readLog',
    'redact',
  ],
  // No `read`: lists of working content would show drafts.
  auditor: ['readApproved', 'readReference', 'readExports', 'readProofs', 'readApprovedLog'],
  admin: ['tenants'],
};

/**
 * The permissions of a caller in a tenant, in the order of `PERMISSIONS`.
 *
 * @param roles the caller's roles, more than one adds up
 * @param setting the tenant's `dpoApproves`: on gives the role `dpo` what an approver may decide
 */
export function permissionsOf(roles: readonly Role[], setting: ApprovalSetting): ReadonlySet<Permission> {
  // Every request asks; the answers are few (sets of seven roles, two settings).
  const key = `${setting.dpoApproves}:${roles.join()}`;
  const known = answers.get(key);
  if (known !== undefined) return known;
  const held = new Set<Permission>(roles.flatMap((role) => table[role]));
  if (setting.dpoApproves && roles.includes('dpo')) for (const permission of deciding) held.add(permission);
  const answer = new Set(PERMISSIONS.filter((permission) => held.has(permission)));
  answers.set(key, answer);
  return answer;
}

const answers = new Map<string, ReadonlySet<Permission>>();
