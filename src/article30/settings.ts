/** What a tenant decides for itself. A resource with entries in the log like any other. */
import { type Static, Type } from 'typebox';
import { datePlus } from './calendar.ts';
import { Bool, type Contradiction, component, Duration, metadataProperties, OneOf } from './definition.ts';

/** Years, months, weeks and days: what is reckoned in days has no hours. */
const Period = (words: Parameters<typeof Duration>[0]) => Duration({ pattern: '^P[^T]*$', ...words } as typeof words);

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
  reviewInterval: Period({
    description:
      'How long after an approval or a review an activity is due for its next review: a month to 10 years, in whole days.',
    default: 'P1Y',
  }),
  endedEntriesKept: Period({
    description:
      'How long a retired activity stays in the register, counted from the day it ended: a month to 100 years, in whole days.',
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

const readOnly = {
  version: { ...metadataProperties.version, minimum: 0, readOnly: true },
  updatedAt: { ...metadataProperties.updatedAt, readOnly: true },
};

/** The body that replaces the settings: all of them, so that none changes by being forgotten. */
export const settingsBody = component('SettingsBody', {
  ...Type.Object(
    { ...settingsProperties, ...readOnly },
    {
      additionalProperties: false,
      description: 'All settings. Read-only members are ignored.',
      examples: [
        {
          buildingBlockApproval: 'required',
          fourEyes: true,
          dpoApproves: true,
          reviewInterval: 'P6M',
          endedEntriesKept: 'P5Y',
        },
      ],
    },
  ),
  required: Object.keys(settingsProperties),
});

/** What changes some of the settings (JSON Merge Patch, RFC 7396). */
export const settingsPatch = component(
  'SettingsPatch',
  Type.Partial(Type.Object({ ...settingsProperties, ...readOnly }), {
    additionalProperties: false,
    description: 'The settings to change; those that are absent stay as they are. Read-only members are ignored.',
    examples: [{ reviewInterval: 'P6M' }],
  }),
);

export type Settings = Static<typeof settings>;
/** What a tenant decides, without what the service adds. */
export type SettingsChoice = Omit<Settings, 'version' | 'updatedAt'>;

export const defaultSettings: Settings = {
  buildingBlockApproval: 'automatic',
  fourEyes: false,
  dpoApproves: true,
  reviewInterval: 'P1Y',
  endedEntriesKept: 'P5Y',
  version: 0,
};

/** The shortest and the longest that each period may be. */
const bounds = {
  reviewInterval: ['P1M', 'P10Y'],
  endedEntriesKept: ['P1M', 'P100Y'],
} as const satisfies Partial<Record<keyof SettingsChoice, readonly [string, string]>>;

/** What cannot be meant: four eyes where things approve themselves, periods out of their bounds. */
export function contradictionsOfSettings(choice: SettingsChoice): Contradiction[] {
  const flaws: Contradiction[] = [];
  if (choice.fourEyes && choice.buildingBlockApproval !== 'required') {
    const message = 'Four eyes need `buildingBlockApproval` to be `required`: what approves itself has one pair.';
    flaws.push({ pointer: '/fourEyes', code: 'contradiction', message });
  }
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const [least, most] = bounds[name];
    // Counted from a February, so that four weeks are a month.
    const until = (period: string) => datePlus('2001-02-01', period);
    const end = until(choice[name]);
    if (until(least) <= end && end <= until(most)) continue;
    const message = `\`${name}\` is ${choice[name]}; it must be between ${least} and ${most}.`;
    flaws.push({ pointer: `/${name}`, code: 'range', message });
  }
  return flaws;
}
