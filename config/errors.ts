/** Coded errors of configuration and node homes. */
export const CONFIG_ERRORS = {
  CONFIG_INVALID: 'A key of config.json is unknown, or its value is not allowed. The message says what to write.',
  CONFIG_UNREADABLE: 'config.json cannot be read, or is not JSON.',
  HOME_MISSING: 'The directory is no node home: it has no config.json.',
  HOME_EXISTS: 'The directory is already a node home; it is not written over.',
  GENESIS_UNREADABLE: 'The genesis file that the configuration names cannot be read.',
} as const;
