"""Several runs of one map on one host: they share the work, and any of them may come, leave, freeze or die."""
import json
import os
import random
import re
import select
import signal
import unittest

from support import *

NAMES = [f"task {i}" for i in range(150)]
# Two tasks that wait until all have joined.
GATED = ["wait 1", "wait 2"] + NAMES
SEED = int(os.environ.get("TASKER_JOIN_SEED", random.randrange(1 << 32)))
RACES = int(os.environ.get("TASKER_JOIN_RACES", 12))

# How a run is started, and how many tasks it computes at the same time.
SHAPES = ((dict(ranks=1), 1), (dict(ranks=1, env={"TASKER_SLOTS": 2}), 2), (dict(ranks=3), 2),
          (dict(ranks=2, env={"TASKER_ROOT_COMPUTES": 1}), 2))


class JoinTest(WorklistTest):
    def begin(self, arguments=None, **others):
        """A run that has pids of its own, and says where they are."""
        return self.start(arguments, pids=self.base / f"pids.{next(self.numbers)}", **{"sleep_us": 10000, **others})

    def until_joined(self, run, count=1):
        run.until(lambda: run.err().count(" joins, with ") == count, "a run that joins")

    def until_calls(self, run, count):
        run.until(lambda: len(read_lines(self.ledger)) >= count, f"{count} calls")

    def leader(self, runs):
        """The run that holds the directory, once there is one; the others."""
        pids = {}

        def found():
            for holder in self.directory.glob("*.fence/holder.json"):
                try:
                    seen = json.loads(holder.read_text())
                except (FileNotFoundError, json.JSONDecodeError):
                    continue
                for run in runs:
                    own = [int(line.split()[1]) for line in read_lines(run._pids)]
                    if seen["holds"] and seen["pid"] in own:
                        pids["leader"] = run
                        return True
            return False

        runs[0].until(found, "a leader")
        return pids["leader"], [run for run in runs if run is not pids["leader"]]

    def check_archive(self, arguments=NAMES):
        self.assertFalse(self.directory.exists(), os.listdir(self.place))
        results = self.load().results
        (self.base / "now").touch()
        self.assertEqual(results, self.serial(arguments, wait_for=self.base / "now")[0])


