"""Runs on several hosts (see tests/support/hosts, in which this runs on the first) share one map: over a directory that
all of them see, or by a ticket; any of them may die, freeze, or lose its cable."""
import json
import os
import stat
import subprocess
import unittest

from join_test import JoinTest
from support import *

HOSTS = [host.split(":")[0] for host in os.environ["HOSTS"].split(",")]
ADDRESSES = [f"10.77.0.{i + 1}" for i in range(len(HOSTS))]
NAMES = [f"task {i}" for i in range(200)]

# A host is its own network and name, and what tells its kernel from others.
ENTER = ('hostname "$0" && mount --make-rprivate / && mount --bind "$BOOT" /proc/sys/kernel/random/boot_id && '
         'eval "$MORE" && exec "$@"')


def ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


class Remote(JoinTest):
    def setUp(self):
        super().setUp()
        for host in HOSTS:
            self.addCleanup(ip, "-n", host, "link", "set", "e0", "up")
        self.go = self.base / "go"

    def on(self, host, sees_directory=True, env={}, **others):
        """Settings for a run on a host."""
        boot = self.base / f"boot.{host}"
        boot.write_text(f"{host:08}-0000-4000-8000-000000000000\n")
        more = "true" if sees_directory else f"mount -t tmpfs none {self.place}"
        wrapper = ["ip", "netns", "exec", HOSTS[host], "unshare", "--uts", "--mount", "sh", "-c", ENTER, HOSTS[host]]
        return dict(launched_by=wrapper, env={"BOOT": boot, "MORE": more, "TASKER_LISTEN": "e0", **env}, **others)

    def begin(self, arguments=None, launched_by=(), ranks=1, **others):
        """As for other tests, but mpirun itself runs on the host, too."""
        mpirun = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
        return super().begin(arguments, wrapper=[*launched_by, *mpirun], **{"wait_for": self.go, **others})

    def cut(self, host):
        ip("-n", HOSTS[host], "link", "set", "e0", "down")

    def mend(self, host):
        ip("-n", HOSTS[host], "link", "set", "e0", "up")

    def assert_all_end(self, *runs):
        outcomes = [run.wait() for run in runs]
        for outcome in outcomes:
            self.assertEqual(outcome.code, 0, str(outcome))
        return outcomes


class SharedDirectory(Remote):
    def test_runs_on_three_hosts_share_the_work(self):
        leader = self.begin(["wait 1"] + NAMES, **self.on(0))
        self.leader([leader])
        self.assertEqual(stat.S_IMODE((self.directory / "key").stat().st_mode), 0o600)
        others = [self.begin(**self.on(1)), self.begin(**self.on(2), ranks=3)]
        self.until_joined(leader, 2)
        self.go.touch()
        outcomes = self.assert_all_end(leader, *others)
        self.assertRegex(outcomes[0].err, rf"runs on other hosts can join at {ADDRESSES[0]}:\d+")
        for outcome in outcomes[1:]:
            self.assertRegex(outcome.err, rf"joined the run of \S+ on {HOSTS[0]}: \d+ % done")
            self.assertEqual(outcome.results, outcomes[0].results)
        self.assertEqual(self.called(), sorted(["wait 1"] + NAMES))
        self.check_archive(["wait 1"] + NAMES)

    def test_when_the_leader_is_killed_another_host_takes_the_lead(self):
        waiting = [f"wait {i}" for i in range(3)]
        leader = self.begin(waiting + NAMES, **self.on(0))
        self.leader([leader])
        others = [self.begin(**self.on(1)), self.begin(**self.on(2))]
        self.until_joined(leader, 2)
        others[0].until(lambda: sum("wait" in line for line in read_lines(self.ledger)) == 3, "all at a task")
        leader.kill()
        others[0].until(lambda: "this one leads" in others[0].err() + others[1].err(), "a successor")
        self.go.touch()
        self.assert_all_end(*others)
        called = self.called()
        self.assertLessEqual(len(called), len(NAMES) + 3 + 1, [name for name in called if called.count(name) > 1])
        self.check_archive(waiting + NAMES)

    def test_a_cable_is_cut_and_mended(self):
        fast = {"TASKER_LOST_AFTER": "2s"}
        leader = self.begin(["wait 1", "wait 2"] + NAMES, **self.on(0, env=fast))
        self.leader([leader])
        other = self.begin(**self.on(1, env=fast))
        self.until_joined(leader)
        self.until_calls(leader, 2)
        self.cut(1)
        leader.until(lambda: "that had joined is gone" in leader.err(), "the loss")
        self.mend(1)
        self.until_joined(leader, 2)
        self.go.touch()
        self.assert_all_end(leader, other)
        # What the other one had in hand counts, or was computed twice.
        self.assertLessEqual(len(self.calls()), len(NAMES) + 3)
        self.check_archive(["wait 1", "wait 2"] + NAMES)


