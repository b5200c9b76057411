"""Two and three live runs of one directory on different hosts, frozen and woken at their calls on files.

By default one call of each kind, and some at random (TASKER_KILL_SEED repeats them); with TASKER_EVERY=1 every call.
"""
import collections
import copy
import random
import unittest
from types import SimpleNamespace

from two_runs import *

EVERY = os.environ.get("TASKER_EVERY", "0") != "0"
SEED = int(os.environ.get("TASKER_KILL_SEED", random.randrange(1 << 32)))


@needs_root
class TwoRuns(FaultsTest):
    def judge(self, *meeting):
        verdict = Meeting(*meeting)
        if verdict.problems:
            self.fail(str(verdict))
        return verdict

    def test_one_frozen_at_any_call_while_another_does_all_the_work(self):
        scenario = self.fresh()
        taken_over = 0
        for step in scenario.steps if EVERY else scenario.some_steps():
            with self.subTest(step=step.number, name=step.name, path=step.path):
                verdict = self.judge(scenario, [(step.number, "stop"), (0, None)], [0, 1])
                taken_over += "was taken over" in verdict.runs[0].outcome.err or "has been removed" in verdict.runs[0].outcome.err
        self.assertGreater(taken_over, 3)

    def test_one_frozen_in_its_merge_while_another_dies_in_its_own(self):
        scenario = self.fresh()
        merging = [step.number for step in scenario.steps if "archive.unfinished" in step.path or step.path == str(self.archive)]
        first, last = merging[0], merging[-1] + 2
        for at in range(first, last) if EVERY else (first + 1, last - 4, last - 1):
            for dies in range(first, last + 12, 1 if EVERY else 5):
                with self.subTest(at=at, dies=dies):
                    self.judge(scenario, [(at, "stop"), (dies, "kill")], [0, 1])

    def test_one_whose_fence_another_has_emptied_and_then_died(self):
        scenario = self.fresh()
        within = {step.name: step for step in scenario.steps if ".fence/archive.unfinished" in step.path}
        steps = [step for step in scenario.steps if ".fence/" in step.path] if EVERY else within.values()
        ends = collections.Counter()
        for step in steps:
            with self.subTest(step=step.number, name=step.name, path=step.path):
                scenario.restore()
                frozen = LiveRun(SimpleNamespace(test=self, scenario=scenario), 0, step.number, "stop")
                for file in self.directory.glob("*.fence/*"):
                    file.unlink()
                frozen.wake()
                ends[frozen.outcome.code] += 1
                self.assertIn(frozen.outcome.code, (0, 75), str(frozen))
                last = LiveRun(SimpleNamespace(test=self, scenario=scenario), 1, 0, None)
                self.assertEqual((last.outcome.code, last.outcome.results), (0, scenario.results), str(last))
        self.assertGreater(ends[75], 3)

    def test_another_list_while_one_is_frozen_at_its_end(self):
        """A run never takes another run's archive for its own."""
        scenario = self.fresh()
        other = copy.copy(scenario)
        other.arguments = [f"other {name}" for name in scenario.arguments]
        published = max(step.number for step in scenario.steps if step.name == "rename" and step.path == str(self.archive))
        ends = collections.Counter()
        for at in range(published - 2, len(scenario.steps) + 1):
            for gone in (False, True):
                with self.subTest(at=at, gone=gone):
                    scenario.restore()
                    frozen = LiveRun(SimpleNamespace(test=self, scenario=scenario), 0, at, "stop")
                    self.assertEqual(LiveRun(SimpleNamespace(test=self, scenario=other), 1, 0, None).outcome.code, 0)
                    if gone:
                        self.archive.rename(self.base / "away")
                    frozen.wake()
                    ends[frozen.outcome.code] += 1
                    if frozen.outcome.code == 0:
                        self.assertEqual(frozen.outcome.results, scenario.results)
                    else:
                        self.assertEqual(frozen.outcome.code, 75, str(frozen))
                    if gone:
                        (self.base / "away").rename(self.archive)
                    last = LiveRun(SimpleNamespace(test=self, scenario=scenario), 2, 0, None)
                    self.assertEqual((last.outcome.code, last.outcome.results), (0, scenario.results), str(last))
        self.assertGreater(ends[75], 1)
        self.assertGreater(ends[0], 1)

    def test_two_or_three_at_random(self):
        print(f"seed {SEED}", flush=True)
        chance = random.Random(SEED)
        scenarios = [self.fresh(), self.power(), self.crowded(), self.tidy()]
        for _ in range(200 if EVERY else 25):
            verdict = random_meeting(scenarios, chance)
            if verdict.problems:
                self.fail(str(verdict))


if __name__ == "__main__":
    unittest.main()
