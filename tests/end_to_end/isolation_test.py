"""Tasks in processes of their own: what one of them does costs only itself."""
import collections
import os
import time
import unittest

from support import *

NAMES = [f"task {i}" for i in range(200)]
BAD = {"task 20": "segv", "task 50": "hang", "task 80": "eat", "task 110": "exit", "task 140": "int"}
LIMITS = {"TASKER_TIMEOUT": "5s", "TASKER_MEMORY_LIMIT": "100M"}

# How a run is started: so many ranks with so many slots each.
SHAPES = [(1, 1), (1, 3), (3, 1), (2, 3)]


class Isolation(WorklistTest):
    def run_bad(self, bad, **others):
        # What a crash finds unrecorded is computed again, which is nothing for tasks of a millisecond.
        return self.run_map(NAMES, sleep_us=1000, bad=self.write("bad", [f"{how} {name}" for name, how in bad.items()]), **others)

    def test_every_kind_of_failure_is_contained_told_apart_and_computed_anew_when_it_is_mended(self):
        for ranks, slots in SHAPES:
            with self.subTest(ranks=ranks, slots=slots):
                env = {**LIMITS, "TASKER_SLOTS": slots}
                outcome = self.run_bad(BAD, ranks=ranks, env=env, code=1)
                for cause in (
                    "task 20: signal SIGSEGV",
                    "task 50: it lasted longer than its timeout of 5.0 s",
                    "task 80: it took more memory than its limit of 100 MiB",
                    "task 110: it ended its process, with exit code 0",
                    "task 140: an exception of type int",
                ):
                    self.assertIn(cause, outcome.err)
                self.assertIn("5 of 200 tasks failed", outcome.err)
                # What crashes is called once more in a fresh process: others may be the cause.
                calls = collections.Counter(self.called())
                twice = [name for name in calls if calls[name] > 1]
                self.assertEqual(sorted(calls), sorted(NAMES))
                self.assertLessEqual(set(twice), {"task 20", "task 80", "task 110"})
                self.assertLessEqual(max(calls.values()), 2)
                results = self.load().results
                self.assertEqual([NAMES[i] for i, r in enumerate(results) if r is None], list(BAD))
                self.run_bad({}, ranks=ranks, env=env)
                self.assertEqual(self.called(), sorted(BAD))
                self.assertEqual(archive_results(self.archive), self.serial(NAMES)[1])
                self.archive.unlink()

    def test_many_short_tasks_with_crashes_among_them(self):
        names = [f"task {i}" for i in range(3000)]
        bad = self.write("bad", [f"segv {name}" for name in names[::100]])
        for ranks, slots in ((1, 2), (3, 1)):
            with self.subTest(ranks=ranks, slots=slots):
                env = {"TASKER_SLOTS": slots}
                outcome = self.run_map(names, bad=bad, ranks=ranks, env=env, code=1)
                self.assertIn("30 of 3000 tasks failed", outcome.err)
                self.assertIn("30 tasks: signal SIGSEGV; first: task 0", outcome.err)
                self.calls()
                self.run_map(names, ranks=ranks, env=env)
                self.assertEqual(self.called(), sorted(names[::100]))
                self.assertEqual(archive_results(self.archive), self.serial(names)[1])
                self.archive.unlink()

    def test_slots_compute_side_by_side(self):
        # Tasks that wait for each other end only if all of them run.
        names = [f"wait {i}" for i in range(4)]
        for ranks, slots in ((1, 4), (2, 4), (3, 2)):
            with self.subTest(ranks=ranks, slots=slots):
                go = self.base / "go"
                run = self.start(names, ranks=ranks, env={"TASKER_SLOTS": slots}, wait_for=go)
                run.until(lambda: len(read_lines(self.ledger)) == len(names), "all tasks at the same time")
                go.touch()
                self.assertEqual(run.wait().code, 0)
                go.unlink()
                self.calls()
                self.archive.unlink()

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one CPU can be shared only")
    def test_slots_use_all_cpus_whatever_mpirun_has_bound_their_rank_to(self):
        cpus = len(os.sched_getaffinity(0))
        env = {"TASKER_SLOTS": cpus, "OMPI_MCA_hwloc_base_binding_policy": "core"}
        said = "mpirun has bound each rank to 1 CPU"
        for start in {"wrapper": ("mpirun", "-n", "1")}, {"launch": ()}:
            outcome = self.start(NAMES, env=env, **start).wait()
            self.assertEqual(outcome.code, 0, str(outcome))
            self.assertIn(f"{cpus} CPUs per rank", outcome.err)
            self.assertNotIn(said, outcome.err)
            self.archive.unlink()
        # Where others are beside it, these CPUs are theirs.
        outcome = self.start(NAMES, env=env, ranks=2).wait()
        self.assertIn(said, outcome.err)
        self.assertIn("1 CPU per rank", outcome.err)

    def test_retries(self):
        env = {"TASKER_ISOLATION": "process", "TASKER_RETRIES": "2"}
        outcome = self.run_bad({"task 3": "segv", "task 4": "int"}, env=env, ranks=2, code=1)
        self.assertIn("2 of 200 tasks failed", outcome.err)
        calls = self.calls()
        for name in ("task 3", "task 4"):
            attempts = [call.attempt for call in calls if call.argument == name]
            # The first crash may be due to a task before, and is seen once more in a fresh process.
            self.assertIn(attempts, ([1, 2, 3], [1, 1, 2, 3]) if name == "task 3" else ([1, 2, 3],))
        self.assertEqual({call.argument for call in calls}, set(NAMES))
        self.run_bad({}, env=env)
        self.assertEqual([(call.argument, call.attempt) for call in self.calls()], [("task 3", 4), ("task 4", 4)])

    def output(self, outcome):
        return {NAMES[line["index"]]: line["output"] for line in outcome.lines if "output" in line}

    def test_what_failed_tasks_and_their_programs_wrote_is_shown_and_kept(self):
        bad = {"task 20": "segv", "task 140": "int"}
        wrote = {name: [f"out of {name}\n", f"err of {name}\n"] for name in bad}
        for ranks, slots in SHAPES:
            with self.subTest(ranks=ranks, slots=slots):
                env = {"TASKER_SLOTS": slots}
                outcome = self.run_bad(bad, ranks=ranks, env=env, says="yes", code=1)
                self.assertIn("  task 20: signal SIGSEGV\n    err of task 20\n", outcome.err)
                self.assertIn("  task 140: an exception of type int\n    err of task 140\n", outcome.err)
                self.assertNotIn("of task 30", outcome.out + outcome.err)
                self.assertEqual(self.output(self.load()), wrote)
                holes = self.run_bad(bad, ranks=ranks, env={**env, "TASKER_ON_FAILURE": "keep"}, says="yes")
                self.assertEqual(self.output(holes), wrote)
                self.assertEqual(self.output(self.run_bad({}, ranks=ranks, env=env, says="yes")), {})
                self.archive.unlink()

    def test_output_is_captured_as_asked(self):
        env = {"TASKER_SLOTS": 2, "TASKER_CAPTURE": "all"}
        every = {name: [f"out of {name}\n", f"err of {name}\n"] for name in NAMES}
        self.assertEqual(self.output(self.run_bad({}, ranks=3, env=env, says="yes", reads=2)), every)
        # Reused results keep theirs.
        self.run_map(NAMES[1:], ranks=2, env=env)
        self.run_map(NAMES, env=env)
        self.assertEqual(self.output(self.load()), every)
        self.archive.unlink()
        outcome = self.run_bad({"task 20": "int"}, ranks=3, env={**env, "TASKER_CAPTURE": "none"}, says="yes", code=1)
        self.assertIn("out of task 30\n", outcome.out)
        self.assertIn("err of task 30\n", outcome.err)
        self.assertIn("  task 20: an exception of type int\nAll other", outcome.err)
        self.assertEqual(self.output(self.load()), {})

    def test_a_limit_says_that_it_isolates(self):
        for ranks in (1, 2):
            for name, value in (("TASKER_TIMEOUT", "1h"), ("TASKER_MEMORY_LIMIT", "10G")):
                with self.subTest(ranks=ranks, name=name):
                    said = name.removeprefix("TASKER_").lower() + " needs isolation"
                    self.assertIn(said, self.run_map(NAMES, ranks=ranks, env={name: value}).err)
                    self.archive.unlink()
                    outcome = self.run_map(NAMES, ranks=ranks, env={name: value, "TASKER_ISOLATION": "process"})
                    self.assertNotIn(said, outcome.err)
                    self.archive.unlink()

    def test_no_process_outlives_a_killed_rank(self):
        names = ["wait", "wait", "sleep", "sleep"]
        bad = self.write("bad", ["program sleep"])
        for ranks, slots in ((1, 4), (3, 2)):
            with self.subTest(ranks=ranks):
                env = {"TASKER_SLOTS": slots}
                run = self.start(names, ranks=ranks, env=env, bad=bad, wait_for=self.base / "never")
                run.until(lambda: len(read_lines(self.ledger)) == 4, "all tasks")
                programs = self.started_programs(run, 2)
                children = [pid for pid in self.processes() if pid != run.process.pid]
                self.assertGreaterEqual(len(children), 4)
                run.kill()
                end = time.monotonic() + DEADLINE
                while self.processes():
                    self.assertLess(time.monotonic(), end, f"{self.processes()} live on")
                    time.sleep(0.01)
                for program in programs:
                    self.assertTrue(has_ended(program, DEADLINE), "a program that a task started lives on")
                self.calls()
                (self.base / "now").touch()
                self.run_map(names, ranks=ranks, wait_for=self.base / "now")
                self.assertEqual(len(self.calls()), 4)
                self.archive.unlink()

    def processes(self):
        """Of the program, on this test's archive."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == str(WORKLIST).encode() and f"archive={self.archive}".encode() in words:
                found.append(int(pid))
        return found


if __name__ == "__main__":
    unittest.main()
