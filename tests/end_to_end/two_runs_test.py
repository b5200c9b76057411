"""Two and three live runs of one directory on different hosts, frozen and woken at their calls on files.

By default one call of each kind, and some at random (TASKER_KILL_SEED repeats them); with TASKER_EVERY=1 every call.
"""
import random
import unittest

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
