"""Whose files they are: their owner's alone, or, with Options::shared, a group's."""
import os
import unittest

from support import *

NAMES = [f"task {i}" for i in range(20)]
GROUP = 65534
ONE, OTHER = 65534, 65533


def modes(path):
    """Of a directory and all that is in it."""
    return {place.lstat().st_mode & 0o7777 for place in (path, *path.iterdir())}


class Shared(WorklistTest):
    def under_umask(self, umask, settings=None):
        settings = settings or {}
        wrapper = [*settings.get("wrapper", []), "sh", "-c", 'umask "$0" && exec "$@"', umask]
        return {**settings, "wrapper": wrapper}

    def interrupted(self, done, ranks=1, shared=None, **settings):
        """A run that leaves its directory behind, with this many tasks done."""
        env = {"TASKER_ON_FAILURE": "stop" if ranks == 1 else "finish",
               **({"TASKER_SHARED": shared} if shared is not None else {})}
        return self.run_map(NAMES, ranks=ranks, code=1, failing=self.write("failing", NAMES[done:]), sleep_us=1000,
                            env=env, **settings)

    def test_by_default_only_the_owner_may_use_the_directory(self):
        for umask in ("000", "022"):
            for ranks in (1, 3):
                self.interrupted(10, ranks, **self.under_umask(umask))
                self.assertEqual(modes(self.directory), {0o700, 0o600})
                self.run_map(NAMES, ranks=ranks, **self.under_umask(umask))
                self.assertEqual(self.archive.stat().st_mode & 0o777, 0o666 & ~int(umask, 8))
                self.archive.unlink()

    def test_a_shared_directory_follows_the_umask(self):
        for umask in ("000", "007", "022", "077"):
            for ranks in (1, 3):
                self.interrupted(10, ranks, shared=1, **self.under_umask(umask))
                mask = ~int(umask, 8)
                self.assertEqual(modes(self.directory), {0o777 & mask, 0o666 & mask})
                self.assertTrue(any(self.directory.glob("*-0.journal" if ranks == 1 else "*-[12].journal")))
                self.run_map(NAMES, ranks=ranks, **self.under_umask(umask))
                self.assertEqual(self.archive.stat().st_mode & 0o777, 0o666 & mask)
                self.archive.unlink()

    @needs_root
    def test_one_of_a_group_goes_on_with_what_another_began(self):
        one, other = (self.under_umask("007", self.for_user(user, GROUP)) for user in (ONE, OTHER))
        os.chown(self.place, 0, GROUP)
        self.place.chmod(0o770)
        self.addCleanup(os.umask, os.umask(0))
        self.ledger.touch()
        self.interrupted(5, shared=1, **one)
        # Whoever goes on with a shared directory needs not ask for that: its mode says so.
        self.interrupted(10, **other)
        self.assertEqual(modes(self.directory), {0o770, 0o660})
        self.assertEqual({path.stat().st_uid for path in self.directory.glob("*.journal")}, {ONE, OTHER})
        # One who is killed, and leaves the hold behind.
        waiting = [*NAMES[:10], "wait"]
        run = self.start(waiting, wait_for=self.base / "now", **other)
        run.until(lambda: any("wait" in line for line in read_lines(self.ledger)), "the last task")
        run.kill()
        self.assertTrue(list(self.directory.glob("*.fence")))
        for done in range(10, 15):
            self.interrupted(done + 1, **(one, other)[done % 2])
        self.calls()
        self.run_map(NAMES, **one)
        self.assertEqual(self.called(), sorted(NAMES[15:]))
        self.assertEqual(os.listdir(self.place), [self.archive.name])
        self.assertEqual(self.archive.stat().st_mode & 0o777, 0o660)
        # The archive's next version is the other one's.
        self.run_map([*NAMES, "more"], env={"TASKER_SHARED": 1}, **other)
        self.assertEqual(self.called(), ["more"])
        self.assertEqual(self.archive.stat().st_uid, OTHER)

    @needs_root
    def test_without_it_others_are_told_and_change_nothing(self):
        one, other = (self.under_umask("007", self.for_user(user, GROUP)) for user in (ONE, OTHER))
        os.chown(self.place, 0, GROUP)
        self.place.chmod(0o770)
        self.addCleanup(os.umask, os.umask(0))
        self.interrupted(5, **one)
        before = tree(self.place)
        self.calls()
        outcome = self.run_map(NAMES, code=74, **other)
        self.assertRegex(outcome.err, rf"cannot .*{self.directory}.*: Permission denied; choose a place")
        self.assertEqual(tree(self.place), before)
        self.assertEqual(self.calls(), [])


if __name__ == "__main__":
    unittest.main()
