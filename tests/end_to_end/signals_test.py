"""Signals: SIGUSR1 drains, and whatever ends a run, what is finished stays finished."""
import os
import signal
import unittest

from support import *

NAMES = [f"task {i}" for i in range(40)]
WAITING = ["wait 1", "wait 2", "wait 3"]
ENVIRONMENTS = ({}, {"TASKER_ISOLATION": "process"})


class Signals(WorklistTest):
    def start_and_wait(self, ranks, env, arguments):
        """A run whose workers are all at tasks that wait."""
        self.go = self.base / "go"
        self.go.unlink(missing_ok=True)
        run = self.start(arguments, ranks=ranks, env=env, sleep_us=1000, wait_for=self.go)
        waiting = max(ranks - 1, 1)
        run.until(
            lambda: sum(line.split(" ", 2)[2].startswith("wait") for line in read_lines(self.ledger)) == waiting,
            "tasks that wait")
        return run

    def test_usr1_finishes_what_runs_and_hands_out_nothing_more(self):
        for ranks in (1, 2, 3):
            for env in ENVIRONMENTS:
                with self.subTest(ranks=ranks, env=env):
                    # Each worker begins with one task.
                    run = self.start_and_wait(ranks, env, WAITING + NAMES)
                    run.process.send_signal(signal.SIGUSR1)
                    run.process.send_signal(signal.SIGUSR1)
                    before = len(read_lines(self.ledger))
                    self.all_ranks_have_caught(run)
                    self.go.touch()
                    outcome = run.wait()
                    self.assertEqual(outcome.code, 75, str(outcome))
                    self.assertRegex(outcome.err, r"list\.dat was stopped by SIGUSR1: \d+ of 43 tasks are left")
                    first = self.called()
                    self.assertLess(len(first), 43)
                    self.assertGreaterEqual(len(first), before)
                    self.run_map(ranks=ranks, sleep_us=1000, wait_for=self.go, env=env)
                    self.assertEqual(sorted(first + self.called()), sorted(NAMES + WAITING))
                    self.archive.unlink()

    def test_usr1_counts_where_the_parent_has_blocked_it(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        try:
            run = self.start_and_wait(1, {}, WAITING + NAMES)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        run.process.send_signal(signal.SIGUSR1)
        self.all_ranks_have_caught(run)
        self.go.touch()
        self.assertEqual(run.wait().code, 75)

    def test_handlers_run_on_threads_that_the_program_knows(self):
        for ranks in (1, 2):
            run = self.start_and_wait(ranks, {}, WAITING + NAMES)
            names = set()
            for line in read_lines(self.pids):
                for thread in Path(f"/proc/{line.split()[1]}/task").iterdir():
                    status = dict(line.split(":", 1) for line in read_lines(thread / "status"))
                    name = status["Name"].strip()
                    if name.startswith("tasker-"):
                        names.add(name)
                        for number in signal.SIGUSR1, signal.SIGTERM, signal.SIGALRM:
                            self.assertTrue(int(status["SigBlk"], 16) >> (number - 1) & 1, (name, number))
            self.assertLessEqual({"tasker-hold"} | ({"tasker-talk"} if ranks == 1 else {"tasker-talk", "tasker-watch"}), names)
            self.go.touch()
            self.assertEqual(run.wait().code, 0)
            self.calls()
            self.archive.unlink()

    def test_a_run_goes_on_though_nobody_reads_what_it_says(self):
        # The second map says something, when nobody reads any more.
        go = self.base / "go"
        script = f'{{ "$@" 2>&1 >/dev/null; echo $? >code; }} | {{ head -c 1 >/dev/null; exec <&-; touch {go}; }}'
        self.run_map(["wait", *NAMES], mode="twice", wrapper=["bash", "-c", script, "bash"], wait_for=go)
        self.assertEqual((self.base / "code").read_text(), "0\n")
        self.assertTrue((self.place / "list.dat.second").exists())

    def test_usr1_after_the_last_map_does_no_harm(self):
        # Ranks 1 and 2 wait for rank 0, which makes something of the results.
        go = self.base / "go"
        results = self.base / "results"
        run = self.start(NAMES, ranks=3, stays=0, wait_for=go, results=results)
        run.until(lambda: len(read_lines(results)) == len(NAMES), "the results")
        self.all_ranks_have_caught(run)
        go.touch()
        outcome = run.wait()
        self.assertEqual(outcome.code, 0, str(outcome))

    def test_a_rank_that_has_lost_rank_0_ends_as_after_a_failure_of_the_system(self):
        # What started a rank outlives the rank: mpirun ends all others as soon as it hears of one that has died.
        script = """"$@"; code=$?; echo "$code" >>codes
                    until [ "$(wc -l <codes)" = 2 ]; do sleep 0.01; done; exit $code"""
        self.go = self.base / "go"
        run = self.start(WAITING, ranks=2, wrapper=["bash", "-c", script, "bash"], wait_for=self.go)
        run.until(lambda: read_lines(self.ledger), "a task that waits")
        run.kill_rank(0)
        run.wait()
        self.assertEqual(sorted(read_lines(self.base / "codes")), ["137", "74"])

    def all_ranks_have_caught(self, run):
        """mpirun passes the signal on, but does not say when; so the ranks get it from here, too."""
        for line in read_lines(self.pids):
            pid = int(line.split()[1])
            os.kill(pid, signal.SIGUSR1)
            run.until(lambda: not self.is_pending(pid), "the signal's delivery")

    @staticmethod
    def is_pending(pid):
        status = dict(line.split(":", 1) for line in read_lines(f"/proc/{pid}/status"))
        return any(int(status[name], 16) >> (signal.SIGUSR1 - 1) & 1 for name in ("SigPnd", "ShdPnd"))

    def test_what_ends_a_run_loses_nothing(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            for twice in (False, True):
                for ranks in (1, 3):
                    with self.subTest(signal=number.name, twice=twice, ranks=ranks):
                        arguments = NAMES[:5] + WAITING + NAMES[5:]
                        run = self.start_and_wait(ranks, {}, arguments)
                        finished = {line["argument"] for line in self.load().lines if line["result"] is not None}
                        self.assertGreaterEqual(len(finished), 4)
                        run.process.send_signal(number)
                        if twice and run.process.poll() is None:
                            run.process.send_signal(number)
                        self.assertNotEqual(run.wait().code, 0)
                        self.calls()
                        self.go.touch()
                        self.run_map(ranks=ranks, sleep_us=1000, wait_for=self.go)
                        self.assertFalse(finished & set(self.called()))
                        everything = self.serial(arguments, wait_for=self.go)
                        self.assertEqual(archive_results(self.archive), everything[1])
                        self.archive.unlink()


if __name__ == "__main__":
    unittest.main()
