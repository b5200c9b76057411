"""Live runs of one directory, each on a host of its own, that are frozen, woken and killed: what comes of it.

A host is a name, a boot id and mounts of its own. What counts the calls on files and stops the program there is
faults.cpp, which also lets the clock run fast: a run that watches a frozen one loses its patience in an instant.
"""
import os
import signal
import time

from faults import *

ON_A_HOST = 'echo "$1" >/proc/sys/kernel/hostname && mount --bind "$2" /proc/sys/kernel/random/boot_id && shift 2 && exec "$@"'
CLOCK = 500


def state_of(pid):
    """The letter of proc(5); Z for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


class LiveRun:
    """One of them, from its start until it is frozen or has ended."""

    def __init__(self, meeting, number, at, what):
        self.meeting, self.number, self.at, self.what = meeting, number, at, what
        test, scenario = meeting.test, meeting.scenario
        boot = test.base / f"boot.{number}"
        boot.write_text(f"the boot id of host {number}\n")
        self.ledger, self.log = test.base / f"ledger.{number}", test.base / f"log.{number}"
        for file in (self.ledger, self.log):
            file.unlink(missing_ok=True)
        faults = {"FAULTS_AT": at, "FAULTS_DO": what} if at else {}
        self.run = test.start(
            scenario.arguments, sleep_us=1000, ledger=self.ledger, pids=test.base / f"pids.{number}",
            wrapper=["unshare", "--mount", "--uts", "sh", "-c", ON_A_HOST, "sh", f"host{number}", boot],
            env={**scenario.env, "LD_PRELOAD": FAULTS, "FAULTS_BELOW": test.place, "FAULTS_LOG": self.log,
                 "FAULTS_CLOCK": CLOCK, **faults})
        self.outcome = None
        self.settle()
        self.called_until_frozen = self.calls()

    def settle(self):
        """Until it is frozen or has ended."""
        end = time.monotonic() + DEADLINE
        while (state := state_of(self.run.process.pid)) not in "TZ":
            if time.monotonic() > end:
                raise AssertionError(f"neither frozen nor ended: {self.run.kill()}")
            time.sleep(0.001)
        if state == "Z":
            self.outcome = self.run.wait()

    def wake(self):
        while self.outcome is None:
            self.run.process.send_signal(signal.SIGCONT)
            self.settle()

    def calls(self):
        return [line.split(" ", 2)[2] for line in read_lines(self.ledger)]

    def recorded_when_frozen(self):
        """Each task lasts so long that it is recorded at once; the last one may be under way."""
        return set(self.called_until_frozen[:-1])

    def __str__(self):
        log = "".join(f"\n    {step.number} {step.name} {step.path}" for step in read_log(self.log)[-8:])
        return f"run {self.number}: {self.what} at {self.at}: called {self.calls()}, {self.outcome}{log}"


class Meeting:
    """`plan`: for each run where it is disturbed, and how: stop or kill. The frozen ones wake in the order `wakes`."""

    def __init__(self, scenario, plan, wakes):
        self.scenario, self.test = scenario, scenario.test
        self.lost, self.wrong, self.crashed, self.recomputed = [], [], [], 0
        scenario.restore()
        self.runs, recorded = [], set()
        for number, (at, what) in enumerate(plan):
            run = LiveRun(self, number, at, what)
            self.judge_calls(run, recorded)
            recorded |= run.recorded_when_frozen()
            self.runs.append(run)
        for number in wakes:
            self.runs[number].wake()
        for run in self.runs:
            self.judge_end(run)
        finished = any(run.outcome.code == 0 for run in self.runs)
        last = LiveRun(self, len(plan), 0, None)
        self.runs.append(last)
        self.judge_calls(last, set(scenario.missing) if finished else recorded)
        self.judge_last(last)

    def __str__(self):
        return f"{self.scenario.name}: {self.problems}\n" + "\n".join(map(str, self.runs))

    @property
    def problems(self):
        return self.lost + self.wrong + self.crashed

    def judge_calls(self, run, recorded):
        called = run.calls()
        if again := recorded & set(called):
            self.lost.append(f"run {run.number} computed again: {sorted(again)}")
        if len(called) != len(set(called)):
            self.wrong.append(f"run {run.number} called twice: {called}")

    def judge_end(self, run):
        self.recomputed += len(run.calls())
        code = run.outcome.code
        if code not in (0, 75, -9 if run.what == "kill" else 0):
            self.crashed.append(f"run {run.number} ended with {code}")
        if code == 0 and run.outcome.results != self.scenario.results:
            self.wrong.append(f"run {run.number} has other results")
        if code == 75 and "run the same command again" not in run.outcome.err.lower():
            self.wrong.append(f"run {run.number} does not say what to do")

    def judge_last(self, run):
        self.recomputed += len(run.calls()) - len(self.scenario.missing)
        if run.outcome.code != 0:
            self.crashed.append(f"the last run ended with {run.outcome.code}")
        elif run.outcome.results != self.scenario.results or self.scenario.archive_content() != self.scenario.archive:
            self.wrong.append("the last run has other results, or another archive")
        elif os.listdir(self.test.place) != [self.test.archive.name]:
            self.wrong.append(f"left: {os.listdir(self.test.place)}")


def random_meeting(scenarios, chance):
    """Two or three runs, frozen anywhere and woken in any order, some of them killed."""
    scenario = chance.choice(scenarios)
    runs = chance.choice((2, 2, 3))
    plan = [(chance.randint(1, len(scenario.steps)), chance.choice(("stop", "stop", "kill"))) for _ in range(runs)]
    return Meeting(scenario, plan, chance.sample(range(runs), runs))
