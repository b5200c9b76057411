"""Losses of power: all calls on files of some runs are recorded, any number of them is repeated on a disk in memory,
then the same command is run with what is left there.
"""
import random

from disk import *
from faults import *

POWER = {"TASKER_DURABILITY": "power"}
# In microseconds. A chunk has 40 ms of work at most, so each of these tasks is one, and the next one tells that it is
# recorded.
CHUNK = 50000
# Who finds a fence, and can't know whose it is, waits for a beat.
CLOCK = 500


class Command:
    """A run of a life. `tells`: a rank that begins a task was told before that the last one is recorded."""

    def __init__(self, arguments, failing, env, watched, tells):
        self.arguments, self.failing, self.env, self.watched, self.tells = arguments, failing, env, watched, tells
        self.power = env.items() >= POWER.items()
        self.called = set()


class Life:
    """Runs, one after the other, that begin in an empty place, and the log of all they do."""

    def __init__(self, test, name):
        self.test, self.name = test, name
        test.restore({})
        self.log = test.base / f"{name}.log"
        self.commands, self.archives, self.expected, self.right = [], set(), {}, {}

    def run(self, arguments, done=None, env={}, first={}, watched=True, tells=True, hide=(), **settings):
        """`done`: so many tasks do not fail. `first`: more variables, which the run after a loss does not have."""
        test = self.test
        failing = arguments[done:] if done is not None else []
        command = Command(arguments, failing, env, watched, tells)
        self.commands.append(command)
        self.note("begin")
        before = len(read_lines(self.log))
        hidden = test.hidden(hide) if hide else {"wrapper": [], "env": {}}
        outcome = test.start(
            arguments, failing=test.write("failing", failing), ledger=self.log,
            sleep_us=CHUNK if command.power else 1000, wrapper=["env", f"LD_PRELOAD={FAULTS}", *hidden["wrapper"]],
            env={**hidden["env"], "FAULTS_BELOW": test.place, "FAULTS_RECORD": self.log, "TASKER_PROGRESS": "off",
                 "TASKER_ON_FAILURE": "stop", **env, **first}, **settings).wait()
        test.assertEqual(outcome.code, 1 if failing else 0, str(outcome))
        command.called = {line.split(" ", 2)[2] for line in read_lines(self.log)[before:] if line[0].isdigit()}
        self.note("end")
        if test.archive.exists():
            self.archives.add(test.archive.read_bytes())

    def note(self, text):
        with open(self.log, "a") as log:
            log.write(f"{text}\n")

    def end(self):
        self.lines = read_lines(self.log)
        for command in self.commands:
            results, archive = self.expected[tuple(command.arguments)] = self.test.serial(command.arguments)
            self.right.update(zip(command.arguments, results))
        return self

    def tries(self):
        """All that may be left after any call, each once: when the most has been told."""
        tries = {}
        moment = Moment(self)
        for number, line in enumerate(self.lines, 1):
            moment.advance(line)
            for way in WAYS if moment.command.watched else ():
                tries[moment.run, tuple(moment.left(way, number).items())] = (self, number, way)
        return list(tries.values())


class Moment:
    """What is on the disk, and what was told, after so many lines of a life's log."""

    def __init__(self, life, lines=0):
        self.life, self.disk, self.run = life, Disk(life.test.place), -1
        self.begun, self.told, self.saved, self.last = set(), set(), set(), {}
        for line in life.lines[:lines]:
            self.advance(line)

    @property
    def command(self):
        return self.life.commands[self.run]

    def left(self, way, number):
        return self.disk.left(way, random.Random(f"{self.life.name} {number}"))

    def advance(self, line):
        word, _, rest = line.partition(" ")
        if "\t" in line:
            self.disk.do(*line.split("\t"))
        elif word == "begin":
            self.run += 1
        elif word == "end":
            self.end()
        elif word == "saved":
            self.saved |= {rest} if self.command.power else set()
        elif word != "found":
            self.begin_task(word, rest.partition(" ")[2])

    def begin_task(self, rank, argument):
        """What is reused is counted among what is done before the first task begins."""
        command = self.command
        if command.power:
            self.told |= set(command.arguments) - command.called - set(command.failing)
            if command.tells:
                self.told |= {self.last.get(rank)} - {None, *command.failing}
        self.last[rank] = argument
        self.begun.add(argument)

    def end(self):
        command = self.command
        if not command.failing:
            self.told |= set(command.arguments)
        elif command.power:
            self.told |= command.called - set(command.failing)
        self.last = {}


