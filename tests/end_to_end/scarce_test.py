"""The system gives no more threads, or no more descriptors: one message and a documented exit code, and no loss."""
import os
import unittest

from support import *

FAULTS = os.environ["TASKER_FAULTS"]
NAMES = [f"task {i}" for i in range(30)]
QUIET = {"TASKER_PROGRESS": "off"}


class Scarce(WorklistTest):
    def check(self, outcome, expected, codes=(74,)):
        self.assertIn(outcome.code, codes, str(outcome))
        told = [line for line in outcome.err.splitlines()
                if line.startswith("tasker: ") and "can't be watched" not in line]
        self.assertEqual(len(told), 1, str(outcome))
        self.assertRegex(told[0], expected)

    def with_ever_more(self, least, start, *expected):
        """Runs that have one more each time of what is scarce, until that is enough."""
        for number in range(40):
            outcome = start(number).wait(seconds=30)
            if outcome.code == 0:
                break
            self.check(outcome, *expected)
        self.assertGreaterEqual(number, least)
        self.assertEqual(self.called(), sorted(NAMES))
        self.assertEqual(archive_results(self.archive), self.serial(NAMES)[1])
        self.archive.unlink()

    def test_threads(self):
        for ranks, scarce_on, least in ((1, 0, 2), (3, 0, 1), (3, 2, 2)):
            with self.subTest(ranks=ranks, scarce_on=scarce_on):
                env = {**QUIET, "LD_PRELOAD": FAULTS, "FAULTS_RANK": scarce_on}
                self.with_ever_more(
                    least, lambda n: self.start(NAMES, ranks, sleep_us=1000, env={**env, "FAULTS_THREADS": n + 1}),
                    "a thread could not be started: Resource temporarily unavailable")

    def test_descriptors(self):
        # Where rank 0 has too few to hear of the others' deaths, they may take its end for a death.
        for ranks, scarce_on, least, codes in ((1, -1, 2, (74,)), (3, 0, 5, (74, 75)), (3, 2, 4, (74,))):
            with self.subTest(ranks=ranks, scarce_on=scarce_on):
                self.with_ever_more(
                    least, lambda n: self.start(NAMES, ranks, sleep_us=1000, env=QUIET, files=n, scarce_on=scarce_on),
                    "Too many open files", codes)

    def test_a_rank_that_can_not_even_leave(self):
        for destitute in (0, 1):
            for mode in ("map", "half"):
                with self.subTest(destitute=destitute, mode=mode):
                    # By halves the destructor of a Tasker is what leaves, and two ranks are destitute.
                    outcome = self.start(NAMES, 4, env=QUIET, destitute=destitute, mode=mode).wait(seconds=30)
                    self.assertEqual(outcome.code, 74, str(outcome))
                    self.assertRegex(outcome.err, r"tasker: rank \d: cannot wait for other processes: Invalid argument")
                    self.assertNotIn("terminate", outcome.err)


if __name__ == "__main__":
    unittest.main()
