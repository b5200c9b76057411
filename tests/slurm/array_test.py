"""Arrays: their members share one map, each of them comes back by itself, and who waits in vain is cancelled."""
import collections
import re
import subprocess
import unittest

from slurm_support import *

TASKS = [f"task {i}" for i in range(10)]
# Each worker may have two chunks of four of them, one behind the other; then the next one has others.
WAITING = [f"wait {i}" for i in range(80)]
# Many, so that something is left when a member has been stopped.
AFTER = [f"after {i}" for i in range(600)]
ALL = TASKS + WAITING + AFTER
# The index that scontrol shows for all of them.
NEVER_STARTED = str((1 << 32) - 2)


class ArrayTest(SlurmTest):
    def words(self, arguments, **settings):
        return super().words(arguments, **{"sleep_us": 10000, **settings})

    def member(self, array, index):
        return self.job(f"{array}_{index}", self.base / f"worklist-{array}_{index}.out")

    def stop(self, member):
        """As long as other members wait, scancel believes that it has failed, and tries again for minutes."""
        scancel = subprocess.Popen(["scancel", "--batch", "--signal=USR1", member.number])
        try:
            self.until_stopped(member)
        finally:
            scancel.kill()
            scancel.wait()

    def outcomes(self, array):
        """How each member has ended, by its index; those that never started are one."""
        self.member(array, 1).until(lambda: not slurm("squeue", "-h", "-j", array), "the array's end")
        ended = re.findall(r" ArrayTaskId=(\d+) .* JobState=(\w+).* ExitCode=(\d+):",
                           slurm("scontrol", "show", "job", "--oneliner", array))
        return {index: int(code) if state in ("COMPLETED", "FAILED") else state for index, state, code in ended}

    def said(self):
        """By all members."""
        return "\n".join(f"== {path.name}\n{path.read_text()}" for path in sorted(self.base.glob("worklist-*.out")))

    def assert_done(self):
        self.assert_complete(ALL)
        self.assert_tidy()


class Submitted(ArrayTest):
    """By tasker submit --array."""

    def submit_by_tool(self, array, arguments, *flags):
        outcome = self.tool("submit", array, "--ntasks=2", *flags, *self.words(arguments))
        self.assertEqual(outcome.returncode, 0, outcome)
        return self.job(int(outcome.stdout), None).number

    def test_members_come_and_go_and_are_killed_and_a_run_by_hand_joins(self):
        array = self.submit_by_tool("--array=6%3", ALL)
        first, second, third = (self.member(array, index) for index in (1, 2, 3))
        self.until_waiting(first, 3)
        by_hand = self.start(ranks=4, wait_for=self.go, sleep_us=10000, pids=self.base / "pids.by_hand")
        self.until_waiting(first, 6)
        second.cancel()
        self.until_waiting(first, 7)  # in its place there is another
        slurm("scontrol", "requeue", third.number)
        self.until_waiting(first, 8)
        self.stop(first)
        self.go.touch()
        outcome = by_hand.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        outcomes = self.outcomes(array)
        self.assertEqual({index: outcomes.pop(index) for index in "245"}, {"2": "CANCELLED", "4": 0, "5": 0}, self.said())
        self.assertLessEqual(set(outcomes.values()), {0, "CANCELLED"}, self.said())  # the others came in time or not
        self.assertIn(f"job {array}_1 goes back into the queue", first.output)
        calls = collections.Counter(self.called())
        self.assertEqual(set(calls), set(ALL))
        repeated = (calls - collections.Counter(ALL)).elements()
        self.assertLessEqual(len(list(repeated)), 2, calls.most_common(5))  # a worker of each that was killed
        self.assert_done()

    def test_whoever_ends_cancels_those_that_wait(self):
        array = self.submit_by_tool("--array=5%2", ALL)
        first = self.member(array, 1)
        self.until_waiting(first)
        self.stop(first)
        self.go.touch()
        outcomes = self.outcomes(array)
        self.assertIn(outcomes.pop("3"), (0, "CANCELLED"))  # started in time or not
        self.assertEqual(outcomes, {"1": "CANCELLED", "2": 0, NEVER_STARTED: "CANCELLED"})
        self.assertEqual(self.called(), sorted(ALL))
        self.assert_done()

    def test_one_that_does_all_ends_the_array_and_who_waits_for_it(self):
        array = self.submit_by_tool("--array=3%1", TASKS, "--wait")
        self.assertEqual(self.outcomes(array), {"1": 0, NEVER_STARTED: "CANCELLED"})
        self.assertEqual(self.called(), sorted(TASKS))
        self.assert_complete(TASKS)

    def test_what_is_no_array_is_refused(self):
        outcome = self.tool("submit", "--array=soon", "true")
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("Invalid job array specification", outcome.stderr)
        outcome = self.tool("launch", "--array", "true")
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("--array: this is no member of a Slurm array", outcome.stderr)


