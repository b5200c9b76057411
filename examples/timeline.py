#!/usr/bin/python3
"""Draws when which rank computed what: timeline.py ARCHIVE writes an SVG picture to stdout.

One row for each rank, one bar for each frame of records (a long task has a frame of its own), one grey field for each
run, from its first task to its last. All of it stands in the archive; see src/store/FORMAT.md.
"""
import collections
import json
import struct
import sys

WIDTH, ROW, LEFT, TOP = 960, 22, 110, 44
COLORS = ("#1f6f8b", "#e0a458", "#8a5082", "#5b8c5a")

Bar = collections.namedtuple("Bar", "begin end rank host run first count")


def bars(path):
    """Of all tasks with a result, times in seconds since 1970."""
    with open(path, "rb") as file:
        if file.read(12) != b"TASKERA\n\2\0\0\0":
            raise ValueError(f"{path} is not a Tasker archive of version 2")
        file.seek(32)
        at, size = struct.unpack("<2Q", file.read(16))
        file.seek(at)
        description = json.loads(file.read(size))
        part = description["sections"]["extents"]
        file.seek(part["offset"])
        extents = file.read(part["size"])
    for first, count, start, duration, _, _, origin, records, _, bits in struct.iter_unpack("<2Qq3Q4I", extents):
        if bits & 15 == 1:
            who = description["origins"][origin]
            begin = start / 1e9
            yield Bar(begin, begin + duration / 1e9 * count / records, who["rank"], who["host"], who["sequence"], first, count)


def tick(span):
    """A round number of seconds, so that there are some ten of them."""
    return next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400, span)
                if span / step <= 12)


def draw(found):
    ranks = sorted({bar.rank for bar in found})
    runs = sorted({bar.run for bar in found})
    begin, end = min(bar.begin for bar in found), max(bar.end for bar in found)
    span = max(end - begin, 1e-3)
    x = lambda time: LEFT + (time - begin) / span * (WIDTH - LEFT - 20)
    y = lambda rank: TOP + ranks.index(rank) * ROW
    bottom = TOP + len(ranks) * ROW
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 40}" '
           'font-family="sans-serif" font-size="12" fill="#333">')
    yield '<rect width="100%" height="100%" fill="white"/>'
    for place, run in enumerate(runs):
        own = [bar for bar in found if bar.run == run]
        left, right = x(min(bar.begin for bar in own)), x(max(bar.end for bar in own))
        tasks = sum(bar.count for bar in own)
        yield f'<rect x="{left:.1f}" y="{TOP - 6}" width="{right - left:.1f}" height="{bottom - TOP + 8}" fill="#eee"/>'
        yield f'<text x="{min(left, WIDTH - 110):.1f}" y="{TOP - 14}">run {place + 1}: {tasks} tasks</text>'
    for rank in ranks:
        yield f'<text x="{LEFT - 10}" y="{y(rank) + 14}" text-anchor="end">rank {rank}</text>'
    for bar in found:
        name = f"task {bar.first}" if bar.count == 1 else f"tasks {bar.first} to {bar.first + bar.count - 1}"
        color = COLORS[runs.index(bar.run) % len(COLORS)]
        yield (f'<rect x="{x(bar.begin):.1f}" y="{y(bar.rank)}" width="{max(x(bar.end) - x(bar.begin) - 0.7, 0.5):.1f}" '
               f'height="{ROW - 4}" fill="{color}"><title>{name}, {bar.end - bar.begin:.3g} s</title></rect>')
    step = tick(span)
    for i in range(int(span / step) + 1):
        yield f'<text x="{x(begin + i * step):.1f}" y="{bottom + 20}" text-anchor="middle">{i * step} s</text>'
    yield "</svg>"


if __name__ == "__main__":
    found = list(bars(sys.argv[1]))
    if not found:
        sys.exit(f"{sys.argv[1]} holds no results")
    print("\n".join(draw(found)))
