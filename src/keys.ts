/** Keys as hosts give them, as the bytes that Rust takes. Never part of any text. */

import { createPrivateKey, KeyObject } from 'node:crypto';
import { describe } from './json';
import { invalid } from './options';

const KEY_BYTES = 32;

/** 32 bytes that encrypt a log: as they are, or as a secret `KeyObject`. */
export type EncryptionKey = Uint8Array | KeyObject;

/** An Ed25519 key that signs: its seed of 32 bytes, a private `KeyObject`, or its PEM (PKCS #8). */
export type SigningKey = Uint8Array | KeyObject | string;

export function encryptionKey(key: unknown, path: string): Uint8Array {
  const bytes = key instanceof KeyObject && key.type === 'secret' ? key.export() : key;
  if (bytes instanceof Uint8Array && bytes.length === KEY_BYTES) return bytes;
  throw invalid('key', [
    { path, message: `expected ${KEY_BYTES} bytes or a secret KeyObject of them, got ${nameOf(bytes)}` },
  ]);
}

export function signingKey(key: unknown, path: string): Uint8Array {
  if (key instanceof Uint8Array && key.length === KEY_BYTES) return key;
  const seed = seedOf(key);
  if (seed !== undefined) return seed;
  throw invalid('key', [
    {
      path,
      message: `expected an Ed25519 key: a seed of ${KEY_BYTES} bytes, a private KeyObject or PEM, got ${nameOf(key)}`,
    },
  ]);
}

function seedOf(key: unknown): Uint8Array | undefined {
  try {
    const object = typeof key === 'string' ? createPrivateKey(key) : key;
    if (!(object instanceof KeyObject) || object.asymmetricKeyType !== 'ed25519') return undefined;
    const { d } = object.export({ format: 'jwk' });
    return d === undefined ? undefined : Buffer.from(d, 'base64url');
  } catch {
    return undefined; // A PEM of something else. Its text must not be told.
  }
}

function nameOf(key: unknown): string {
  return key instanceof Uint8Array ? `${key.length} bytes` : describe(key);
}