class ByHand(ArrayTest):
    """By sbatch --array and a script of one's own."""

    def submit_array(self, script, *options):
        return self.submit(script, f"--output={self.base}/worklist-%A_%a.out", *options).number

    def test_members_share_the_work_and_late_ones_find_it_done(self):
        program = " ".join(self.words(ALL))
        array = self.submit_array(f"[ $SLURM_ARRAY_TASK_ID = 2 ] && exec mpirun {program}\n"
                                  f"exec {TOOL} launch --requeue 3 {program}", "--array=1-4%2")
        self.until_waiting(self.member(array, 1), 4)
        self.go.touch()
        self.assertEqual(self.outcomes(array), dict.fromkeys("1234", 0))
        outputs = [self.member(array, index).output for index in range(1, 5)]
        self.assertEqual(sum("joined the run of" in output for output in outputs), 1, outputs)
        self.assertEqual(self.called(), sorted(ALL))
        self.assert_done()

    def start_and_stop(self, *options):
        """Two members, of which the one is stopped whose id is also that of the whole array."""
        array = self.submit_array(f"#SBATCH --array=1-2\nexec {TOOL} launch --requeue 3 {' '.join(self.words(ALL))}",
                                  *options)
        members = [self.member(array, index) for index in (1, 2)]
        self.until_waiting(members[0], 4)
        members.sort(key=lambda member: member["JobId"] == member["ArrayJobId"])
        other, stopped = members
        self.assertEqual(stopped["JobId"], str(array))
        self.assertNotEqual(other["JobId"], str(array))
        self.stop(stopped)
        self.go.touch()
        self.assert_ends(other, 0)
        self.assertEqual(other["Restarts"], "0")
        return stopped

    def test_only_the_member_that_was_stopped_comes_back(self):
        stopped = self.start_and_stop("--requeue")
        self.assert_ends(stopped, 0)
        self.assertEqual(stopped["Restarts"], "1")
        self.assertEqual(self.called(), sorted(ALL))
        self.assert_done()

    def test_where_requeueing_is_forbidden_that_member_alone_is_submitted_anew(self):
        stopped = self.start_and_stop("--no-requeue")
        self.assert_ends(stopped, 75)
        said = re.search(r"can't be requeued \(.*Requested operation is presently disabled.*; job (\d+) goes on",
                         stopped.output)
        self.assertTrue(said, str(stopped))
        anew = self.job(int(said.group(1)), self.base / f"worklist-{said.group(1)}_{stopped['ArrayTaskId']}.out")
        self.assert_ends(anew, 0)
        self.assertEqual(slurm("scontrol", "show", "job", "--oneliner", anew.number).count("ArrayTaskId="), 1)
        self.assertEqual(anew["ArrayTaskId"], stopped["ArrayTaskId"])
        self.assertEqual(self.called(), sorted(ALL))
        self.assert_done()


if __name__ == "__main__":
    unittest.main()
