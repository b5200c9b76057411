"""kill -9 at random moments: nothing that was finished is computed again, and the archive is a serial run's.

TASKER_KILLS says how many kills (default 20), TASKER_KILL_SEED repeats a failed series:

    TASKER_KILLS=200 ctest -R kill --verbose
"""
import collections
import os
import random
import time
import unittest

from support import *

KILLS = int(os.environ.get("TASKER_KILLS", 20))
SEED = int(os.environ.get("TASKER_KILL_SEED", random.randrange(1 << 32)))
TASKS = 150
RANKS = (2, 3, 3, 4)
VICTIMS = ("a worker", "rank 0", "mpirun", "all")


class Kill(WorklistTest):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        self.figures = collections.Counter()
        self.kills_wanted = KILLS

    def random_moment(self, run, missing):
        """Waits for a moment during the start, the work or the merge; False if the run ends before."""
        lines = 0 if self.chance.random() < 0.2 else self.chance.randint(0, missing)
        end = time.monotonic() + DEADLINE
        while lines > 0 and len(read_lines(self.ledger)) < lines:
            self.assertLess(time.monotonic(), end, "tasks are not called")
            if run.process.poll() is not None:
                return False
            time.sleep(0.001)
        time.sleep(self.chance.uniform(0, 0.5 if lines == 0 else 0.02))  # a random moment has no other name
        return run.process.poll() is None

    def kill_one(self, run, victim, launched):
        """kill -9 of one of them; the others end by themselves, or go on. Before there are ranks there is only
        mpirun, or what launched it."""
        workers = sorted(run.ranks().keys() - {0})
        if victim == "all":
            outcome = run.kill()
        else:
            if victim == "a worker" and workers:
                run.kill_rank(self.chance.choice(workers))
            elif victim == "rank 0" and 0 in run.ranks():
                run.kill_rank(0)
            else:
                victim = "mpirun"
                run.process.kill()
            outcome = run.wait()
        if outcome.code != 0 or "is gone" in outcome.err:  # else it came too late
            self.figures["kills"] += 1
            self.figures[f"of {victim}{' under tasker launch' if launched else ''}"] += 1
        if launched and victim == "a worker" and len(workers) > 1:
            self.assertEqual(outcome.code, 0, str(outcome))
        return outcome

    def recorded(self, settings):
        """How many results there are for every argument."""
        if not self.directory.exists() and not self.archive.exists():
            return collections.Counter()
        outcome = self.start(mode="load", pids=self.base / "no_pids", **settings).wait()
        if outcome.code != 0:  # killed before anything was there
            self.assertIn("holds no results yet", outcome.err)
            return collections.Counter()
        return collections.Counter(line["argument"] for line in outcome.lines if line["result"] is not None)

    def series(self, arguments, settings, results, serial_bytes):
        """Runs that are killed until one comes to its end."""
        finished = collections.Counter()
        calls = 0
        while True:
            missing = len(arguments) - finished.total()
            ranks = self.chance.choice(RANKS)
            launched = self.chance.random() < 0.4
            run = self.start(arguments, ranks, launch=() if launched else None, **settings)
            if missing > 0 and self.figures["kills"] < self.kills_wanted and self.random_moment(run, missing):
                outcome = self.kill_one(run, self.chance.choice(VICTIMS), launched)
            else:
                outcome = run.wait()
                self.assertEqual(outcome.code, 0, str(outcome))
            called = collections.Counter(self.called())
            calls += called.total()
            self.assertFalse(called.keys() - (collections.Counter(arguments) - finished).keys(),
                             "finished tasks were computed again")
            now = self.recorded(settings)
            self.assertEqual(finished - now, collections.Counter(), "finished tasks were lost")
            # A worker loses the task it was at, and before that less than a millisecond of work.
            lost = called.total() - (now - finished).total()
            self.assertLessEqual(lost, (ranks - 1) * (1 + 999 // settings["sleep_us"]))
            finished = now
            if outcome.code == 0:
                self.assertEqual(outcome.results, results)
                self.assertEqual(archive_results(self.archive), serial_bytes)
                self.assertFalse(self.directory.exists())
                self.figures["archives"] += 1
                self.figures["calls"] += calls
                self.figures["interrupted calls"] += calls - len(arguments)
                self.archive.unlink()
                return

    def random_series(self):
        arguments = [f"task {i} {self.chance.random()}" for i in range(TASKS - 6)]
        arguments += arguments[:6]
        settings = {"result": self.chance.choice(("number", "text")),
                    "sleep_us": self.chance.choice((100, 1000, 5000))}
        results, serial_bytes = self.serial(arguments, **{**settings, "sleep_us": 0})
        self.series(arguments, settings, results, serial_bytes)

    def test_kills_at_random_moments(self):
        print(f"seed {SEED}", flush=True)
        while self.figures["kills"] < self.kills_wanted:
            self.random_series()
        print(", ".join(f"{count} {what}" for what, count in self.figures.items()), flush=True)


if __name__ == "__main__":
    unittest.main()
