"""How often a large argument is in memory."""
import os
import unittest

from support import *

if os.geteuid() == 0:
    with_own_mounts()

LARGE = os.environ["TASKER_LARGE_ARGUMENT"]
SIZE = 100 << 20


class Memory(WorklistTest):
    def peaks(self, size, **others):
        outcome = self.run_map(program=LARGE, size=size, **others)
        self.archive.unlink()
        return {line["who"]: line["result"] for line in outcome.lines}

    def check(self, **others):
        little, much = self.peaks(1, **others), self.peaks(SIZE, **others)
        copies = {who: round((much[who] - little[who]) / SIZE, 2) for who in much}
        print(copies, flush=True)
        self.assertLess(max(copies.values()), 3.1, str(copies))

    def test_in_no_process_there_are_more_than_three_copies(self):
        for ranks in (1, 2):
            for slots in (0, 1):
                with self.subTest(ranks=ranks, slots=slots):
                    self.check(ranks=ranks, env={"TASKER_SLOTS": slots})

    def test_an_argument_larger_than_the_limit_costs_its_own_task_only(self):
        outcome = self.run_map(program=LARGE, size=80 << 20, code=1,
                               env={"TASKER_SLOTS": 1, "TASKER_MEMORY_LIMIT": "50M"})
        self.assertIn("1 of 2 tasks failed", outcome.err)
        self.assertIn("task 0: it took more memory than its limit of 50 MiB", outcome.err)

    @needs_root
    def test_nor_where_the_record_travels_to_rank_0(self):
        for slots in (0, 1):
            with self.subTest(slots=slots):
                self.check(ranks=2, **self.hidden([1], TASKER_SLOTS=slots))


if __name__ == "__main__":
    unittest.main()