class Join(JoinTest):
    def test_runs_of_any_shape_share_the_work(self):
        self.write("arguments", NAMES)
        runs = [self.begin(**shape) for shape, _ in SHAPES]
        outcomes = [run.wait() for run in runs]
        for outcome in outcomes:
            self.assertEqual(outcome.code, 0, str(outcome))
            self.assertEqual(outcome.results, outcomes[0].results)
        self.assertEqual(self.called(), sorted(NAMES))
        self.check_archive()

    def test_who_comes_late_gets_its_share_of_what_is_left(self):
        leader = self.begin(["wait"] + NAMES, wait_for=self.base / "now")
        leader.until(lambda: read_lines(self.ledger), "a task at its wait")
        late = self.begin(wait_for=self.base / "now")
        late.until(lambda: len(read_lines(self.ledger)) > len(NAMES) / 2, "the late one's calls")
        (self.base / "now").touch()
        for run in leader, late:
            outcome = run.wait()
            self.assertEqual(outcome.code, 0, str(outcome))
        self.assertRegex(outcome.err, r"joined the run of \S+ on \S+: \d+ % done, 1 worker; Ctrl-C leaves it alone")
        self.assertEqual(self.called(), sorted(["wait"] + NAMES))
        self.check_archive(["wait"] + NAMES)

    def test_failures_are_the_same_in_all_runs(self):
        leader = self.begin(NAMES, failing=self.write("failing", NAMES[3:6]))
        other = self.begin(failing=self.base / "failing", ranks=2)
        errors = []
        for run in leader, other:
            outcome = run.wait()
            self.assertEqual(outcome.code, 1, str(outcome))
            errors.append(outcome.err[outcome.err.index("3 of 150 tasks failed"):].splitlines()[:4])
        self.assertEqual(errors[0], errors[1])
        self.assertEqual(self.called(), sorted(NAMES))

    def refused(self, code=75, **others):
        outcome = self.begin(**others).wait()
        self.assertEqual(outcome.code, code, str(outcome))
        return outcome.err

    def test_who_can_not_join_leaves_and_says_why(self):
        leader = self.begin(["wait"] + NAMES, wait_for=self.base / "now")
        leader.until(lambda: read_lines(self.ledger), "a task at its wait")
        other = dict(wait_for=self.base / "now")
        self.assertIn("version, inputs or seed are others", self.refused(**other, version="2"))
        self.assertIn("version, inputs or seed are others", self.refused(**other, env={"TASKER_SEED": 5}))
        few = self.write("few", ["wait"])
        self.assertIn("that run has 151 tasks, this one 1", self.refused_list(few))
        changed = self.write("changed", ["wait"] + NAMES[:-1] + ["another"])
        self.assertIn("the arguments are others", self.refused_list(changed))
        self.assertIn("is held by another run: process", self.refused(**other, env={"TASKER_JOIN": "never"}))
        self.assertIn("built from other code", self.refused(**other, program=self.rebuilt()))
        self.assertEqual(len(self.calls()), 1)
        (self.base / "now").touch()
        self.assertEqual(leader.wait().code, 0)

    def test_on_a_terminal_who_can_not_join_waits(self):
        leader = self.begin(["wait"], wait_for=self.base / "now")
        leader.until(lambda: read_lines(self.ledger), "a task at its wait")
        command, _ = self.program(wait_for=self.base / "now", pids=self.base / "pids.waiting", version="2")
        terminal, its_end = os.openpty()
        self.addCleanup(os.close, terminal)
        waiting = subprocess.Popen(command, cwd=self.base, env=self.environment({}), stderr=its_end,
                                   stdout=subprocess.DEVNULL)
        self.addCleanup(waiting.kill)
        os.close(its_end)
        said = b""
        while b"version, inputs or seed are others" not in said:
            self.assertTrue(select.select([terminal], [], [], DEADLINE)[0], said)
            said += os.read(terminal, 4096)
        self.assertIn(b"waits for the run of process", said)
        (self.base / "now").touch()
        self.assertEqual(leader.wait().code, 0)
        self.assertEqual(waiting.wait(DEADLINE), 0, said)
        self.assertEqual(self.called(), ["wait", "wait"])

    def refused_list(self, path):
        command, settings = self.program(wait_for=self.base / "now", pids=self.base / "pids.few")
        command = [f"arguments={path}" if part.startswith("arguments=") else part for part in command]
        run = Run(command, self.environment({}), self.base, settings["pids"], settings["results"])
        outcome = run.wait()
        self.assertEqual(outcome.code, 75, str(outcome))
        return outcome.err

    def rebuilt(self):
        """The same program with another build id."""
        copy = self.base / "rebuilt"
        note = subprocess.run(["readelf", "-n", WORKLIST], capture_output=True, text=True, check=True).stdout
        build = bytes.fromhex(re.search(r"Build ID: ([0-9a-f]+)", note)[1])
        program = Path(WORKLIST).read_bytes()
        self.assertEqual(program.count(build), 1)
        copy.write_bytes(program.replace(build, build[::-1]))
        copy.chmod(0o755)
        return copy


