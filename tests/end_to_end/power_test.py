"""The power goes after any call on a file: what a run was told is on the disk is there, and nothing is ever wrong.

By default some of what may be left is tried, with TASKER_EVERY=1 all of it:

    TASKER_EVERY=1 ctest -R power --verbose
"""
import os
import random
import unittest

from power import *

EVERY = os.environ.get("TASKER_EVERY", "0") != "0"
TRIES = 55


class Power(PowerTest):
    def sweep(self, life):
        tries = life.tries()
        # What is left when all is lost is a matter of what was synced, and of little else: there are few such states.
        chosen = [one for one in tries if one[2] == "all"]
        others = [one for one in tries if one[2] != "all"]
        chosen += others if EVERY else random.Random(life.name).sample(others, min(len(others), TRIES - len(chosen)))
        recomputed = damaged = 0
        for one in chosen:
            with self.subTest(lines=one[1], way=one[2]):
                loss = PowerLoss(*one)
                recomputed += loss.recomputed
                damaged += "damaged" in loss.outcome.err
                if loss.problems:
                    self.fail(str(loss))
        print(f"{life.name}: {len(chosen)} of {len(tries)} disks: {recomputed} tasks recomputed, "
              f"damage found on {damaged}", flush=True)

    def test_of_archives(self):
        self.sweep(self.archives())

    def test_of_a_map_without_tasks(self):
        self.sweep(self.empty())

    def test_of_records_that_are_to_survive_it(self):
        self.sweep(self.records())

    def test_of_journals_that_are_folded(self):
        self.sweep(self.many())

    def test_of_states(self):
        self.sweep(self.states())

    def test_of_tasks_in_children(self):
        self.sweep(self.outputs())

    def test_of_three_ranks(self):
        self.sweep(self.ranks())

    @needs_root
    def test_of_ranks_that_do_not_see_the_directory(self):
        self.sweep(self.strangers())


if __name__ == "__main__":
    unittest.main()
