/** Coded errors of key files. */
export const KEYSTORE_ERRORS = {
  KEY_EXISTS: 'A key file of this name, or of this key, is already there; it is never written over.',
  KEY_FILE_INVALID: 'The file is not a key file of a known version, or its parts do not belong together.',
  KEY_FILE_MISSING: 'There is no key file at this path.',
  KEY_FILE_PERMISSIONS: 'The key file is open to other users, or cannot be read by this one.',
  KEY_NAME_INVALID: 'A key name has 1 to 64 letters, digits, dots, dashes or underscores.',
  KEY_PASSWORD_MISSING: 'The key file is encrypted and no password was given, or an empty one for a new key.',
  KEY_PASSWORD_WRONG: 'The password does not open the key file.',
} as const;