class Leaving(JoinTest):
    def begin_gated(self, **shape):
        """A run that leads, and whose workers wait until `go` exists."""
        self.go = self.base / "now"
        self.go.unlink(missing_ok=True)
        leader = self.begin(GATED, wait_for=self.go, **shape)
        self.leader([leader])
        return leader

    def test_the_leader_dies_and_the_others_go_on(self):
        for shape, at_once in SHAPES:
            with self.subTest(shape=shape):
                leader = self.begin_gated(**shape)
                others = [self.begin(wait_for=self.go, **other) for other, _ in SHAPES[:2]]
                self.until_joined(leader, 2)
                self.go.touch()
                self.until_calls(leader, 20)
                leader.kill()
                for run in others:
                    outcome = run.wait()
                    self.assertEqual(outcome.code, 0, str(outcome))
                calls = self.called()
                self.assertEqual(sorted(set(calls)), sorted(GATED))
                self.assertLessEqual(len(calls), len(GATED) + 2 * at_once)
                self.check_archive(GATED)
                self.archive.unlink()

    def test_one_after_the_other_dies_until_one_is_left(self):
        self.write("arguments", NAMES)
        runs = [self.begin() for _ in range(4)]
        for count in (20, 40, 60):
            leader, others = self.leader(runs)
            self.until_calls(leader, count)
            leader.kill()
            runs = others
        outcome = runs[0].wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        calls = self.called()
        self.assertEqual(sorted(set(calls)), sorted(NAMES))
        self.assertLessEqual(len(calls), len(NAMES) + 6)
        self.check_archive()

    def test_a_run_that_had_joined_dies(self):
        for shape, at_once in SHAPES:
            with self.subTest(shape=shape):
                leader = self.begin_gated()
                other = self.begin(wait_for=self.go, **shape)
                self.until_joined(leader)
                self.go.touch()
                self.until_calls(leader, 20)
                other.kill()
                outcome = leader.wait()
                self.assertEqual(outcome.code, 0, str(outcome))
                self.assertIn("that had joined is gone", outcome.err)
                calls = self.called()
                self.assertEqual(sorted(set(calls)), sorted(GATED))
                self.assertLessEqual(len(calls), len(GATED) + 2 * at_once)
                self.check_archive(GATED)
                self.archive.unlink()

    def test_the_end_of_a_run_is_no_tasks_fault_unless_it_may_be(self):
        # A run of one rank may have been killed by its task.
        for ranks, failed in (3, 0), (1, 1):
            with self.subTest(ranks=ranks):
                leader = self.begin_gated(env={"TASKER_MAX_LOST": 1})
                other = self.begin(ranks=ranks, wait_for=self.go)
                self.until_joined(leader)
                self.go.touch()
                self.until_calls(leader, 50)
                other.kill()
                outcome = leader.wait()
                self.assertEqual(outcome.code, failed, str(outcome))
                self.assertEqual(outcome.err.count(f"1 of {len(GATED)} tasks failed"), failed, str(outcome))
                self.calls()
                if failed == 0:
                    self.archive.unlink()

    def test_the_leader_is_stopped_and_hands_over(self):
        for shape, _ in SHAPES:
            with self.subTest(shape=shape):
                leader = self.begin_gated(**shape)
                other = self.begin(wait_for=self.go)
                self.until_joined(leader)
                self.go.touch()
                self.until_calls(leader, 20)
                leader.process.send_signal(signal.SIGUSR1)
                outcome = leader.wait()
                self.assertEqual(outcome.code, 75, str(outcome))
                self.assertIn("the runs that have joined go on", outcome.err)
                outcome = other.wait()
                self.assertEqual(outcome.code, 0, str(outcome))
                self.assertIn("this one leads from now on", outcome.err)
                self.assertEqual(self.called(), sorted(GATED))
                self.check_archive(GATED)
                self.archive.unlink()

    def test_a_run_that_had_joined_is_stopped(self):
        for shape, _ in SHAPES:
            with self.subTest(shape=shape):
                leader = self.begin_gated()
                other = self.begin(wait_for=self.go, **shape)
                self.until_joined(leader)
                self.go.touch()
                self.until_calls(leader, 20)
                other.process.send_signal(signal.SIGUSR1)
                outcome = other.wait()
                self.assertEqual(outcome.code, 75, str(outcome))
                self.assertIn("the run that it had joined goes on", outcome.err)
                outcome = leader.wait()
                self.assertEqual(outcome.code, 0, str(outcome))
                self.assertEqual(self.called(), sorted(GATED))
                self.check_archive(GATED)
                self.archive.unlink()

    def test_a_frozen_leader_is_succeeded_after_its_lease(self):
        env = {"TASKER_LEASE": "5s"}
        leader = self.begin(["wait"] + NAMES, env=env, wait_for=self.base / "now")
        self.until_calls(leader, 1)
        other = self.begin(env=env, wait_for=self.base / "now")
        self.until_joined(leader)
        leader.process.send_signal(signal.SIGSTOP)
        other.until(lambda: "this one leads from now on" in other.err(), "a new leader")
        (self.base / "now").touch()
        outcome = other.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        leader.process.send_signal(signal.SIGCONT)
        outcome = leader.wait()
        self.assertEqual(outcome.code, 75, str(outcome))
        calls = self.called()
        self.assertEqual(sorted(set(calls)), sorted(["wait"] + NAMES))
        self.assertLessEqual(len(calls), len(NAMES) + 2)
        self.check_archive(["wait"] + NAMES)

    def test_a_frozen_run_that_had_joined_is_not_waited_for(self):
        env = {"TASKER_LEASE": "5s"}
        self.write("arguments", ["wait 1", "wait 2"] + NAMES)
        leader = self.begin(env=env, wait_for=self.base / "now")
        self.until_calls(leader, 1)
        other = self.begin(env=env, wait_for=self.base / "now")
        self.until_calls(leader, 2)
        other.process.send_signal(signal.SIGSTOP)
        leader.until(lambda: "is frozen" in leader.err(), "the lease")
        (self.base / "now").touch()
        outcome = leader.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        other.process.send_signal(signal.SIGCONT)
        outcome = other.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertEqual(sorted(set(self.called())), sorted(["wait 1", "wait 2"] + NAMES))


