"""The time is up: only what will end in time is begun, and the next run goes on."""
import functools
import os
import unittest

from support import *

SLEEPER = os.environ["TASKER_SLEEPER"]
# Who executes tasks: rank 0, its slots, other ranks, their slots. What executes them is the same code.
WAYS = [(1, {}), (1, {"TASKER_SLOTS": "2"}), (3, {}), (2, {"TASKER_SLOTS": "2"})]
TWO_WAYS = [WAYS[0], WAYS[3]]


def in_each_of(ways):
    """A test that is done in each of these ways, each time from nothing."""
    def decorate(test):
        @functools.wraps(test)
        def in_turn(self):
            for ranks, env in ways:
                for path in (self.archive, self.ledger, self.go):
                    path.unlink(missing_ok=True)
                shutil.rmtree(self.directory, ignore_errors=True)
                with self.subTest(ranks=ranks, env=env):
                    test(self, {"ranks": ranks, "env": env})
        return in_turn
    return decorate


class Time(WorklistTest):
    def setUp(self):
        super().setUp()
        self.go = self.base / "go"

    def begin(self, tasks=None, limit=None, env={}, **others):
        """Starts a run of tasks that sleep; `tasks`: (name, seconds) each; `limit`: the run's seconds."""
        if tasks is not None:
            self.write("arguments", [f"{name} {seconds}" for name, seconds in tasks])
        if limit:
            env = {**env, **self.job(limit)}
        return self.start(program=SLEEPER, env=env, go=self.go, **others)

    def job(self, seconds):
        """The environment of a job that has so much time when the run asks for it: its start may take as long as it likes."""
        squeue = self.base / "bin" / "squeue"
        squeue.parent.mkdir(exist_ok=True)
        squeue.write_text("#!/bin/sh\necho '0:{0:02}|0:{0:02}'\n".format(seconds))
        squeue.chmod(0o755)
        return {"PATH": f"{squeue.parent}:{os.environ['PATH']}", "SLURM_JOB_ID": "4711"}

    def sleep(self, *arguments, code=0, **others):
        outcome = self.begin(*arguments, **others).wait()
        self.assertEqual(outcome.code, code, str(outcome))
        return outcome

    def noted(self):
        """What was noted since the last time this was asked: names by what became of them."""
        noted = collections.defaultdict(list)
        for line in read_lines(self.ledger):
            what, name = line.split()[:2]
            noted[what].append(name)
        self.ledger.unlink(missing_ok=True)
        return noted

    @in_each_of(TWO_WAYS)
    def test_nothing_is_begun_that_would_not_end_and_nothing_is_done_twice(self, way):
        tasks = [(f"t{i}", 0.5) for i in range(60)]
        outcome = self.sleep(tasks, limit=4, code=75, **way)
        self.assertRegex(outcome.err, r"was stopped since its time is up in .*: \d+ of 60 tasks are left, about")
        first = self.noted()
        self.assertGreater(len(first["end"]), 0)
        self.assertCountEqual(first["begin"], first["end"])
        self.go.touch()
        self.sleep(**way)
        self.assertCountEqual(first["begin"] + self.noted()["begin"], [name for name, _ in tasks])

    @in_each_of(WAYS)
    def test_a_task_that_lasts_too_long_is_given_up_in_time_and_tried_once_with_all_the_time(self, way):
        outcome = self.sleep([("long", 1000)], limit=5, code=75, **way)
        self.assertRegex(outcome.err, r"stopped .*1 of 1 tasks are left")
        self.assertEqual(self.noted(), {"begin": ["long"]})
        # It has had most of the time there is: so much is not enough. More may be.
        outcome = self.sleep(limit=3, code=1, **way)
        self.assertIn("it needs more than the 2.4 s that an allocation has for tasks", outcome.err)
        self.assertEqual(self.noted(), {})
        run = self.begin(limit=59, **way)
        run.until(lambda: read_lines(self.ledger), "the task")
        self.go.touch()
        self.assertEqual(run.wait().code, 0)
        self.assertEqual(self.noted(), {"begin": ["long"], "end": ["long"]})

    @in_each_of(TWO_WAYS)
    def test_tasks_that_are_expected_to_fit_are_found(self, way):
        tasks = [("a", 1000), ("b", 0.1), ("c", 1000), ("d", 0.1), ("e", 0.1)]
        outcome = self.sleep(tasks, limit=4, code=75, expected=1, **way)
        self.assertCountEqual(self.noted()["end"], ["b", "d", "e"])
        self.assertIn("2 of 5 tasks are left, about", outcome.err)

    def test_what_needs_more_than_any_allocation_has_says_how_much(self):
        self.sleep([("long", 1000)], limit=4, code=75, expected=1)
        outcome = self.sleep(limit=3, code=1, expected=1)
        self.assertIn("it needs about 16 min 40 s, more than the 2.4 s that an allocation has", outcome.err)

    def test_the_longest_come_first(self):
        tasks = [("a", 0.1), ("b", 0.3), ("c", 0.2), ("d", 0.4)]
        self.sleep(tasks, expected=1, order="longest_first")
        self.assertEqual(self.noted()["end"], ["d", "b", "c", "a"])

    def test_the_longest_by_what_they_lasted_with_another_version_come_first(self):
        tasks = [("a", 0.1), ("b", 0.3), ("c", 0.2), ("d", 0.4)]
        self.sleep(tasks, order="longest_first")
        self.assertEqual(self.noted()["end"], ["a", "b", "c", "d"])
        self.sleep(order="longest_first", version="2")
        self.assertEqual(self.noted()["end"], ["d", "b", "c", "a"])

    @in_each_of(TWO_WAYS)
    def test_a_task_that_stops_when_it_is_asked_to_has_not_failed(self, way):
        outcome = self.sleep([("long", 1000)], limit=3, code=75, stops="yes", **way)
        self.assertIn("1 of 1 tasks are left", outcome.err)
        self.assertEqual(set(self.noted()["stop"]), {"long"})
        # It may go on from something of its own: it is called again.
        self.go.touch()
        self.sleep(limit=4, **way)
        self.assertEqual(self.noted(), {"begin": ["long"], "end": ["long"]})

    @in_each_of(TWO_WAYS)
    def test_a_task_that_lasts_too_long_among_short_ones_costs_only_itself(self, way):
        short = [(f"t{i}", 0.002) for i in range(60)]
        tasks = [*short[:40], ("long", 1000), *short[40:]]
        outcome = self.sleep(tasks, limit=4, code=75, **way)
        done = self.noted()
        self.assertCountEqual(done["begin"], done["end"] + ["long"])
        self.assertIn(f"{len(tasks) - len(done['end'])} of 61 tasks are left", outcome.err)
        # As long as it is not known to have had all the time it is tried again, before all others; that is not even
        # begun where the machine is so busy that a part of the time has gone.
        ended = done["end"]
        for _ in range(20):
            outcome = self.begin(limit=4, **way).wait()
            again = self.noted()
            ended += again["end"]
            if "long" in again["begin"]:
                self.assertEqual(again["begin"][0], "long")
            if outcome.code != 75:
                break
        self.assertEqual(outcome.code, 1, str(outcome))
        self.assertIn("it needs more than the", outcome.err)
        self.assertCountEqual(ended, [name for name, _ in short])

    def states(self):
        return sorted(self.directory.glob("*.state")) if self.directory.exists() else []

    def slept(self):
        """How long tasks had slept when they began, or went on."""
        slept = [float(line.split()[2]) for line in read_lines(self.ledger) if line.startswith("begin")]
        self.ledger.unlink(missing_ok=True)
        return slept

    @in_each_of(TWO_WAYS)
    def test_a_task_goes_on_from_the_state_that_it_has_saved(self, way):
        run = self.begin([("long", 1000)], saves="yes", **way)
        run.until(self.states, "a state")
        run.kill()
        self.assertEqual(self.slept(), [0])
        self.assertEqual(len(self.states()), 1)
        # By another rank, or none.
        self.go.touch()
        self.sleep(saves="yes", ranks=5 - way["ranks"])
        self.assertGreater(self.slept()[0], 0)
        self.assertFalse(self.directory.exists())

    def test_a_state_goes_when_its_task_is_done(self):
        for ranks, env in WAYS:
            self.sleep([("a", 0.1)], saves="yes", ranks=ranks, env={**env, "TASKER_KEEP_DIRECTORY": "1"})
            self.assertTrue(self.directory.exists())
            self.assertEqual(self.states(), [])
            shutil.rmtree(self.directory)
            self.archive.unlink()

    def test_a_task_that_saves_states_is_never_too_long(self):
        for _ in range(3):
            outcome = self.sleep([("long", 1000)], limit=2, code=75, saves="yes", stops="yes")
            self.assertIn("1 of 1 tasks are left", outcome.err)
        begun = self.slept()
        self.assertEqual(begun, sorted(begun))
        self.assertGreater(begun[2], begun[1])

    def test_a_state_counts_for_its_argument_and_version_only(self):
        self.sleep([("long", 1000)], limit=2, code=75, saves="yes", stops="yes")
        self.go.touch()
        self.ledger.unlink()
        self.sleep(saves="yes", version="2")
        self.assertEqual(self.slept(), [0])

    def test_a_damaged_state_is_none(self):
        self.sleep([("long", 1000)], limit=2, code=75, saves="yes", stops="yes")
        state, = self.states()
        whole = state.read_bytes()
        self.go.touch()
        for bytes in (b"", whole[:-1], whole[:12], whole[:-1] + b"x", b"x" + whole[1:], whole + b"x"):
            self.ledger.unlink(missing_ok=True)
            shutil.copytree(self.directory, self.base / "copy")
            state.write_bytes(bytes)
            self.sleep(saves="yes")
            self.assertEqual(self.slept(), [0], bytes)
            self.archive.unlink()
            (self.base / "copy").rename(self.directory)
        self.sleep(saves="yes")
        self.assertGreater(self.slept()[0], 0)

    @in_each_of(TWO_WAYS)
    def test_usr1_asks_tasks_to_stop(self, way):
        run = self.begin([("long", 1000)], stops="yes", **way)
        run.until(lambda: read_lines(self.ledger), "the task")
        run.process.send_signal(signal.SIGUSR1)
        outcome = run.wait()
        self.assertEqual(outcome.code, 75, str(outcome))
        self.assertEqual(self.noted()["stop"], ["long"])

    def test_a_rank_that_does_not_come_to_the_map_keeps_nobody_when_the_run_must_stop(self):
        for limit in (None, 3):
            with self.subTest(limit=limit):
                run = self.begin([("a", 0)], ranks=3, late=2, limit=limit)
                run.until(lambda: len(read_lines(self.pids)) == 3, "all ranks")
                if not limit:
                    run.process.send_signal(signal.SIGUSR1)
                outcome = run.wait()
                self.assertEqual(outcome.code, 75, str(outcome))
                told = [line for line in outcome.err.splitlines() if line.startswith("tasker: ")]
                self.assertEqual(len(told), 1, str(outcome))
                why = "since its time is up" if limit else "by SIGUSR1"
                self.assertRegex(told[0], f"list.dat was stopped {why}.* while it waited for rank 2 to call map; run the same")
        self.go.touch()
        self.sleep(ranks=3, late=2)

    def test_a_few_long_tasks_do_not_end_a_run_early(self):
        # Behind a chunk of short ones nothing fits, for all that a cautious one knows.
        tasks = [("long", 2), ("long", 2), *((f"t{i}", 0.002) for i in range(40))]
        self.sleep(tasks, env={"TASKER_TIME_LIMIT": "30s", "TASKER_SLOTS": "2"})
        self.sleep(tasks, env={"TASKER_TIME_LIMIT": "30s", "TASKER_SLOTS": "1"}, version="2")

    def test_a_time_that_is_over_when_the_map_begins(self):
        for ranks in (1, 2):
            outcome = self.sleep([("a", 0.1)], code=75, ranks=ranks, env={"TASKER_DEADLINE": "1000"})
            self.assertIn("was stopped since its time is up: 1 of 1 tasks are left", outcome.err)
            self.assertEqual(self.noted(), {})


if __name__ == "__main__":
    unittest.main()
