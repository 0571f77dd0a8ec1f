const SERVICE_URL = /^(?:https?:\/\/)?([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})$/;

/** The longest DNS name. */
export const MAX_URL_CHARACTERS = 255;

export const SERVICE_URL_FIX = 'write host:port, http://host:port or https://host:port';

/** Where a staked actor is reached: with a scheme, as the published messages have it, or without, as genesis files do. */
export function isServiceUrl(text: string): boolean {
  if (text.length > MAX_URL_CHARACTERS) return false;
  const port = Number(SERVICE_URL.exec(text)?.[2] ?? 0);
  return port >= 1 && port <= 65_535;
}
