"""Small data sets in exactly the formats that people have, written from the formats' descriptions."""

import io
import pickle
import struct
import tarfile
import zlib

import numpy as np

BATCHES = [f"data_batch_{number}" for number in range(1, 6)]


def cifar_parts(train_files=5, classes=10, images=3, seed=0):
    """(labels [image], images [image, 3, 32, 32]) of each file, the test images' last."""
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(0, classes, images).tolist(), rng.integers(0, 256, (images, 3, 32, 32), np.uint8))
        for _ in range(train_files + 1)
    ]


def cifar10_binary(parts):
    """Names and contents: a byte of label, then the red, the green and the blue plane, each row by row."""
    names = [*(f"{name}.bin" for name in BATCHES), "test_batch.bin"]
    return {
        name: _records(images, [bytes([label]) for label in labels]) for name, (labels, images) in _zip(names, parts)
    }


def cifar100_binary(parts):
    """As CIFAR-10's, with a coarse label (here the fine one's fifth) before the fine one."""
    return {
        name: _records(images, [bytes([label // 5, label]) for label in labels])
        for name, (labels, images) in _zip(["train.bin", "test.bin"], parts)
    }


def cifar10_python(parts, dump):
    """Names and contents: a pickle of labels and pixels, made by `dump` from a dict."""
    return {
        name: dump({"batch_label": "a batch", "labels": labels, "data": images.reshape(len(images), 3072)})
        for name, (labels, images) in _zip([*BATCHES, "test_batch"], parts)
    }


def cifar100_python(parts, dump):
    return {
        name: dump({"data": images.reshape(len(images), 3072), "fine_labels": labels, "coarse_labels": labels[::-1]})
        for name, (labels, images) in _zip(["train", "test"], parts)
    }


def dump_python2(content):
    """What cPickle of Python 2 makes of a dict at protocol 2, opcode by opcode: its `str` are BINSTRINGs."""
    body = b"".join(_string2(key) + _value2(value) for key, value in content.items())
    return b"\x80\x02}q\x01(" + body + b"u."


def dump_python3(protocol):
    return lambda content: pickle.dumps(content, protocol)


def write_files(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def write_archive(path, folder, files):
    """A `.tar.gz` with the files in a folder, as it is published."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def png(image):
    """A PNG file of uint8 [channel, height, width], grey or RGB, from the format's description."""
    channels, height, width = image.shape
    rows = b"".join(b"\0" + bytes(row.ravel().tolist()) for row in image.transpose(1, 2, 0))
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _zip(names, parts):
    return zip(names, parts, strict=True)


def _records(images, labels):
    return b"".join(
        label + b"".join(bytes(row) for plane in image for row in plane)
        for label, image in zip(labels, images.tolist(), strict=True)
    )


def _string2(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data


def _int2(number):
    return b"K" + bytes([number]) if 0 <= number < 256 else b"J" + struct.pack("<i", number)


def _value2(value):
    if isinstance(value, str):
        return _string2(value)
    if isinstance(value, list):
        return b"](" + b"".join(map(_int2, value)) + b"e"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + _int2(0) + b"\x85" + _string2("b") + b"\x87R"
    kind = b"cnumpy\ndtype\n" + _string2("u1") + _int2(0) + _int2(1) + b"\x87R"
    kind += b"(" + _int2(3) + _string2("|") + b"NNN" + _int2(-1) * 2 + _int2(0) + b"tb"
    shape = b"".join(map(_int2, value.shape)) + b"\x86"
    return empty + b"(" + _int2(1) + shape + kind + b"\x89" + _string2(value.tobytes()) + b"tb"
