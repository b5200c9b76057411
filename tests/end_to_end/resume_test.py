"""Finished tasks are not computed again, however the run ended and whoever goes on."""
import subprocess
import unittest

from support import *

NAMES = [f"task {i}" for i in range(60)]
HALF = [*NAMES[:30], *(f"wait {i}" for i in range(30))]


class Resume(WorklistTest):
    def interrupted_at_half(self, ranks=3):
        """kill -9 of everything as soon as all workers wait; what was recorded by then, as (index, argument)."""
        run = self.start(HALF, ranks, sleep_us=1000, wait_for=self.base / "now")
        run.until(lambda: len(read_lines(self.ledger)) == 30 + ranks - 1, "all workers wait")
        run.kill()
        self.calls()
        (self.base / "now").touch()
        return {line["index"]: line["argument"] for line in self.load().lines if line["result"] is not None}

    def assert_finished_like_serial(self, outcome, arguments, **settings):
        results, serial_bytes = self.serial(arguments, **settings)
        self.assertEqual(outcome.results, results)
        self.assertEqual(archive_results(self.archive), serial_bytes)
        self.assertFalse(self.directory.exists())

    def test_any_number_of_ranks_goes_on(self):
        for ranks in (1, 2, 3, 7):
            with self.subTest(ranks=ranks):
                recorded = self.interrupted_at_half()
                self.assertEqual(recorded, dict(enumerate(HALF[:30])))
                outcome = self.run_map(HALF, ranks, wait_for=self.base / "now")
                self.assertEqual(self.called(), sorted(HALF[30:]))
                self.assertIn("30 reused, 30 to compute", outcome.err)
                self.assert_finished_like_serial(outcome, HALF, wait_for=self.base / "now")
                self.archive.unlink()
                (self.base / "now").unlink()

    def test_a_finished_archive_is_returned_without_a_call(self):
        first = self.run_map(NAMES, ranks=3)
        self.calls()
        before = tree(self.place)
        for ranks in (1, 3):
            again = self.run_map(ranks=ranks, reads=ranks - 1)
            self.assertEqual(again.results[: len(NAMES)], first.results)
            self.assertEqual(self.calls(), [])
            self.assertIn("60 reused, 0 to compute", again.err)
        self.assertEqual(tree(self.place), before)

    def test_version_inputs_and_seed_make_other_results(self):
        model = self.write("model", ["one"])
        variants = [{}, {"version": "2"}, {"version": "2", "inputs": model},
                    {"version": "2", "inputs": model, "env": {"TASKER_SEED": 7}}]
        for variant in variants:
            self.run_map(NAMES, ranks=2, **variant)
            self.assertEqual(self.called(), sorted(NAMES), str(variant))
            self.run_map(NAMES, ranks=2, **variant)
            self.assertEqual(self.called(), [], str(variant))
        self.write("model", ["two"])
        self.run_map(NAMES, **variants[2])
        self.assertEqual(self.called(), sorted(NAMES))
        # Nothing was thrown away meanwhile: the first variant is still there.
        self.run_map(NAMES)
        self.assertEqual(self.called(), [])

    def test_another_build_is_announced(self):
        self.run_map(NAMES)
        self.calls()
        other = self.base / "worklist"
        subprocess.run(["objcopy", "--remove-section", ".note.gnu.build-id", WORKLIST, str(other)], check=True)
        outcome = self.run_map(NAMES, program=other)
        self.assertEqual(self.calls(), [])
        self.assertIn("reusing 60 results of another build; change version to recompute", outcome.err)

    def test_many_killed_runs_leave_few_files(self):
        arguments = NAMES + ["wait"]
        for i in range(40):
            run = self.start(arguments[i:], sleep_us=1000, wait_for=self.base / "never")
            run.until(lambda: self.directory.exists() and "wait" in map(lambda line: line.split(" ", 2)[2],
                       read_lines(self.ledger)), "the last task")
            run.kill()
            self.calls()
        self.assertLess(len(list(self.directory.iterdir())), 40)
        (self.base / "now").touch()
        outcome = self.run_map(arguments, wait_for=self.base / "now")
        self.assertEqual(self.called(), ["wait"])
        self.assert_finished_like_serial(outcome, arguments, wait_for=self.base / "now")

    def test_damage_costs_only_what_is_damaged(self):
        self.interrupted_at_half(ranks=2)
        (self.directory / "manifest.json").write_text("{")
        journal = max(self.directory.glob("*.journal"), key=lambda path: path.stat().st_size)
        damaged = bytearray(journal.read_bytes())
        damaged[len(damaged) * 3 // 4] ^= 16
        journal.write_bytes(damaged)
        outcome = self.run_map(HALF, ranks=3, wait_for=self.base / "now")
        # A task that lasts a millisecond is recorded by itself.
        self.assertEqual(len(self.called()), 30 + 1)
        self.assertRegex(outcome.err, r"\d+ bytes of .*list\.dat\.mpi are damaged")
        self.assert_finished_like_serial(outcome, HALF, wait_for=self.base / "now")

    def test_ranks_in_the_middle_of_a_task_may_record_after_their_run_has_ended(self):
        go = self.base / "go"
        outcome = self.run_map(["a", "wait"], ranks=2, code=75, wait_for=go, sleep_us=1000, env={"TASKER_TIME_LIMIT": "5s"})
        self.assertEqual(len(list(self.directory.glob("*.ghosts"))), 1, str(outcome))
        self.calls()
        go.touch()
        outcome = self.run_map(["a", "wait"], ranks=2, wait_for=go)
        self.assertEqual(self.called(), ["wait"])
        self.assertRegex(outcome.err, r"waits \d\.\d s until no rank of an earlier run")
        self.assert_finished_like_serial(outcome, ["a", "wait"], wait_for=go)

    def test_no_rank_may_where_all_have_closed_their_journals(self):
        failing = self.write("failing", ["b"])
        self.run_map(["a", "b"], ranks=3, code=1, failing=failing)
        self.assertTrue(self.directory.exists())
        self.assertEqual(list(self.directory.glob("*.ghosts")), [])

    def test_a_kill_just_before_the_directory_goes_costs_nothing(self):
        """Archive and journals are there both."""
        outcome = self.run_map(NAMES, ranks=3, env={"TASKER_KEEP_DIRECTORY": 1})
        self.calls()
        self.assertTrue(self.directory.is_dir())
        again = self.run_map(NAMES, ranks=2)
        self.assertEqual(again.results, outcome.results)
        self.assertEqual(self.calls(), [])
        self.assertFalse(self.directory.exists())


class Read(WorklistTest):
    def test_load_reads_a_live_directory_a_dead_one_and_an_archive(self):
        arguments = ["a", "b", "wait", "wait", "wait"]
        run = self.start(arguments, ranks=3, wait_for=self.base / "now")
        run.until(lambda: len(read_lines(self.ledger)) >= 4, "two tasks at their wait")
        run.until(lambda: sum(r is not None for r in self.load(archive=self.directory).results) == 2,
                   "two records")
        live = self.load()
        self.assertEqual([line["index"] for line in live.lines if line["result"] is not None], [0, 1])
        self.assertEqual(live.lines[1]["argument"], "b")
        run.kill()
        self.assertEqual(self.load().results, live.results)
        (self.base / "now").touch()
        finished = self.run_map(arguments, ranks=3, wait_for=self.base / "now")
        self.assertEqual(self.load().results, finished.results)
        self.assertEqual(self.load(result="text", code=2).results, [])

    def test_load_says_what_is_wrong(self):
        self.assertIn("no results at", self.load(code=2).err)
        self.directory.mkdir()
        self.assertIn("no results yet", self.load(code=2).err)
        self.write("work/list.dat", ["a letter"])
        self.assertIn("not a Tasker archive", self.load(code=2).err)

    def test_one_maps_results_are_the_next_ones_arguments(self):
        for ranks in (1, 3):
            outcome = self.run_map(NAMES, ranks=ranks, mode="twice")
            self.assertEqual(len(outcome.results), 120)
            self.assertEqual(len(set(outcome.results[60:])), 60)
            again = self.run_map(NAMES, ranks=ranks, mode="twice")
            self.assertEqual(again.results, outcome.results)
        self.assertEqual(self.called(), sorted(NAMES))

    def test_two_groups_of_ranks_have_maps_of_their_own(self):
        outcome = self.run_map(NAMES, ranks=5, mode="half")
        self.assertEqual(len(outcome.results), 120)
        self.assertEqual(self.called(), sorted(NAMES * 2))
        self.assertEqual(archive_results(f"{self.archive}.even"), archive_results(f"{self.archive}.odd"))


if __name__ == "__main__":
    unittest.main()
