"""A disk in memory: what programs see of their files, and what of it is there when the power has gone.

As POSIX has it, to sync a file saves its bytes, and to sync a directory the names in it. Of what was not synced any
part may have come to the medium: some pieces and not others, a name without the bytes, one of a file's two names.
Only the changes of one directory come one after the other.
"""
import os
from pathlib import Path

# Bytes that come to the medium together: a sector, or so few that the pieces of a small file part, too.
PIECES = (16, 512)
WRITES = {"write", "writev", "pwrite", "allocate"}
HARMLESS = {"open", "list", "read", "mmap", "stat", "fstat", "statvfs", "close", "chmod", "fchmod"}
# How much is lost of what was not synced: everything, or the bytes of files but no names, or some of it.
WAYS = ("all", "bytes", "some")


class File:
    def __init__(self):
        self.contents = [b""]  # the first is on the medium, the last is what programs see

    def sync(self):
        del self.contents[:-1]

    def left(self, way, chance):
        if way != "some":
            return self.contents[0]
        size = len(chance.choice(self.contents))
        piece = chance.choice(PIECES)
        pieces = (chance.choice(self.contents)[at : at + piece].ljust(piece, b"\0") for at in range(0, size, piece))
        return b"".join(pieces)[:size]


class Directory:
    def __init__(self):
        self.on_medium, self.changes, self.names = {}, [], {}

    def change(self, names):
        """Files or directories by their new names; None where a name goes."""
        self.changes.append(names)
        self.names = with_change(self.names, names)

    def sync(self):
        self.on_medium, self.changes = self.names, []

    def left(self, way, chance, known):
        """All that is below it, by names: bytes of files, None for directories. `known` are bytes of files met before."""
        most = len(self.changes)
        names = self.on_medium
        for change in self.changes[: {"all": 0, "bytes": most, "some": chance.randint(0, most)}[way]]:
            names = with_change(names, change)
        left = {}
        for name, node in names.items():
            if isinstance(node, Directory):
                left[name] = None
                left.update((f"{name}/{below}", kept) for below, kept in node.left(way, chance, known).items())
            else:
                if node not in known:
                    known[node] = node.left(way, chance)
                left[name] = known[node]
        return left


def with_change(names, change):
    return {name: node for name, node in {**names, **change}.items() if node}


class Disk:
    """All that is in a place, which itself is there for good."""

    def __init__(self, place):
        self.place, self.root = place, Directory()

    def left(self, way, chance):
        return self.root.left(way, chance, {})

    def find(self, path):
        node = self.root
        for name in Path(path).relative_to(self.place).parts:
            node = node and node.names.get(name)
        return node

    def change(self, names):
        directory, = {os.path.dirname(path) for path in names}
        self.find(directory).change({os.path.basename(path): node for path, node in names.items()})

    def do(self, name, path, other=None):
        """What a line of record.hpp tells."""
        if name in HARMLESS or path.endswith(" (deleted)"):
            return
        node = self.find(path)
        if name in WRITES:
            node.contents.append(bytes.fromhex(other))
        elif name in ("fsync", "fdatasync"):
            node.sync()
        elif name == "create":
            if not node:  # else it is a directory, and what was created there has no name
                self.change({path: File()})
        elif name == "mkdir":
            self.change({path: Directory()})
        elif name == "link":
            self.change({other: node})
        elif name not in ("rename", "remove", "unlink"):
            raise AssertionError(f"what does {name} do?")
        elif not other:
            self.change({path: None})
        elif os.path.dirname(path) == os.path.dirname(other):
            self.change({path: None, other: node})
        else:
            self.change({other: node})
            self.change({path: None})
