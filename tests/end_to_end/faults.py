"""Runs that are disturbed in one system call, then run again: what both together must have done.

A run's calls on files are counted in a small program's few milliseconds, so every one of them can be tried. The
library faults.cpp does it, preloaded: unlike strace it knows a call by what it is done to, writes a part of what a
write was given, and costs nothing.
"""
import collections
import errno as os_errors
import os
import re
import shutil
import time

from support import *

FAULTS = os.environ["TASKER_FAULTS"]

Step = collections.namedtuple("Step", "number name path wrong_at")
SPACE = ("ENOSPC", "EDQUOT", "EIO", "EINTR", "ENOSPC+")
WRITE = (*SPACE, "short")
LATE = (*SPACE, "~EIO")
# What may go wrong with each call.
ERRORS = {
    "write": WRITE, "writev": WRITE, "pwrite": WRITE, "allocate": SPACE, "create": (*SPACE, "EACCES", "EMFILE"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EINVAL"), "fdatasync": ("EIO", "ENOSPC", "EDQUOT", "EINTR"),
    "close": ("EIO", "ENOSPC", "EDQUOT", "EINTR"), "rename": LATE, "link": LATE, "mkdir": LATE,
    "chmod": ("EIO", "EPERM", "EINTR"), "fchmod": ("EIO", "EPERM", "EINTR"), "unlink": ("EIO", "EACCES", "EINTR", "~EIO"),
    "remove": ("EIO", "EACCES", "EINTR", "~EIO"), "open": ("EIO", "EMFILE", "EINTR"), "read": ("EIO", "EINTR"),
    "list": ("EIO", "EMFILE"), "mmap": ("ENOMEM",), "stat": ("EIO",), "fstat": ("EIO",), "statvfs": ("EIO",),
}
KILLS = collections.defaultdict(lambda: ("kill",), {name: ("kill", "torn") for name in ("write", "writev", "pwrite")})
# Where a run may go on in spite of an error: nothing hangs on it, or there is another way to find out.
MAY_GO_ON = {"unlink", "remove", "open", "read", "list", "mmap", "stat", "fstat", "statvfs"}


def describe(what):
    return os.strerror(getattr(os_errors, what.strip("~+")))


def read_log(path):
    steps = []
    for line in read_lines(path):
        call, _, wrong_at = line.partition(" ! ")
        number, name, file = call.split(" ", 2)
        steps.append(Step(int(number), name, file, int(wrong_at or 0)))
    return steps


def rash_steps(steps):
    """What was given its name before it was synced, or removed before what replaces it was sure to be there."""
    last_written = None
    unsynced, unsure, rash = set(), set(), []
    for step in steps:
        if "holder.json" in step.path:
            continue  # says who is alive, and nothing after a loss of power
        if step.path.endswith("/manifest.json"):
            continue  # a journal has it, too
        if step.name in ("write", "writev", "pwrite"):
            last_written = step.path
            unsynced.add(step.path)
        elif step.name in ("fsync", "fdatasync"):
            if not step.wrong_at:
                unsynced.discard(step.path)
            unsure.discard(step.path)  # a run that goes on is right: this directory can't be synced
        elif step.name in ("rename", "link"):
            if last_written in unsynced:
                rash.append(step)
            if step.path.endswith((".journal", ".dat")):
                unsure.add(os.path.dirname(step.path))
        elif step.name == "remove" and step.path.endswith(".journal") and ".fence/" not in step.path:
            # This run may not know whether an earlier one was killed before that was sure.
            synced = [done.path for done in steps[: step.number] if done.name == "fsync"]
            if unsure or not any(step.path.startswith(f"{path}/") for path in synced):
                rash.append(step)
    return rash


class Scenario:
    """A run that is to be disturbed: what is in its place before it, and what it shall do."""

    def __init__(self, test, name, arguments, template, env={}):
        self.test, self.name, self.arguments, self.template = test, name, arguments, template
        self.env = {"TASKER_PROGRESS": "off", **env}
        self.restore()
        outcome, self.steps = self.run()
        test.assertEqual(outcome.code, 0, str(outcome))
        test.assertEqual(rash_steps(self.steps), [])
        self.missing = sorted(call.argument for call in test.calls())
        self.results = outcome.results
        self.archive = self.archive_content()
        test.assertEqual(os.listdir(test.place), [test.archive.name])
        test.archive.unlink()

    def archive_content(self):
        description, _ = archive_parts(self.test.archive)
        return archive_results(self.test.archive), description["failed"], description["carried"]

    def restore(self):
        shutil.rmtree(self.test.place)
        shutil.copytree(self.template, self.test.place, symlinks=True)

    def run(self, wrapper=(), **faults):
        log = self.test.base / "log"
        log.unlink(missing_ok=True)
        outcome = self.test.start(
            self.arguments, sleep_us=1000, wrapper=wrapper,
            env={**self.env, "LD_PRELOAD": FAULTS, "FAULTS_BELOW": self.test.place, "FAULTS_LOG": log, **faults}).wait()
        outcome.ended_at = time.monotonic_ns()
        return outcome, read_log(log)

    def kinds_of_steps(self):
        """One kind: the same call on files that serve the same end."""
        kinds = collections.defaultdict(list)
        for step in self.steps:
            kind = re.sub(r"[0-9a-f]{16}", "ID", step.path.removeprefix(str(self.test.place)))
            kinds[step.name, re.sub(r"\d+(?=-ID)|(?<=ID-)\d+", "N", kind)].append(step)
        return kinds

    def some_steps(self, but=None):
        """The last of each kind that the scenario `but` does not have."""
        known = but.kinds_of_steps() if but else {}
        return sorted(steps[-1] for kind, steps in self.kinds_of_steps().items() if kind not in known)


class Verdict:
    """What came of a disturbed run and the one after it."""

    def __init__(self, scenario, number, what):
        self.scenario, self.number, self.what = scenario, number, what
        self.wrong, self.lost, self.crashed, self.recomputed = [], [], [], 0
        scenario.restore()
        self.outcome, self.steps = scenario.run(FAULTS_AT=number, FAULTS_DO=what)
        wrong = [step for step in self.steps if step.wrong_at]
        self.step = wrong[0] if wrong else None
        self.seconds = (self.outcome.ended_at - self.step.wrong_at) / 1e9 if wrong else 0
        first = [call.argument for call in scenario.test.calls()]
        if self.step and what not in ("kill", "torn"):
            self.judge_error()
        elif self.outcome.code != (-9 if self.step else 0):
            self.crashed.append("it ended otherwise")
        self.again, self.steps_again = scenario.run()
        if rash := rash_steps(self.steps) + rash_steps(self.steps_again):
            self.wrong.append(f"done too early: {rash}")
        self.judge_second_run(first, scenario.test.called())

    def __str__(self):
        return (f"{self.scenario.name}: {self.what} at {self.step}: {self.wrong + self.lost + self.crashed}\n"
                f"{self.outcome}\nand then: {self.again}\nafter "
                + "\n".join(f"{step.number} {step.name} {step.path}" for step in self.steps[-12:]))

    @property
    def problems(self):
        return self.wrong + self.lost + self.crashed

    def must_fail(self):
        """Whether the run has to end; None if either is right."""
        created = {step.path for step in self.steps if step.name == "create"}
        if self.step.name in MAY_GO_ON or (self.step.name == "close" and self.opened_by() != "create"):
            return None
        if self.what in ("short", "EINTR") or not self.scenario.missing:
            return False
        if self.what == "EINVAL" and self.opened_by() == "list":
            return False  # there are file systems that can't sync a directory
        if self.what == "~EIO" and (self.step.name == "link" or self.step.path.endswith(".fence")):
            return False  # it looks whether it was done
        if self.what == "~EIO" and self.step.name == "mkdir":
            return None  # it may have been there before
        return True

    def opened_by(self):
        return [step.name for step in self.steps[: self.number] if step.path == self.step.path
                and step.name in ("create", "open", "list")][-1]

    def judge_error(self):
        must_fail = self.must_fail()
        if self.outcome.code not in (0, 74):
            self.crashed.append("neither 0 nor 74")
        elif must_fail is True and self.outcome.code == 0:
            self.wrong.append("the error was overlooked")
        elif must_fail is False and self.outcome.code != 0:
            self.wrong.append("it could have gone on")
        elif self.outcome.code == 74:
            told = [line for line in self.outcome.err.splitlines() if f": {describe(self.what)}" in line]
            if len(told) != 1 or str(self.scenario.test.place) not in told[0]:
                self.wrong.append("file and cause are not told once")
        if self.outcome.code == 0:
            self.judge_results(self.outcome)
        elif self.step.name in ("fsync", "fdatasync"):
            self.judge_trust()

    def judge_trust(self):
        """After a failed sync nobody knows what is on the medium: nothing is built upon it."""
        for step in self.steps[self.number :]:
            if step.path == self.step.path and step.name not in ("close", "unlink", "remove", "stat"):
                self.wrong.append(f"{step.name} after the failed sync")
            if step.name in ("rename", "link") and not step.path.endswith("holder.json"):
                self.wrong.append(f"{step} after the failed sync")

    def judge_results(self, outcome):
        if outcome.results != self.scenario.results:
            self.wrong.append("other results")
        if self.scenario.archive_content() != self.scenario.archive:
            self.wrong.append("another archive")

    def judge_second_run(self, first, second):
        if self.again.code != 0:
            self.crashed.append("the second run failed")
            return
        self.judge_results(self.again)
        if os.listdir(self.scenario.test.place) != [self.scenario.test.archive.name]:
            self.wrong.append(f"left: {os.listdir(self.scenario.test.place)}")
        # The task in flight has no record yet.
        repeated = [argument for argument in second if argument in first]
        self.recomputed = len(repeated)
        if repeated not in ([], first[-1:]):
            self.lost.append(f"computed again: {repeated}")
        if sorted({*first, *second}) != self.scenario.missing:
            self.lost.append(f"computed {first}, then {second}, instead of {self.scenario.missing}")


class FaultsTest(WorklistTest):
    """Makes the scenarios: together they go through every step of the store."""

    def template(self, name):
        """Keeps what is in the place now, and clears it."""
        template = self.base / f"template.{name}"
        self.place.rename(template)
        self.place.mkdir()
        self.calls()
        return template

    def interrupted(self, arguments, done, **settings):
        """A run that ends with some tasks done, in a journal of its own."""
        failing = self.write("failing", arguments[done:])
        self.run_map(arguments, code=1, failing=failing, sleep_us=1000,
                     env={"TASKER_ON_FAILURE": "stop", "TASKER_PROGRESS": "off"}, **settings)

    def fresh(self):
        return Scenario(self, "fresh", NAMES[:4], self.template("fresh"))

    def power(self):
        """Records that are to survive a loss of power, behind some of which nobody knows that."""
        self.interrupted(NAMES[:5], 2)
        self.interrupted(NAMES[:5], 3)
        return Scenario(self, "power", NAMES[:5], self.template("power"), {"TASKER_DURABILITY": "power"})

    def crowded(self):
        """A dead run's fence and leftovers, many journals, an archive of another list, changed arguments."""
        fresh = self.fresh()
        fresh.restore()
        taken = next(step.number for step in fresh.steps if step.path.endswith(".fence") and step.name == "rename")
        fresh.run(FAULTS_AT=taken + 1, FAULTS_DO="kill")
        self.calls()
        dead = self.base / "dead"
        self.directory.rename(dead)
        fence, = dead.iterdir()
        assert fence.suffix == ".fence", fence
        shutil.copytree(fence, f"{fence}.0123456789abcdef")
        (fence / "archive.unfinished").write_text("half")
        self.run_map([NAMES[0], "other", NAMES[34]])
        self.archive.rename(self.base / "other.dat")
        for done in range(1, 34):
            self.interrupted(NAMES, done)
        (self.base / "other.dat").rename(self.archive)
        for path in dead.iterdir():
            path.rename(self.directory / path.name)
        arguments = ["new 1", *NAMES[1:35], "new 2"]
        return Scenario(self, "crowded", arguments, self.template("crowded"))

    def tidy(self):
        """A finished archive beside the directory it was made from."""
        self.run_map(NAMES[:4], env={"TASKER_KEEP_DIRECTORY": 1})
        return Scenario(self, "tidy", NAMES[:4], self.template("tidy"))


NAMES = [f"task {i}" for i in range(40)]
