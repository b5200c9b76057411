"""Several hosts over TCP (see tests/support/hosts, in which this runs on the first): ranks, hosts and cables that go,
and directories that others don't see."""
import os
import re
import signal
import subprocess
import time
import unittest

from support import *

HOSTS = [host.split(":")[0] for host in os.environ["HOSTS"].split(",")]
TASKS = [f"task {i}" for i in range(200)]
BAD = {"task 20": "segv", "task 50": "hang", "task 80": "eat", "task 110": "exit", "task 140": "int"}
CAUSES = {
    "task 20": "signal SIGSEGV",
    "task 50": "it lasted longer than its timeout of 2.0 s",
    "task 80": "it took more memory than its limit of 100 MiB",
    "task 110": "it ended its process, with exit code 0",
    "task 140": "an exception of type int",
}


def ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


def kill_host(host):
    for pid in ip("netns", "pids", host).split():
        os.kill(int(pid), signal.SIGKILL)


class Hosts(WorklistTest):
    def setUp(self):
        super().setUp()
        for host in HOSTS:
            self.addCleanup(ip, "-n", host, "link", "set", "e0", "up")

    def cut(self, host):
        ip("-n", host, "link", "set", "e0", "down")

    def mend(self, host):
        ip("-n", host, "link", "set", "e0", "up")

    def launch(self, lost_after="3s", **others):
        """Two ranks on each host, in their order, so that 0 and 1 are on the first."""
        options = ("--hosts", os.environ["HOSTS"], "--lost-after", lost_after)
        run = self.start(TASKS, 2 * len(HOSTS), launch=options, **{"sleep_us": 20000, **others})
        run.until(lambda: len(self.told()) >= 50, "50 calls")
        return run

    def told(self):
        return read_lines(self.ledger)

    def assert_complete(self, outcome, lost):
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertEqual(outcome.results, self.serial(TASKS)[0])
        self.assertFalse(self.directory.exists())
        for rank in range(2 * len(HOSTS)):
            gone = re.search(rf"rank {rank} on \S+ is gone", outcome.err) is not None
            self.assertEqual(gone, rank in lost, str(outcome))

    def hostfile(self):
        return self.write("hostfile", [host.replace(":", " slots=") for host in os.environ["HOSTS"].split(",")])

    def test_hosts_may_be_those_that_mpirun_takes_by_itself(self):
        env = {"OMPI_MCA_orte_default_hostfile": self.hostfile()}
        outcome = self.start(TASKS, 2 * len(HOSTS), launch=(), env=env).wait()
        self.assert_complete(outcome, lost=[])

    def test_ranks_that_cannot_reach_the_launcher_end_the_run(self):
        # Which knows nothing of other hosts.
        settings = self.base / ".openmpi" / "mca-params.conf"
        settings.parent.mkdir()
        settings.write_text(f"orte_default_hostfile={self.hostfile()}\n")
        outcome = self.start(TASKS, 2 * len(HOSTS), launch=(), env={"HOME": self.base}).wait()
        self.assertEqual(outcome.code, 74, str(outcome))
        self.assertIn("tasker launch can't be reached", outcome.err)
        self.assertEqual(self.told(), [])

    def test_a_rank_on_another_host_is_killed(self):
        run = self.launch()
        run.kill_rank(3)
        outcome = run.wait()
        self.assertLessEqual(len(self.calls()), len(TASKS) + 1)
        self.assert_complete(outcome, lost=[3])

    def test_a_host_is_killed_and_another_one_is_cut_off(self):
        # No task is to blame for that, even if it may cost no rank.
        run = self.launch(env={"TASKER_MAX_LOST": 1})
        kill_host(HOSTS[1])
        self.cut(HOSTS[2])
        run.until(lambda: run.rank_ended(4) and run.rank_ended(5), "the end of who is cut off")
        outcome = run.wait()
        self.assert_complete(outcome, lost=[2, 3, 4, 5])

    def test_five_bad_tasks_a_killed_rank_and_an_unplugged_host_cost_five_tasks(self):
        env = {"TASKER_SLOTS": 2, "TASKER_TIMEOUT": "2s", "TASKER_MEMORY_LIMIT": "100M"}
        bad = self.write("bad", [f"{how} {name}" for name, how in BAD.items()])
        run = self.launch(sleep_us=100000, bad=bad, env=env)
        run.kill_rank(1)
        self.cut(HOSTS[2])
        outcome = run.wait()
        self.assertEqual(outcome.code, 1, str(outcome))
        for rank in 1, 4, 5:
            self.assertIn(f"rank {rank} on ", outcome.err)
        self.assertIn("5 of 200 tasks failed", outcome.err)
        for name, cause in CAUSES.items():
            self.assertIn(f"{name}: {cause}", outcome.err)
        loaded = self.load().results
        self.assertEqual([TASKS[i] for i, result in enumerate(loaded) if result is None], list(BAD))
        self.calls()
        self.mend(HOSTS[2])
        outcome = self.start(TASKS, 2 * len(HOSTS), launch=("--hosts", os.environ["HOSTS"]), env=env).wait()
        self.assertEqual(self.called(), sorted(BAD))
        self.assert_complete(outcome, lost=[])

    def test_a_cable_that_is_mended_in_time_is_as_if_nothing_had_been(self):
        run = self.launch(lost_after="20s")
        self.cut(HOSTS[1])
        before = len(self.told())
        run.until(lambda: len(self.told()) > before + 20, "the others' work")
        self.mend(HOSTS[1])
        outcome = run.wait()
        self.assertEqual(self.called(), sorted(TASKS))
        self.assert_complete(outcome, lost=[])

    def test_the_host_of_rank_0_goes_and_all_others_end_by_themselves(self):
        run = self.launch(sleep_us=200000)
        self.cut(HOSTS[0])
        # Nobody tells them.
        run.until(lambda: all(run.rank_ended(rank) for rank in (2, 3, 4, 5)), "the end of all")
        run.kill_rank(0)
        self.assertEqual(run.wait().code, 74)
        self.mend(HOSTS[0])
        outcome = self.launch(sleep_us=0).wait()
        self.assert_complete(outcome, lost=[])

    def test_what_ranks_record_that_have_outlived_rank_0_is_not_lost(self):
        now = self.base / "now"
        waits = [f"wait {i}" for i in range(2 * len(HOSTS) - 1)]
        options = ("--hosts", os.environ["HOSTS"], "--lost-after", "12s")
        first = self.start([*waits, *TASKS], 2 * len(HOSTS), launch=options, wait_for=now)
        first.until(lambda: len(self.told()) == len(waits), "a task on each worker")
        held_by = {call.argument: call.rank for call in self.calls()}
        self.cut(HOSTS[0])
        for rank in 0, 1:
            first.kill_rank(rank)
        first.process.kill()
        self.assertTrue(all(has_ended(first.ranks()[rank], DEADLINE) for rank in (0, 1)))
        # Ranks 2 to 5 hear nothing of that yet. The next run takes over, and has another list.
        second = self.start(TASKS, pids=self.base / "pids.second")
        second.until(lambda: len(self.told()) == len(TASKS), "all tasks of the second run")
        self.assertFalse(any(first.rank_ended(rank) for rank in (2, 3, 4, 5)))
        now.touch()
        outcome = second.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertIn("until no rank of an earlier run", outcome.err)
        self.assertFalse(self.directory.exists())
        first.wait()
        self.calls()
        self.mend(HOSTS[0])
        self.run_map([*waits, *TASKS], wait_for=now)
        self.assertEqual(self.called(), [name for name in waits if held_by[name] == 1])

    def test_plain_mpirun_loses_the_run_but_nothing_finished(self):
        run = self.start(TASKS, 2 * len(HOSTS), sleep_us=20000, env={"OMPI_MCA_orte_default_hostfile": self.hostfile()})
        run.until(lambda: len(self.told()) >= 50, "50 calls")
        there = ip("netns", "pids", HOSTS[1]).split()
        self.assertEqual(sum(line.split()[1] in there for line in read_lines(self.pids)), 2)
        kill_host(HOSTS[1])
        run.kill()
        before = len(self.calls())
        outcome = self.launch(sleep_us=5000).wait()
        self.assertLessEqual(before + len(self.calls()), len(TASKS) + 5)
        self.assert_complete(outcome, lost=[])

    def test_with_directories_that_only_the_first_host_sees(self):
        local = {"LOCAL_DIRECTORY": self.place}
        run = self.launch(env=local)
        run.kill_rank(5)
        kill_host(HOSTS[1])
        outcome = run.wait()
        # What a rank had sent to rank 0 is not lost: at most the task in flight, and the one before.
        self.assertLessEqual(len(self.calls()), len(TASKS) + 2 * 3)
        self.assert_complete(outcome, lost=[2, 3, 5])


if __name__ == "__main__":
    unittest.main()
