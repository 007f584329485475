"""Codes of an authenticator (RFC 6238: HMAC-SHA-1, 30 s, 6 digits)."""

import base64
import hmac
import struct
import time


def code_of(secret, steps_ahead=0):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + steps_ahead), "sha1")
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1_000_000:06}"
