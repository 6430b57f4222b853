"""Damage to the content of a file: bits, bytes, numbers, cuts, insertions."""

import random

NUMBERS = (0, 1, 2, 7, 255, 2**15, 2**16 - 1, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
HEADER = 128  # bytes; half of all damage is there


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Alters some bytes of a file; may cut, extend or shift it."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        if not changed:
            return bytes(rng.randbytes(rng.randrange(64)))
        place = rng.randrange(min(len(changed), HEADER) if rng.random() < 0.5 else len(changed))
        kind = rng.randrange(7)
        if kind == 0:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[place] = rng.randrange(256)
        elif kind == 2:
            size, order = rng.choice([2, 4, 8]), rng.choice(["little", "big"])
            changed[place : place + size] = (rng.choice(NUMBERS) % 256**size).to_bytes(size, order)
        elif kind == 3:
            del changed[place:]
        elif kind == 4:
            del changed[place : place + rng.randrange(1, 64)]
        elif kind == 5:
            changed[place:place] = rng.randbytes(rng.randrange(1, 64))
        else:
            changed += rng.randbytes(rng.randrange(1, 4096))
    return bytes(changed)