class ByTicket(Remote):
    def setUp(self):
        super().setUp()
        self.ticket = self.base / "ticket"

    def lead(self, arguments=None, host=0, **env):
        leader = self.begin(arguments, **self.on(host, env={"TASKER_INVITE": self.ticket, **env}))
        leader.until(self.ticket.exists, "a ticket")
        return leader

    def guest(self, host, ticket=None, env={}, **others):
        return self.begin(**self.on(host, False, {"TASKER_JOIN": ticket or self.ticket, **env}), **others)

    def test_who_does_not_see_the_directory_joins_by_a_ticket(self):
        leader = self.lead(["wait 1", "wait 2", "wait 3"] + NAMES)
        self.assertEqual(stat.S_IMODE(self.ticket.stat().st_mode), 0o600)
        guests = [self.guest(1), self.guest(2, ranks=3)]
        self.until_joined(leader, 2)
        self.until_calls(leader, 3)
        self.go.touch()
        outcomes = self.assert_all_end(leader, *guests)
        for outcome in outcomes[1:]:
            self.assertRegex(outcome.err, "all is done; the results are with the run of|nothing is left for this run; the run of")
        self.assertEqual(self.called(), sorted(["wait 1", "wait 2", "wait 3"] + NAMES))
        self.check_archive(["wait 1", "wait 2", "wait 3"] + NAMES)

    def test_a_guest_leaves_when_nothing_is_left_for_it(self):
        leader = self.lead(["wait 1"] + NAMES[:20])
        self.until_calls(leader, 1)
        guest = self.guest(1)
        outcome = guest.wait()
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertRegex(outcome.err, rf"nothing is left for this run; the run of \S+ on {HOSTS[0]} goes on")
        self.assertFalse(leader.ended)
        self.go.touch()
        self.assert_all_end(leader)
        self.assertEqual(self.called(), sorted(["wait 1"] + NAMES[:20]))

    def test_when_the_leader_is_killed_its_guest_goes_on_with_the_successor(self):
        waiting = [f"wait {i}" for i in range(3)]
        leader = self.lead(waiting + NAMES)
        # Another host that sees the directory: its address was not known when the ticket was written.
        other = self.begin(**self.on(1))
        guest = self.guest(2)
        self.until_joined(leader, 2)
        self.until_calls(leader, 3)
        # Then the guest has been told of possible successors.
        leader.until(lambda: "done" in guest.err(), "what the leader tells")
        leader.kill()
        other.until(lambda: "this one leads" in other.err(), "a successor")
        self.until_joined(other)
        self.go.touch()
        self.assert_all_end(other, guest)
        called = self.called()
        self.assertLessEqual(len(called), len(NAMES) + 3 + 1, [name for name in called if called.count(name) > 1])
        self.check_archive(waiting + NAMES)

    def test_an_old_ticket_is_refused_and_says_so(self):
        leader = self.lead(["wait 1"])
        wrong = json.loads(self.ticket.read_text())
        other = self.base / "other"
        with other.open("w") as out:
            subprocess.run([TOOL, "invite", self.directory], env=self.environment({}), check=True, stdout=out,
                           stderr=subprocess.DEVNULL)
        self.assertEqual(stat.S_IMODE(other.stat().st_mode), 0o600)
        self.assertEqual(json.loads(other.read_text())["key"], wrong["key"])
        leader.kill()
        (self.directory / "key").unlink()
        port = wrong["addresses"][0].split(":")[1]
        self.ticket.rename(self.base / "old")
        again = self.lead(TASKER_LISTEN=f"e0:{port}")
        outcome = self.guest(1, self.base / "old").wait()
        self.assertEqual(outcome.code, 2, str(outcome))
        self.assertIn("is refused at", outcome.err)
        self.go.touch()
        self.assert_all_end(again)

    def test_nobody_joins_with_another_map_or_a_broken_ticket(self):
        leader = self.lead(["wait 1"])
        outcome = self.guest(1, env={"TASKER_SEED": 5}).wait()
        self.assertEqual(outcome.code, 75, str(outcome))
        self.assertIn("version, inputs or seed are others", outcome.err)
        broken = self.write("broken", ["no ticket"])
        outcome = self.guest(1, broken).wait()
        self.assertEqual(outcome.code, 2, str(outcome))
        self.assertIn("is no ticket", outcome.err)
        self.go.touch()
        self.assert_all_end(leader)
        self.assertEqual(self.called(), ["wait 1"])


class Inviting(Remote):
    def test_a_run_that_shall_listen_here_only_opens_no_port(self):
        leader = self.begin(["wait 1"], env={"TASKER_LISTEN": "unix"})
        self.leader([leader])
        asked = subprocess.run([TOOL, "invite", self.directory], env=self.environment({}), capture_output=True, text=True)
        self.assertEqual(asked.returncode, 74, asked.stderr)
        self.assertEqual(asked.stdout, "")
        self.assertIn('Options::listen says "unix"', asked.stderr)
        self.assertFalse((self.directory / "key").exists())
        self.go.touch()
        self.assert_all_end(leader)

    def test_a_run_that_listens_to_nobody_can_be_asked_for_a_ticket(self):
        leader = self.begin(["wait 1"] + NAMES, **self.on(0, env={"TASKER_LISTEN": ""}))
        self.leader([leader])
        self.assertFalse((self.directory / "key").exists())
        ticket = self.base / "ticket"
        # Where the run is, since it can be asked at its socket only.
        boot = self.on(0)["env"]["BOOT"]
        subprocess.run(["unshare", "--mount", "sh", "-c", f"mount --bind {boot} /proc/sys/kernel/random/boot_id && "
                        f"exec {TOOL} invite {self.archive} > {ticket}"], check=True, stderr=subprocess.DEVNULL)
        guest = self.begin(**self.on(1, False, {"TASKER_JOIN": ticket}))
        self.until_joined(leader)
        self.go.touch()
        self.assert_all_end(leader, guest)
        self.assertEqual(self.called(), sorted(["wait 1"] + NAMES))


if __name__ == "__main__":
    unittest.main()