class Races(JoinTest):
    def hears_signals(self, run, ranks):
        """Waits until all of its ranks have begun; false if it has ended before."""
        end = time.monotonic() + DEADLINE
        while run.process.poll() is None:
            if len(read_lines(run._pids)) == ranks:
                return True
            self.assertLess(time.monotonic(), end, run.err())
            time.sleep(0.002)
        return False

    def test_at_random(self):
        """Two to five runs of any shape; some are killed or stopped. Nothing is lost, and what is computed
        twice was under way in a run that was killed."""
        print(f"seed {SEED}", flush=True)
        chance = random.Random(SEED)
        for race in range(RACES):
            with self.subTest(race=race):
                self.write("arguments", NAMES)
                shapes = [chance.choice(SHAPES) for _ in range(chance.randint(2, 5))]
                victims = chance.sample(range(len(shapes)), chance.randint(0, len(shapes) - 1))
                ends = sorted((chance.randint(5, 140), victim, chance.choice(("kill", "stop"))) for victim in victims)
                runs = [self.begin(**shape) for shape, _ in shapes]
                living = set(range(len(runs)))
                lost = 0
                for count, victim, how in ends:
                    watcher = runs[min(living)]
                    end = time.monotonic() + DEADLINE
                    while len(read_lines(self.ledger)) < count and not self.archive.exists():
                        self.assertLess(time.monotonic(), end, watcher.err())
                        time.sleep(0.002)
                    living.discard(victim)
                    if how == "kill":
                        runs[victim].kill()
                        lost += shapes[victim][1]
                    elif self.hears_signals(runs[victim], shapes[victim][0]["ranks"]):
                        runs[victim].process.send_signal(signal.SIGUSR1)
                outcomes = {i: run.wait() for i, run in enumerate(runs) if not run.ended}
                story = f"{shapes} {ends}\n" + "\n".join(f"run {i}: {outcome}" for i, outcome in outcomes.items())
                for i in living:
                    self.assertEqual(outcomes[i].code, 0, story)
                calls = self.called()
                self.assertEqual(sorted(set(calls)), sorted(NAMES), story)
                self.assertLessEqual(len(calls), len(NAMES) + 2 * lost, story)
                self.assertFalse(self.directory.exists(), story)
                self.check_archive()
                self.archive.unlink()


if __name__ == "__main__":
    unittest.main()
