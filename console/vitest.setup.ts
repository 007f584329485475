import { webcrypto } from 'node:crypto';

// Browsers have it; Node has it as a global from version 19.
globalThis.crypto ??= webcrypto as Crypto;
