"""How much is read of a file: never more than a data set can hold, whatever the file claims or unpacks to."""

import io
from typing import Protocol

MOST_BYTES = 2**32
"""Of the pixels of one file or of all pictures. The whole of ImageNet at 32 x 32, in colour, has 3.9e9 bytes."""

CHUNK = 2**20


class Readable(Protocol):
    """An open file, plain or unpacked as it is read."""

    def read(self, size: int, /) -> bytes: ...


def at_most(stream: Readable, most: int) -> io.BytesIO:
    """What is left of the stream, up to one byte more than `most`, which tells the caller that there is too much.

    Memory grows with what has been read and not with `most`: a stream that unpacks a small file is never believed.
    """
    found = io.BytesIO()
    left = most + 1
    while left and (chunk := stream.read(min(CHUNK, left))):
        found.write(chunk)
        left -= len(chunk)
    found.seek(0)
    return found
