import t from 'tap';
import { requirePermission } from '../../src/http/caller.ts';
import { PERMISSIONS, type Permission, permissionsOf, ROLES, type Role } from '../../src/http/permissions.ts';

t.test('each role may what the table says, and nothing else', async (t) => {
  const views = [
    ...['read', 'readApproved', 'readReference', 'readExports'],
    ...['readImports', 'readLinks', 'readWebhooks', 'readSettings'],
  ];
  const edits = ['readChanges', 'write', 'archive', 'clients', 'submit', 'planImports'];
  const decides = ['askReview', 'approve', 'reject', 'retire', 'review', 'acknowledge'];
  const proofs = ['readProofs', 'readApprovedLog'];
  const officer = [
    ...views,
    ...edits,
    ...proofs,
    'askReview',
    'readLog',
    'applyImports',
    'export',
    'links',
    'settings',
    'webhooks',
    'redact',
  ];
  const table: [readonly Role[], boolean, readonly string[]][] = [
    [['viewer'], true, views],
    [['editor'], true, [...views, ...edits]],
    [['sync'], true, [...views, ...edits, 'applyImports', 'webhooks']],
    [['approver'], true, [...views, ...decides]],
    [['dpo'], true, [...officer, ...decides]],
    [['dpo'], false, officer],
    [['approver', 'dpo'], false, [...officer, ...decides]],
    [['auditor'], true, ['readApproved', 'readReference', 'readExports', ...proofs]],
    [['admin'], true, ['tenants']],
    [['viewer', 'admin'], true, [...views, 'tenants']],
    [[], true, []],
  ];
  for (const [roles, dpoApproves, expected] of table) {
    const held = permissionsOf(roles, { dpoApproves });
    t.strictSame([...held].sort(), [...new Set(expected)].sort(), `${roles.join(' + ')}, dpoApproves ${dpoApproves}`);
    for (const permission of PERMISSIONS) {
      const ask = () => requirePermission(held, permission);
      if (held.has(permission)) t.doesNotThrow(ask, permission);
      else t.throws(ask, { code: 'forbidden' }, permission);
    }
  }
  const given = new Set<Permission>(ROLES.flatMap((role) => [...permissionsOf([role], { dpoApproves: true })]));
  t.equal(given.size, PERMISSIONS.length, 'some role has each permission');
  t.comment(`${table.length} sets of roles`);
});
