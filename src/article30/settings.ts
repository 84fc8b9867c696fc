/** What a tenant decides for itself. A resource with entries in the log like any other. */
import { type Static, Type } from 'typebox';
import { Bool, component, Duration, metadataProperties, OneOf } from './definition.ts';

const settingsProperties = {
  buildingBlockApproval: OneOf(['automatic', 'required'], {
    description:
      '`automatic`: a saved change of a building block is approved at once; `required`: somebody approves it, as with activities.',
    default: 'automatic',
  }),
  fourEyes: Bool({
    description: 'The approver is not the last editor. Only with `buildingBlockApproval` `required`.',
    default: false,
  }),
  dpoApproves: Bool({
    description:
      'Whether the data protection officer may approve. Switch it off where the officer only advises and monitors, Art. 38(6) and 39.',
    default: true,
  }),
  reviewInterval: Duration({
    description: 'How long after an approval or a review an activity is due for its next review.',
    default: 'P1Y',
  }),
  endedEntriesKept: Duration({
    description: 'How long a retired activity stays in the register, counted from the day it ended.',
    default: 'P5Y',
  }),
};

/** The settings as answered. */
export const settings = component(
  'Settings',
  Type.Object(
    {
      ...settingsProperties,
      version: {
        ...metadataProperties.version,
        minimum: 0,
        description: 'Counts the changes; 0 while nobody changed the defaults.',
      },
      updatedAt: Type.Optional(metadataProperties.updatedAt),
    },
    { additionalProperties: false, description: 'What a tenant decides for itself.' },
  ),
);

/** The body that replaces the settings: an absent member gets its default. */
export const settingsBody = component(
  'SettingsBody',
  Type.Partial(
    Type.Object({
      ...settingsProperties,
      version: { ...metadataProperties.version, minimum: 0, readOnly: true },
      updatedAt: { ...metadataProperties.updatedAt, readOnly: true },
    }),
    {
      additionalProperties: false,
      description: 'The settings to set; a member that is absent gets its default. Read-only members are ignored.',
      examples: [{ buildingBlockApproval: 'required', fourEyes: true, reviewInterval: 'P6M' }],
    },
  ),
);

export type Settings = Static<typeof settings>;
export type SettingsBody = Static<typeof settingsBody>;

export const defaultSettings: Settings = {
  buildingBlockApproval: 'automatic',
  fourEyes: false,
  dpoApproves: true,
  reviewInterval: 'P1Y',
  endedEntriesKept: 'P5Y',
  version: 0,
};
