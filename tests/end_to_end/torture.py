"""Everything bad by turns, for a given time; see tests/README.md. Started by scripts/torture.

Each kind of fault gets its share of the time, and at least one try. What is not random is tried in random order
without repetition, so that with time enough all of it is.
"""
import argparse
import collections
import os
import random
import re
import sys
import time
from pathlib import Path

from damage import *
from kill_test import Kill
from power import *
from two_runs import random_meeting

TABLE = Path(__file__).parent.parent / "README.md"
COLUMNS = ("lost", "wrong", "recomputed", "crashed")


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


class Fault:
    """One row of the table."""

    def __init__(self, name, weight=1):
        self.name, self.weight = name, weight
        self.spent = 0.0
        self.figures = collections.Counter()
        self.told = []

    def count(self, verdict):
        self.figures["tried"] += 1
        self.figures["recomputed"] += verdict.recomputed
        for column in ("lost", "wrong", "crashed"):
            self.figures[column] += len(getattr(verdict, column)) > 0
        if verdict.problems:
            self.told.append(str(verdict))

    def row(self):
        return f"| {self.name} | {self.figures['tried']:,}{self.of()} | " + " | ".join(
            f"{self.figures[column]:,}" for column in COLUMNS) + " |"

    def of(self):
        return ""


class Listed(Fault):
    """A finite number of tries, in random order."""

    def __init__(self, name, tries, chance, judge):
        super().__init__(name)
        self.tries, self.judge = tries, judge
        chance.shuffle(self.tries)
        self.all = len(self.tries)

    def turn(self):
        if not self.tries:
            return False
        self.count(self.judge(*self.tries.pop()))
        return True

    def of(self):
        return f" of {self.all:,}"


class RandomKills(Fault):
    def __init__(self, name, test):
        super().__init__(name, weight=3)
        self.test = test

    def turn(self):
        kills = self.test.figures["kills"]
        self.test.kills_wanted = kills + 2
        try:
            self.test.random_series()
        except AssertionError as problem:
            text = str(problem)
            kind = "lost" if "again" in text or "lost" in text else "crashed" if "exit code" in text else "wrong"
            self.figures[kind] += 1
            self.told.append(text)
            # What is left of it shall not spoil the next series.
            so_far = self.test.figures, self.test.chance
            self.test.doCleanups()
            self.test.setUp()
            self.test.figures, self.test.chance = so_far
        self.figures["tried"] += self.test.figures["kills"] - kills
        self.figures["recomputed"] = self.test.figures["interrupted calls"]
        return True


class Meetings(Fault):
    def __init__(self, name, scenarios, chance):
        super().__init__(name, weight=2)
        self.scenarios, self.chance = scenarios, chance

    def turn(self):
        self.count(random_meeting(self.scenarios, self.chance))
        return True


class Sweeps(DamageTest, PowerTest):
    """Makes all that is gone through in lists."""


def faults(sweeps, kills, chance):
    """Every row; the one of several live runs needs root."""
    errors, ends = [], []
    scenarios = [make() for make in (sweeps.fresh, sweeps.power, sweeps.crowded, sweeps.tidy)]
    for scenario in scenarios:
        for step in scenario.steps:
            errors += [(scenario, step.number, what) for what in ERRORS[step.name]]
            ends += [(scenario, step.number, what) for what in KILLS[step.name]]
    half, finished = sweeps.half(), sweeps.finished()
    lives = [make() for make in (sweeps.archives, sweeps.records, sweeps.states, sweeps.outputs)]
    yield RandomKills("kill -9 of a worker, rank 0, mpirun or all, at a random moment", kills)
    yield Listed("an error, a short write or an interrupt, at a call on a file", errors, chance, Verdict)
    yield Listed("kill -9 before, or in the middle of, a call on a file", ends, chance, Verdict)
    yield Listed("power lost at a call on a file", [one for life in lives for one in life.tries()], chance, PowerLoss)
    if os.geteuid() == 0:
        yield Meetings("two or three live runs on different hosts, frozen at any call on a file, woken, or killed",
                       scenarios, chance)
    for cut, what in ((True, "cut at a byte"), (False, "with a flipped bit")):
        for scenario, name in ((half, "a journal, list or manifest"), (finished, "an archive")):
            yield Listed(f"{name} {what}", [(scenario, *place, cut) for place in sweeps.places(scenario, cut)],
                         chance, Damage)


def table(rows):
    head = ["| fault | tried | " + " | ".join(COLUMNS) + " |", "| --- " * (2 + len(COLUMNS)) + "|"]
    return "\n".join([*head, *(fault.row() for fault in rows)])


def main():
    parser = argparse.ArgumentParser(prog="scripts/torture", description=__doc__)
    parser.add_argument("time", nargs="?", default="2m", help="such as 60s, 2m or 1h")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="repeats the order of a run")
    parser.add_argument("--write", action="store_true", help="fill the table of tests/README.md")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    sweeps, kills = Sweeps(), Kill()
    try:
        for test in (sweeps, kills):
            test.setUp()
        kills.chance = chance
        rows = list(faults(sweeps, kills, chance))
        end = time.monotonic() + seconds(options.time)
        left = list(rows)
        # The one that has had the least of its share so far.
        while left and (time.monotonic() < end or any(fault.spent == 0 for fault in left)):
            fault = min(left, key=lambda fault: fault.spent / fault.weight)
            begin = time.monotonic()
            if not fault.turn():
                left.remove(fault)
            fault.spent += time.monotonic() - begin
    finally:
        for test in (sweeps, kills):
            test.doCleanups()
    text = table(rows)
    print(text)
    for told in (told for fault in rows for told in fault.told[:3]):
        print(told)
    if options.write:
        figures = f"`scripts/torture {options.time} --seed {options.seed}`:\n\n{text}\n"
        TABLE.write_text(re.sub(r"(?<=<!-- torture -->\n).*?(?=<!-- end -->)", lambda _: f"\n{figures}\n",
                                TABLE.read_text(), flags=re.S))
    sys.exit(any(fault.told for fault in rows))


if __name__ == "__main__":
    main()