class PowerLoss:
    """The power goes after so many lines of a life's log: what comes of that."""

    def __init__(self, life, lines, way):
        self.life, self.lines, self.way = life, lines, way
        self.wrong, self.lost, self.crashed, self.recomputed = [], [], [], 0
        self.moment = Moment(life, lines)
        self.command = self.moment.command
        self.left = self.moment.left(way, lines)
        archive = self.left.get(life.test.archive.name)
        if archive is not None and archive not in life.archives:
            self.wrong.append("half an archive has its name")
        life.test.restore(self.left)
        if way == "some":
            self.judge_load()
        states = life.test.base / "states"
        states.unlink(missing_ok=True)
        self.outcome = life.test.start(
            self.command.arguments, states=states if self.moment.saved else "",
            env={"LD_PRELOAD": FAULTS, "FAULTS_CLOCK": CLOCK, **self.command.env}).wait()
        self.judge_calls(set(life.test.called()), read_lines(states))
        self.judge_results()

    def __str__(self):
        log = "\n".join(re.sub("\t[0-9a-f]*$", "", line) for line in self.life.lines[: self.lines][-20:])
        return (f"{self.life.name}: {self.way} lost after {self.lines} lines of its log: {self.problems}\n"
                f"left: {list(self.left)}\n{self.outcome}\nafter\n{log}")

    @property
    def problems(self):
        return self.wrong + self.lost + self.crashed

    def judge_load(self):
        """It reads what is right, or says that it can't."""
        outcome = self.life.test.start(mode="load", pids=self.life.test.base / "no_pids").wait()
        if outcome.code not in (0, 2, 74) or (outcome.code != 0 and not outcome.err):
            self.crashed.append(f"load: {outcome}")
        for line in outcome.lines:
            if line["result"] is None:
                continue
            here = {argument for command in self.life.commands
                    for argument in command.arguments[line["index"] : line["index"] + 1]}
            if line["argument"] not in here or line["result"] != self.life.right[line["argument"]]:
                self.wrong.append(f"load reads {line}")

    def judge_calls(self, called, states):
        self.recomputed = len(self.moment.begun & called)
        if again := self.moment.told & called:
            self.lost.append(f"computed again: {sorted(again)}")
        if gone := {task for task in self.moment.saved & called if f"found {task}" not in states}:
            self.lost.append(f"states are gone: {sorted(gone)}")

    def judge_results(self):
        test = self.life.test
        results, archive = self.life.expected[tuple(self.command.arguments)]
        if self.outcome.code != 0:
            self.crashed.append(f"the next run ended with {self.outcome.code}")
        elif self.outcome.results != results:
            self.wrong.append("other results")
        elif archive_results(test.archive) != archive:
            self.wrong.append("another archive")
        elif os.listdir(test.place) != [test.archive.name]:
            self.wrong.append(f"left: {os.listdir(test.place)}")


class PowerTest(FaultsTest):
    """Makes the lives: together they go through every step of the store."""

    def restore(self, left):
        shutil.rmtree(self.place)
        self.place.mkdir()
        for name, content in left.items():
            if content is None:
                (self.place / name).mkdir()
            else:
                (self.place / name).write_bytes(content)

    def archives(self):
        """Begun, gone on; an archive that is read, replaced, and carries along; a directory beside it."""
        life = Life(self, "archives")
        life.run(NAMES[:4], done=2)
        life.run(NAMES[:4])
        life.run(["new", *NAMES[2:6]], done=2)
        life.run(["new", *NAMES[2:6]])
        life.run(NAMES[:3], first={"TASKER_KEEP_DIRECTORY": 1})
        life.run(NAMES[:3])
        return life.end()

    def empty(self):
        """A directory that has no journal, and nobody who holds it: only a manifest, which is not synced."""
        life = Life(self, "empty")
        life.run([], first={"TASKER_KEEP_DIRECTORY": 1})
        life.run(NAMES[:2])
        return life.end()

    def records(self):
        """Records that are to survive it, behind some of which nobody knows that; changed arguments."""
        life = Life(self, "records")
        life.run(NAMES[:5], done=2)
        life.run(NAMES[:5], done=3, env=POWER)
        life.run(["new", *NAMES[1:5]], done=4, env=POWER)
        life.run(["new", *NAMES[1:5]], env=POWER)
        life.run(NAMES[1:7], done=5, env=POWER)
        life.run(NAMES[1:7], env=POWER)
        return life.end()

    def many(self):
        """So many journals that they are folded."""
        life = Life(self, "many")
        names = NAMES[:36]
        for done in range(1, 34):
            life.run(names, done=done, watched=False)
        life.run(names, done=35)
        life.run(names, env=POWER)
        return life.end()

    def states(self):
        """Tasks that save states, also some that fail then."""
        life = Life(self, "states")
        for env in ({}, POWER):
            life.run(NAMES[:3], done=1, env=env, states=life.log)
        life.run(NAMES[:3], env=POWER, states=life.log)
        return life.end()

    def outputs(self):
        """Tasks in children, whose output is kept."""
        life = Life(self, "outputs")
        env = {**POWER, "TASKER_ISOLATION": "process", "TASKER_CAPTURE": "all"}
        life.run(NAMES[:3], done=2, env=env, says="yes")
        life.run(NAMES[:3], env=env, says="yes")
        return life.end()

    def ranks(self):
        """Three ranks, of which two write journals."""
        life = Life(self, "ranks")
        life.run(NAMES[:8], done=6, ranks=3, env=POWER)
        life.run(NAMES[:8], ranks=3, env=POWER)
        return life.end()

    def strangers(self):
        """Ranks that don't see the directory: rank 0 records for them, and tells nobody."""
        life = Life(self, "strangers")
        life.run(NAMES[:8], done=6, ranks=3, env=POWER, hide=(1, 2), tells=False)
        life.run(NAMES[:8], ranks=3, env=POWER, hide=(1,), tells=False)
        return life.end()

