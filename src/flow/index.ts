/** Floor 2: packets to flows: key, table, timeouts, columns. */
export * from './community-id.ts';
export * from './device.ts';
export * from './device-mac.ts';
export { guessRoles, type RoleGuess, type RoleSigns } from './device-role.ts';
export * from './device-vendor.ts';
export * from './filter.ts';
export * from './filter-field.ts';
export * from './host.ts';
export * from './icmp-error.ts';
export * from './names.ts';
export * from './payload.ts';
export * from './peek/index.ts';
export * from './schema.ts';
export * from './stitch.ts';
export * from './table.ts';
export * from './tcp-state.ts';
export * from './tcp-track.ts';
export * from './timeline.ts';
