#!/usr/bin/python3
"""Reads an archive without Tasker: read_archive.py ARCHIVE prints every task's number, argument and result.

In Python, Archive("squares.dat").results is an array mapped from the file where all results have one size, else a
list: strings, tuples and vectors as such, structs as dicts, maps as lists of pairs, what Boost serialized as bytes,
None for a task without a result. An array of structs has their members as fields: results["size"]. The format is
described in src/store/FORMAT.md; checksums are not verified here.
"""
import functools
import io
import json
import re
import struct
import sys

import numpy as np

TOKENS = r"boost:.*|\w+=|\w+|."
CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}


class Archive:
    def __init__(self, path):
        self._file = np.memmap(path, np.uint8, "r")
        if bytes(self._file[:12]) != b"TASKERA\n\2\0\0\0":
            raise ValueError(f"{path} is not a Tasker archive of version 2")
        at, size = struct.unpack_from("<2Q", self._file, 32)
        self.description = json.loads(bytes(self._file[at : at + size]))
        extents = self._section("extents").view([("first", "<u8"), ("count", "<i8"), ("", "V44"), ("outcome", "<u4")])
        outcomes = np.repeat(extents["outcome"] & 15, extents["count"])
        self.results = self._values("result", outcomes == 1)
        kept = "arguments" in self.description["sections"]
        self.arguments = self._values("argument", outcomes != 0) if kept else None

    def _section(self, name):
        part = self.description["sections"][name]
        return self._file[part["offset"] : part["offset"] + part["size"]]

    def _values(self, kind, there):
        data, stride = self._section(kind + "s"), self.description[kind + "_stride"]
        tree = parse(re.findall(TOKENS, self.description["manifest"][kind]))
        if dtype_of(tree) is not None and there.all():
            return np.frombuffer(data, dtype_of(tree))
        ends = self._section(kind + "_offsets").view("<u8") if stride is None else np.arange(len(there) + 1) * stride
        return [value(tree, io.BytesIO(data[ends[i] : ends[i + 1]])) if there[i] else None for i in range(len(there))]


def parse(tokens):
    """The tree of a schema: what it begins with, and the trees inside. A member of a struct is ("name=", (tree,))."""
    kind, parts = tokens.pop(0), []
    if kind.endswith("="):
        return (kind, (parse(tokens),))
    if kind in CLOSING:
        while tokens[0] != CLOSING[kind]:
            parts.append(parse(tokens))
            if tokens[0] in ",;:|":
                tokens.pop(0)
        tokens.pop(0)
    tree = (kind, tuple(parts))
    if tokens[:1] == ["?"]:
        return (tokens.pop(0), (tree,))
    return tree


@functools.cache
def dtype_of(tree):
    """Numpy's type, where all values have one size; else None."""
    kind, parts = tree
    if kind == "bool":
        return np.dtype("?")
    if re.fullmatch(r"[iuf]\d+", kind):
        return np.dtype(f"<{kind[0]}{16 if kind == 'f80' else int(kind[1:]) // 8}")
    types = [dtype_of(part) for part in parts]
    if kind.endswith("="):
        return types[0]
    if kind == "[" and len(parts) == 2 and types[0] is not None:
        return np.dtype((types[0], int(parts[1][0])))
    if kind == "(" and parts and all(type is not None for type in types):
        return np.dtype(list(zip(names_of(parts) or [f"f{i}" for i in range(len(parts))], types)))
    return None


def names_of(parts):
    """The names of a struct's members; none for a tuple."""
    return [part[0][:-1] for part in parts if part[0].endswith("=")]


def value(tree, stream):
    kind, parts = tree
    if names_of(parts):
        return dict(zip(names_of(parts), (value(part, stream) for part in parts)))
    if kind.endswith("="):
        return value(parts[0], stream)
    dtype = dtype_of(tree)
    if dtype is not None:
        return np.frombuffer(stream.read(dtype.itemsize), dtype)[0].tolist()
    if kind == "(":
        return tuple(value(part, stream) for part in parts)
    if kind == "?":
        return value(parts[0], stream) if stream.read(1)[0] else None
    if kind == "<":
        return value(parts[stream.read(1)[0]], stream)
    if kind not in ("str", "path", "[", "{"):
        return stream.read() or None  # Boost's bytes, or void
    fixed = kind == "[" and len(parts) == 2
    count = int(parts[1][0]) if fixed else struct.unpack("<Q", stream.read(8))[0]
    if kind in ("str", "path"):
        return stream.read(count).decode(errors="surrogateescape")
    element = ("(", parts) if kind == "{" and len(parts) == 2 else parts[0]
    if dtype_of(element) is not None:
        return np.frombuffer(stream.read(count * dtype_of(element).itemsize), dtype_of(element))
    return [value(element, stream) for _ in range(count)]


if __name__ == "__main__":
    archive = Archive(sys.argv[1])
    for i, result in enumerate(archive.results):
        print(i, archive.arguments[i] if archive.arguments is not None else "-", result, sep="\t")
