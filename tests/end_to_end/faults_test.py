"""A disk that fails at any call, and kill -9 at any call: nothing is lost, the next run completes.

By default the first and the last call of each kind are tried, with TASKER_EVERY=1 every one:

    TASKER_EVERY=1 ctest -R faults --verbose
"""
import collections
import os
import unittest

from faults import *

EVERY = os.environ.get("TASKER_EVERY", "0") != "0"


class Faults(FaultsTest):
    def sweep(self, make, faults_of):
        scenario = make()
        figures = collections.Counter()
        slowest = 0
        for step in scenario.steps if EVERY else scenario.some_steps():
            for what in faults_of[step.name]:
                with self.subTest(step=step.number, name=step.name, path=step.path, what=what):
                    verdict = Verdict(scenario, step.number, what)
                    if verdict.problems:
                        self.fail(str(verdict))
                    figures["tried"] += verdict.step is not None
                    figures["ended by it"] += verdict.outcome.code != 0
                    figures["recomputed"] += verdict.recomputed
                    slowest = max(slowest, verdict.seconds)
        print(f"{scenario.name}: {len(scenario.steps)} calls, {len(scenario.kinds_of_steps())} kinds;",
              ", ".join(f"{count} {what}" for what, count in figures.items()), f"; the slowest end took {slowest:.2f} s", flush=True)

    def test_errors_in_a_fresh_map(self):
        self.sweep(self.fresh, ERRORS)

    def test_errors_where_records_are_to_survive_a_loss_of_power(self):
        self.sweep(self.power, ERRORS)

    def test_errors_where_journals_are_folded_and_an_archive_imported(self):
        self.sweep(self.crowded, ERRORS)

    def test_errors_behind_a_finished_archive(self):
        self.sweep(self.tidy, ERRORS)

    def test_kills_in_a_fresh_map(self):
        self.sweep(self.fresh, KILLS)

    def test_kills_where_records_are_to_survive_a_loss_of_power(self):
        self.sweep(self.power, KILLS)

    def test_kills_where_journals_are_folded_and_an_archive_imported(self):
        self.sweep(self.crowded, KILLS)

    def test_kills_behind_a_finished_archive(self):
        self.sweep(self.tidy, KILLS)


if __name__ == "__main__":
    unittest.main()
